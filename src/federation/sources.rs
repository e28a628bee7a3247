//! The sources of metadata of one configuration, and the relying parties that come from them.

use std::sync::Arc;

use super::{EcpParty, Source};
use crate::config::{PartyConfig, PartyMetadata};
use crate::model::{EcpRelease, RelyingParty, Timestamp, Unavailable};
use crate::saml::metadata::ServiceProvider;

/// The attribute of an entity with its categories (RFC 8409).
const ENTITY_CATEGORY: &str = "http://macedir.org/entity-category";

/// The sources of one configuration.
#[derive(Default)]
pub struct Sources(Vec<Arc<Source>>);

impl Sources {
    /// All of them.
    pub fn new(all: Vec<Source>) -> Self {
        Self(all.into_iter().map(Arc::new).collect())
    }

    /// Each, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.0.iter()
    }

    /// The one with that name.
    pub fn named(&self, name: &str) -> Option<&Arc<Source>> {
        self.0.iter().find(|source| source.name() == name)
    }

    /// Takes over what the sources of `earlier` have, and reads the copies on disk of what nobody has. Blocks.
    pub fn begin(&self, earlier: Option<&Self>) {
        for source in &self.0 {
            source.begin(earlier.and_then(|earlier| earlier.named(source.name())).map(|source| &**source));
        }
    }
}

/// The relying parties whose service providers are in sources.
#[derive(Default)]
pub(super) struct SourceParties(Vec<SourceParty>);

struct SourceParty {
    party: RelyingParty,
    release: EcpRelease,
    source: Arc<Source>,
    entity_categories: Vec<String>,
}

/// What a source said of an entity, or that it cannot say.
type Said = Result<Option<Arc<ServiceProvider>>, Unavailable>;

impl SourceParties {
    /// Those that ECP is on for.
    pub fn new(configs: &[PartyConfig], sources: &Sources) -> Self {
        let party = |config: &PartyConfig| match &config.metadata {
            Some(PartyMetadata::Source { name, entity_categories }) => Some(SourceParty {
                party: config.party.clone(),
                release: config.party.ecp.clone()?,
                source: sources.named(name)?.clone(),
                entity_categories: entity_categories.clone(),
            }),
            Some(PartyMetadata::Office365 | PartyMetadata::Aws | PartyMetadata::File(_)) | None => None,
        };
        Self(configs.iter().filter_map(party).collect())
    }

    /// The entityIDs that the configuration names, of one source or of any.
    pub fn entity_ids<'p>(&'p self, source: Option<&'p str>) -> impl Iterator<Item = &'p str> {
        let of = move |party: &&SourceParty| source.is_none_or(|source| party.source.name() == source);
        self.0.iter().filter(of).map(|party| party.release.entity_id.as_str()).filter(|id| !id.is_empty())
    }

    /// Whether there are some whose entityIDs only their sources know.
    pub fn is_open(&self) -> bool {
        self.0.iter().any(SourceParty::is_open)
    }

    /// The service provider with that entityID. Whom a party names by entityID belongs to that party alone; others to the
    /// first whose source has them. A source that cannot say is passed over, unless nobody else has them: one that is down
    /// is no outage of the others.
    pub async fn named(&self, entity_id: &str, now: Timestamp) -> Result<Option<EcpParty<'_>>, Unavailable> {
        if let Some(named) = self.0.iter().find(|party| party.release.entity_id == entity_id) {
            return Ok(named.take(named.source.provider(entity_id, now).await?.as_ref()));
        }
        let mut asked: Vec<(&str, Said)> = Vec::new();
        for party in self.0.iter().filter(|party| party.is_open()) {
            let source = party.source.name();
            // Several parties of one source ask it once.
            if !asked.iter().any(|(other, _)| *other == source) {
                asked.push((source, party.source.provider(entity_id, now).await));
            }
            let said = asked.iter().find_map(|(other, said)| said.as_ref().ok().filter(|_| *other == source));
            if let Some(found) = said.and_then(|said| party.take(said.as_ref())) {
                return Ok(Some(found));
            }
        }
        asked.into_iter().find_map(|(_, said)| said.err()).map_or(Ok(None), Err)
    }

    /// The source that has a service provider with that entityID, whom none of its parties means.
    pub async fn passed_over(&self, entity_id: &str, now: Timestamp) -> Option<&str> {
        for party in &self.0 {
            if let Ok(Some(_)) = party.source.provider_again(entity_id, now).await {
                return Some(party.source.name());
            }
        }
        None
    }
}

impl SourceParty {
    fn is_open(&self) -> bool {
        self.release.entity_id.is_empty()
    }

    /// A service provider of its source, if it is one that it means and that can be served.
    fn take(&self, provider: Option<&Arc<ServiceProvider>>) -> Option<EcpParty<'_>> {
        let provider = provider.filter(|provider| provider.supports_ecp() && self.means(provider))?;
        let (party, release, source) = (&self.party, &self.release, Some(self.source.name()));
        Some(EcpParty { party, release, provider: provider.clone(), source })
    }

    fn means(&self, provider: &ServiceProvider) -> bool {
        let has = |wanted: &String| provider.entity_attribute(ENTITY_CATEGORY).any(|category| category == wanted);
        self.entity_categories.is_empty() || self.entity_categories.iter().any(has)
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
