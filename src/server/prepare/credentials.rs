//! Whose certificates users sign in with.

use std::sync::Arc;

use super::Findings;
use crate::config::{CertificateCredentials, Config};
use crate::keys::{self, ClientTrust, KeyError};
use crate::model::Timestamp;

/// The CAs and their revocation lists; `None` where no certificate is taken, or its files are wrong.
pub(super) fn client_trust(config: &Config, now: Timestamp, findings: &mut Findings) -> Option<Arc<ClientTrust>> {
    let certificates = config.certificates.as_ref()?;
    match load(certificates, now) {
        Ok((trust, doubts)) => {
            for doubt in doubts {
                let help = "fetch the CA's present one, and reload";
                findings.warning("credentials.certificate.crl_file", doubt, help);
            }
            Some(Arc::new(trust))
        }
        Err(error) => {
            findings.file("credentials.certificate", error);
            None
        }
    }
}

fn load(certificates: &CertificateCredentials, now: Timestamp) -> Result<(ClientTrust, Vec<String>), KeyError> {
    let trust = ClientTrust::load(certificates)?;
    let doubts = certificates.crl_file.as_deref().map(|file| keys::revocation_doubts(file, now)).transpose()?;
    Ok((trust, doubts.unwrap_or_default()))
}
