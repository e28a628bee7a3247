//! What our metadata says of the identity provider.

use openssl::x509::X509;

use super::Findings;
use crate::config::{Config, MetadataMode};
use crate::keys;

/// The certificates that the identity provider signs with.
pub(super) fn idp_certificates(config: &Config, findings: &mut Findings) -> Vec<X509> {
    let MetadataMode::Own(own) = &config.metadata else { return Vec::new() };
    let mut all = Vec::new();
    for (number, file) in own.idp_certificates.iter().enumerate() {
        match keys::certificates(file) {
            Ok(mut certificates) => all.append(&mut certificates),
            Err(error) => {
                let message = format!("{}: {}", error.file.display(), error.message);
                findings.error(&format!("metadata.idp_certificates[{number}]"), message, error.help);
            }
        }
    }
    all
}
