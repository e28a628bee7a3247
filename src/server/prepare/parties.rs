//! Whom tokens are for.

use super::Findings;
use crate::config::Config;
use crate::federation::Parties;
use crate::model::Timestamp;

/// Reads the metadata of those that have some.
pub(super) fn load(config: &Config, now: Timestamp, findings: &mut Findings) -> Option<Parties> {
    let at = |party: usize| format!("relying_parties[{party}].metadata_file");
    match Parties::load(&config.relying_parties, now) {
        Ok(parties) => {
            for doubt in parties.doubts() {
                let help = "give its own metadata_file, or a name_identifier that it takes";
                findings.warning(&at(doubt.party), doubt.what, help);
            }
            Some(parties)
        }
        Err(errors) => {
            for error in errors {
                let help = "name the SAML metadata of one service provider, with a PAOS endpoint, once";
                findings.error(&at(error.party), error.what, help);
            }
            None
        }
    }
}
