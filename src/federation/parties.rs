//! Relying parties with what their metadata says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Source;
use super::own_party::{OwnParty, Wrong, all_of_file, can_encrypt};
use super::sources::{SourceParties, Sources, Taken, is_open};
use crate::config::PartyConfig;
use crate::dsig::Recipient;
use crate::model::{ClientAddress, EcpRelease, RelyingParty, Timestamp, Unavailable, quoted};
use crate::saml::metadata::ServiceProvider;
use crate::saml::names::{MICROSOFT_ONLINE, NATIONAL_CLOUDS};

/// Relying parties, and the service providers among them.
pub struct Parties {
    /// All.
    pub all: Vec<RelyingParty>,
    /// Those that ECP is on for, with metadata of their own.
    own: Vec<OwnParty>,
    /// Those whose metadata is in sources.
    of_sources: SourceParties,
    /// Whom to encrypt for, by the party's name.
    pub recipients: BTreeMap<String, Arc<Recipient>>,
}

/// A service provider that may use ECP, as a request has named it.
pub struct EcpParty<'p> {
    /// The relying party that it is.
    pub party: &'p RelyingParty,
    /// What it gets.
    pub release: &'p EcpRelease,
    /// Where its answers may go.
    pub provider: Arc<ServiceProvider>,
    /// The source that its metadata is in, if it is in one.
    pub source: Option<&'p Source>,
}

/// Something about one relying party, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyFinding {
    /// The number of the party in `relying_parties`, from 0.
    pub party: usize,
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub help: &'static str,
}

impl Parties {
    /// Reads the metadata of each party that ECP is on for. Nobody is there to encrypt for yet.
    ///
    /// # Errors
    /// Each party that cannot be served, all at once.
    pub fn load(configs: &[PartyConfig], sources: &Sources) -> Result<Self, Vec<PartyFinding>> {
        let mut own: Vec<OwnParty> = Vec::new();
        let mut errors = Vec::new();
        for (number, config) in configs.iter().enumerate() {
            match OwnParty::load(number, config) {
                Err(wrong) => errors.push(wrong.of(number)),
                Ok(None) => {}
                Ok(Some(party)) => match own.iter().find(|earlier| earlier.names(&party.provider.entity_id)) {
                    // One of them would answer for both, and what the other requires of users would not be looked at.
                    Some(earlier) => {
                        let (name, earlier) = (&party.provider.entity_id, &earlier.party.name);
                        let what = format!("{name:?} is the entityID of {earlier:?} as well");
                        errors.push(Wrong::new(what, "leave it to one of the two parties").of(number));
                    }
                    None => own.push(party),
                },
            }
        }
        let taken = if configs.iter().any(is_open) { taken(configs, &mut errors) } else { Taken::default() };
        if !errors.is_empty() {
            return Err(errors);
        }
        let all = configs.iter().map(|config| config.party.clone()).collect();
        Ok(Self { all, own, of_sources: SourceParties::new(configs, sources, taken), recipients: BTreeMap::new() })
    }

    /// What can be served, and is likely not meant.
    pub fn doubts(&self) -> Vec<PartyFinding> {
        let of = |party: &OwnParty| Some(party.doubt()?.of(party.number));
        self.own.iter().filter_map(of).collect()
    }

    /// Whose metadata has ended, or does so within a week of `now`: no reason not to serve the others.
    pub fn ending(&self, now: Timestamp) -> Vec<PartyFinding> {
        let of = |party: &OwnParty| {
            Some(Wrong::new(party.ending(now)?, "put the service provider's present metadata there").of(party.number))
        };
        self.own.iter().filter_map(of).collect()
    }

    /// Whom to encrypt for, for a party with a certificate.
    pub fn recipient(&self, party: &RelyingParty) -> Option<&Arc<Recipient>> {
        self.recipients.get(&party.name)
    }

    /// The entityIDs of those that the configuration tells one by one.
    pub fn entity_ids(&self) -> impl Iterator<Item = &str> {
        let own = self.own.iter().map(|party| party.provider.entity_id.as_str());
        own.chain(self.of_sources.entity_ids(None))
    }

    /// Whether there are others, which only sources know.
    pub fn are_open(&self) -> bool {
        self.of_sources.is_open()
    }

    /// The entityIDs that are told one by one, and whose metadata is in that source.
    pub fn wanted_of(&self, source: &str) -> Vec<String> {
        self.of_sources.entity_ids(Some(source)).map(str::to_owned).collect()
    }

    /// The service provider that the relying party of this name is, by metadata of its own.
    pub fn provider_of(&self, party: &str) -> Option<&ServiceProvider> {
        self.own.iter().find(|own| own.party.name == party).map(|own| &*own.provider)
    }

    /// Whether one with metadata of its own has that entityID.
    pub fn has_own(&self, entity_id: &str) -> bool {
        self.own.iter().any(|party| party.names(entity_id))
    }

    /// The service provider whose entityID this is, which a request of `client` names, while its metadata may be believed.
    ///
    /// # Errors
    /// Its metadata would have to be fetched, and cannot be.
    pub async fn named(
        &self,
        entity_id: &str,
        client: ClientAddress,
        now: Timestamp,
    ) -> Result<Option<EcpParty<'_>>, Unavailable> {
        let Some(own) = self.own.iter().find(|party| party.names(entity_id)) else {
            return self.of_sources.named(entity_id, client, now).await;
        };
        let OwnParty { party, release, provider, .. } = own;
        Ok((!own.has_ended(now)).then(|| EcpParty { party, release, provider: provider.clone(), source: None }))
    }

    /// Why there is none with that entityID, for the audit log.
    pub fn why_none(&self, entity_id: &str, now: Timestamp) -> String {
        if let Some(ended) = self.own.iter().find(|party| party.names(entity_id)).and_then(|own| own.ending(now)) {
            return ended;
        }
        match self.of_sources.owner(entity_id) {
            Some(Some(party)) => {
                return format!(
                    "{} is the relying party {party}, which has no ECP by that entityID",
                    quoted(entity_id)
                );
            }
            Some(None) => {
                return format!("{} is Office 365, which no relying party with ECP is", quoted(entity_id));
            }
            None => {}
        }
        match self.of_sources.passed_over(entity_id, now) {
            Some(source) => format!(
                "{} is in the metadata source {source}, but has no ECP or is of no entity category that a \
                 relying party takes",
                quoted(entity_id)
            ),
            None => {
                format!("no relying party with ECP has the entityID {}, or its metadata has ended", quoted(entity_id))
            }
        }
    }
}

impl EcpParty<'_> {
    /// Why no assertion could be encrypted for it that is to be, if none could: then none is issued.
    pub fn why_not_encrypted(&self) -> Option<String> {
        can_encrypt(&self.provider, self.release).err()
    }

    /// Somebody has signed in there.
    pub fn is_used(&self) {
        if let Some(source) = self.source {
            source.is_used(&self.provider.entity_id);
        }
    }
}

/// What no source may provide: Office 365, and whatever the configuration names a party by, in whichever protocol. A
/// federation that lists it too would have it answered for as one of its own, and what the party requires of users would not
/// be looked at.
fn taken(configs: &[PartyConfig], errors: &mut Vec<PartyFinding>) -> Taken {
    let built_in = [MICROSOFT_ONLINE].into_iter().chain(NATIONAL_CLOUDS);
    let mut taken: Taken = built_in.map(|name| (name.to_owned(), None)).collect();
    for (number, PartyConfig { party, off, .. }) in configs.iter().enumerate() {
        let in_file = off.metadata_file.as_ref().filter(|_| off.entity_id.is_none()).map_or(Vec::new(), |path| {
            all_of_file(path).unwrap_or_else(|wrong| {
                errors.push(wrong.in_file(path).of(number));
                Vec::new()
            })
        });
        let in_file = in_file.iter().map(|provider| &provider.entity_id);
        for name in party.applies_to.iter().chain(&party.audience).chain(&off.entity_id).chain(in_file) {
            taken.entry(name.clone()).or_default().get_or_insert_with(|| party.name.clone());
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;
    use crate::config::PartyMetadata;
    use crate::federation::testing::{CLIENT, party};
    use crate::saml::metadata::Acs;
    use crate::saml::names::{MICROSOFT_ONLINE_CHINA, NAMEID_TRANSIENT};

    const PAOS: &str = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS";

    fn named<'p>(parties: &'p Parties, entity_id: &str, now: Timestamp) -> Option<EcpParty<'p>> {
        parties.named(entity_id, CLIENT, now).now_or_never().unwrap().unwrap()
    }

    /// Metadata of one service provider in a file of its own.
    fn metadata(file: &str, attributes: &str, binding: &str, format: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("fedfront-federation-{}-{file}.xml", std::process::id()));
        let role = [
            "<md:SPSSODescriptor protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'>",
            "<md:NameIDFormat>",
            format,
            "</md:NameIDFormat><md:AssertionConsumerService index='1' Location='https://sp.example/acs' Binding='",
            binding,
            "'/></md:SPSSODescriptor>",
        ]
        .concat();
        let ns = "xmlns:md='urn:oasis:names:tc:SAML:2.0:metadata'";
        let root = [
            "<md:EntityDescriptor entityID='https://sp.example' ",
            ns,
            attributes,
            ">",
            &role,
            "</md:EntityDescriptor>",
        ];
        std::fs::write(&path, root.concat()).unwrap();
        path
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
    }

    #[test]
    fn an_entity_id_belongs_to_one_party() {
        let file = metadata("twice", "", PAOS, NAMEID_TRANSIENT);
        let twice = ["open", "closed"].map(|name| party(name, PartyMetadata::File(file.clone()), ""));
        let errors = Parties::load(&twice, &Sources::default()).err().unwrap();
        assert_eq!(errors.iter().map(|error| error.party).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn metadata_that_has_ended_is_believed_no_longer() {
        let file = metadata("ending", " validUntil='2026-01-02T00:00:00Z'", PAOS, NAMEID_TRANSIENT);
        let config = [party("sp", PartyMetadata::File(file), "")];
        let parties = Parties::load(&config, &Sources::default()).ok().unwrap();
        let later = now().plus(Duration::from_secs(24 * 3600));
        assert!(named(&parties, "https://sp.example", now()).is_some());
        assert!(named(&parties, "https://sp.example", later).is_none());

        assert_eq!(parties.ending(Timestamp::parse("2025-12-20T00:00:00Z").unwrap()), []);
        assert!(parties.ending(now())[0].what.contains("ends at 2026-01-02T00:00:00"));
        // It kept the others from being served, too.
        let ended = Parties::load(&config, &Sources::default()).ok().unwrap();
        assert!(ended.ending(later)[0].what.contains("has ended"));
        let why = ended.why_none("https://sp.example", later);
        assert!(why.contains("has ended"), "{why}");
    }

    #[test]
    fn a_provider_without_paos_cannot_have_ecp() {
        let file = metadata("post", "", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", NAMEID_TRANSIENT);
        assert!(Parties::load(&[party("sp", PartyMetadata::File(file), "")], &Sources::default()).is_err());
    }

    #[test]
    fn what_is_likely_not_meant_is_said() {
        let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
        let file = metadata("persistent", "", PAOS, persistent);
        let configs = [
            party("sp", PartyMetadata::File(file), ""),
            party("office365", PartyMetadata::Office365, ""),
            party("china", PartyMetadata::Office365, MICROSOFT_ONLINE_CHINA),
            party("moon", PartyMetadata::Office365, "urn:federation:microsoftonline.moon"),
        ];
        let parties = Parties::load(&configs, &Sources::default()).ok().unwrap();
        let china = named(&parties, MICROSOFT_ONLINE_CHINA, now()).unwrap();
        let at_home = |acs: &Acs| acs.location == "https://login.partner.microsoftonline.cn/login.srf";
        assert!(china.provider.assertion_consumer_services.iter().all(at_home));
        let doubts = parties.doubts();
        assert_eq!(doubts.iter().map(|doubt| doubt.party).collect::<Vec<_>>(), [0, 3]);
    }
}
