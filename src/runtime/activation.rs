//! Listening sockets from a service manager: sd_listen_fds(3), as a `.socket` unit of systemd gives them.

use std::io;
use std::os::fd::OwnedFd;

use listenfd::ListenFd;

use super::{Given, Place};

/// The sockets that were given to the process with this id, the value of `LISTEN_PID`; none if that is another. Once, and
/// before there are threads: what the environment says of them is removed from it.
///
/// # Errors
/// A descriptor that is no socket of a kind that we listen on.
pub fn activated(process: Option<&str>) -> io::Result<Vec<Given>> {
    if process.and_then(|id| id.parse().ok()) != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let mut sockets = ListenFd::from_env();
    (0..sockets.len()).map(|number| given(&mut sockets, number)).collect()
}

fn given(sockets: &mut ListenFd, number: usize) -> io::Result<Given> {
    if let Ok(Some(socket)) = sockets.take_tcp_listener(number) {
        return Ok(Given { place: Place::Activated { address: socket.local_addr()? }, socket: OwnedFd::from(socket) });
    }
    let unusable = |what: &str| io::Error::other(format!("the service manager's socket number {number} {what}"));
    let Ok(Some(socket)) = sockets.take_unix_listener(number) else {
        return Err(unusable("is neither of TCP nor a Unix stream socket; take it out of the .socket unit"));
    };
    let path = socket.local_addr()?.as_pathname().map(ToOwned::to_owned);
    let path = path.ok_or_else(|| unusable("has no file; name one in ListenStream of the .socket unit"))?;
    Ok(Given { place: Place::AdminSocket { path, inode: None }, socket: OwnedFd::from(socket) })
}
