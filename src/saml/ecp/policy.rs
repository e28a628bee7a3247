//! Whether we can give the name identifier and the authentication that a request asks for.

use super::{AuthnRequest, Comparison, NameIdPolicy, RequestedAuthnContext, SecondLevelStatus};
use crate::model::NameIdentifierRule;
use crate::saml::AuthnContextClass;
use crate::saml::names::{NAMEID_UNSPECIFIED, NAMEID_UNSPECIFIED_20};

/// How the user was authenticated does not matter to the SP.
const AC_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";

/// Whether a request can be met, before anybody signs in: by an SP's `configured` name identifier and a password, and with
/// which authentication context class to state. One that names its subject must be answered for that subject or not at all
/// (`saml-core-2.0-os`, 3.4.1.4); nobody is looked up by name identifier here, so it is not.
///
/// # Errors
/// The second-level status to answer under [`super::StatusCode::Requester`].
pub fn grant(request: &AuthnRequest, configured: &NameIdentifierRule) -> Result<AuthnContextClass, SecondLevelStatus> {
    if request.has_subject {
        return Err(SecondLevelStatus::RequestUnsupported);
    }
    if !request.name_id_policy.as_ref().is_none_or(|policy| can_name(policy, configured, &request.issuer)) {
        return Err(SecondLevelStatus::InvalidNameIdPolicy);
    }
    authn_context(request.requested_authn_context.as_ref())
}

/// Whether `configured` is what an SP asks for. A party has one name identifier, so anything that is not that one is
/// refused; a qualifier would mean an affiliation, of which we know none but the SP.
fn can_name(policy: &NameIdPolicy, configured: &NameIdentifierRule, sp_entity_id: &str) -> bool {
    let qualifier_fits = policy.sp_name_qualifier.as_deref().is_none_or(|qualifier| qualifier == sp_entity_id);
    let format_fits = match policy.format.as_deref() {
        None | Some(NAMEID_UNSPECIFIED | NAMEID_UNSPECIFIED_20) => true,
        Some(format) => format == configured.format(),
    };
    qualifier_fits && format_fits
}

/// The class to state for a password over TLS, given what the SP asks for.
fn authn_context(requested: Option<&RequestedAuthnContext>) -> Result<AuthnContextClass, SecondLevelStatus> {
    use AuthnContextClass::{Password, PasswordProtectedTransport};
    let Some(requested) = requested else { return Ok(PasswordProtectedTransport) };
    let asks = |class: &str| requested.class_refs.iter().any(|asked| asked == class);
    let transport = asks(PasswordProtectedTransport.uri());
    let password = asks(Password.uri());
    let any = asks(AC_UNSPECIFIED);
    let only_weaker = requested.class_refs.iter().all(|asked| asked == Password.uri() || asked == AC_UNSPECIFIED);
    match requested.comparison {
        Comparison::Exact | Comparison::Maximum if transport || any => Ok(PasswordProtectedTransport),
        Comparison::Exact | Comparison::Maximum if password => Ok(Password),
        Comparison::Minimum if transport || password || any => Ok(PasswordProtectedTransport),
        Comparison::Better if only_weaker && (password || any) => Ok(PasswordProtectedTransport),
        _ => Err(SecondLevelStatus::NoAuthnContext),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::names::{NAMEID_PERSISTENT, NAMEID_TRANSIENT};
    use crate::xml::{Limits, parse};

    #[test]
    fn grants_all_or_nothing() {
        let persistent = NameIdentifierRule::ImmutableId { format: NAMEID_PERSISTENT.to_owned() };
        let office365 = include_str!("../../../tests/data/saml/request_office365.xml");
        let subject = "</saml:Issuer><saml:Subject><saml:NameID>bob</saml:NameID></saml:Subject>";
        let policy = "</saml:Issuer><samlp:NameIDPolicy Format='urn:other'/>";
        let context = "</saml:Issuer><samlp:RequestedAuthnContext/>";
        for (after_issuer, expected) in [
            ("</saml:Issuer>", Ok(AuthnContextClass::default())),
            (subject, Err(SecondLevelStatus::RequestUnsupported)),
            (policy, Err(SecondLevelStatus::InvalidNameIdPolicy)),
            (context, Err(SecondLevelStatus::NoAuthnContext)),
        ] {
            let xml = office365.replace("</saml:Issuer>", after_issuer);
            let document = parse(xml.as_bytes(), &Limits::message(4096)).unwrap();
            let request = AuthnRequest::parse(&document.root).unwrap();
            assert_eq!(grant(&request, &persistent), expected, "{xml}");
        }
    }

    #[test]
    fn gives_the_one_name_identifier_that_is_configured() {
        let persistent = NameIdentifierRule::ImmutableId { format: NAMEID_PERSISTENT.to_owned() };
        let transient = NameIdentifierRule::Transient;
        let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
        for (format, qualifier, configured, expected) in [
            (None, None, &persistent, true),
            (Some(NAMEID_UNSPECIFIED), None, &persistent, true),
            (Some(NAMEID_UNSPECIFIED_20), None, &transient, true),
            (Some(NAMEID_PERSISTENT), None, &persistent, true),
            (Some(NAMEID_TRANSIENT), None, &transient, true),
            (Some(NAMEID_TRANSIENT), None, &persistent, false),
            (Some(NAMEID_PERSISTENT), None, &transient, false),
            (Some(email), None, &persistent, false),
            (None, Some("urn:sp"), &persistent, true),
            (None, Some("urn:affiliation"), &persistent, false),
        ] {
            let policy =
                NameIdPolicy { format: format.map(str::to_owned), sp_name_qualifier: qualifier.map(str::to_owned) };
            assert_eq!(can_name(&policy, configured, "urn:sp"), expected, "{policy:?}");
        }
    }

    #[test]
    fn a_password_meets_what_a_password_can() {
        use AuthnContextClass::{Password, PasswordProtectedTransport};
        let (pw, ppt) = (Password.uri(), PasswordProtectedTransport.uri());
        let mfa = "https://refeds.org/profile/mfa";
        let refused = Err(SecondLevelStatus::NoAuthnContext);
        for (comparison, classes, expected) in [
            (Comparison::Exact, vec![ppt], Ok(PasswordProtectedTransport)),
            (Comparison::Exact, vec![pw], Ok(Password)),
            (Comparison::Exact, vec![pw, ppt], Ok(PasswordProtectedTransport)),
            (Comparison::Exact, vec![AC_UNSPECIFIED], Ok(PasswordProtectedTransport)),
            (Comparison::Exact, vec![mfa, pw], Ok(Password)),
            (Comparison::Exact, vec![mfa], refused),
            (Comparison::Exact, vec![], refused),
            (Comparison::Minimum, vec![pw], Ok(PasswordProtectedTransport)),
            (Comparison::Minimum, vec![mfa], refused),
            (Comparison::Maximum, vec![pw], Ok(Password)),
            (Comparison::Maximum, vec![ppt], Ok(PasswordProtectedTransport)),
            (Comparison::Better, vec![pw], Ok(PasswordProtectedTransport)),
            (Comparison::Better, vec![ppt], refused),
            (Comparison::Better, vec![pw, mfa], refused),
            (Comparison::Better, vec![], refused),
        ] {
            let class_refs = classes.into_iter().map(str::to_owned).collect();
            let requested = RequestedAuthnContext { class_refs, comparison };
            assert_eq!(authn_context(Some(&requested)), expected, "{requested:?}");
        }
        assert_eq!(authn_context(None), Ok(PasswordProtectedTransport));
    }
}
