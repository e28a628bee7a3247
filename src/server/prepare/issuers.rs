//! Whose tokens are believed, with the keys that they sign with.

use openssl::pkey::{PKey, Public};

use super::Findings;
use super::verifying::verifying;
use crate::config::{Config, Issuer, TokenIssuer};
use crate::dsig::SigningKeys;
use crate::sts::{SubjectName, TrustedIssuer};

/// The issuers that are listed. `own` are the keys that we sign with, where they could be read.
pub(super) fn trusted(config: &Config, own: Option<&SigningKeys>, findings: &mut Findings) -> Vec<TrustedIssuer> {
    let listed = config.issued_tokens.iter().flat_map(|tokens| &tokens.issuers).enumerate();
    listed
        .map(|(number, issuer)| {
            let section = format!("credentials.issued_token.issuers[{number}]");
            let keys = signing_keys(issuer, &section, findings);
            if let Some(own) = own {
                let is_own = |key: &PKey<Public>| own.verifying().iter().any(|own| own.public_eq(key));
                refuse_in_our_name(config, issuer, !keys.iter().all(is_own), &section, findings);
            }
            TrustedIssuer {
                entity_id: issuer.entity_id.clone(),
                keys,
                name: issuer.name_claim.clone().map_or(SubjectName::NameIdentifier, SubjectName::Claim),
            }
        })
        .collect()
}

/// Another's key under a name of ours would sign what passes for our own. With our key alone, the issuer says where our tokens
/// have the user's name.
fn refuse_in_our_name(config: &Config, issuer: &TokenIssuer, foreign: bool, section: &str, findings: &mut Findings) {
    let Issuer { entity_id, domains, .. } = &config.issuer;
    let ours = if issuer.entity_id == *entity_id {
        "issuer.entity_id"
    } else if domains.values().any(|ours| *ours == issuer.entity_id) {
        "issuer.domains"
    } else {
        return;
    };
    if foreign {
        let message = format!("is our own name, by {ours}: who has that key would sign tokens that pass for ours");
        let help = "write the name that is in that issuer's tokens; ours are believed without being listed, and another \
                    who has our name cannot be believed beside us";
        findings.error(&format!("{section}.entity_id"), message, help);
    }
}

fn signing_keys(issuer: &TokenIssuer, section: &str, findings: &mut Findings) -> Vec<PKey<Public>> {
    let files = issuer.certificate_files.iter().enumerate();
    let certificates =
        files.flat_map(|(number, file)| verifying(file, &format!("{section}.certificate_files[{number}]"), findings));
    certificates.filter_map(|certificate| certificate.public_key().ok()).collect()
}
