//! Whose certificates users sign in with.

use std::sync::Arc;

use super::Findings;
use crate::config::Config;
use crate::keys::ClientTrust;

/// The CAs and their revocation lists; `None` where no certificate is taken, or its files are wrong.
pub(super) fn client_trust(config: &Config, findings: &mut Findings) -> Option<Arc<ClientTrust>> {
    match ClientTrust::load(config.certificates.as_ref()?) {
        Ok(trust) => Some(Arc::new(trust)),
        Err(error) => {
            findings.file("credentials.certificate", error);
            None
        }
    }
}
