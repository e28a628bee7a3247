//! A relying party with metadata of its own: a file, or what is built in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::METADATA_BYTES;
use super::parties::PartyFinding;
use crate::config::{PartyConfig, PartyMetadata};
use crate::model::{EcpRelease, NameIdentifierRule, RelyingParty, Timestamp};
use crate::saml::metadata::{CannotEncrypt, MetadataError, ServiceProvider};
use crate::saml::names::MICROSOFT_ONLINE;

/// How long ahead the end of metadata is told.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// A relying party that ECP is on for, and that has metadata of its own.
pub(super) struct OwnParty {
    pub party: RelyingParty,
    pub release: EcpRelease,
    pub provider: Arc<ServiceProvider>,
    pub number: usize,
}

/// What is wrong with one relying party, and what to do about it.
pub(super) struct Wrong {
    pub what: String,
    pub help: &'static str,
}

impl Wrong {
    pub fn new(what: impl Into<String>, help: &'static str) -> Self {
        Self { what: what.into(), help }
    }

    pub fn in_file(self, path: &Path) -> Self {
        Self { what: format!("{}: {}", path.display(), self.what), ..self }
    }

    pub fn of(self, number: usize) -> PartyFinding {
        PartyFinding { party: number, what: self.what, help: self.help }
    }
}

impl From<MetadataError> for Wrong {
    fn from(error: MetadataError) -> Self {
        let help = match &error {
            MetadataError::Unknown(_) => "write entity_id as it is in the metadata, letter for letter",
            MetadataError::LeftOut(_) | MetadataError::ValidUntil(_) => {
                "ask the service provider for metadata without that"
            }
            _ => "put the service provider's SAML metadata there, whole, without a DTD",
        };
        Self::new(error.to_string(), help)
    }
}

impl OwnParty {
    pub fn load(number: usize, config: &PartyConfig) -> Result<Option<Self>, Wrong> {
        let (Some(release), Some(metadata)) = (config.party.ecp.clone(), &config.metadata) else { return Ok(None) };
        let provider = match metadata {
            PartyMetadata::Office365 if release.entity_id.is_empty() => ServiceProvider::office365(MICROSOFT_ONLINE),
            PartyMetadata::Office365 => ServiceProvider::office365(&release.entity_id),
            PartyMetadata::Aws => ServiceProvider::aws(&release.entity_id),
            PartyMetadata::File(path) => from_file(path, &release.entity_id).map_err(|wrong| wrong.in_file(path))?,
            PartyMetadata::Source { .. } => return Ok(None),
        };
        if !provider.supports_ecp() {
            let name = &provider.entity_id;
            return Err(Wrong::new(
                format!("{name:?} has no assertion consumer service for PAOS, which ECP needs"),
                "have one added to its metadata, or remove ecp from the party",
            ));
        }
        let help = "have an RSA key to encrypt for, with AES and RSA-OAEP, added to its metadata, or set ecp.encrypt";
        can_encrypt(&provider, &release).map_err(|what| Wrong::new(what, help))?;
        Ok(Some(Self { party: config.party.clone(), release, provider: Arc::new(provider), number }))
    }

    pub fn names(&self, entity_id: &str) -> bool {
        self.provider.entity_id == entity_id
    }

    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.provider.has_ended(now)
    }

    pub fn ending(&self, now: Timestamp) -> Option<String> {
        let (name, until) = (&self.provider.entity_id, self.provider.valid_until?);
        if until <= now {
            Some(format!("the metadata of {name:?} has ended: nobody can sign in there since {until}, its validUntil"))
        } else if until.since(now) < SOON {
            Some(format!("the metadata of {name:?} ends at {until}, its validUntil: then nobody can sign in there"))
        } else {
            None
        }
    }

    pub fn doubt(&self) -> Option<Wrong> {
        let built_in = ServiceProvider::office365(MICROSOFT_ONLINE).assertion_consumer_services;
        if self.provider.entity_id != MICROSOFT_ONLINE && self.provider.assertion_consumer_services == built_in {
            return Some(Wrong::new(
                "ECP answers of a national cloud would go to login.microsoftonline.com",
                "give the party that cloud's own metadata as metadata_file",
            ));
        }
        let formats: Vec<&str> = self.release.name_identifiers.iter().map(NameIdentifierRule::format).collect();
        let taken = &self.provider.name_id_formats;
        let refused = !formats.iter().any(|format| self.provider.takes(format));
        refused.then(|| {
            let gets = formats.join(", ");
            Wrong::new(
                format!("its metadata takes name identifiers of the formats {taken:?}, and gets {gets}"),
                "give it a name_identifier of a format that it takes",
            )
        })
    }
}

/// Whether assertions that are to be encrypted can be.
pub(super) fn can_encrypt(provider: &ServiceProvider, release: &EcpRelease) -> Result<(), String> {
    let name = &provider.entity_id;
    provider.sealing(&release.switches).map(drop).map_err(|error| match error {
        CannotEncrypt::NoKey => format!("{name:?} has {error}, and ecp.encrypt is required"),
        CannotEncrypt::NoneFits(_) => {
            format!("{name:?}: {error}; with ecp.encrypt: off, assertions go unencrypted")
        }
    })
}

fn from_file(path: &Path, entity_id: &str) -> Result<ServiceProvider, Wrong> {
    if !entity_id.is_empty() {
        return ServiceProvider::named(&bytes_of(path)?, METADATA_BYTES, entity_id).map_err(Wrong::from);
    }
    let mut all = all_of_file(path)?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Wrong::new(
            "no SAML 2.0 service provider in it",
            "put the metadata of the service provider there, and not that of an identity provider",
        )),
        (Some(_), false) => {
            Err(Wrong::new("several service providers; say which by entity_id", "write entity_id beside metadata_file"))
        }
    }
}

/// Every service provider in a file.
pub(super) fn all_of_file(path: &Path) -> Result<Vec<ServiceProvider>, Wrong> {
    ServiceProvider::all(&bytes_of(path)?, METADATA_BYTES).map_err(Wrong::from)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Wrong> {
    let help = "see that it is there, and that the user fedfront runs as may read it";
    std::fs::read(path).map_err(|error| Wrong::new(error.to_string(), help))
}
