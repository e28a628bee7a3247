//! Trying one server for an operator: it must be there, and must ask who it is that wants a record.

use http::StatusCode;

use super::ask::Answer;
use crate::directory::Examined;

/// What the answer to a request without a name and a password tells.
pub(super) fn examine(path: &str, answer: Result<Answer, String>) -> Examined {
    let failed = |what: String, help: &str| Examined::Failed { what, help: help.to_owned(), refused: false };
    let status = match answer {
        Ok(answer) => answer.status,
        Err(what) => return failed(what, "check the address, and that a firewall lets this machine reach it"),
    };
    let code = status.as_u16();
    match status {
        StatusCode::UNAUTHORIZED => Examined::Fine(format!("reached, and {path} wants a password (status 401)")),
        StatusCode::NOT_FOUND => failed(
            format!("reached, but there is no {path} (status 404)"),
            "set upstream.path to where users read their own record, such as /scim2/Me",
        ),
        status if status.is_success() => failed(
            format!("reached, but {path} answers without a password (status {code})"),
            "name a path where only the users themselves can read their record: this one checks no password",
        ),
        status if status.is_redirection() => failed(
            format!("reached, but {path} sends elsewhere (status {code})"),
            "name the path that answers itself, with HTTP Basic",
        ),
        status if status.is_server_error() => {
            failed(format!("reached, but {path} fails (status {code})"), "see what the identity provider logged")
        }
        _ => Examined::Doubtful {
            what: format!("reached, but without a password {path} has status {code}, where 401 is expected"),
            help: "see that it takes HTTP Basic, and refuses a wrong password with 401".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_server_must_want_a_password() {
        for (status, expected) in [
            (401, "fine"),
            (200, "failed: answers without a password"),
            (404, "failed: there is no /scim2/Me"),
            (302, "failed: sends elsewhere"),
            (500, "failed: fails"),
            (403, "doubtful: status 403"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: HeaderMap::new(), body: Bytes::new() };
            let (kind, what) = match examine("/scim2/Me", Ok(answer)) {
                Examined::Fine(what) => ("fine", what),
                Examined::Doubtful { what, .. } => ("doubtful", what),
                Examined::Failed { what, .. } => ("failed", what),
            };
            let (kind_expected, words) = expected.split_once(": ").unwrap_or((expected, "wants a password"));
            assert!(kind == kind_expected && what.contains(words), "{status}: {kind}: {what}");
        }
        assert!(matches!(examine("/", Err("no connection".into())), Examined::Failed { refused: false, .. }));
    }
}
