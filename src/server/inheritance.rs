//! What a process begins with besides its configuration: the sockets of a service manager, or of the process whose place it
//! takes.

use std::io;
use std::path::Path;

use super::{StartError, environment};
use crate::config::Diagnostic;
use crate::runtime::{Given, Predecessor, activated};

/// Sockets that are open already, and who waits to hear whether we serve with them.
#[derive(Default)]
pub struct Inheritance {
    pub(super) sockets: Vec<Given>,
    pub(super) predecessor: Option<Predecessor>,
}

impl Inheritance {
    /// That of this process. To be taken once, and before there are threads.
    ///
    /// # Errors
    /// What was given is of no use, or who gave it says nothing that makes sense.
    pub fn take() -> io::Result<Self> {
        if let Some((predecessor, sockets)) = Predecessor::meet(environment(Predecessor::VARIABLE).as_deref())? {
            return Ok(Self { sockets, predecessor: Some(predecessor) });
        }
        Ok(Self { sockets: activated(environment("LISTEN_PID").as_deref())?, predecessor: None })
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
