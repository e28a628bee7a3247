//! What is wrong with a configuration: where, what, and what to do about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// A place in the file; both numbers begin at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl Mark {
    /// The beginning of the file.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Whether we can start with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No.
    Error,
    /// Yes, but someone should look at it.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether we can start with it.
    pub severity: Severity,
    /// The key, as `relying_parties[0].name`; empty for the file as a whole.
    pub path: String,
    /// Where that is in the file.
    pub at: Mark,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Diagnostic {
    /// The finding as people and editors read it: `proxy.yaml:12:5: error: key: message`, then the help on a line of
    /// its own.
    pub fn render(&self, file: &Path) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut text = format!("{}:{}:{}: {severity}: ", file.display(), self.at.line, self.at.column);
        if !self.path.is_empty() {
            let _ = write!(text, "{}: ", self.path);
        }
        text.push_str(&self.message);
        if !self.help.is_empty() {
            let _ = write!(text, "\n  help: {}", self.help);
        }
        text
    }
}

/// Where each key of a loaded file is, for findings made later: a key that does not match its certificate, SP metadata
/// that does not parse.
#[derive(Clone, Debug, Default)]
pub struct Positions(BTreeMap<String, Mark>);

impl Positions {
    /// Remembers where a key is.
    pub(super) fn insert(&mut self, path: &str, at: Mark) {
        self.0.insert(path.to_owned(), at);
    }

    /// Whether the file has the key.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Where the key is; where the file does not have it, the nearest section around it that the file has.
    pub fn find(&self, path: &str) -> Mark {
        let mut path = path;
        loop {
            if let Some(at) = self.0.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return Mark::START,
            }
        }
    }

    /// An error about the key.
    pub fn error(&self, path: &str, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, path, message, help)
    }

    /// A warning about the key.
    pub fn warning(&self, path: &str, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Warning, path, message, help)
    }

    fn diagnostic(
        &self,
        severity: Severity,
        path: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { severity, path: path.to_owned(), at: self.find(path), message: message.into(), help: help.into() }
    }
}

/// Findings as they are collected, and the positions that they are placed by.
#[derive(Default)]
pub(super) struct Report {
    /// Where keys are.
    pub positions: Positions,
    /// Keys whose text comes from the environment.
    pub from_environment: BTreeSet<String>,
    /// All findings so far.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Adds an error about a key.
    pub fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = self.positions.error(path, message, help);
        self.diagnostics.push(diagnostic);
    }

    /// Adds an error about a key at a place of its own: a key that should not be there at all.
    pub fn error_at(&mut self, at: Mark, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.error(path, message, help);
        if let Some(last) = self.diagnostics.last_mut() {
            last.at = at;
        }
    }

    /// Adds a warning about a key.
    pub fn warning(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = self.positions.warning(path, message, help);
        self.diagnostics.push(diagnostic);
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Errors and warnings, each in the order of the file.
    pub fn into_parts(self) -> (Positions, Vec<Diagnostic>, Vec<Diagnostic>) {
        let mut diagnostics = self.diagnostics;
        diagnostics.sort_by_key(|diagnostic| diagnostic.at);
        let (errors, warnings) = diagnostics.into_iter().partition(|d| d.severity == Severity::Error);
        (self.positions, errors, warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_back_to_the_nearest_section() {
        let mut positions = Positions::default();
        positions.insert("issuer", Mark { line: 4, column: 1 });
        positions.insert("listen[1]", Mark { line: 9, column: 5 });
        for (path, line) in [("issuer.signing.private_key_file", 4), ("listen[1].tls", 9), ("guard", 1), ("", 1)] {
            assert_eq!(positions.find(path).line, line, "{path}");
        }
    }

    #[test]
    fn renders_place_key_message_and_help() {
        let mut positions = Positions::default();
        positions.insert("guard.window", Mark { line: 12, column: 5 });
        let text = positions.error("guard.window", "must be above 0", "write 30m").render(Path::new("proxy.yaml"));
        assert_eq!(text, "proxy.yaml:12:5: error: guard.window: must be above 0\n  help: write 30m");
    }
}
