//! The identity provider behind.

use super::Findings;
use crate::config::Config;
use crate::keys;

/// The files that forwarding needs.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    if let Some(Err(error)) = config.upstream.tls.ca_file.as_deref().map(keys::authorities) {
        findings.file("upstream.tls", error);
    }
}
