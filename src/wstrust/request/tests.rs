//! Requests, whole and broken.

use super::*;
use crate::soap::understood_by_wstrust;
use crate::xml::Limits;

const APPLIES_TO: &str = "<p:AppliesTo xmlns:p='http://schemas.xmlsoap.org/ws/2004/09/policy'><w:EndpointReference \
                          xmlns:w='http://www.w3.org/2005/08/addressing'><w:Address>\n urn:federation:MicrosoftOnline \
                          </w:Address></w:EndpointReference></p:AppliesTo>";

fn read(version: TrustVersion, children: &str) -> Result<RequestSecurityToken, Refusal> {
    let xml = format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><RequestSecurityToken Id='RST0' Context='c' \
         xmlns='{}'>{children}</RequestSecurityToken></s:Body></s:Envelope>",
        version.ns().uri
    );
    RequestSecurityToken::read(&Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust)?)
}

fn issue(version: TrustVersion, more: &str) -> Result<IssueRequest, Refusal> {
    let issue_type = version.request_type(TrustOperation::Issue);
    let Operation::Issue(asked) =
        read(version, &format!("<RequestType>{issue_type}</RequestType>{APPLIES_TO}{more}"))?.operation;
    Ok(asked)
}

#[test]
fn reads_both_versions() {
    for version in TrustVersion::ALL {
        let issue_type = version.request_type(TrustOperation::Issue);
        let children =
            format!("<RequestType>{issue_type}</RequestType>{APPLIES_TO}<KeyType>{}</KeyType>", version.bearer());
        let applies_to = "urn:federation:MicrosoftOnline".to_owned();
        let operation = Operation::Issue(IssueRequest { applies_to, token_type: TokenType::Saml11, claims: None });
        let context = Some("c".to_owned());
        assert_eq!(read(version, &children), Ok(RequestSecurityToken { version, context, operation }));
    }
}

#[test]
fn the_operation_is_the_same_in_request_type_and_action() {
    for operation in TrustOperation::ALL {
        for version in TrustVersion::ALL {
            assert_eq!(TrustOperation::of_request_type(version.request_type(operation)), Some((operation, version)));
            assert_eq!(TrustOperation::of_action(version.action(operation)), Some((operation, version)));
        }
    }
}

#[test]
fn the_token_type_asked_for_decides() {
    let asked = |uri: &str| issue(TrustVersion::V13, &format!("<TokenType>{uri}</TokenType>")).map(|r| r.token_type);
    assert_eq!(asked("urn:oasis:names:tc:SAML:2.0:assertion"), Ok(TokenType::Saml20));
    assert_eq!(
        asked("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"),
        Ok(TokenType::Saml11)
    );
    assert_eq!(asked("urn:jwt").map_err(|refusal| refusal.kind), Err(RefusalKind::Unsupported));
}

#[test]
fn refuses_what_is_not_offered_or_not_whole() {
    let issue_type = format!("<RequestType>{}</RequestType>", TrustVersion::V13.request_type(TrustOperation::Issue));
    for (children, kind) in [
        (APPLIES_TO.to_owned(), RefusalKind::Malformed),
        (issue_type.clone(), RefusalKind::Scope),
        (format!("{issue_type}{APPLIES_TO}{APPLIES_TO}"), RefusalKind::Malformed),
        (format!("{issue_type}{issue_type}{APPLIES_TO}"), RefusalKind::Malformed),
        (format!("{issue_type}{APPLIES_TO}<OnBehalfOf/>"), RefusalKind::Unsupported),
        (format!("{issue_type}{APPLIES_TO}<KeyType>urn:k</KeyType>"), RefusalKind::Unsupported),
        (format!("<RequestType>urn:Renew</RequestType>{APPLIES_TO}"), RefusalKind::BadRequest),
    ] {
        assert_eq!(read(TrustVersion::V13, &children).map_err(|refusal| refusal.kind), Err(kind), "{children}");
    }
}

#[test]
fn no_reason_is_as_long_as_a_client_likes() {
    let long = "x".repeat(5000);
    let version = TrustVersion::V13;
    let issue_type = format!("<RequestType>{}</RequestType>", version.request_type(TrustOperation::Issue));
    for children in [
        format!("<RequestType>{long}</RequestType>"),
        format!("{issue_type}<KeyType>{long}</KeyType>"),
        format!("{issue_type}<TokenType>{long}</TokenType>"),
    ] {
        assert!(read(version, &children).unwrap_err().reason.len() < 200);
    }
    let action =
        format!("<e:Header><a:Action xmlns:a='http://www.w3.org/2005/08/addressing'>{long}</a:Action></e:Header>");
    let xml = format!(
        "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'>{action}<e:Body><RequestSecurityToken xmlns='{}'>\
         {issue_type}</RequestSecurityToken></e:Body></e:Envelope>",
        version.ns().uri
    );
    let envelope = Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust).ok().unwrap();
    let reason = RequestSecurityToken::read(&envelope).unwrap_err().reason;
    assert!(reason.contains("wsa:Action") && reason.len() < 200);
}
