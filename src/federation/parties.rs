//! Relying parties with what their metadata says of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::sources::{SourceParties, Sources, Taken, is_open};
use super::{METADATA_BYTES, Source};
use crate::config::{PartyConfig, PartyMetadata};
use crate::dsig::Recipient;
use crate::model::{
    ClientAddress, EcpRelease, EcpSwitches, EncryptAssertions, NameIdentifierRule, RelyingParty, Timestamp,
    Unavailable, quoted,
};
use crate::saml::metadata::ServiceProvider;
use crate::saml::names::{MICROSOFT_ONLINE, NATIONAL_CLOUDS};

/// How long ahead the end of metadata is told.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

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

/// A relying party that ECP is on for, and that has metadata of its own.
struct OwnParty {
    party: RelyingParty,
    release: EcpRelease,
    provider: Arc<ServiceProvider>,
    number: usize,
}

/// Something about one relying party, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyFinding {
    /// The number of the party in `relying_parties`, from 0.
    pub party: usize,
    /// What it is.
    pub what: String,
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
            let mut wrong = |what| errors.push(PartyFinding { party: number, what });
            match OwnParty::load(number, config) {
                Err(what) => wrong(what),
                Ok(None) => {}
                Ok(Some(party)) => match own.iter().find(|earlier| earlier.names(&party.provider.entity_id)) {
                    // One of them would answer for both, and what the other requires of users would not be looked at.
                    Some(earlier) => wrong(format!(
                        "{:?} is the entityID of {:?} as well",
                        party.provider.entity_id, earlier.party.name
                    )),
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
        let of = |party: &OwnParty| Some(PartyFinding { party: party.number, what: party.doubt()? });
        self.own.iter().filter_map(of).collect()
    }

    /// Whose metadata has ended, or does so within a week of `now`: no reason not to serve the others.
    pub fn ending(&self, now: Timestamp) -> Vec<PartyFinding> {
        let of = |party: &OwnParty| Some(PartyFinding { party: party.number, what: party.ending(now)? });
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
                return format!("{} is the relying party {party}, which has no ECP", quoted(entity_id));
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
    /// Somebody has signed in there.
    pub fn is_used(&self) {
        if let Some(source) = self.source {
            source.is_used(&self.provider.entity_id);
        }
    }
}

impl OwnParty {
    fn load(number: usize, config: &PartyConfig) -> Result<Option<Self>, String> {
        let (Some(release), Some(metadata)) = (config.party.ecp.clone(), &config.metadata) else { return Ok(None) };
        let provider = match metadata {
            PartyMetadata::Office365 if release.entity_id.is_empty() => ServiceProvider::office365(MICROSOFT_ONLINE),
            PartyMetadata::Office365 => ServiceProvider::office365(&release.entity_id),
            PartyMetadata::Aws => ServiceProvider::aws(&release.entity_id),
            PartyMetadata::File(path) => {
                from_file(path, &release.entity_id).map_err(|problem| format!("{}: {problem}", path.display()))?
            }
            PartyMetadata::Source { .. } => return Ok(None),
        };
        if !provider.supports_ecp() {
            let name = &provider.entity_id;
            return Err(format!("{name:?} has no assertion consumer service for PAOS, which ECP needs"));
        }
        can_encrypt(&provider, &release)?;
        Ok(Some(Self { party: config.party.clone(), release, provider: Arc::new(provider), number }))
    }

    fn names(&self, entity_id: &str) -> bool {
        self.provider.entity_id == entity_id
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.provider.valid_until.is_some_and(|until| until <= now)
    }

    fn ending(&self, now: Timestamp) -> Option<String> {
        let (name, until) = (&self.provider.entity_id, self.provider.valid_until?);
        if until <= now {
            Some(format!("the metadata of {name:?} has ended: nobody can sign in there since {until}, its validUntil"))
        } else if until.since(now) < SOON {
            Some(format!("the metadata of {name:?} ends at {until}, its validUntil: then nobody can sign in there"))
        } else {
            None
        }
    }

    fn doubt(&self) -> Option<String> {
        let built_in = ServiceProvider::office365(MICROSOFT_ONLINE).assertion_consumer_services;
        if self.provider.entity_id != MICROSOFT_ONLINE && self.provider.assertion_consumer_services == built_in {
            return Some("ECP answers of a national cloud would go to login.microsoftonline.com".to_owned());
        }
        let formats: Vec<&str> = self.release.name_identifiers.iter().map(NameIdentifierRule::format).collect();
        let taken = &self.provider.name_id_formats;
        let refused = !formats.iter().any(|format| self.provider.takes(format));
        refused.then(|| {
            format!("its metadata takes name identifiers of the formats {taken:?}, and gets {}", formats.join(", "))
        })
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
            let wrong = |what| PartyFinding { party: number, what: format!("{}: {what}", path.display()) };
            all_of_file(path).unwrap_or_else(|what| {
                errors.push(wrong(what));
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

/// An assertion that is to be encrypted and cannot be is not issued at all.
fn can_encrypt(provider: &ServiceProvider, release: &EcpRelease) -> Result<(), String> {
    let EcpSwitches { encrypt, content_encryption, .. } = release.switches;
    let name = &provider.entity_id;
    match provider.encryption(content_encryption) {
        _ if encrypt == EncryptAssertions::Off => Ok(()),
        Err(error) => Err(format!("{name:?}: {error}; with ecp.encrypt: off, assertions go unencrypted")),
        Ok(None) if encrypt == EncryptAssertions::Required => {
            Err(format!("{name:?} has no key in its metadata to encrypt for, and ecp.encrypt is required"))
        }
        Ok(_) => Ok(()),
    }
}

fn from_file(path: &Path, entity_id: &str) -> Result<ServiceProvider, String> {
    if !entity_id.is_empty() {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        return ServiceProvider::named(&bytes, METADATA_BYTES, entity_id).map_err(|error| error.to_string());
    }
    let mut all = all_of_file(path)?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err("no SAML 2.0 service provider in it".to_owned()),
        (Some(_), false) => Err("several service providers; say which by entity_id".to_owned()),
    }
}

fn all_of_file(path: &Path) -> Result<Vec<ServiceProvider>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    ServiceProvider::all(&bytes, METADATA_BYTES).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;
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
