//! SAML 1.1 assertions, in the shape that Microsoft's clients and Entra know from AD FS.

use super::assertion::{Assertion, Confirmation};
use super::names::SAML11;
use crate::dsig::Unsigned;
use crate::model::AuthenticationMethod;
use crate::xml::Writer;

/// Writes the assertion as SAML 1.1 (`oasis-sstc-saml-core-1.1`): every namespace declared inside, because MSAL cuts it
/// out of the answer as bytes; Conditions, AttributeStatement, AuthenticationStatement, the Signature last.
pub fn saml11(assertion: Assertion) -> Unsigned<Assertion> {
    let mut w = Writer::with_capacity(assertion.capacity());
    write(&assertion, &mut w);
    let signature_at = w.position();
    Unsigned { xml: w.finish(), id: assertion.id.clone(), signature_at, value: assertion }
}

/// All but the end tag.
fn write(a: &Assertion, w: &mut Writer) {
    w.start(
        &SAML11,
        "Assertion",
        &[
            ("AssertionID", &a.id),
            ("IssueInstant", &a.issue_instant.to_string()),
            ("Issuer", &a.issuer),
            ("MajorVersion", "1"),
            ("MinorVersion", "1"),
        ],
    );
    w.start(
        &SAML11,
        "Conditions",
        &[("NotBefore", &a.not_before.to_string()), ("NotOnOrAfter", &a.not_on_or_after.to_string())],
    );
    w.start(&SAML11, "AudienceRestrictionCondition", &[]);
    w.leaf(&SAML11, "Audience", &a.audience);
    w.end();
    w.end();

    attribute_statement(a, w);

    let method = match a.method {
        AuthenticationMethod::Password => "urn:oasis:names:tc:SAML:1.0:am:password",
        AuthenticationMethod::Unspecified => "urn:oasis:names:tc:SAML:1.0:am:unspecified",
        AuthenticationMethod::TlsClient => "urn:ietf:rfc:2246",
        AuthenticationMethod::X509 => "urn:oasis:names:tc:SAML:1.0:am:X509-PKI",
    };
    w.start(
        &SAML11,
        "AuthenticationStatement",
        &[("AuthenticationInstant", &a.authn_instant.to_string()), ("AuthenticationMethod", method)],
    );
    subject(a, w);
    w.end();
}

fn attribute_statement(a: &Assertion, w: &mut Writer) {
    if a.stated_attributes().next().is_none() {
        return;
    }
    w.start(&SAML11, "AttributeStatement", &[]);
    subject(a, w);
    for attribute in a.stated_attributes() {
        let (name, namespace) = attribute.split_name();
        w.start(&SAML11, "Attribute", &[("AttributeName", name), ("AttributeNamespace", namespace)]);
        for value in &attribute.values {
            w.leaf(&SAML11, "AttributeValue", value);
        }
        w.end();
    }
    w.end();
}

fn subject(a: &Assertion, w: &mut Writer) {
    w.start(&SAML11, "Subject", &[]);
    let name = &a.name_identifier;
    // SAML 1.1 knows no service provider's qualifier (`oasis-sstc-saml-core-1.1`, 2.4.2.2).
    match &name.qualifiers {
        None => w.start(&SAML11, "NameIdentifier", &[("Format", &name.format)]),
        Some(qualifiers) => w.start(
            &SAML11,
            "NameIdentifier",
            &[("Format", &name.format), ("NameQualifier", &qualifiers.identity_provider)],
        ),
    }
    w.text(&name.value);
    w.end();
    w.start(&SAML11, "SubjectConfirmation", &[]);
    match &a.confirmation {
        Confirmation::Bearer | Confirmation::BearerFor { .. } => {
            w.leaf(&SAML11, "ConfirmationMethod", "urn:oasis:names:tc:SAML:1.0:cm:bearer");
        }
        Confirmation::HolderOfKey(key) => {
            w.leaf(&SAML11, "ConfirmationMethod", "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key");
            key.write(w);
        }
    }
    w.end();
    w.end();
}

#[cfg(test)]
mod tests {
    use super::super::assertion::tests::{HOSTILE, alice, holder, mallory, reread};
    use super::*;

    #[test]
    fn writes_the_shape_that_microsoft_knows() {
        let unsigned = saml11(alice());
        reread(&unsigned.xml);
        assert_eq!(unsigned.xml, include_str!("../../tests/data/saml/assertion11.xml").replace('\n', ""));
        assert_eq!(unsigned.xml.get(unsigned.signature_at..), Some("</saml:Assertion>"));
        assert_eq!(unsigned.id, "_a1");
    }

    #[test]
    fn every_subject_is_confirmed_by_the_holders_key() {
        let xml = saml11(holder()).xml;
        reread(&xml);
        assert_eq!(xml, include_str!("../../tests/data/saml/holder11.xml").replace('\n', ""));
    }

    #[test]
    fn no_attributes_no_statement() {
        let mut assertion = alice();
        assertion.attributes.iter_mut().for_each(|attribute| attribute.values.clear());
        let document = reread(&saml11(assertion).xml);
        let names: Vec<&str> = document.root.elements().map(|element| element.name.local.as_str()).collect();
        assert_eq!(names, ["Conditions", "AuthenticationStatement"]);
    }

    #[test]
    fn hostile_values_stay_values() {
        let document = reread(&saml11(mallory()).xml);
        let root = &document.root;
        assert_eq!(root.attribute("AssertionID"), Some(HOSTILE));
        assert_eq!(root.attribute("Issuer"), Some(HOSTILE));
        let texts = ["Audience", "NameIdentifier", "AttributeValue"];
        let mut seen = 0;
        for element in root.descendants() {
            if texts.contains(&element.name.local.as_str()) {
                assert_eq!(element.text(), Some(HOSTILE), "{}", element.name.local);
                seen += 1;
            }
            for name in ["AttributeName", "AttributeNamespace", "Format"] {
                assert!(element.attribute(name).is_none_or(|value| value == HOSTILE), "{name}");
            }
        }
        assert_eq!(seen, 5);
        assert_eq!(root.descendants().count(), 17);
    }
}
