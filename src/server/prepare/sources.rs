//! Where the metadata of service providers comes from. What is wrong with a source's documents is no reason not to start.

use std::sync::Arc;

use super::Findings;
use crate::config::{Config, MetadataPlace};
use crate::federation::{Source, SourceError, Sources};
use crate::model::Timestamp;
use crate::runtime::SystemClock;
use crate::server::remedies;
use crate::telemetry::Metrics;

/// Reads the certificates and the files of each.
pub(super) fn open(config: &Config, metrics: &Metrics, now: Timestamp, findings: &mut Findings) -> Sources {
    let mut sources = Vec::new();
    for (number, source) in config.metadata_sources.iter().enumerate() {
        let section = format!("metadata_sources[{number}]");
        match Source::open(source, config.cache_folder.as_deref(), Arc::new(SystemClock), metrics) {
            Ok(source) => {
                look_at(&section, &source, now, findings);
                sources.push(source);
            }
            Err(SourceError::Signers(error)) => {
                findings.error(
                    &format!("{section}.certificate_file"),
                    SourceError::Signers(error.clone()).to_string(),
                    error.help,
                );
            }
            Err(SourceError::Authorities(error)) => {
                findings.error(
                    &format!("{section}.ca_file"),
                    SourceError::Authorities(error.clone()).to_string(),
                    error.help,
                );
            }
            Err(error @ SourceError::Library(_)) => {
                findings.error(&section, error.to_string(), "this is a defect of fedfront");
            }
        }
    }
    Sources::new(sources)
}

fn look_at(section: &str, source: &Source, now: Timestamp, findings: &mut Findings) {
    for doubt in source.doubts(now) {
        findings.warning(
            &format!("{section}.certificate_file"),
            doubt,
            "ask the publisher for its present certificate",
        );
    }
    let key = match &source.config().place {
        MetadataPlace::File(_) => "file",
        MetadataPlace::Directory(_) => "directory",
        MetadataPlace::Url(_) | MetadataPlace::Mdq(_) => return,
    };
    for wrong in source.read_files() {
        let help = remedies::of_source(wrong.fault, source.config());
        findings.warning(&format!("{section}.{key}"), wrong.what, format!("{help}; it is read again by and by"));
    }
}
