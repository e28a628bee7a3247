//! What a process begins with besides its configuration: the sockets of a service manager, or of the process whose place it
//! takes.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::{StartError, environment};
use crate::config::Diagnostic;
use crate::runtime::{Given, Met, Predecessor, activated};

/// Sockets that are open already, and who waits to hear whether we serve with them.
#[derive(Default)]
pub struct Inheritance {
    pub(super) sockets: Vec<Given>,
    pub(super) predecessor: Option<Predecessor>,
    /// What the guard is to remember.
    pub(super) memory: Vec<Value>,
}

impl Inheritance {
    /// That of this process. To be taken once, and before there are threads.
    ///
    /// # Errors
    /// What was given is of no use, or who gave it says nothing that makes sense.
    pub fn take() -> io::Result<Self> {
        match Predecessor::meet(environment(Predecessor::VARIABLE).as_deref())? {
            Some(Met { predecessor, sockets, memory }) => Ok(Self { sockets, predecessor: Some(predecessor), memory }),
            None => Ok(Self { sockets: activated(environment("LISTEN_PID").as_deref())?, ..Self::default() }),
        }
    }

    /// The configuration is wrong.
    pub fn refuse(&self, file: &Path, found: &[Diagnostic]) {
        refuse(self.predecessor.as_ref(), file, found);
    }
}

/// Tells who waits for us why we do not serve.
pub(super) fn tell(predecessor: Option<&Predecessor>, file: &Path, error: &StartError) {
    match (predecessor, error) {
        (predecessor, StartError::Configuration(found)) => refuse(predecessor, file, &[(**found).clone()]),
        (Some(predecessor), error) => predecessor.fail(&error.to_string()),
        (None, _) => {}
    }
}

fn refuse(predecessor: Option<&Predecessor>, file: &Path, found: &[Diagnostic]) {
    if let Some(predecessor) = predecessor {
        predecessor.refuse(&found.iter().map(|found| found.render(file) + "\n").collect::<String>());
    }
}
