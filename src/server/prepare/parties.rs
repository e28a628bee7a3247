//! Whom tokens are for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Findings;
use crate::config::Config;
use crate::dsig::Recipient;
use crate::federation::{Parties, Sources};
use crate::keys::PartyCertificate;
use crate::model::Timestamp;

/// Reads the metadata and the certificates of those that have some.
pub(super) fn load(config: &Config, sources: &Sources, now: Timestamp, findings: &mut Findings) -> Option<Parties> {
    let at = |party: usize| format!("relying_parties[{party}].metadata_file");
    let recipients = recipients(config, now, findings);
    match Parties::load(&config.relying_parties, sources) {
        Ok(mut parties) => {
            for doubt in parties.doubts() {
                findings.warning(&at(doubt.party), doubt.what, doubt.help);
            }
            for ending in parties.ending(now) {
                findings.warning(&at(ending.party), ending.what, ending.help);
            }
            parties.recipients = recipients;
            Some(parties)
        }
        Err(errors) => {
            for error in errors {
                findings.error(&at(error.party), error.what, error.help);
            }
            None
        }
    }
}

/// Short of those whose certificates are unfit.
fn recipients(config: &Config, now: Timestamp, findings: &mut Findings) -> BTreeMap<String, Arc<Recipient>> {
    let mut recipients = BTreeMap::new();
    for (number, party) in config.relying_parties.iter().enumerate() {
        let Some(file) = &party.certificate_file else { continue };
        let section = format!("relying_parties[{number}]");
        let loaded = match PartyCertificate::load(file) {
            Ok(loaded) => loaded,
            Err(error) => {
                findings.file(&section, error);
                continue;
            }
        };
        let key = format!("{section}.certificate_file");
        if let Some(doubt) = loaded.doubt(now) {
            findings.warning(&key, doubt, "ask the party for its new one, and put it here when the party has its key");
        }
        match Recipient::new(&loaded.certificate) {
            Ok(recipient) => {
                recipients.insert(party.party.name.clone(), Arc::new(recipient));
            }
            Err(error) => findings.error(&key, error.to_string(), "ask the party for a certificate with an RSA key"),
        }
    }
    recipients
}
