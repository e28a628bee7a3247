//! Why serving did not start.

use std::io;

use crate::config::{Diagnostic, Positions};

/// What keeps a process from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A key of the configuration: to start again would change nothing.
    #[error("{}: {}; {}", .0.path, .0.message, .0.help)]
    Configuration(Box<Diagnostic>),
    /// A port that is taken, or something that the system has not got.
    #[error("{0}")]
    System(String),
}

impl StartError {
    /// A file that the configuration has us make, and that cannot be made.
    pub(super) fn file(positions: &Positions, key: &str, error: &io::Error) -> Self {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "make its folder, or name a file in one that is there",
            io::ErrorKind::AlreadyExists => "name another, or remove it",
            _ => "name a file that the user running fedfront may write to",
        };
        Self::Configuration(Box::new(positions.error(key, error.to_string(), help)))
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error.to_string())
    }
}
