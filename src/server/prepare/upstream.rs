//! The identity provider behind.

use super::Findings;
use crate::config::Config;
use crate::proxy::ProxySettings;

/// What forwarding needs.
pub(super) fn settings(config: &Config, findings: &mut Findings) -> Option<ProxySettings> {
    match ProxySettings::new(config) {
        Ok(settings) => Some(settings),
        Err(error) => {
            findings.file("upstream.tls", error);
            None
        }
    }
}
