//! RequestSecurityToken, as far as Issue with a bearer token goes.

use super::TrustVersion;
use crate::model::{Refusal, RefusalKind, quoted};
use crate::soap::{AddressingVersion, Envelope};
use crate::xml::Element;

/// Which SAML a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// SAML 1.1.
    Saml11,
    /// SAML 2.0.
    Saml20,
}

/// A request to issue a bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSecurityToken {
    /// In which version of WS-Trust.
    pub version: TrustVersion,
    /// `Context`, which the answer repeats.
    pub context: Option<String>,
    /// The address in `wsp:AppliesTo`: for whom the token is.
    pub applies_to: String,
    /// Which token; SAML 1.1 where the request does not say, as none of Microsoft's does.
    pub token_type: TokenType,
}

impl RequestSecurityToken {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// [`RefusalKind::Malformed`], [`RefusalKind::Scope`] without an AppliesTo, [`RefusalKind::Unsupported`] for what is
    /// well-formed and not offered.
    pub fn read(envelope: &Envelope) -> Result<Self, Refusal> {
        let body = envelope.content()?;
        let version = TrustVersion::of(&body.name.namespace)
            .filter(|_| body.name.local == "RequestSecurityToken")
            .ok_or_else(|| malformed("the Body holds no RequestSecurityToken"))?;
        let uri = version.ns().uri;
        let text = |name| single_text(body, uri, name);

        let request_type = text("RequestType")?.ok_or_else(|| malformed("no RequestType"))?;
        if !TrustVersion::ALL.iter().any(|version| version.issue() == request_type) {
            return Err(unsupported(format!("RequestType {}", quoted(&request_type))));
        }
        let action = envelope.addressing.as_ref().and_then(|addressing| addressing.action.as_deref());
        let issues = |action: &&str| TrustVersion::ALL.iter().any(|version| version.issue_action() == *action);
        if let Some(action) = action.filter(|action| !issues(action)) {
            return Err(malformed(format!("wsa:Action {} for a request to issue", quoted(action))));
        }
        for asks_for_another in ["OnBehalfOf", "ActAs", "UseKey", "DelegateTo"] {
            if body.elements().any(|element| element.name.local == asks_for_another) {
                return Err(unsupported(asks_for_another.to_owned()));
            }
        }
        if let Some(key_type) = text("KeyType")?.filter(|key_type| !is_bearer(key_type)) {
            return Err(unsupported(format!("KeyType {}", quoted(&key_type))));
        }
        let token_type = match text("TokenType")? {
            None => TokenType::Saml11,
            Some(asked) => token_type(&asked).ok_or_else(|| unsupported(format!("TokenType {}", quoted(&asked))))?,
        };
        let applies_to = applies_to(body)?.ok_or_else(|| Refusal::new(RefusalKind::Scope, "no AppliesTo"))?;
        let context = body.attribute("Context").map(str::to_owned);
        Ok(Self { version, context, applies_to, token_type })
    }
}

/// Every spelling of a SAML TokenType in use: the namespaces of the assertions (Microsoft), the WSS SAML Token Profile's
/// 1.1 (WSO2, CXF) and 1.0.
fn token_type(asked: &str) -> Option<TokenType> {
    match asked {
        "urn:oasis:names:tc:SAML:1.0:assertion"
        | "urn:oasis:names:tc:SAML:1.1:assertion"
        | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"
        | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertion-1.1"
        | "http://docs.oasis-open.org/wss/2004/01/oasis-2004-01-saml-token-profile-1.0#SAMLAssertion-1.1" => {
            Some(TokenType::Saml11)
        }
        "urn:oasis:names:tc:SAML:2.0:assertion"
        | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"
        | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID" => Some(TokenType::Saml20),
        _ => None,
    }
}

/// 2005/02 has no bearer of its own, so clients use either version's, or CardSpace's.
fn is_bearer(key_type: &str) -> bool {
    TrustVersion::ALL.iter().any(|version| version.bearer() == key_type)
        || key_type == "http://schemas.xmlsoap.org/ws/2005/02/trust/Bearer"
        || key_type == "http://docs.oasis-open.org/ws-sx/wstrust/200512/Bearer"
}

fn applies_to(body: &Element) -> Result<Option<String>, Refusal> {
    const POLICIES: [&str; 3] = [
        "http://schemas.xmlsoap.org/ws/2004/09/policy",
        "http://www.w3.org/ns/ws-policy",
        "http://schemas.xmlsoap.org/ws/2002/12/policy",
    ];
    let mut found = body
        .elements()
        .filter(|element| element.name.local == "AppliesTo" && POLICIES.contains(&&*element.name.namespace));
    let Some(applies_to) = found.next() else { return Ok(None) };
    let reference = applies_to.elements().find(|element| {
        element.name.local == "EndpointReference" && AddressingVersion::of(&element.name.namespace).is_some()
    });
    let address = reference.and_then(|reference| reference.child(&reference.name.namespace, "Address"));
    match (address.and_then(Element::trimmed_text), found.next()) {
        (Some(address), None) if !address.is_empty() => Ok(Some(address.to_owned())),
        _ => Err(malformed("an AppliesTo without exactly one address")),
    }
}

fn single_text(body: &Element, uri: &str, name: &'static str) -> Result<Option<String>, Refusal> {
    let Some(element) = body.only_child(uri, name).map_err(|duplicate| malformed(duplicate.to_string()))? else {
        return Ok(None);
    };
    let text = element.trimmed_text().ok_or_else(|| malformed(format!("{name} is not text")))?;
    Ok(Some(text.to_owned()))
}

fn malformed(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Malformed, reason)
}

fn unsupported(reason: String) -> Refusal {
    Refusal::new(RefusalKind::Unsupported, format!("{reason} is not offered"))
}

#[cfg(test)]
mod tests {
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

    fn issue(version: TrustVersion, more: &str) -> Result<RequestSecurityToken, Refusal> {
        read(version, &format!("<RequestType>{}</RequestType>{APPLIES_TO}{more}", version.issue()))
    }

    #[test]
    fn reads_both_versions() {
        for version in TrustVersion::ALL {
            let request = issue(version, &format!("<KeyType>{}</KeyType>", version.bearer())).unwrap();
            assert_eq!(
                request,
                RequestSecurityToken {
                    version,
                    context: Some("c".to_owned()),
                    applies_to: "urn:federation:MicrosoftOnline".to_owned(),
                    token_type: TokenType::Saml11
                }
            );
        }
    }

    #[test]
    fn the_token_type_asked_for_decides() {
        let asked =
            |uri: &str| issue(TrustVersion::V13, &format!("<TokenType>{uri}</TokenType>")).map(|r| r.token_type);
        assert_eq!(asked("urn:oasis:names:tc:SAML:2.0:assertion"), Ok(TokenType::Saml20));
        assert_eq!(
            asked("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"),
            Ok(TokenType::Saml11)
        );
        assert_eq!(asked("urn:jwt").map_err(|refusal| refusal.kind), Err(RefusalKind::Unsupported));
    }

    #[test]
    fn refuses_what_is_not_offered_or_not_whole() {
        let issue_type = format!("<RequestType>{}</RequestType>", TrustVersion::V13.issue());
        for (children, kind) in [
            (APPLIES_TO.to_owned(), RefusalKind::Malformed),
            (issue_type.clone(), RefusalKind::Scope),
            (format!("{issue_type}{APPLIES_TO}{APPLIES_TO}"), RefusalKind::Malformed),
            (format!("{issue_type}{issue_type}{APPLIES_TO}"), RefusalKind::Malformed),
            (format!("{issue_type}{APPLIES_TO}<OnBehalfOf/>"), RefusalKind::Unsupported),
            (format!("{issue_type}{APPLIES_TO}<KeyType>urn:k</KeyType>"), RefusalKind::Unsupported),
            (format!("<RequestType>urn:Renew</RequestType>{APPLIES_TO}"), RefusalKind::Unsupported),
        ] {
            assert_eq!(read(TrustVersion::V13, &children).map_err(|refusal| refusal.kind), Err(kind), "{children}");
        }
    }

    #[test]
    fn no_reason_is_as_long_as_a_client_likes() {
        let long = "x".repeat(5000);
        let version = TrustVersion::V13;
        let issue_type = format!("<RequestType>{}</RequestType>", version.issue());
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
}
