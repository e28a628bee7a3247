//! The identity provider behind, and the collector of traces.

use super::Findings;
use crate::config::Config;
use crate::proxy::ProxySettings;
use crate::traces::{Exporter, ExporterError};

/// What sends traces, if anything does.
pub(super) fn exporter(config: &Config, findings: &mut Findings) -> Option<Exporter> {
    match Exporter::new(config.telemetry.traces.as_ref()?) {
        Ok(exporter) => Some(exporter),
        Err(ExporterError::Authorities(error)) => {
            findings.file("telemetry.traces", error);
            None
        }
        Err(ExporterError::Library(error)) => {
            findings.error("telemetry.traces", error, "see that the system's certificates can be read");
            None
        }
    }
}

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
