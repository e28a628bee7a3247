//! The sockets that clients connect to.

use std::io;
use std::net::{SocketAddr, TcpListener};

use tracing::{info, warn};

use crate::config::Config;
use crate::edge;
use crate::runtime::{Given, Place};

/// Bound sockets, one for each listener of the configuration, in its order.
pub struct Sockets {
    pub(super) listen: Vec<TcpListener>,
    /// That of the admin listener, where somebody handed it over,
    pub(super) admin: Option<TcpListener>,
    /// and whatever else they did.
    pub(super) others: Vec<Given>,
}

impl Sockets {
    /// Those that are bound already.
    pub fn of(listen: Vec<TcpListener>) -> Self {
        Self { listen, admin: None, others: Vec::new() }
    }

    /// Binds every address of the configuration.
    ///
    /// # Errors
    /// The first address that cannot be bound, named.
    pub fn bind(config: &Config) -> io::Result<Self> {
        Self::take(config, Vec::new())
    }

    /// Takes the socket that was handed over for each address of the configuration, and binds the others. What is not
    /// configured any more is closed.
    ///
    /// # Errors
    /// The first address that cannot be bound, named.
    pub(super) fn take(config: &Config, mut given: Vec<Given>) -> io::Result<Self> {
        let claimed: Vec<_> = config.listen.iter().map(|listen| claim(&mut given, listen.address, false)).collect();
        let admin = claim(&mut given, config.admin.address, true);
        let bind = |(claimed, address): (Option<TcpListener>, SocketAddr)| {
            let bound = claimed.map_or_else(|| edge::bind(address), Ok);
            bound.map_err(|error| beside(&given, address, cannot_listen("listen", address, &error)))
        };
        let addresses = config.listen.iter().map(|listen| listen.address);
        let listen = claimed.into_iter().zip(addresses).map(bind).collect::<io::Result<_>>()?;
        for left in &given {
            match &left.place {
                Place::Listen { address } | Place::Admin { address } => {
                    info!(%address, "nothing listens there any more")
                }
                Place::Activated { address } => {
                    warn!(%address, "the service manager handed over a socket where the configuration has nothing listen");
                }
                Place::AdminSocket { .. } => {}
            }
        }
        Ok(Self { listen, admin, others: given })
    }

    /// Where each listens, with the port that was free if the configuration says 0.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listen.iter().map(TcpListener::local_addr).collect()
    }

    /// The clients' sockets once more, to be given to another process.
    pub(super) fn copies(&self, config: &Config) -> io::Result<Vec<Given>> {
        let copy = |(socket, address): (&TcpListener, SocketAddr)| {
            Ok(Given { place: Place::Listen { address }, socket: socket.try_clone()?.into() })
        };
        self.listen.iter().zip(config.listen.iter().map(|listen| listen.address)).map(copy).collect()
    }
}

/// Takes the socket for an address out of what was given: one that was used alike, else any. A port 0 says where a socket
/// was only together with what it was used for.
fn claim(given: &mut Vec<Given>, wanted: SocketAddr, for_admin: bool) -> Option<TcpListener> {
    let alike = |place: &Place| match place {
        Place::Listen { address } => !for_admin && *address == wanted,
        Place::Admin { address } => for_admin && *address == wanted,
        _ => false,
    };
    let anyhow = |place: &Place| match place {
        Place::Listen { address } | Place::Admin { address } | Place::Activated { address } => {
            *address == wanted && wanted.port() != 0
        }
        Place::AdminSocket { .. } => false,
    };
    let found = given.iter().position(|one| alike(&one.place));
    let found = found.or_else(|| given.iter().position(|one| anyhow(&one.place)))?;
    Some(TcpListener::from(given.remove(found).socket))
}

/// What stands in the way may be what was handed over.
fn beside(given: &[Given], wanted: SocketAddr, error: io::Error) -> io::Error {
    let same_port = |address: &SocketAddr| address.port() == wanted.port();
    let told = given.iter().find_map(|one| match &one.place {
        Place::Activated { address } if same_port(address) => {
            Some(format!("; the service manager listens at {address}: write ListenStream={wanted} in its .socket unit"))
        }
        Place::Listen { address } | Place::Admin { address } if same_port(address) => {
            Some(format!("; the process that serves listens at {address}, and this change needs a restart"))
        }
        _ => None,
    });
    match told {
        Some(told) if error.kind() == io::ErrorKind::AddrInUse => {
            io::Error::new(error.kind(), format!("{error}{told}"))
        }
        _ => error,
    }
}

/// Why an address cannot be bound, after the words for `what` was to listen there; and what to do.
pub(crate) fn cannot_listen(what: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "; end what listens there, or choose another port",
        io::ErrorKind::PermissionDenied => "; a port below 1024 needs the capability CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; it is no address of this machine",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{what} {address}: {error}{remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(place: impl Fn(SocketAddr) -> Place) -> (Given, SocketAddr) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        (Given { place: place(address), socket: socket.into() }, address)
    }

    #[test]
    fn a_socket_is_claimed_by_its_address_first_for_what_it_was_used() {
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (admin, admin_port) = given(|_| Place::Admin { address: free });
        let (listen, listen_port) = given(|_| Place::Listen { address: free });
        let mut all = vec![admin, listen];
        let local = |socket: Option<TcpListener>| socket.map(|socket| socket.local_addr().unwrap());
        assert_eq!(local(claim(&mut all, free, false)), Some(listen_port));
        assert_eq!(local(claim(&mut all, free, false)), None, "a free port for clients is not the admin's");
        assert_eq!(local(claim(&mut all, free, true)), Some(admin_port));
        let (activated, address) = given(|address| Place::Activated { address });
        let (moved, moved_to) = given(|address| Place::Admin { address });
        let mut all = vec![activated, moved];
        assert_eq!(local(claim(&mut all, address, true)), Some(address));
        assert_eq!(local(claim(&mut all, moved_to, false)), Some(moved_to));
        assert!(all.is_empty());
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let in_use = || io::Error::new(io::ErrorKind::AddrInUse, "in use");
        let wanted = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let (activated, address) = given(|address| Place::Activated { address });
        let (served, served_at) = given(|address| Place::Listen { address });
        let all = [activated, served];
        let told = beside(&all, wanted(address.port()), in_use()).to_string();
        assert!(told.contains("ListenStream=0.0.0.0:"), "{told}");
        let told = beside(&all, wanted(served_at.port()), in_use()).to_string();
        assert!(told.ends_with("needs a restart"), "{told}");
        assert_eq!(beside(&all, wanted(1), in_use()).to_string(), "in use");
    }
}
