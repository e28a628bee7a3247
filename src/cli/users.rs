//! `fedfront cache` and `fedfront guard`: what a running fedfront remembers of users.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Subcommand};

use super::running::socket;
use super::{refuse, say, succeeded};
use crate::admin::{Outcome, client};

/// Where the running fedfront is.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Place {
    /// Its configuration file, whose admin.socket is asked.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Its admin socket itself.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum CacheCommand {
    /// Forget remembered sign-ins, which passwords were wrong a moment ago, and groups remembered beside them: the next sign-in asks the directory. Prints how many were
    /// forgotten. Exit code 1 if it cannot be told whose they are, as while a directory is down. Each replica is told.
    Flush {
        /// Only those of this user, as they type their name, whatever other names theirs are by; or of an entry by its own
        /// name, its DN. Absent: all.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(super) enum GuardCommand {
    /// Print the entries that have failures which count, as far as this replica has seen, with when they will no longer be locked: the locked ones first, then
    /// those of most failures.
    List {
        /// Of how many at most.
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print the failures of one user, as all replicas that share state have counted them, and what the directory itself has
    /// counted. Exit code 1 if no directory has the name, or one cannot say.
    Show {
        /// The name as the user types it, or the entry's own name, as list prints it: its DN, which is not looked up.
        name: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Forget the failures of one user, or all. They may try again at once, unless the directory itself has counted too many
    /// (guard.directory_count): that stays, and show tells it. It is recorded in the audit log. Exit code 1 if no directory has
    /// the name, or one cannot say.
    #[command(group = ArgGroup::new("whose").required(true).args(["name", "all"]))]
    Unlock {
        /// The name as the user types it, or the entry's own name, as list prints it.
        name: Option<String>,
        /// Everybody's whom this replica has seen fail.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: Place,
    },
}

impl CacheCommand {
    pub(super) fn run(self) -> ExitCode {
        let Self::Flush { user, place } = self;
        place.ask("cache flush", |socket| client::flush(socket, user.as_deref()))
    }
}

impl GuardCommand {
    pub(super) fn run(self) -> ExitCode {
        match self {
            Self::List { limit, json, place } => {
                place.ask("guard list", |socket| client::failures(socket, limit.into(), json))
            }
            Self::Show { name, json, place } => {
                place.ask("guard show", |socket| client::failures_of(socket, &name, json))
            }
            Self::Unlock { name, all: _, place } => {
                place.ask("guard unlock", |socket| client::unlock(socket, name.as_deref()))
            }
        }
    }
}

impl Place {
    /// Asks, and prints what is told; where that is no success it is printed all the same, and the exit code is 1.
    pub(super) fn ask(self, command: &str, ask: impl FnOnce(&Path) -> io::Result<Outcome>) -> ExitCode {
        let socket = match (self.socket, self.config) {
            (Some(socket), _) => socket,
            (None, Some(file)) => match socket(&file, command) {
                Ok(socket) => socket,
                Err(diagnostics) => return refuse(&file, &diagnostics),
            },
            // clap has seen to it that there is one.
            (None, None) => return succeeded(Err("neither --config nor --socket".to_owned())),
        };
        match ask(&socket) {
            Ok(Ok(told)) => say(&told),
            Ok(Err(told)) => {
                say(&told);
                ExitCode::FAILURE
            }
            Err(error) => succeeded(Err(format!("cannot {command}: {error}"))),
        }
    }
}
