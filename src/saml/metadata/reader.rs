//! The reader of metadata documents.

use std::sync::Arc;

use super::sp::{MetadataError, ServiceProvider, earlier};
use super::{Aggregate, MetadataLimits, MetadataTrust};
use crate::dsig::verify;
use crate::saml::names::MD;
use crate::xml::{Limits, duration, parse};

/// Reads an `md:EntityDescriptor` or an `md:EntitiesDescriptor` that comes in pieces. Nothing that is in it can be had
/// before [`MetadataReader::finish`] has said that all of it holds.
pub struct MetadataReader {
    trust: MetadataTrust,
    limits: MetadataLimits,
    held: Vec<u8>,
}

impl MetadataReader {
    /// Nothing has come yet.
    pub fn new(trust: MetadataTrust, limits: MetadataLimits) -> Self {
        Self { trust, limits, held: Vec::new() }
    }

    /// The next piece, of any length and cut anywhere.
    ///
    /// # Errors
    /// As soon as something cannot be believed; nothing that comes after that can change it.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), MetadataError> {
        self.held.extend_from_slice(piece);
        Ok(())
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// If the document is not whole, no metadata, or not signed as it must be.
    pub fn finish(self) -> Result<Aggregate, MetadataError> {
        let document = parse(&self.held, &Limits::metadata(self.limits.bytes))?;
        if let MetadataTrust::Signed { by, accepted } = &self.trust {
            verify(&document, &document.root, "ID", by, *accepted)?;
        }
        let providers = ServiceProvider::all(&self.held, self.limits.bytes)?;
        let hints = document.root.descendants().filter_map(|element| element.attribute("cacheDuration"));
        Ok(Aggregate {
            valid_until: earlier(None, &document.root)?,
            cache_duration: hints.filter_map(duration).min(),
            entities: document.root.descendants().filter(|element| element.is(MD.uri, "EntityDescriptor")).count(),
            providers: providers.into_iter().map(Arc::new).collect(),
            left_out: Vec::new(),
            left_out_count: 0,
        })
    }
}
