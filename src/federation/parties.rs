//! Relying parties with what their metadata says of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::METADATA_BYTES;
use super::sources::{SourceParties, Sources};
use crate::config::{PartyConfig, PartyMetadata};
use crate::dsig::Recipient;
use crate::model::{
    EcpRelease, EcpSwitches, EncryptAssertions, NameIdentifierRule, RelyingParty, Timestamp, Unavailable, quoted,
};
use crate::saml::metadata::{MetadataError, ServiceProvider};
use crate::saml::names::MICROSOFT_ONLINE;

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
    pub source: Option<&'p str>,
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
    /// What to do about it.
    pub help: &'static str,
}

/// What is wrong with one relying party, and what to do about it.
struct Wrong {
    what: String,
    help: &'static str,
}

impl Wrong {
    fn new(what: impl Into<String>, help: &'static str) -> Self {
        Self { what: what.into(), help }
    }

    fn of(self, number: usize) -> PartyFinding {
        PartyFinding { party: number, what: self.what, help: self.help }
    }
}

impl EcpParty<'_> {
    /// Why no assertion could be encrypted for it that is to be, if none could: then none is issued.
    pub fn why_not_encrypted(&self) -> Option<String> {
        can_encrypt(&self.provider, self.release).err()
    }
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
        if !errors.is_empty() {
            return Err(errors);
        }
        let all = configs.iter().map(|config| config.party.clone()).collect();
        Ok(Self { all, own, of_sources: SourceParties::new(configs, sources), recipients: BTreeMap::new() })
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

    /// The service provider whose entityID this is, while its metadata may be believed.
    ///
    /// # Errors
    /// Its metadata would have to be fetched, and cannot be.
    pub async fn named(&self, entity_id: &str, now: Timestamp) -> Result<Option<EcpParty<'_>>, Unavailable> {
        let Some(own) = self.own.iter().find(|party| party.names(entity_id)) else {
            return self.of_sources.named(entity_id, now).await;
        };
        let OwnParty { party, release, provider, .. } = own;
        Ok((!own.has_ended(now)).then(|| EcpParty { party, release, provider: provider.clone(), source: None }))
    }

    /// Why there is none with that entityID, for the audit log.
    pub async fn why_none(&self, entity_id: &str, now: Timestamp) -> String {
        if let Some(ended) = self.own.iter().find(|party| party.names(entity_id)).and_then(|own| own.ending(now)) {
            return ended;
        }
        match self.of_sources.passed_over(entity_id, now).await {
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

impl OwnParty {
    fn load(number: usize, config: &PartyConfig) -> Result<Option<Self>, Wrong> {
        let (Some(release), Some(metadata)) = (config.party.ecp.clone(), &config.metadata) else { return Ok(None) };
        let provider = match metadata {
            PartyMetadata::Office365 if release.entity_id.is_empty() => ServiceProvider::office365(MICROSOFT_ONLINE),
            PartyMetadata::Office365 => ServiceProvider::office365(&release.entity_id),
            PartyMetadata::Aws => ServiceProvider::aws(&release.entity_id),
            PartyMetadata::File(path) => {
                let wrong = |wrong: Wrong| Wrong { what: format!("{}: {}", path.display(), wrong.what), ..wrong };
                from_file(path, &release.entity_id).map_err(wrong)?
            }
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

    fn names(&self, entity_id: &str) -> bool {
        self.provider.entity_id == entity_id
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.provider.has_ended(now)
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

    fn doubt(&self) -> Option<Wrong> {
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

fn from_file(path: &Path, entity_id: &str) -> Result<ServiceProvider, Wrong> {
    let not_read = "see that it is there, and that the user fedfront runs as may read it";
    let bytes = std::fs::read(path).map_err(|error| Wrong::new(error.to_string(), not_read))?;
    let wrong = |error: MetadataError| {
        let help = match &error {
            MetadataError::Unknown(_) => "write entity_id as it is in the metadata, letter for letter",
            MetadataError::LeftOut(_) | MetadataError::ValidUntil(_) => {
                "ask the service provider for metadata without that"
            }
            _ => "put the service provider's SAML metadata there, whole, without a DTD",
        };
        Wrong::new(error.to_string(), help)
    };
    if !entity_id.is_empty() {
        return ServiceProvider::named(&bytes, METADATA_BYTES, entity_id).map_err(wrong);
    }
    let mut all = ServiceProvider::all(&bytes, METADATA_BYTES).map_err(wrong)?;
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;
    use crate::federation::testing::party;
    use crate::saml::metadata::Acs;
    use crate::saml::names::{MICROSOFT_ONLINE_CHINA, NAMEID_TRANSIENT};

    const PAOS: &str = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS";

    fn named<'p>(parties: &'p Parties, entity_id: &str, now: Timestamp) -> Option<EcpParty<'p>> {
        parties.named(entity_id, now).now_or_never().unwrap().unwrap()
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
        let why = ended.why_none("https://sp.example", later).now_or_never().unwrap();
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
