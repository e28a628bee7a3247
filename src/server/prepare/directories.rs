//! Where passwords are checked.

use std::sync::Arc;

use super::Findings;
use crate::config::Config;
use crate::directory::{Directories, open_all};
use crate::telemetry::Metrics;

/// Opens every directory, and asks none of them anything.
pub(super) fn open(config: &Config, metrics: &Arc<Metrics>, findings: &mut Findings) -> Option<Directories> {
    match open_all(&config.directories, metrics) {
        Ok(directories) => Some(directories),
        Err(errors) => {
            for error in errors {
                let number = config.directories.iter().position(|directory| directory.name == error.directory);
                let section = match number.map(|number| format!("directory[{number}]")) {
                    Some(item) if findings.positions.has(&item) => item,
                    _ => "directory".to_owned(),
                };
                findings.error(&format!("{section}.{}", error.key), error.problem, error.remedy);
            }
            None
        }
    }
}
