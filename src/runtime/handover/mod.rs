//! From one process to the next: the running one starts its successor, hands its listening sockets over, and goes once that
//! one serves. They talk by a socket that is the successor's standard input at first, where no number of a descriptor has
//! to be agreed on, and no descriptor is inherited that was not meant to be.

mod channel;
mod launch;
mod predecessor;
mod successor;

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use launch::Launch;
pub use predecessor::{Met, Predecessor};
pub use successor::{Interrupt, NotReady, Ready, Successor, Teller};

/// What a process says to its successor and hears from it. Whatever another version says besides is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub(super) enum Word {
    /// With a listening socket.
    Socket(Place),
    /// Things to remember; before the start, and for as long as the predecessor has something under way.
    Remember {
        /// What they are, the floors above know.
        pieces: Vec<Value>,
    },
    /// That was all: start.
    Begin,
    /// The successor serves.
    Ready(Ready),
    /// Its configuration is wrong: what is, as `fedfront check` would say it.
    Refused {
        /// All of it.
        why: String,
    },
    /// Something else keeps it from serving.
    Failed {
        /// What.
        why: String,
    },
    /// From here on the successor is the process that serves.
    Go,
    #[serde(other)]
    Unknown,
}

/// What a listening socket is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "use", rename_all = "snake_case")]
pub enum Place {
    /// Clients, at the address that the configuration says: a port 0 among them.
    Listen {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// Metrics and health.
    Admin {
        /// The address, likewise.
        address: std::net::SocketAddr,
    },
    /// Commands.
    AdminSocket {
        /// Its file,
        path: PathBuf,
        /// which is this one, and not another's by now; absent where the file is the service manager's, and stays.
        inode: Option<u64>,
    },
    /// Whatever listens there: from a service manager, which knows nothing of our configuration.
    Activated {
        /// Where the socket is.
        address: std::net::SocketAddr,
    },
}

/// A listening socket that this process did not make.
#[derive(Debug)]
pub struct Given {
    /// What it was used for.
    pub place: Place,
    /// The socket.
    pub socket: OwnedFd,
}
