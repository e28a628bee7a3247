//! Whose tokens are believed, with the keys that they sign with.

use openssl::pkey::{Id, PKey, Public};
use openssl::x509::{X509, X509VerifyResult};

use super::Findings;
use crate::config::{Config, Issuer, TokenIssuer};
use crate::keys::{self, LEAST_BITS};
use crate::sts::{SubjectName, TrustedIssuer};

/// The issuers that are listed. `own` is the key that we sign with, where it could be read.
pub(super) fn trusted(config: &Config, own: Option<&PKey<Public>>, findings: &mut Findings) -> Vec<TrustedIssuer> {
    let listed = config.issued_tokens.iter().flat_map(|tokens| &tokens.issuers).enumerate();
    listed
        .map(|(number, issuer)| {
            let section = format!("credentials.issued_token.issuers[{number}]");
            let keys = signing_keys(issuer, &section, findings);
            if let Some(own) = own {
                refuse_in_our_name(config, issuer, keys.iter().any(|key| !key.public_eq(own)), &section, findings);
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
    let mut all = Vec::new();
    for (number, file) in issuer.certificate_files.iter().enumerate() {
        let path = format!("{section}.certificate_files[{number}]");
        let certificates = match keys::certificates(file) {
            Ok(certificates) => certificates,
            Err(error) => {
                findings.error(&path, format!("{}: {}", error.file.display(), error.message), error.help);
                continue;
            }
        };
        if has_authority(&certificates) {
            let message = format!("{}: holds a certificate and the CA's that issued it", file.display());
            let help = "leave the CA's out: whatever its key signs would be believed, too";
            findings.error(&path, message, help);
        }
        for certificate in certificates {
            match usable(&certificate) {
                Some(key) => all.push(key),
                None => {
                    let message = format!("{}: holds a key that no token's signature is verified with", file.display());
                    let help =
                        format!("give the certificate of an RSA key of {LEAST_BITS} bits or more, or of an EC key");
                    findings.error(&path, message, help);
                }
            }
        }
    }
    all
}

fn usable(certificate: &X509) -> Option<PKey<Public>> {
    let key = certificate.public_key().ok()?;
    let strong = match key.id() {
        Id::RSA => key.bits() >= LEAST_BITS,
        Id::EC => true,
        _ => false,
    };
    strong.then_some(key)
}

fn has_authority(certificates: &[X509]) -> bool {
    let issued = |by: &X509, other: &X509| by != other && by.issued(other) == X509VerifyResult::OK;
    certificates.iter().any(|by| certificates.iter().any(|other| issued(by, other)))
}
