//! What tokens are signed with.

use super::Findings;
use crate::config::{Config, SigningFiles};
use crate::dsig::SigningKey;
use crate::keys;
use crate::model::Timestamp;

/// The key, and when its certificate ends: Unix seconds.
pub(super) fn key(config: &Config, now: Timestamp, findings: &mut Findings) -> Option<(SigningKey, i64)> {
    let loaded = match keys::load(&config.issuer.signing) {
        Ok(loaded) => loaded,
        Err(error) => {
            findings.file("issuer.signing", error);
            return None;
        }
    };
    let certificate = match config.issuer.signing {
        SigningFiles::Pem { .. } => "issuer.signing.certificate_file",
        SigningFiles::Pkcs12 { .. } => "issuer.signing.pkcs12_file",
    };
    for warning in loaded.warnings(now) {
        findings.warning(certificate, warning, "renew it, and register the new one where this one is known");
    }
    let ends = loaded.not_after_unix();
    match SigningKey::new(loaded.key, loaded.certificate) {
        Ok(key) => Some((key, ends)),
        Err(error) => {
            findings.error(certificate, error.to_string(), "give an RSA key and its own certificate");
            None
        }
    }
}
