//! What the identity provider's answer means.
//!
//! WSO2 says 401 to a wrong password and to a name that nobody has, without telling which. What else keeps a user out it says
//! in the `detail` of a SCIM error (RFC 7644, 3.12), in words and by the codes of its IdentityCoreConstants: with 401, or with
//! 503 before the mend of product-is issue 18433.

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::directory::BindRefusal;

/// What an answer says of a password.
#[derive(Debug, PartialEq)]
pub(super) enum Judged {
    /// It is right, and this is its user's own record.
    Accepted(Value),
    /// No.
    Refused(BindRefusal),
    /// Nothing.
    Nothing {
        /// Whether a wrong password may have been counted all the same.
        counted: bool,
        /// What the operator is told.
        what: String,
    },
}

/// Judges an answer.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Judged {
    let unclear = |what: String| Judged::Nothing { counted: true, what };
    if headers.contains_key(header::AGE) {
        return unclear("the answer comes from a cache (it has an Age), which must not keep users' records".to_owned());
    }
    match status {
        StatusCode::OK => match serde_json::from_slice(body) {
            Ok(record @ Value::Object(_)) => Judged::Accepted(record),
            _ => unclear(format!("status 200, but {} instead of a JSON object", kind(headers))),
        },
        StatusCode::UNAUTHORIZED => refused(headers, body),
        StatusCode::FORBIDDEN => Judged::Refused(
            told(headers, body)
                .unwrap_or_else(|| BindRefusal::Other("403: the user may not read their own record".into())),
        ),
        StatusCode::SERVICE_UNAVAILABLE => match told(headers, body) {
            Some(refusal) => Judged::Refused(refusal),
            None => Judged::Nothing { counted: false, what: "status 503".to_owned() },
        },
        StatusCode::TOO_MANY_REQUESTS => {
            Judged::Nothing { counted: false, what: "status 429: too many requests".into() }
        }
        StatusCode::NOT_FOUND => unclear("status 404: is upstream.path right?".to_owned()),
        status if status.is_redirection() => {
            unclear(format!("status {}, a redirection: upstream.path must name the record itself", status.as_u16()))
        }
        status => unclear(format!("status {}", status.as_u16())),
    }
}

/// A status of 401.
fn refused(headers: &HeaderMap, body: &[u8]) -> Judged {
    let other = |reason: &str| Judged::Refused(BindRefusal::Other(reason.to_owned()));
    let said = said(body).to_lowercase();
    if let Some(refusal) = told(headers, body) {
        return Judged::Refused(refusal);
    }
    if said.contains("basic authentication is not allowed") {
        // It says so of a password that is right.
        let what = "the identity provider does not take Basic at this path (compatibility setting \
                    scim2.disableBasicAuthForMeEndpoint)";
        return Judged::Nothing { counted: false, what: what.to_owned() };
    }
    if said.contains("tenant domain specified in the username is invalid") {
        return other("401: the domain behind the @ of the name is no tenant's");
    }
    if said.contains("credentials are not defined correctly") {
        return other("401: the identity provider cannot read this name and password");
    }
    Judged::Refused(BindRefusal::InvalidCredentials)
}

/// The reason that an error gives, where it is another than the password.
fn told(headers: &HeaderMap, body: &[u8]) -> Option<BindRefusal> {
    let header = headers.get("Auth-Failure-Reason").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let said = format!("{header} {}", said(body)).to_lowercase();
    let code = |code: &str| said.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == code);
    let any_code = |codes: &[&str]| codes.iter().any(|one| code(one));
    if code("17003") || said.contains("account locked") || said.contains("account is locked") {
        Some(BindRefusal::Locked)
    } else if code("17004") || said.contains("account is disabled") {
        Some(BindRefusal::Disabled)
    } else if any_code(&["17006", "17007", "17008"]) {
        Some(BindRefusal::MustChange)
    } else if code("17005") {
        Some(BindRefusal::Other("17005: the account is not confirmed".to_owned()))
    } else if code("17009") {
        Some(BindRefusal::Other("17009: the account waits for approval".to_owned()))
    } else if any_code(&["17001", "17002", "17010"]) {
        Some(BindRefusal::InvalidCredentials)
    } else {
        None
    }
}

/// The words of an error.
fn said(body: &[u8]) -> String {
    let Ok(error) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let words =
        ["detail", "description", "message"].map(|key| error.get(key).and_then(Value::as_str).unwrap_or_default());
    words.join(" ")
}

/// What an answer is that is no JSON, in words of ours.
fn kind(headers: &HeaderMap) -> &'static str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") { "a page (a form to log in?)" } else { "something" }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn scim(status: u16, detail: &str) -> (u16, String) {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
        (status, json!({ "status": status, "detail": detail, "schemas": schemas }).to_string())
    }

    const WRONG: &str = "Authorization failure. Authorization information was invalid or missing from your request.";
    const TRYING: &str = "Error occurred while trying to authenticate. ";

    #[test]
    fn refusals_are_told_apart() {
        let other = |what: &str| BindRefusal::Other(what.to_owned());
        for ((status, body), expected) in [
            (scim(401, WRONG), BindRefusal::InvalidCredentials),
            ((401, r#"{"message": "Requires authentication"}"#.to_owned()), BindRefusal::InvalidCredentials),
            ((401, String::new()), BindRefusal::InvalidCredentials),
            ((401, "<html>401</html>".to_owned()), BindRefusal::InvalidCredentials),
            (scim(401, "17002 Invalid credentials"), BindRefusal::InvalidCredentials),
            (
                scim(
                    401,
                    &format!(
                        "{TRYING}17003 Account is locked for user: bob in user store: JDBC in tenant: carbon.super."
                    ),
                ),
                BindRefusal::Locked,
            ),
            (
                scim(401, "17003:MaxAttemptsExceeded Error when handling event : POST_AUTHENTICATION"),
                BindRefusal::Locked,
            ),
            (
                scim(503, &format!("{TRYING}Account is locked for user: bob in tenant: carbon.super.")),
                BindRefusal::Locked,
            ),
            (
                scim(401, &format!("{TRYING}Account is disabled for user: bob in tenant: carbon.super.")),
                BindRefusal::Disabled,
            ),
            (scim(401, "17004"), BindRefusal::Disabled),
            (scim(401, "17005"), other("17005: the account is not confirmed")),
            (scim(401, "17007"), BindRefusal::MustChange),
            (scim(401, "17009"), other("17009: the account waits for approval")),
            (scim(401, "user 170030"), BindRefusal::InvalidCredentials),
            (scim(403, "Operation is not permitted."), other("403: the user may not read their own record")),
            (
                scim(401, &format!("{TRYING}The tenant domain specified in the username is invalid")),
                other("401: the domain behind the @ of the name is no tenant's"),
            ),
            (
                scim(401, &format!("{TRYING}The auth user credentials are not defined correctly.")),
                other("401: the identity provider cannot read this name and password"),
            ),
        ] {
            let judged = judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes());
            assert_eq!(judged, Judged::Refused(expected), "{status} {body}");
        }
        let reason = HeaderMap::from_iter([(
            "auth-failure-reason".parse().unwrap(),
            HeaderValue::from_static("account locked"),
        )]);
        let body = scim(401, WRONG).1;
        assert_eq!(judge(StatusCode::UNAUTHORIZED, &reason, body.as_bytes()), Judged::Refused(BindRefusal::Locked));
    }

    #[test]
    fn what_is_no_answer_is_no_wrong_password() {
        let not_allowed = scim(401, "Basic authentication is not allowed for scim2/Me endpoint");
        for ((status, body), may_count) in [
            (not_allowed, false),
            (scim(503, "Error occurred while trying to authenticate. No connection to the database"), false),
            ((503, "<html>busy</html>".to_owned()), false),
            ((429, String::new()), false),
            ((404, String::new()), true),
            ((302, String::new()), true),
            ((400, String::new()), true),
            ((407, String::new()), true),
            ((500, String::new()), true),
            ((502, String::new()), true),
            ((504, String::new()), true),
            ((204, String::new()), true),
            ((200, "<html>log in</html>".to_owned()), true),
            ((200, "[]".to_owned()), true),
            ((200, "{".to_owned()), true),
            ((200, String::new()), true),
        ] {
            match judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes()) {
                Judged::Nothing { counted, what } => {
                    assert_eq!(counted, may_count, "{status} {body}");
                    assert!(!what.contains("html") && !what.contains("database"), "{what}");
                }
                judged => panic!("{status} {body}: {judged:?}"),
            }
        }
    }

    #[test]
    fn an_answer_of_a_cache_is_none() {
        let cached = HeaderMap::from_iter([(header::AGE, HeaderValue::from_static("1"))]);
        for (status, body) in [(200, "{}"), (401, "{}")] {
            let judged = judge(StatusCode::from_u16(status).unwrap(), &cached, body.as_bytes());
            assert!(matches!(judged, Judged::Nothing { counted: true, .. }), "{judged:?}");
        }
        let right = judge(StatusCode::OK, &HeaderMap::new(), br#"{"userName": "alice"}"#);
        assert_eq!(right, Judged::Accepted(json!({ "userName": "alice" })));
    }
}
