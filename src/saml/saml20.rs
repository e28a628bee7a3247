//! SAML 2.0 assertions, for ECP and for RSTs that ask for them.

use super::assertion::{Assertion, AttributeOut, Confirmation, NameQualifiers};
use super::names::{SAML2, SAML20, XSI};
use crate::dsig::Unsigned;
use crate::model::AuthenticationMethod;
use crate::xml::{Ns, Writer};

/// The prefix that the readers of an assertion look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saml20Prefix {
    /// `saml`: MSAL Go finds assertions in an RSTR by it.
    Rstr,
    /// `saml2`, Shibboleth's: saml2aws finds elements in an ECP response by it.
    Ecp,
}

impl Saml20Prefix {
    fn namespace(self) -> &'static Ns {
        match self {
            Self::Rstr => &SAML20,
            Self::Ecp => &SAML2,
        }
    }
}

/// Writes the assertion as SAML 2.0 (`saml-core-2.0-os`, 2.3): every namespace declared inside, the Signature's place right
/// after the Issuer, where the schema wants it.
pub fn saml20(assertion: Assertion, prefix: Saml20Prefix) -> Unsigned<Assertion> {
    let ns = prefix.namespace();
    let mut w = Writer::with_capacity(assertion.capacity());
    w.start(
        ns,
        "Assertion",
        &[("ID", &assertion.id), ("IssueInstant", &assertion.issue_instant.to_string()), ("Version", "2.0")],
    );
    w.leaf(ns, "Issuer", &assertion.issuer);
    let signature_at = w.position();
    subject(&assertion, ns, &mut w);
    conditions(&assertion, ns, &mut w);
    assertion.advice.write(ns, &mut w);
    authn_statement(&assertion, ns, &mut w);
    attribute_statement(&assertion, ns, &mut w);
    Unsigned { xml: w.finish(), id: assertion.id.clone(), signature_at, value: assertion }
}

/// `EncryptedAssertion` around the `xenc:EncryptedData` that an assertion became (`saml-core-2.0-os`, 2.3.4).
pub fn encrypted20(encrypted_data: &str, prefix: Saml20Prefix) -> String {
    let mut w = Writer::with_capacity(encrypted_data.len() + 128);
    w.start(prefix.namespace(), "EncryptedAssertion", &[]);
    w.fragment(encrypted_data);
    w.finish()
}

fn subject(a: &Assertion, ns: &'static Ns, w: &mut Writer) {
    w.start(ns, "Subject", &[]);
    let name = &a.name_identifier;
    match &name.qualifiers {
        None => w.start(ns, "NameID", &[("Format", &name.format)]),
        Some(NameQualifiers { identity_provider, service_provider }) => w.start(
            ns,
            "NameID",
            &[("Format", &name.format), ("NameQualifier", identity_provider), ("SPNameQualifier", service_provider)],
        ),
    }
    w.text(&name.value);
    w.end();
    let method = match &a.confirmation {
        Confirmation::Bearer | Confirmation::BearerFor { .. } => "urn:oasis:names:tc:SAML:2.0:cm:bearer",
        Confirmation::HolderOfKey(_) => "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key",
    };
    w.start(ns, "SubjectConfirmation", &[("Method", method)]);
    match &a.confirmation {
        Confirmation::Bearer => {}
        Confirmation::BearerFor { recipient, in_response_to, not_on_or_after } => {
            let not_on_or_after = not_on_or_after.to_string();
            let mut attributes = vec![("NotOnOrAfter", not_on_or_after.as_str()), ("Recipient", recipient)];
            attributes.extend(in_response_to.as_deref().map(|id| ("InResponseTo", id)));
            w.start(ns, "SubjectConfirmationData", &attributes);
            w.end();
        }
        Confirmation::HolderOfKey(key) => {
            // The type's prefix is the assertion's own, which its root declares and canonicalisation keeps.
            let key_info_type = format!("{}:KeyInfoConfirmationDataType", ns.prefix);
            w.start_with(ns, "SubjectConfirmationData", &[], vec![(Some(&XSI), "type", &key_info_type)]);
            key.write(w);
            w.end();
        }
    }
    w.end();
    w.end();
}

fn conditions(a: &Assertion, ns: &'static Ns, w: &mut Writer) {
    w.start(
        ns,
        "Conditions",
        &[("NotBefore", &a.not_before.to_string()), ("NotOnOrAfter", &a.not_on_or_after.to_string())],
    );
    w.start(ns, "AudienceRestriction", &[]);
    w.leaf(ns, "Audience", &a.audience);
    w.end();
    if a.one_time_use {
        w.start(ns, "OneTimeUse", &[]);
        w.end();
    }
    if a.not_to_be_proxied {
        w.start(ns, "ProxyRestriction", &[("Count", "0")]);
        w.end();
    }
    w.end();
}

fn authn_statement(a: &Assertion, ns: &'static Ns, w: &mut Writer) {
    let instant = a.authn_instant.to_string();
    let mut attributes = vec![("AuthnInstant", instant.as_str())];
    attributes.extend(a.session_index.as_deref().map(|index| ("SessionIndex", index)));
    w.start(ns, "AuthnStatement", &attributes);
    w.start(ns, "AuthnContext", &[]);
    let class = match a.method {
        AuthenticationMethod::Password => a.authn_context.uri(),
        AuthenticationMethod::Unspecified => "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
        AuthenticationMethod::TlsClient => "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient",
        AuthenticationMethod::X509 => "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
    };
    w.leaf(ns, "AuthnContextClassRef", class);
    w.end();
    w.end();
}

fn attribute_statement(a: &Assertion, ns: &'static Ns, w: &mut Writer) {
    if a.stated_attributes().next().is_none() {
        return;
    }
    w.start(ns, "AttributeStatement", &[]);
    for attribute in a.stated_attributes() {
        attribute_element(attribute, ns, w);
    }
    w.end();
}

/// Values have no `xsi:type`: its QName would need a namespace that exclusive canonicalisation does not see.
fn attribute_element(attribute: &AttributeOut, ns: &'static Ns, w: &mut Writer) {
    let name = attribute.claim_uri();
    let mut attributes = vec![("Name", &*name)];
    attributes.extend(attribute.name_format.as_deref().map(|format| ("NameFormat", format)));
    attributes.extend(attribute.friendly_name.as_deref().map(|name| ("FriendlyName", name)));
    w.start(ns, "Attribute", &attributes);
    for value in &attribute.values {
        w.leaf(ns, "AttributeValue", value);
    }
    w.end();
}

#[cfg(test)]
mod tests {
    use super::super::assertion::NameIdentifier;
    use super::super::assertion::tests::{HOSTILE, alice, at, attribute, holder, mallory, reread};
    use super::super::names::{NAMEID_PERSISTENT, SAML20_NS};
    use super::*;

    fn for_ecp() -> Assertion {
        Assertion {
            name_identifier: NameIdentifier::plain("AAECAwQFBgcICQoLDA0ODw==".to_owned(), NAMEID_PERSISTENT.to_owned()),
            confirmation: Confirmation::BearerFor {
                recipient: "https://login.microsoftonline.com/login.srf".to_owned(),
                in_response_to: Some("_6f3c".to_owned()),
                not_on_or_after: at(300),
            },
            attributes: vec![attribute("IDPEmail", &["alice@example.com"])],
            session_index: Some("_s1".to_owned()),
            ..alice()
        }
    }

    #[test]
    fn writes_the_shape_for_ecp() {
        let unsigned = saml20(for_ecp(), Saml20Prefix::Ecp);
        reread(&unsigned.xml);
        assert_eq!(unsigned.xml, include_str!("../../tests/data/saml/assertion20.xml").replace('\n', ""));
        let before = unsigned.xml.get(..unsigned.signature_at).unwrap();
        assert!(before.ends_with("</saml2:Issuer>"));
    }

    #[test]
    fn in_an_rstr_the_prefix_is_saml() {
        let unsigned = saml20(alice(), Saml20Prefix::Rstr);
        reread(&unsigned.xml);
        assert!(unsigned.xml.starts_with("<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\""));
        assert!(!unsigned.xml.contains("SubjectConfirmationData") && !unsigned.xml.contains("SessionIndex"));
    }

    #[test]
    fn the_subject_is_confirmed_by_the_holders_key() {
        let xml = saml20(holder(), Saml20Prefix::Rstr).xml;
        reread(&xml);
        assert_eq!(xml, include_str!("../../tests/data/saml/holder20.xml").replace('\n', ""));
        // The type is a QName: its prefix has to be the one that the assertion declares.
        assert!(saml20(holder(), Saml20Prefix::Ecp).xml.contains("xsi:type=\"saml2:KeyInfoConfirmationDataType\""));
    }

    #[test]
    fn what_is_encrypted_stands_in_an_encrypted_assertion() {
        let xml = encrypted20("<e:x xmlns:e=\"urn:e\"></e:x>", Saml20Prefix::Rstr);
        let namespace = SAML20_NS;
        let expected = format!(
            "<saml:EncryptedAssertion xmlns:saml=\"{namespace}\"><e:x xmlns:e=\"urn:e\"></e:x></saml:EncryptedAssertion>"
        );
        assert_eq!(xml, expected);
    }

    #[test]
    fn no_attributes_no_statement() {
        let document = reread(&saml20(Assertion { attributes: Vec::new(), ..alice() }, Saml20Prefix::Ecp).xml);
        let names: Vec<&str> = document.root.elements().map(|element| element.name.local.as_str()).collect();
        assert_eq!(names, ["Issuer", "Subject", "Conditions", "AuthnStatement"]);
    }

    #[test]
    fn a_namespace_makes_a_claim_uri() {
        let upn = AttributeOut { namespace: Some("http://n".to_owned()), ..attribute("UPN", &["x"]) };
        let document = reread(&saml20(Assertion { attributes: vec![upn], ..alice() }, Saml20Prefix::Rstr).xml);
        let name = document.root.descendants().find_map(|element| element.attribute("Name"));
        assert_eq!(name, Some("http://n/UPN"));
    }

    #[test]
    fn hostile_values_stay_values() {
        let document = reread(&saml20(mallory(), Saml20Prefix::Ecp).xml);
        let root = &document.root;
        let claim = format!("{HOSTILE}/{HOSTILE}");
        assert_eq!(root.attribute("ID"), Some(HOSTILE));
        let mut seen = 0;
        for element in root.descendants() {
            assert_eq!(&*element.name.namespace, SAML20_NS);
            if ["Issuer", "NameID", "Audience", "AttributeValue"].contains(&element.name.local.as_str()) {
                assert_eq!(element.text(), Some(HOSTILE), "{}", element.name.local);
                seen += 1;
            }
            for name in [
                "Format",
                "NameQualifier",
                "SPNameQualifier",
                "Recipient",
                "InResponseTo",
                "SessionIndex",
                "NameFormat",
                "FriendlyName",
            ] {
                assert!(element.attribute(name).is_none_or(|value| value == HOSTILE), "{name}");
            }
            assert!(element.attribute("Name").is_none_or(|value| value == claim));
        }
        assert_eq!(seen, 5);
        assert_eq!(root.descendants().count(), 16);
    }
}
