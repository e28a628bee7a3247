//! Service providers as their metadata describes them. Elements may come in any order, because Microsoft's do.

use std::sync::Arc;

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use super::{Acs, Aggregate, LeftOut, LeftOutReason, MetadataLimits, MetadataTrust};
use crate::dsig::{DS, VerifyError};
use crate::model::{Timestamp, TimestampError};
use crate::saml::names::{
    BINDING_PAOS, BINDING_POST, BINDING_POST_SIMPLE_SIGN, MD, MICROSOFT_ONLINE_CHINA, NAMEID_EMAIL, NAMEID_PERSISTENT,
    NAMEID_TRANSIENT, NAMEID_UNSPECIFIED, NAMEID_UNSPECIFIED_20, SAML20_NS, SAML20_PROTOCOL,
};
use crate::xml::{Element, ParseError, boolean};

/// What we need to know of a service provider.
#[derive(Clone, Debug)]
pub struct ServiceProvider {
    /// Its entityID.
    pub entity_id: String,
    /// Where answers may go.
    pub assertion_consumer_services: Vec<Acs>,
    /// Keys that may sign its requests: SubjectPublicKeyInfo, DER. Their certificates' validity means nothing: the metadata is
    /// the trust.
    pub signing_keys: Vec<Vec<u8>>,
    /// Keys that it decrypts with, in the metadata's order.
    pub encryption_keys: Vec<EncryptionKey>,
    /// `WantAssertionsSigned`.
    pub want_assertions_signed: bool,
    /// What it asks for by `md:RequestedAttribute`.
    pub requested_attributes: Vec<RequestedAttribute>,
    /// What `mdattr:EntityAttributes` say of it: entity categories, `subject-id:req` and the like.
    pub entity_attributes: Vec<EntityAttribute>,
    /// `AuthnRequestsSigned`: it says that its requests always are.
    pub authn_requests_signed: bool,
    /// Name identifier formats that it takes.
    pub name_id_formats: Vec<String>,
    /// Until when this may be believed, if it says so.
    pub valid_until: Option<Timestamp>,
}

/// A key that an SP decrypts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionKey {
    /// Its certificate, DER; empty if there is none that can be read.
    pub certificate: Vec<u8>,
    /// `md:EncryptionMethod/@Algorithm`, those for content and those for keys; empty: nothing said.
    pub methods: Vec<String>,
}

/// An attribute that an SP asks for (`saml-metadata-2.0-os`, 2.4.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedAttribute {
    /// `Name`.
    pub name: String,
    /// `isRequired`.
    pub required: bool,
}

/// An attribute of the entity itself (`sstc-metadata-attr`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityAttribute {
    /// `Name`.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A metadata file that cannot be used. The operator's fault, so that it says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It cannot be parsed.
    #[error(transparent)]
    Xml(#[from] ParseError),
    /// It is something else.
    #[error("the document is no md:EntityDescriptor and no md:EntitiesDescriptor")]
    NotMetadata,
    /// One of its service providers cannot be used.
    #[error("{}: {}", .0.name, .0.why)]
    LeftOut(LeftOut),
    /// There is no such service provider in it.
    #[error("no SAML 2.0 service provider with entityID {0:?}")]
    Unknown(String),
    /// It is not signed as it must be.
    #[error("its signature: {0}")]
    Signature(#[from] VerifyError),
    /// A `validUntil` that cannot be read.
    #[error("validUntil: {0}")]
    ValidUntil(#[from] TimestampError),
}

impl ServiceProvider {
    /// Every SAML 2.0 service provider of the operator's own document of at most `max_bytes`; of several with one entityID the
    /// first.
    ///
    /// # Errors
    /// If it is not well-formed, has a DTD, or is no metadata; or if one of them cannot be used.
    pub fn all(bytes: &[u8], max_bytes: usize) -> Result<Vec<Self>, MetadataError> {
        let read = Aggregate::read(bytes, MetadataTrust::Operator, MetadataLimits::document(max_bytes))?;
        match read.left_out.into_iter().find(|left_out| left_out.why != LeftOutReason::Duplicate) {
            Some(left_out) => Err(MetadataError::LeftOut(left_out)),
            None => Ok(read.providers.into_iter().map(Arc::unwrap_or_clone).collect()),
        }
    }

    /// The one service provider with that entityID.
    ///
    /// # Errors
    /// As [`ServiceProvider::all`], but for what is wrong with others, and if there is none.
    pub fn named(bytes: &[u8], max_bytes: usize, entity_id: &str) -> Result<Self, MetadataError> {
        let read = Aggregate::read(bytes, MetadataTrust::Operator, MetadataLimits::document(max_bytes))?;
        if let Some(found) = read.providers.into_iter().find(|provider| provider.entity_id == entity_id) {
            return Ok(Arc::unwrap_or_clone(found));
        }
        let left_out = read.left_out.into_iter().find(|left_out| left_out.name == entity_id);
        Err(left_out.map_or_else(|| MetadataError::Unknown(entity_id.to_owned()), MetadataError::LeftOut))
    }

    /// Office 365, as Microsoft's metadata
    /// (<https://nexus.microsoftonline-p.com/federationmetadata/saml20/federationmetadata.xml>) describes it,
    /// by the entityID that its requests have: [`MICROSOFT_ONLINE`](crate::saml::names::MICROSOFT_ONLINE) unless the
    /// operator knows another. The cloud of China is told by its name, and signs in elsewhere. Without keys: its ECP
    /// requests are not signed.
    pub fn office365(entity_id: &str) -> Self {
        let location = match entity_id {
            MICROSOFT_ONLINE_CHINA => "https://login.partner.microsoftonline.cn/login.srf",
            _ => "https://login.microsoftonline.com/login.srf",
        };
        let acs = |index, binding: &str, is_default| Acs {
            index: Some(index),
            binding: binding.to_owned(),
            location: location.to_owned(),
            is_default,
        };
        let formats = [
            NAMEID_EMAIL,
            "urn:mace:shibboleth:1.0:nameIdentifier",
            NAMEID_UNSPECIFIED,
            NAMEID_TRANSIENT,
            NAMEID_PERSISTENT,
        ];
        Self {
            entity_id: entity_id.to_owned(),
            assertion_consumer_services: vec![
                acs(0, BINDING_POST, Some(true)),
                acs(1, BINDING_POST_SIMPLE_SIGN, None),
                acs(2, BINDING_PAOS, None),
            ],
            signing_keys: Vec::new(),
            encryption_keys: Vec::new(),
            want_assertions_signed: true,
            requested_attributes: Vec::new(),
            entity_attributes: Vec::new(),
            authn_requests_signed: false,
            name_id_formats: formats.map(str::to_owned).to_vec(),
            valid_until: None,
        }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size(&self) -> usize {
        let strings = |strings: &[String]| strings.iter().map(|string| string.len() + 32).sum::<usize>();
        let services = self.assertion_consumer_services.iter();
        let asked = self.requested_attributes.iter();
        let keys = self.encryption_keys.iter();
        let said = self.entity_attributes.iter();
        size_of::<Self>()
            + services.map(|acs| size_of::<Acs>() + acs.binding.len() + acs.location.len()).sum::<usize>()
            + self.signing_keys.iter().map(|key| key.len() + 32).sum::<usize>()
            + keys.map(|key| key.certificate.len() + strings(&key.methods) + 64).sum::<usize>()
            + asked.map(|attribute| size_of::<RequestedAttribute>() + attribute.name.len()).sum::<usize>()
            + said.map(|attribute| attribute.name.len() + strings(&attribute.values) + 64).sum::<usize>()
            + strings(&self.name_id_formats)
    }

    /// Whether this may be believed no longer.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| until <= now)
    }

    /// The keys that may sign its requests, ready for use.
    pub fn signing_keys(&self) -> Vec<PKey<Public>> {
        self.signing_keys.iter().filter_map(|key| PKey::public_key_from_der(key).ok()).collect()
    }

    /// The values of that entity attribute.
    pub fn entity_attribute(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.entity_attributes.iter().filter(move |attribute| attribute.name == name);
        named.flat_map(|attribute| &attribute.values).map(String::as_str)
    }

    /// Whether it takes name identifiers of that format, by its metadata: one that lists none, or `unspecified`, takes any
    /// (`saml-metadata-2.0-os`, 2.4.2).
    pub fn takes(&self, format: &str) -> bool {
        let fits = [format, NAMEID_UNSPECIFIED, NAMEID_UNSPECIFIED_20];
        self.name_id_formats.is_empty() || self.name_id_formats.iter().any(|listed| fits.contains(&listed.as_str()))
    }
}

/// The service provider that an entity is, if it is one of SAML 2.0; `until` is the earliest `validUntil` above.
pub(super) fn service_provider(
    entity: &Element,
    until: Option<Timestamp>,
) -> Result<Option<ServiceProvider>, TimestampError> {
    let mut roles = entity.children_named(MD.uri, "SPSSODescriptor");
    let (Some(id), Some(role)) = (entity.attribute("entityID"), roles.find(|role| speaks_saml2(role))) else {
        return Ok(None);
    };
    let until = earlier(earlier(until, entity)?, role)?;
    Ok(Some(of_role(id, entity, role, until)))
}

/// The earlier of `until` and the element's own `validUntil`.
pub(super) fn earlier(until: Option<Timestamp>, element: &Element) -> Result<Option<Timestamp>, TimestampError> {
    let here = element.attribute("validUntil").map(Timestamp::parse).transpose()?;
    Ok(until.into_iter().chain(here).min())
}

/// Whether a role is of SAML 2.0.
pub(super) fn speaks_saml2(role: &Element) -> bool {
    role.attribute("protocolSupportEnumeration")
        .is_some_and(|protocols| protocols.split_ascii_whitespace().any(|protocol| protocol == SAML20_PROTOCOL))
}

/// Keys of one service provider, more than anybody rolls over: each is tried on whatever a stranger sends in its name.
const MOST_SIGNING_KEYS: usize = 16;

fn of_role(entity_id: &str, entity: &Element, role: &Element, valid_until: Option<Timestamp>) -> ServiceProvider {
    let mut signing_keys: Vec<Vec<u8>> = Vec::new();
    for key in
        signing_certificates(role).filter_map(|certificate| certificate.public_key().ok()?.public_key_to_der().ok())
    {
        if signing_keys.len() < MOST_SIGNING_KEYS && !signing_keys.contains(&key) {
            signing_keys.push(key);
        }
    }
    ServiceProvider {
        entity_id: entity_id.to_owned(),
        assertion_consumer_services: role
            .children_named(MD.uri, "AssertionConsumerService")
            .filter_map(assertion_consumer_service)
            .collect(),
        signing_keys,
        encryption_keys: keys_for(role, "encryption").filter_map(encryption_key).collect(),
        want_assertions_signed: role.attribute("WantAssertionsSigned").and_then(boolean) == Some(true),
        requested_attributes: role
            .children_named(MD.uri, "AttributeConsumingService")
            .flat_map(|service| service.children_named(MD.uri, "RequestedAttribute"))
            .filter_map(requested_attribute)
            .collect(),
        entity_attributes: entity_attributes(entity),
        authn_requests_signed: role.attribute("AuthnRequestsSigned").and_then(boolean) == Some(true),
        name_id_formats: role
            .children_named(MD.uri, "NameIDFormat")
            .filter_map(Element::trimmed_text)
            .map(str::to_owned)
            .collect(),
        valid_until,
    }
}

/// `None` for one that nothing can be delivered to.
fn assertion_consumer_service(element: &Element) -> Option<Acs> {
    let location = element.attribute("Location")?.trim();
    let scheme = location.split_once("://")?.0;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    Some(Acs {
        index: element.attribute("index").and_then(|index| index.trim().parse().ok()),
        binding: element.attribute("Binding")?.trim().to_owned(),
        location: location.to_owned(),
        is_default: element.attribute("isDefault").and_then(boolean),
    })
}

/// Certificates for signing, or for any use; those that cannot be read are passed over. Of a chain only the first counts, or
/// its authorities would sign for the SP.
pub(super) fn signing_certificates(role: &Element) -> impl Iterator<Item = X509> {
    keys_for(role, "signing").flat_map(certificates).filter_map(|certificate| X509::from_der(&certificate).ok())
}

/// `md:KeyDescriptor` for that use, or for any.
fn keys_for<'e>(role: &'e Element, usage: &'static str) -> impl Iterator<Item = &'e Element> {
    role.children_named(MD.uri, "KeyDescriptor")
        .filter(move |key| key.attribute("use").is_none_or(|stated| stated == usage))
}

/// Of each chain the first, DER.
fn certificates(key: &Element) -> impl Iterator<Item = Vec<u8>> {
    key.children_named(DS.uri, "KeyInfo")
        .flat_map(|info| info.children_named(DS.uri, "X509Data"))
        .filter_map(|data| data.child(DS.uri, "X509Certificate"))
        .filter_map(Element::octets)
}

/// `None` for what says nothing of encryption. A key that is for that alone counts even where it cannot be read: without it
/// its owner would be sent what it wants encrypted in the clear.
fn encryption_key(key: &Element) -> Option<EncryptionKey> {
    let methods = key.children_named(MD.uri, "EncryptionMethod").filter_map(|method| method.attribute("Algorithm"));
    let certificate = certificates(key).next().or_else(|| key.attribute("use").map(|_| Vec::new()))?;
    Some(EncryptionKey { certificate, methods: methods.map(str::to_owned).collect() })
}

fn requested_attribute(element: &Element) -> Option<RequestedAttribute> {
    let required = element.attribute("isRequired").and_then(boolean) == Some(true);
    Some(RequestedAttribute { name: element.attribute("Name")?.to_owned(), required })
}

fn entity_attributes(entity: &Element) -> Vec<EntityAttribute> {
    let attribute = |element: &Element| {
        let values = element.children_named(SAML20_NS, "AttributeValue").filter_map(Element::trimmed_text);
        let name = element.attribute("Name")?.to_owned();
        Some(EntityAttribute { name, values: values.map(str::to_owned).collect() })
    };
    entity
        .children_named(MD.uri, "Extensions")
        .flat_map(|extensions| extensions.children_named(MDATTR, "EntityAttributes"))
        .flat_map(|attributes| attributes.children_named(SAML20_NS, "Attribute"))
        .filter_map(attribute)
        .collect()
}

/// `sstc-metadata-attr`.
const MDATTR: &str = "urn:oasis:names:tc:SAML:metadata:attribute";

#[cfg(test)]
#[path = "sp_tests.rs"]
mod tests;
