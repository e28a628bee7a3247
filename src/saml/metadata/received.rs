//! An identity provider's metadata that is to be published in our name: its signature is verified against keys that the
//! operator pinned, and what is read on is what was signed.

use std::time::Duration;

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use super::sp::{MetadataError, signing_certificates, speaks_saml2};
use crate::dsig::{Accepted, DS, VerifyError, verify};
use crate::model::{Timestamp, quoted};
use crate::saml::names::MD;
use crate::xml::{Document, Element, Limits, duration, parse};

/// What makes a document believable.
#[derive(Clone)]
pub enum DocumentTrust {
    /// A signature by one of these keys.
    Signed(PinnedKeys),
    /// That it came from the identity provider itself, over a connection that is trusted.
    Transport,
}

/// The keys of certificates that were pinned; when those end means nothing.
#[derive(Clone)]
pub struct PinnedKeys {
    /// All that may sign.
    pub keys: Vec<PKey<Public>>,
    /// By which algorithms.
    pub accepted: Accepted,
}

/// One entity of a document that is believed.
#[derive(Clone, Debug)]
pub struct ReceivedMetadata {
    pub(super) entity: Element,
    /// The earliest `validUntil` of the entity, what is in it and what it is in.
    pub valid_until: Option<Timestamp>,
    /// The shortest `cacheDuration`, likewise; one that cannot be read is as none.
    pub cache_duration: Option<Duration>,
}

/// Why it is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ReceivedError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] MetadataError),
    /// There is no such entity in it.
    #[error("no entity {wanted:?} in it, which is issuer.entity_id: {found}")]
    NotThere {
        /// The entityID that was looked for.
        wanted: String,
        /// Those that are there, the first of them.
        found: String,
    },
    /// Neither the document nor the entity in it is signed.
    #[error("it is not signed")]
    Unsigned,
    /// The signature does not hold, by the keys that were pinned.
    #[error("its signature does not hold: {0}")]
    Signature(#[from] VerifyError),
}

impl ReceivedMetadata {
    /// Reads the entity of that name out of an `md:EntityDescriptor` or `md:EntitiesDescriptor` of at most `max_bytes`. The
    /// signature is that of the document, or, where that has none, the entity's own.
    ///
    /// # Errors
    /// See [`ReceivedError`].
    pub fn read(bytes: &[u8], max_bytes: usize, entity_id: &str, trust: &DocumentTrust) -> Result<Self, ReceivedError> {
        let document = parse(bytes, &Limits::metadata(max_bytes)).map_err(MetadataError::from)?;
        let (root, around) = (&document.root, Bounds::default());
        let keys = match trust {
            DocumentTrust::Transport => return found(root, entity_id, around),
            DocumentTrust::Signed(keys) => keys,
        };
        if is_signed(root) {
            return found(&verified(&document, root, keys)?, entity_id, around);
        }
        // What stands around is not signed, and can only make its time shorter.
        let (entity, around) = find(root, entity_id, around)?.ok_or_else(|| not_there(root, entity_id))?;
        if !is_signed(entity) {
            return Err(ReceivedError::Unsigned);
        }
        found(&verified(&document, entity, keys)?, entity_id, around)
    }

    /// The `entityID`.
    pub fn entity_id(&self) -> &str {
        self.entity.attribute("entityID").unwrap_or_default()
    }

    /// The certificates that it signs with, as an identity provider of SAML 2.0.
    pub fn signing_certificates(&self) -> Vec<X509> {
        let roles = self.entity.children_named(MD.uri, "IDPSSODescriptor").filter(|role| speaks_saml2(role));
        roles.flat_map(signing_certificates).collect()
    }
}

/// What the elements around say of those in them.
#[derive(Clone, Copy, Default)]
pub(super) struct Bounds {
    pub until: Option<Timestamp>,
    pub hint: Option<Duration>,
}

impl Bounds {
    pub fn and(self, element: &Element) -> Result<Self, MetadataError> {
        let until = element.attribute("validUntil").map(Timestamp::parse).transpose()?;
        let hint = element.attribute("cacheDuration").and_then(duration);
        Ok(Self { until: self.until.into_iter().chain(until).min(), hint: self.hint.into_iter().chain(hint).min() })
    }
}

fn is_signed(element: &Element) -> bool {
    element.child(DS.uri, "Signature").is_some()
}

fn verified(document: &Document, element: &Element, by: &PinnedKeys) -> Result<Element, VerifyError> {
    Ok(verify(document, element, "ID", &by.keys, by.accepted)?.document().root.clone())
}

/// The entity of that name in `root`, with all that bounds it.
fn found(root: &Element, entity_id: &str, around: Bounds) -> Result<ReceivedMetadata, ReceivedError> {
    let (entity, bounds) = find(root, entity_id, around)?.ok_or_else(|| not_there(root, entity_id))?;
    let inside = entity.descendants().filter(|element| &*element.name.namespace == MD.uri);
    let bounds = inside.skip(1).try_fold(bounds, |bounds, element| bounds.and(element))?;
    Ok(ReceivedMetadata { entity: entity.clone(), valid_until: bounds.until, cache_duration: bounds.hint })
}

/// The first entity of that name, with what it and the elements around it say.
fn find<'e>(
    element: &'e Element,
    entity_id: &str,
    around: Bounds,
) -> Result<Option<(&'e Element, Bounds)>, MetadataError> {
    if is_entity(element) {
        let is_it = element.attribute("entityID") == Some(entity_id);
        return if is_it { Ok(Some((element, around.and(element)?))) } else { Ok(None) };
    }
    if !is_group(element) {
        return Err(MetadataError::NotMetadata);
    }
    let bounds = around.and(element)?;
    for child in element.elements().filter(|child| is_entity(child) || is_group(child)) {
        if let Some(found) = find(child, entity_id, bounds)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

pub(super) fn is_entity(element: &Element) -> bool {
    element.is(MD.uri, "EntityDescriptor")
}

pub(super) fn is_group(element: &Element) -> bool {
    element.is(MD.uri, "EntitiesDescriptor")
}

fn not_there(root: &Element, wanted: &str) -> ReceivedError {
    let names =
        root.descendants().filter(|element| is_entity(element)).filter_map(|entity| entity.attribute("entityID"));
    let found = names.take(3).map(quoted).collect::<Vec<_>>().join(", ");
    ReceivedError::NotThere { wanted: wanted.to_owned(), found }
}

#[cfg(test)]
#[path = "received_tests.rs"]
mod tests;
