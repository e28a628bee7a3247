//! Commands to a fedfront that runs, by its admin socket.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{CONFIG, complain, refuse, say, succeeded};
use crate::admin::NoUpgrade;
use crate::config::{self, Diagnostic};
use crate::{admin, server};

pub(super) fn drain(file: &Path) -> ExitCode {
    at_socket(file, "drain", |socket| match admin::client::drain(socket) {
        Ok(()) => say("drained: readyz says no, serving goes on until it is ended\n"),
        Err(error) => succeeded(Err(format!("cannot drain: {error}"))),
    })
}

pub(super) fn reload(file: &Path) -> ExitCode {
    at_socket(file, "reload", |socket| match admin::client::reload(socket) {
        Ok(Ok(found)) => say(&found),
        Ok(Err(found)) => {
            complain(found.trim_end());
            ExitCode::from(CONFIG)
        }
        Err(error) => succeeded(Err(format!("cannot reload: {error}"))),
    })
}

pub(super) fn promote(file: &Path) -> ExitCode {
    at_socket(file, "promote", |socket| match admin::client::promote(socket) {
        Ok(Ok(told)) => say(&told),
        Ok(Err(problem)) => succeeded(Err(format!("cannot promote: {}", problem.trim_end()))),
        Err(error) => succeeded(Err(format!("cannot promote: {error}"))),
    })
}

pub(super) fn upgrade(file: &Path, within: u64) -> ExitCode {
    at_socket(file, "upgrade", |socket| match admin::client::upgrade(socket, within) {
        Ok(Ok(told)) => say(&told),
        Ok(Err(NoUpgrade::Configuration(found))) => {
            complain(&format!("{found}{}: the configuration is wrong; the old process serves on", file.display()));
            ExitCode::from(CONFIG)
        }
        Ok(Err(NoUpgrade::Other(why))) => {
            succeeded(Err(format!("no upgrade, the old process serves on: {}", why.trim_end())))
        }
        Err(error) => succeeded(Err(format!("cannot upgrade: {error}"))),
    })
}

/// Has the socket's server asked, and tells what came of it.
fn at_socket(file: &Path, command: &str, ask: impl FnOnce(&Path) -> ExitCode) -> ExitCode {
    match socket(file, command) {
        Ok(socket) => ask(&socket),
        Err(diagnostics) => refuse(file, &diagnostics),
    }
}

/// The socket that a configuration names; all that is wrong with it where it names none.
pub(super) fn socket(file: &Path, command: &str) -> Result<PathBuf, Vec<Diagnostic>> {
    let loaded = config::load(file, &server::environment)?;
    loaded.config.admin.socket.ok_or_else(|| {
        let help = "name a socket there, such as /run/fedfront/admin.sock, and in the running fedfront's configuration, and \
                    restart it";
        vec![loaded.positions.error("admin.socket", format!("is not set, and {command} needs it"), help)]
    })
}
