//! Relying parties with what their metadata says of them.

use crate::config::{PartyConfig, PartyMetadata};
use crate::model::{self, RelyingParty, Timestamp};
use crate::saml::metadata::ServiceProvider;

/// The most that a service provider's metadata file may be, in bytes.
const METADATA_BYTES: usize = 4 * 1024 * 1024;

/// Relying parties, and the service providers among them.
pub struct Parties {
    /// All.
    pub all: Vec<RelyingParty>,
    /// Those that ECP is on for.
    pub ecp: Vec<EcpParty>,
}

/// A relying party that ECP is on for.
pub struct EcpParty {
    /// The party.
    pub party: RelyingParty,
    /// What it gets.
    pub release: model::EcpParty,
    /// Where its answers may go.
    pub provider: ServiceProvider,
}

/// A relying party that cannot be served as configured.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct PartyError {
    /// The number of the party in `relying_parties`, from 0.
    pub party: usize,
    /// What is wrong, with the file that it is in.
    pub problem: String,
}

impl Parties {
    /// Reads the metadata of each party that ECP is on for.
    ///
    /// # Errors
    /// Each party whose metadata cannot be used, all at once.
    pub fn load(configs: &[PartyConfig], now: Timestamp) -> Result<Self, Vec<PartyError>> {
        let mut ecp = Vec::new();
        let mut errors = Vec::new();
        for (number, config) in configs.iter().enumerate() {
            match EcpParty::load(config, now) {
                Ok(Some(party)) => ecp.push(party),
                Ok(None) => {}
                Err(problem) => errors.push(PartyError { party: number, problem }),
            }
        }
        for (number, party) in ecp.iter().enumerate() {
            // The first would answer for both, and the group that the second requires would not be looked at.
            if let Some(earlier) = ecp.iter().take(number).find(|earlier| earlier.names(&party.provider.entity_id)) {
                let problem =
                    format!("{:?} is the entityID of {} as well", party.provider.entity_id, earlier.party.name);
                let number = configs.iter().position(|config| config.party.name == party.party.name);
                errors.push(PartyError { party: number.unwrap_or_default(), problem });
            }
        }
        let all = configs.iter().map(|config| config.party.clone()).collect();
        if errors.is_empty() { Ok(Self { all, ecp }) } else { Err(errors) }
    }

    /// The party whose entityID this is, while its metadata may be believed.
    pub fn by_entity_id(&self, entity_id: &str, now: Timestamp) -> Option<&EcpParty> {
        self.ecp.iter().find(|party| party.names(entity_id)).filter(|party| !party.has_ended(now))
    }
}

impl EcpParty {
    fn load(config: &PartyConfig, now: Timestamp) -> Result<Option<Self>, String> {
        let (Some(release), Some(metadata)) = (config.party.ecp.clone(), &config.metadata) else { return Ok(None) };
        let provider = match metadata {
            PartyMetadata::Office365 => ServiceProvider::office365(),
            PartyMetadata::File(path) => {
                let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let wrong = |error| format!("{}: {error}", path.display());
                if release.entity_id.is_empty() {
                    let mut all = ServiceProvider::all(&bytes, METADATA_BYTES).map_err(wrong)?;
                    match (all.pop(), all.is_empty()) {
                        (Some(only), true) => only,
                        (None, _) => return Err(format!("{}: no SAML 2.0 service provider in it", path.display())),
                        (Some(_), false) => {
                            return Err(format!(
                                "{}: several service providers; say which by entity_id",
                                path.display()
                            ));
                        }
                    }
                } else {
                    ServiceProvider::named(&bytes, METADATA_BYTES, &release.entity_id).map_err(wrong)?
                }
            }
        };
        if !provider.supports_ecp() {
            return Err(format!(
                "{:?} has no assertion consumer service for PAOS, which ECP needs",
                provider.entity_id
            ));
        }
        let party = Self { party: config.party.clone(), release, provider };
        if party.has_ended(now) {
            return Err(format!("the metadata of {:?} has ended: its validUntil is over", party.provider.entity_id));
        }
        Ok(Some(party))
    }

    fn names(&self, entity_id: &str) -> bool {
        self.provider.entity_id == entity_id
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.provider.valid_until.is_some_and(|until| until <= now)
    }
}
