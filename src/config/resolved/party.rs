//! Relying parties and where their SAML metadata is, resolved.

use std::path::PathBuf;

use super::EntraClaims;
use crate::model::{AttributeRelease, RelyingParty};
use crate::saml::names::MICROSOFT_ONLINE;

/// A relying party and where its SAML metadata is.
#[derive(Clone)]
pub struct PartyConfig {
    /// The party.
    pub party: RelyingParty,
    /// Where its assertion consumer services are, if ECP is on.
    pub metadata: Option<PartyMetadata>,
    /// What else says which service provider it is, where ECP is off: nobody may answer in its place.
    pub off: Off,
    /// What it is told of sign-ins besides: the last of `party.attributes`.
    pub entra: EntraClaims,
    /// The certificate of the key by which it decrypts, PEM.
    pub certificate_file: Option<PathBuf>,
}

impl PartyConfig {
    /// `attributes`, without what `entra` stands for.
    pub fn own_attributes(&self) -> &[AttributeRelease] {
        let attributes = &self.party.attributes;
        attributes.get(..attributes.len().saturating_sub(self.entra.claims())).unwrap_or_default()
    }

    /// Whether it is Office 365, by the name that both protocols call it.
    pub fn is_office365(&self) -> bool {
        self.metadata == Some(PartyMetadata::Office365)
            || self.party.applies_to.iter().any(|address| address == MICROSOFT_ONLINE)
    }
}

/// What tells which service provider a party is that ECP is off for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Off {
    /// Its entityID.
    pub entity_id: Option<String>,
    /// Its metadata, which has one.
    pub metadata_file: Option<PathBuf>,
}

/// Where a party's assertion consumer services come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartyMetadata {
    /// Office 365's, which is built in: `login.srf` by PAOS at index 2.
    Office365,
    /// Amazon Web Services, built in: the address that browsers post to, by PAOS.
    Aws,
    /// A SAML metadata file.
    File(PathBuf),
    /// One of `metadata_sources`.
    Source {
        /// Its name.
        name: String,
        /// Only service providers of one of these entity categories count; empty: all do.
        entity_categories: Vec<String>,
    },
}
