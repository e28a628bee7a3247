//! Where the admin listener is to be, before anybody is answered there.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use super::socket::SocketFile;
use crate::config;
use crate::runtime::{Given, Place};

/// Where it will listen.
pub struct Bound {
    pub(super) network: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) socket: Option<(UnixListener, SocketFile)>,
}

/// What keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The socket cannot be made, named.
    #[error("{0}")]
    Socket(io::Error),
    /// The address cannot be bound, named, or the system has no thread to give.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl Bound {
    /// Binds the address and the socket; those that were `given` are taken as they are. The file of one that another process
    /// gave stays that one's until [`super::Admin::start`].
    ///
    /// # Errors
    /// An address or socket that cannot be bound, named.
    pub fn new(config: &config::Admin, network: Option<TcpListener>, given: Vec<Given>) -> Result<Self, AdminError> {
        let bind = || {
            TcpListener::bind(config.address)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", config.address)))
        };
        let network = network.map_or_else(bind, Ok)?;
        network.set_nonblocking(true)?;
        let socket = match &config.socket {
            None => None,
            Some(path) => {
                let adopted = given.into_iter().find_map(|given| match given.place {
                    Place::AdminSocket { path: at, inode } if at == *path => {
                        SocketFile::adopt(path, inode).map(|file| (UnixListener::from(given.socket), file))
                    }
                    _ => None,
                });
                Some(adopted.map_or_else(|| SocketFile::bind(path), Ok).map_err(AdminError::Socket)?)
            }
        };
        if let Some((listener, _)) = &socket {
            listener.set_nonblocking(true)?;
        }
        Ok(Self { address: network.local_addr()?, network, socket })
    }

    /// The same sockets once more, to be given to another process, with the address that the configuration says.
    ///
    /// # Errors
    /// The system has no descriptor to give.
    pub fn copies(&self, configured: SocketAddr) -> io::Result<Vec<Given>> {
        let network = self.network.try_clone()?;
        let mut copies = vec![Given { place: Place::Admin { address: configured }, socket: network.into() }];
        if let Some((listener, file)) = &self.socket {
            let place = Place::AdminSocket { path: file.path().to_owned(), inode: file.inode() };
            copies.push(Given { place, socket: listener.try_clone()?.into() });
        }
        Ok(copies)
    }

    /// Whether the socket's file was given, to go with this process once it serves.
    pub fn adopts_file(&self) -> bool {
        self.socket.as_ref().is_some_and(|(_, file)| file.is_adopted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Admin;
    use super::super::routes::tests::status;
    use super::*;

    #[test]
    fn the_file_of_a_process_whose_successor_has_another_was_left_behind() {
        let path = |name| std::env::temp_dir().join(format!("fedfront-{name}-{}.sock", std::process::id()));
        let config =
            |name| config::Admin { address: ([127, 0, 0, 1], 0).into(), socket: Some(path(name)), watch_files: true };
        let bound = Bound::new(&config("moves-from"), None, Vec::new()).unwrap();
        let copies = bound.copies(bound.address).unwrap();
        let first = Admin::start(bound, status()).unwrap();
        let next = Bound::new(&config("moves-to"), None, copies).unwrap();
        first.doors().close(next.adopts_file());
        let next = Admin::start(next, status()).unwrap();
        drop(first);
        assert!(!path("moves-from").exists() && path("moves-to").exists());
        drop(next);
    }
}
