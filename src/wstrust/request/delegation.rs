//! Whose token is asked for, where it is another user's than the asker's: OnBehalfOf, and ActAs of WS-Trust 1.4.

use super::{Target, malformed, only, unsupported};
use crate::model::{DelegationKind, Refusal, Username};
use crate::soap::WSSE;
use crate::wstrust::TrustVersion;
use crate::xml::Element;

/// WS-Trust 1.4 (200802), from which requests of earlier versions have ActAs alone.
const TRUST_14: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200802";

/// Another user, in whose name a token is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation<'e> {
    /// How.
    pub kind: DelegationKind,
    /// Who; nothing of it is proved.
    pub subject: DelegatedSubject<'e>,
}

/// How a request says who the other user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelegatedSubject<'e> {
    /// By name: a UsernameToken without a password.
    Name(&'e str),
    /// By a token about them.
    Token(Target<'e>),
}

impl<'e> Delegation<'e> {
    /// Reads a RequestSecurityToken's OnBehalfOf or ActAs, if it has one.
    pub(super) fn read(body: &'e Element, version: TrustVersion) -> Result<Option<Self>, Refusal> {
        let mut found = None;
        for element in body.elements() {
            let kind = match (&*element.name.namespace, element.name.local.as_str()) {
                (namespace, "OnBehalfOf") if namespace == version.ns().uri => DelegationKind::OnBehalfOf,
                (TRUST_14, "ActAs") => DelegationKind::ActAs,
                // In another namespace nobody knows what is meant, and the asker's own token would not be it.
                (_, other @ ("OnBehalfOf" | "ActAs" | "DelegateTo")) => {
                    let told = "Another user's token is asked for by OnBehalfOf in the namespace of the request, or by ActAs in \
                                http://docs.oasis-open.org/ws-sx/ws-trust/200802.";
                    return Err(unsupported(other.to_owned()).telling(told));
                }
                _ => continue,
            };
            if found.replace((kind, element)).is_some() {
                return Err(malformed("more than one of OnBehalfOf and ActAs: whose token?"));
            }
        }
        let Some((kind, element)) = found else { return Ok(None) };
        Ok(Some(Self { kind, subject: DelegatedSubject::read(element)? }))
    }
}

impl<'e> DelegatedSubject<'e> {
    fn read(container: &'e Element) -> Result<Self, Refusal> {
        let mut elements = container.elements();
        match (elements.next(), elements.next()) {
            (Some(token), None) if token.is(WSSE.uri, "UsernameToken") => Self::name(token),
            (Some(_), None) => Target::within(container).map(Self::Token),
            _ => Err(malformed("OnBehalfOf or ActAs without exactly one element")),
        }
    }

    fn name(token: &'e Element) -> Result<Self, Refusal> {
        // Not looked at: somebody else's password is nothing to hand round.
        if only(token, WSSE.uri, "Password")?.is_some() {
            let told = "Leave the password out of OnBehalfOf and ActAs.";
            return Err(unsupported("a password in OnBehalfOf or ActAs".to_owned()).telling(told));
        }
        let name = only(token, WSSE.uri, "Username")?.and_then(Element::trimmed_text).filter(|name| !name.is_empty());
        name.map(Self::Name).ok_or_else(|| malformed("a UsernameToken without a Username"))
    }

    /// The name that is said, if one is.
    pub fn username(&self) -> Option<Username> {
        match self {
            Self::Name(name) => Some(Username::new(*name)),
            Self::Token(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RefusalKind;
    use crate::xml::{Document, Limits, parse};

    const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

    fn request(version: TrustVersion, inside: &str) -> Document {
        let xml = format!(
            "<w:RequestSecurityToken xmlns:w='{}' xmlns:a='{TRUST_14}' xmlns:o='{}'>{inside}</w:RequestSecurityToken>",
            version.ns().uri,
            WSSE.uri
        );
        parse(xml.as_bytes(), &Limits::message(65536)).unwrap()
    }

    #[test]
    fn a_name_a_token_or_a_reference_to_one() {
        let name = "<o:UsernameToken><o:Username> alice\n</o:Username></o:UsernameToken>";
        let assertion = format!("<Assertion xmlns='{SAML2}' ID='_a'/>");
        let reference = "<o:SecurityTokenReference><o:Reference URI='#_a'/></o:SecurityTokenReference>";
        for version in TrustVersion::ALL {
            for (element, kind) in [("w:OnBehalfOf", DelegationKind::OnBehalfOf), ("a:ActAs", DelegationKind::ActAs)] {
                let read = |inside: &str| {
                    let document = request(version, &format!("<{element}>{inside}</{element}>"));
                    let read = Delegation::read(&document.root, version).unwrap().unwrap();
                    assert_eq!(read.kind, kind);
                    match read.subject {
                        DelegatedSubject::Name(name) => name.to_owned(),
                        DelegatedSubject::Token(Target::Whole(token)) => token.attribute("ID").unwrap().to_owned(),
                        DelegatedSubject::Token(Target::Reference(id)) => format!("#{id}"),
                    }
                };
                assert_eq!([read(name), read(&assertion), read(reference)], ["alice", "_a", "#_a"]);
            }
        }
        let nobody = request(TrustVersion::V13, "");
        assert!(Delegation::read(&nobody.root, TrustVersion::V13).unwrap().is_none());
    }

    #[test]
    fn never_two_and_never_in_doubt() {
        let user = |more: &str| format!("<o:UsernameToken><o:Username>alice</o:Username>{more}</o:UsernameToken>");
        let (one, two) =
            (format!("<w:OnBehalfOf>{}</w:OnBehalfOf>", user("")), format!("<a:ActAs>{}</a:ActAs>", user("")));
        for (inside, kind) in [
            (format!("{one}{two}"), RefusalKind::Malformed),
            (format!("{one}{one}"), RefusalKind::Malformed),
            (format!("{two}{two}"), RefusalKind::Malformed),
            (format!("<w:OnBehalfOf>{}{}</w:OnBehalfOf>", user(""), user("")), RefusalKind::Malformed),
            ("<w:OnBehalfOf/>".to_owned(), RefusalKind::Malformed),
            ("<w:OnBehalfOf>alice</w:OnBehalfOf>".to_owned(), RefusalKind::Malformed),
            (one.replace("alice", "al<!-- -->ice"), RefusalKind::Malformed),
            (one.replace("alice", " "), RefusalKind::Malformed),
            (format!("<w:OnBehalfOf>{}</w:OnBehalfOf>", user("<o:Username>b</o:Username>")), RefusalKind::Malformed),
            (format!("<w:OnBehalfOf>{}</w:OnBehalfOf>", user("<o:Password>p</o:Password>")), RefusalKind::Unsupported),
            ("<w:OnBehalfOf><x xmlns='urn:x'/></w:OnBehalfOf>".to_owned(), RefusalKind::Unsupported),
            (two.replace("a:", "w:"), RefusalKind::Unsupported),
            (one.replace("w:", "a:"), RefusalKind::Unsupported),
            ("<x:OnBehalfOf xmlns:x='urn:x'/>".to_owned(), RefusalKind::Unsupported),
            ("<w:DelegateTo/>".to_owned(), RefusalKind::Unsupported),
        ] {
            let document = request(TrustVersion::V13, &inside);
            let read = Delegation::read(&document.root, TrustVersion::V13);
            assert_eq!(read.map(|_| ()).map_err(|refusal| refusal.kind), Err(kind), "{inside}");
        }
    }
}
