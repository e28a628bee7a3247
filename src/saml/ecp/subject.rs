//! The subject that a request names: the answer is about that one, or there is none (`saml-core-2.0-os`, 3.4.1.4 and 3.3.4).

use super::request::{is_specified, malformed, only, text_attribute};
use crate::model::Refusal;
use crate::saml::NameIdentifier;
use crate::saml::names::SAML20_NS;
use crate::xml::Element;

/// The subject that an SP asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedSubject {
    /// Who; `None`: whoever signs in.
    pub identifier: Option<RequestedIdentifier>,
    /// Whether a bearer confirmation, the only one that is given, is among those asked for.
    pub takes_bearer: bool,
}

/// An identifier of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedIdentifier {
    /// A NameID.
    Name(RequestedName),
    /// A BaseID or an EncryptedID: nobody can say whose.
    Opaque,
}

/// A NameID, as an SP that has seen the user before may know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedName {
    /// The name.
    pub value: String,
    /// `Format`; `None` where it is absent or `unspecified`.
    pub format: Option<String>,
    /// `NameQualifier`.
    pub name_qualifier: Option<String>,
    /// `SPNameQualifier`.
    pub sp_name_qualifier: Option<String>,
    /// `SPProvidedID`: nobody has one here.
    pub sp_provided_id: Option<String>,
}

impl RequestedSubject {
    /// Reads a `saml:Subject`.
    pub(super) fn parse(subject: &Element) -> Result<Self, Refusal> {
        let name = only(subject, SAML20_NS, "NameID")?;
        let opaque = ["BaseID", "EncryptedID"].iter().any(|kind| subject.child(SAML20_NS, kind).is_some());
        let identifier = match (name, opaque) {
            (Some(_), true) => return Err(malformed("a Subject with several identifiers")),
            (Some(name), false) => Some(RequestedIdentifier::Name(RequestedName::parse(name)?)),
            (None, true) => Some(RequestedIdentifier::Opaque),
            (None, false) => None,
        };
        let mut confirmations = subject.children_named(SAML20_NS, "SubjectConfirmation").peekable();
        let takes_bearer = confirmations.peek().is_none() || confirmations.any(is_plain_bearer);
        Ok(Self { identifier, takes_bearer })
    }
}

impl RequestedName {
    fn parse(name: &Element) -> Result<Self, Refusal> {
        let value = name.trimmed_text().filter(|value| !value.is_empty());
        Ok(Self {
            value: value.ok_or_else(|| malformed("the Subject's NameID is not text alone"))?.to_owned(),
            format: text_attribute(name, "Format").filter(|format| is_specified(format)),
            name_qualifier: text_attribute(name, "NameQualifier"),
            sp_name_qualifier: text_attribute(name, "SPNameQualifier"),
            sp_provided_id: text_attribute(name, "SPProvidedID"),
        })
    }

    /// Whether it is the name that we give: `given` by `issuer` to the SP `sp_entity_id`, which are the qualifiers of a name
    /// that has none (8.3.7).
    pub fn is(&self, given: &NameIdentifier, issuer: &str, sp_entity_id: &str) -> bool {
        let own = given.qualifiers.as_ref();
        let issuer = own.map_or(issuer, |qualifiers| &qualifiers.identity_provider);
        let sp_entity_id = own.map_or(sp_entity_id, |qualifiers| &qualifiers.service_provider);
        let unless = |asked: &Option<String>, ours: &str| asked.as_deref().is_none_or(|asked| asked == ours);
        self.value == given.value
            && unless(&self.format, &given.format)
            && unless(&self.name_qualifier, issuer)
            && unless(&self.sp_name_qualifier, sp_entity_id)
            && self.sp_provided_id.is_none()
    }
}

/// Bearer, without a word about who, where from or until when: ours has such words of its own.
fn is_plain_bearer(confirmation: &Element) -> bool {
    let data = |element: &Element| {
        element.is(SAML20_NS, "SubjectConfirmationData") && element.attributes.is_empty() && element.children.is_empty()
    };
    let bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
    confirmation.attribute("Method").map(str::trim) == Some(bearer) && confirmation.elements().all(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RefusalKind;
    use crate::saml::names::NAMEID_PERSISTENT;
    use crate::saml::names::NAMEID_UNSPECIFIED;
    use crate::xml::{Limits, parse};

    fn read(inside: &str) -> Result<RequestedSubject, Refusal> {
        let xml = ["<Subject xmlns='", SAML20_NS, "'>", inside, "</Subject>"].concat();
        RequestedSubject::parse(&parse(xml.as_bytes(), &Limits::message(4096)).unwrap().root)
    }

    #[test]
    fn reads_whom_it_is_about_and_how_that_is_shown() {
        const BEARER: &str = "<SubjectConfirmation Method='urn:oasis:names:tc:SAML:2.0:cm:bearer'";
        const HOLDER: &str = "<SubjectConfirmation Method='urn:oasis:names:tc:SAML:2.0:cm:holder-of-key'/>";
        let alice = RequestedIdentifier::Name(RequestedName { value: "alice".to_owned(), ..RequestedName::default() });
        for (inside, identifier, takes_bearer) in [
            ("<NameID> alice\n</NameID>".to_owned(), Some(alice.clone()), true),
            (format!("<NameID Format='{NAMEID_UNSPECIFIED}'>alice</NameID>"), Some(alice.clone()), true),
            (format!("<NameID>alice</NameID>{BEARER}/>"), Some(alice.clone()), true),
            (format!("<NameID>alice</NameID>{HOLDER}"), Some(alice.clone()), false),
            (format!("{HOLDER}{BEARER}/>"), None, true),
            (format!("{BEARER}><SubjectConfirmationData/></SubjectConfirmation>"), None, true),
            (format!("{BEARER}><SubjectConfirmationData Address='192.0.2.1'/></SubjectConfirmation>"), None, false),
            (format!("{BEARER}><NameID>bob</NameID></SubjectConfirmation>"), None, false),
            ("<BaseID/>".to_owned(), Some(RequestedIdentifier::Opaque), true),
            ("<EncryptedID/>".to_owned(), Some(RequestedIdentifier::Opaque), true),
            (String::new(), None, true),
        ] {
            assert_eq!(read(&inside), Ok(RequestedSubject { identifier, takes_bearer }), "{inside}");
        }
        for inside in [
            "<NameID>a</NameID><NameID>b</NameID>",
            "<NameID>a</NameID><EncryptedID/>",
            "<NameID/>",
            "<NameID>ali<!-- -->ce</NameID>",
        ] {
            assert_eq!(read(inside).map_err(|refusal| refusal.kind), Err(RefusalKind::Malformed), "{inside}");
        }
    }

    #[test]
    fn a_name_is_the_same_only_whole() {
        let given = NameIdentifier::plain("a1".to_owned(), NAMEID_PERSISTENT.to_owned());
        for (attributes, value, same) in [
            ("", "a1", true),
            ("", "A1", false),
            ("Format='urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'", "a1", true),
            ("Format='urn:oasis:names:tc:SAML:2.0:nameid-format:transient'", "a1", false),
            ("NameQualifier='urn:idp' SPNameQualifier='urn:sp'", "a1", true),
            ("NameQualifier='urn:other'", "a1", false),
            ("SPNameQualifier='urn:other'", "a1", false),
            ("SPProvidedID='x'", "a1", false),
        ] {
            let subject = read(&["<NameID ", attributes, ">", value, "</NameID>"].concat()).unwrap();
            let Some(RequestedIdentifier::Name(name)) = subject.identifier else { panic!("no name") };
            assert_eq!(name.is(&given, "urn:idp", "urn:sp"), same, "{attributes} {value}");
        }
    }
}
