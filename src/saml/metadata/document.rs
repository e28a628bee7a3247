//! An identity provider's metadata, as it publishes it. Read by whoever asked the identity provider itself, over a
//! connection that it trusts: the document's own signature is not looked at. Elements may come in any order.

use std::time::Duration;

use openssl::x509::X509;

use super::received::{Bounds, is_entity, is_group};
use super::sp::{MetadataError, signing_certificates, speaks_saml2};
use crate::model::Timestamp;
use crate::saml::names::MD;
use crate::xml::{Element, Limits, parse};

/// What a metadata document says of itself, and the identity providers in it.
#[derive(Clone, Debug)]
pub struct MetadataDocument {
    /// The earliest `validUntil` in it: from then on, something in it may not be believed.
    pub valid_until: Option<Timestamp>,
    /// The shortest `cacheDuration` in it; one that cannot be read is as none.
    pub cache_duration: Option<Duration>,
    /// The SAML 2.0 identity providers, in the document's order.
    pub identity_providers: Vec<IdpDescriptor>,
}

/// An `md:IDPSSODescriptor` and whose it is.
#[derive(Clone, Debug)]
pub struct IdpDescriptor {
    /// `entityID` of the entity.
    pub entity_id: String,
    /// Certificates of the keys that it signs with: those with `use="signing"` or no `use`, the first of each chain. Those
    /// that cannot be read are not here.
    pub signing_certificates: Vec<X509>,
    /// `SingleSignOnService`.
    pub single_sign_on: Vec<Endpoint>,
    /// `SingleLogoutService`.
    pub single_logout: Vec<Endpoint>,
}

/// Where a role is spoken to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `Binding`.
    pub binding: String,
    /// `Location`.
    pub location: String,
}

impl MetadataDocument {
    /// Reads an `md:EntityDescriptor` or `md:EntitiesDescriptor` of at most `max_bytes`.
    ///
    /// # Errors
    /// If it is not well-formed, has a DTD, is no metadata, or says until when it is valid in a way that cannot be read.
    pub fn read(bytes: &[u8], max_bytes: usize) -> Result<Self, MetadataError> {
        let root = parse(bytes, &Limits::metadata(max_bytes))?.root;
        if !is_entity(&root) && !is_group(&root) {
            return Err(MetadataError::NotMetadata);
        }
        let described = || root.descendants().filter(|element| &*element.name.namespace == MD.uri);
        let bounds = described().try_fold(Bounds::default(), |bounds, element| bounds.and(element))?;
        let identity_providers =
            described().filter(|element| is_entity(element)).filter_map(identity_provider).collect();
        Ok(Self { valid_until: bounds.until, cache_duration: bounds.hint, identity_providers })
    }
}

impl IdpDescriptor {
    /// Where its single sign-on is by that binding.
    pub fn sso(&self, binding: &str) -> Option<&str> {
        at(&self.single_sign_on, binding)
    }

    /// Where its single logout is by that binding.
    pub fn slo(&self, binding: &str) -> Option<&str> {
        at(&self.single_logout, binding)
    }
}

fn at<'a>(endpoints: &'a [Endpoint], binding: &str) -> Option<&'a str> {
    endpoints.iter().find(|endpoint| endpoint.binding == binding).map(|endpoint| endpoint.location.as_str())
}

fn identity_provider(entity: &Element) -> Option<IdpDescriptor> {
    let role = entity.children_named(MD.uri, "IDPSSODescriptor").find(|role| speaks_saml2(role))?;
    Some(IdpDescriptor {
        entity_id: entity.attribute("entityID")?.to_owned(),
        signing_certificates: signing_certificates(role).collect(),
        single_sign_on: endpoints(role, "SingleSignOnService"),
        single_logout: endpoints(role, "SingleLogoutService"),
    })
}

/// Those that say where and how.
fn endpoints(role: &Element, name: &str) -> Vec<Endpoint> {
    let endpoint = |element: &Element| {
        let [binding, location] = ["Binding", "Location"].map(|name| element.attribute(name).map(str::trim));
        Some(Endpoint { binding: binding?.to_owned(), location: location?.to_owned() })
    };
    role.children_named(MD.uri, name).filter_map(endpoint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::names::{BINDING_POST, BINDING_REDIRECT, BINDING_SOAP};

    const FEDERATION: &str = include_str!("../../../tests/data/saml/metadata_federation.xml");
    const WSO2: &str = include_str!("../../../tests/data/saml/metadata_wso2.xml");

    fn read(xml: &str) -> Result<MetadataDocument, MetadataError> {
        MetadataDocument::read(xml.as_bytes(), 1 << 20)
    }

    fn at(text: &str) -> Option<Timestamp> {
        Timestamp::parse(text).ok()
    }

    #[test]
    fn an_identity_provider_is_read_whatever_the_order() {
        let document = read(WSO2).unwrap();
        assert_eq!((document.valid_until, document.cache_duration), (None, None));
        let [idp] = document.identity_providers.as_slice() else { panic!("{document:?}") };
        assert_eq!(idp.entity_id, "https://idp.example.com");
        assert_eq!(idp.sso(BINDING_REDIRECT), Some("https://idp.example.com/samlsso"));
        assert_eq!(idp.sso(BINDING_POST), Some("https://idp.example.com/samlsso"));
        assert_eq!(idp.sso(BINDING_SOAP), Some("https://idp.example.com/samlecp"));
        assert_eq!(idp.slo(BINDING_REDIRECT), Some("https://idp.example.com/logout"));
        assert_eq!(idp.slo(BINDING_POST), None);
        // One for signing, one for anything; neither the one for encryption nor the one that cannot be read.
        assert_eq!(idp.signing_certificates.len(), 2);
    }

    #[test]
    fn of_several_the_identity_providers_are_found() {
        let document = read(FEDERATION).unwrap();
        let ids: Vec<&str> = document.identity_providers.iter().map(|idp| idp.entity_id.as_str()).collect();
        assert_eq!(ids, ["https://idp.example.org/idp"]);
    }

    #[test]
    fn a_document_is_as_good_as_its_worst_part() {
        let entity = |entity: &str, role: &str| {
            let role = ["<IDPSSODescriptor protocolSupportEnumeration='x' ", role, "/>"].concat();
            let ns = "<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata' entityID='x' ";
            [ns, entity, ">", &role, "</EntityDescriptor>"].concat()
        };
        let (early, late) = ("validUntil='2026-01-01T00:00:00Z'", "validUntil='2027-01-01T00:00:00Z'");
        let (short, long) = ("cacheDuration='PT1H'", "cacheDuration='P1D'");
        let hour = Some(Duration::from_secs(3600));
        for (on_entity, on_role, until, hint) in [
            ("", "", None, None),
            (early, "", at("2026-01-01T00:00:00Z"), None),
            (early, late, at("2026-01-01T00:00:00Z"), None),
            (late, early, at("2026-01-01T00:00:00Z"), None),
            ("", short, None, hour),
            (short, long, None, hour),
            (long, short, None, hour),
            ("cacheDuration='soon'", short, None, hour),
            ("cacheDuration='soon'", "", None, None),
        ] {
            let document = read(&entity(on_entity, on_role)).unwrap();
            assert_eq!((document.valid_until, document.cache_duration), (until, hint), "{on_entity} {on_role}");
            assert!(document.identity_providers.is_empty(), "it does not speak SAML 2.0");
        }
        let unreadable = read(&entity("validUntil='soon'", ""));
        assert!(matches!(unreadable, Err(MetadataError::ValidUntil(_))));
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for xml in [
            "",
            "<html><body>Error</body></html>",
            "<EntityDescriptor entityID='x'/>",
            "<IDPSSODescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'/>",
            "<!DOCTYPE EntityDescriptor [<!ENTITY a 'b'>]><EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'/>",
        ] {
            assert!(read(xml).is_err(), "{xml}");
        }
        assert!(matches!(MetadataDocument::read(WSO2.as_bytes(), 64), Err(MetadataError::Xml(_))));
    }
}
