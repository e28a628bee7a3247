//! The sockets that clients connect to.

use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::Config;
use crate::edge;

/// Bound sockets, one for each listener of the configuration, in its order.
pub struct Sockets(pub Vec<TcpListener>);

impl Sockets {
    /// Binds every address of the configuration.
    ///
    /// # Errors
    /// The first address that cannot be bound, named.
    pub fn bind(config: &Config) -> io::Result<Self> {
        let bind = |address: SocketAddr| edge::bind(address).map_err(|error| cannot_listen("listen", address, &error));
        config.listen.iter().map(|listen| bind(listen.address)).collect::<io::Result<_>>().map(Self)
    }

    /// Where each listens, with the port that was free if the configuration says 0.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(TcpListener::local_addr).collect()
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
