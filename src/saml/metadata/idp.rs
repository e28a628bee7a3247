//! Our own metadata, as Oracle Access Manager publishes its: the browser's endpoints are the IdP's, the ECP endpoint ours.

use std::time::Duration;

use crate::dsig::{DS, Unsigned};
use crate::model::Timestamp;
use crate::saml::names::{BINDING_POST, BINDING_REDIRECT, BINDING_SOAP, MD, SAML20_PROTOCOL};
use crate::xml::Writer;

/// What we say of ourselves and of the IdP behind us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// `entityID`.
    pub entity_id: String,
    /// `ID` of this issue of the document, which its signature refers to.
    pub id: String,
    /// Until when it may be believed; consumers want no more than 14 days.
    pub valid_until: Timestamp,
    /// How long it may be cached.
    pub cache_duration: Duration,
    /// Certificates of our key and of those that the IdP signs with: base64 of the DER, on one line.
    pub signing_certificates: Vec<String>,
    /// The ECP endpoint: `SingleSignOnService` by SOAP.
    pub sso_soap: String,
    /// The IdP's own, by redirect.
    pub sso_redirect: Option<String>,
    /// The IdP's own, by POST.
    pub sso_post: Option<String>,
    /// The IdP's own logout, by redirect.
    pub slo_redirect: Option<String>,
    /// The IdP's own logout, by POST.
    pub slo_post: Option<String>,
    /// Name identifier formats that we give.
    pub name_id_formats: Vec<String>,
}

/// Writes an `md:EntityDescriptor`, elements in the schema's order, the Signature's place first among them.
pub fn entity_descriptor(idp: IdentityProvider) -> Unsigned<IdentityProvider> {
    let certificates: usize = idp.signing_certificates.iter().map(String::len).sum();
    let mut w = Writer::with_capacity(6144 + certificates);
    w.start(
        &MD,
        "EntityDescriptor",
        &[
            ("ID", &idp.id),
            ("entityID", &idp.entity_id),
            ("validUntil", &idp.valid_until.to_string()),
            ("cacheDuration", &format!("PT{}S", idp.cache_duration.as_secs())),
        ],
    );
    let signature_at = w.position();
    w.start(
        &MD,
        "IDPSSODescriptor",
        &[("WantAuthnRequestsSigned", "false"), ("protocolSupportEnumeration", SAML20_PROTOCOL)],
    );
    for certificate in &idp.signing_certificates {
        key_descriptor(certificate, &mut w);
    }
    endpoints("SingleLogoutService", [(BINDING_REDIRECT, &idp.slo_redirect), (BINDING_POST, &idp.slo_post)], &mut w);
    for format in &idp.name_id_formats {
        w.leaf(&MD, "NameIDFormat", format);
    }
    endpoints("SingleSignOnService", [(BINDING_REDIRECT, &idp.sso_redirect), (BINDING_POST, &idp.sso_post)], &mut w);
    endpoint("SingleSignOnService", BINDING_SOAP, &idp.sso_soap, &mut w);
    Unsigned { xml: w.finish(), id: idp.id.clone(), signature_at, value: idp }
}

pub(super) fn key_descriptor(certificate: &str, w: &mut Writer) {
    w.start(&MD, "KeyDescriptor", &[("use", "signing")]);
    w.start(&DS, "KeyInfo", &[]);
    w.start(&DS, "X509Data", &[]);
    w.leaf(&DS, "X509Certificate", certificate);
    w.end();
    w.end();
    w.end();
}

fn endpoints(name: &'static str, found: [(&str, &Option<String>); 2], w: &mut Writer) {
    for (binding, location) in found {
        if let Some(location) = location {
            endpoint(name, binding, location, w);
        }
    }
}

fn endpoint(name: &'static str, binding: &str, location: &str, w: &mut Writer) {
    w.start(&MD, name, &[("Binding", binding), ("Location", location)]);
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::assertion::tests::{HOSTILE, at, reread};
    use crate::saml::names::NAMEID_PERSISTENT;

    fn idp(word: &str) -> IdentityProvider {
        IdentityProvider {
            entity_id: word.to_owned(),
            id: "_md1".to_owned(),
            valid_until: at(7 * 86_400),
            cache_duration: Duration::from_secs(6 * 3600),
            signing_certificates: vec!["AAEC".to_owned(), "AwQF".to_owned()],
            sso_soap: word.to_owned(),
            sso_redirect: Some(word.to_owned()),
            sso_post: Some(word.to_owned()),
            slo_redirect: Some(word.to_owned()),
            slo_post: Some(word.to_owned()),
            name_id_formats: vec![NAMEID_PERSISTENT.to_owned()],
        }
    }

    #[test]
    fn writes_the_roles_elements_in_order() {
        let unsigned = entity_descriptor(idp("https://sts.example.com/oam/fed"));
        let document = reread(&unsigned.xml);
        assert_eq!(document.root.attribute("cacheDuration"), Some("PT21600S"));
        assert!(unsigned.xml.get(unsigned.signature_at..).unwrap().starts_with("<md:IDPSSODescriptor "));
        let role = document.root.elements().next().unwrap();
        let written: Vec<(&str, &str)> = role
            .elements()
            .map(|element| {
                let binding = element.attribute("Binding").and_then(|uri| uri.rsplit(':').next());
                (element.name.local.as_str(), binding.unwrap_or_default())
            })
            .collect();
        let expected = [
            ("KeyDescriptor", ""),
            ("KeyDescriptor", ""),
            ("SingleLogoutService", "HTTP-Redirect"),
            ("SingleLogoutService", "HTTP-POST"),
            ("NameIDFormat", ""),
            ("SingleSignOnService", "HTTP-Redirect"),
            ("SingleSignOnService", "HTTP-POST"),
            ("SingleSignOnService", "SOAP"),
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn only_ecp_where_the_idp_has_nothing_else() {
        let alone = IdentityProvider {
            sso_redirect: None,
            sso_post: None,
            slo_redirect: None,
            slo_post: None,
            ..idp("https://x")
        };
        let document = reread(&entity_descriptor(alone).xml);
        let locations: Vec<&str> = document.root.descendants().filter_map(|e| e.attribute("Location")).collect();
        assert_eq!(locations, ["https://x"]);
    }

    #[test]
    fn hostile_values_stay_values() {
        let document = reread(&entity_descriptor(idp(HOSTILE)).xml);
        assert_eq!(document.root.attribute("entityID"), Some(HOSTILE));
        assert!(document.root.descendants().filter_map(|e| e.attribute("Location")).all(|value| value == HOSTILE));
        assert_eq!(document.root.descendants().count(), 16);
    }
}
