//! The sources of metadata of one configuration, and the relying parties that come from them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{EcpParty, Source};
use crate::config::{PartyConfig, PartyMetadata};
use crate::model::{ClientAddress, EcpRelease, RelyingParty, Timestamp, Unavailable};
use crate::saml::metadata::ServiceProvider;
use crate::saml::names::ENTITY_CATEGORY;

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
pub(super) struct SourceParties {
    parties: Vec<SourceParty>,
    taken: Taken,
}

/// EntityIDs that are taken, each with the name of the party that it is, if there is one.
pub(super) type Taken = HashMap<String, Option<String>>;

struct SourceParty {
    party: RelyingParty,
    release: EcpRelease,
    source: Arc<Source>,
    entity_categories: Vec<String>,
}

/// What a source said of an entity, or that it cannot say.
type Said = Result<Option<Arc<ServiceProvider>>, Unavailable>;

/// Whether it is a party of whoever a source has.
pub(super) fn is_open(config: &PartyConfig) -> bool {
    let of_source = matches!(config.metadata, Some(PartyMetadata::Source { .. }));
    of_source && config.party.ecp.as_ref().is_some_and(|release| release.entity_id.is_empty())
}

impl SourceParties {
    /// Those that ECP is on for. What is `taken` is no other's, whatever a source says.
    pub fn new(configs: &[PartyConfig], sources: &Sources, taken: Taken) -> Self {
        let party = |config: &PartyConfig| match &config.metadata {
            Some(PartyMetadata::Source { name, entity_categories }) => Some(SourceParty {
                party: config.party.clone(),
                release: config.party.ecp.clone()?,
                source: sources.named(name)?.clone(),
                entity_categories: entity_categories.clone(),
            }),
            Some(PartyMetadata::Office365 | PartyMetadata::Aws | PartyMetadata::File(_)) | None => None,
        };
        Self { parties: configs.iter().filter_map(party).collect(), taken }
    }

    /// The entityIDs that the configuration names, of one source or of any.
    pub fn entity_ids<'p>(&'p self, source: Option<&'p str>) -> impl Iterator<Item = &'p str> {
        let of = move |party: &&SourceParty| source.is_none_or(|source| party.source.name() == source);
        self.parties.iter().filter(of).map(|party| party.release.entity_id.as_str()).filter(|id| !id.is_empty())
    }

    /// Whether there are some whose entityIDs only their sources know.
    pub fn is_open(&self) -> bool {
        self.open().next().is_some()
    }

    /// The service provider with that entityID. Whom a party names by entityID belongs to that party alone, and so does one
    /// that is taken; others to the first whose source has them. A source that cannot say is passed over, unless nobody else has them: one that is down
    /// is no outage of the others.
    pub async fn named(
        &self,
        entity_id: &str,
        client: ClientAddress,
        now: Timestamp,
    ) -> Result<Option<EcpParty<'_>>, Unavailable> {
        if let Some(named) = self.by_entity_id(entity_id) {
            return Ok(named.take(named.source.provider(entity_id, client, now).await?.as_ref()));
        }
        let mut asked: Vec<(&str, Said)> = Vec::new();
        for party in self.open().filter(|party| self.may_have(party, entity_id)) {
            let source = party.source.name();
            // Several parties of one source ask it once.
            if !asked.iter().any(|(other, _)| *other == source) {
                asked.push((source, party.source.provider(entity_id, client, now).await));
            }
            let said = asked.iter().find_map(|(other, said)| said.as_ref().ok().filter(|_| *other == source));
            if let Some(found) = said.and_then(|said| party.take(said.as_ref())) {
                return Ok(Some(found));
            }
        }
        asked.into_iter().find_map(|(_, said)| said.err()).map_or(Ok(None), Err)
    }

    /// The source that has a service provider with that entityID, whom none of its parties means. No source is asked.
    pub fn passed_over(&self, entity_id: &str, now: Timestamp) -> Option<&str> {
        let mut sources = self.parties.iter().map(|party| &party.source);
        sources.find(|source| source.has(entity_id, now)).map(|source| source.name())
    }

    /// Whose that entityID is, if a source may not provide it; the inner `None`: nobody's.
    pub fn owner(&self, entity_id: &str) -> Option<Option<&str>> {
        let taken = self.taken.get(entity_id).filter(|_| self.by_entity_id(entity_id).is_none());
        taken.map(Option::as_deref)
    }

    fn by_entity_id(&self, entity_id: &str) -> Option<&SourceParty> {
        self.parties.iter().find(|party| !party.is_open() && party.release.entity_id == entity_id)
    }

    fn open(&self) -> impl Iterator<Item = &SourceParty> {
        self.parties.iter().filter(|party| party.is_open())
    }

    fn may_have(&self, party: &SourceParty, entity_id: &str) -> bool {
        self.taken.get(entity_id).is_none_or(|owner| owner.as_ref() == Some(&party.party.name))
    }
}

impl SourceParty {
    fn is_open(&self) -> bool {
        self.release.entity_id.is_empty()
    }

    /// A service provider of its source, if it is one that it means and that can be served.
    fn take(&self, provider: Option<&Arc<ServiceProvider>>) -> Option<EcpParty<'_>> {
        let provider = provider.filter(|provider| provider.supports_ecp() && self.means(provider))?;
        let (party, release, source) = (&self.party, &self.release, Some(&*self.source));
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
