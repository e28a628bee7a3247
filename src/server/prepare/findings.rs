//! What is found after the file itself was read.

use crate::config::{Diagnostic, Positions};
use crate::keys::KeyError;

/// Errors and warnings, as they are found.
pub(super) struct Findings {
    pub positions: Positions,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Findings {
    /// With what reading the file has warned of.
    pub fn new(positions: Positions, warnings: Vec<Diagnostic>) -> Self {
        Self { positions, errors: Vec::new(), warnings }
    }

    pub fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(self.positions.error(path, message, help));
    }

    /// A file of keys or certificates that `section` names.
    pub fn file(&mut self, section: &str, error: KeyError) {
        let message = format!("{}: {}", error.file.display(), error.message);
        self.error(&format!("{section}.{}", error.field), message, error.help);
    }

    /// A device that is not there now, which a start does not wait for.
    pub fn absence(&mut self, section: &str, why: KeyError) {
        let message = format!("{}: {}", why.file.display(), why.message);
        let help = format!("{}; a start serves without it, and answers tokens as unavailable until it signs", why.help);
        self.warning(&format!("{section}.{}", why.field), message, help);
    }

    pub fn warning(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(self.positions.warning(path, message, help));
    }

    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The warnings, in the order of the file.
    pub fn into_warnings(mut self) -> Vec<Diagnostic> {
        self.warnings.sort_by_key(|warning| warning.at);
        self.warnings
    }

    /// Errors and warnings, each in the order of the file.
    pub fn in_order(mut self) -> Vec<Diagnostic> {
        self.errors.sort_by_key(|error| error.at);
        self.warnings.sort_by_key(|warning| warning.at);
        self.errors.append(&mut self.warnings);
        self.errors
    }
}
