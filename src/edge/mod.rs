//! Where clients connect: accepting, TLS, limits, draining. Pingora takes over at the first byte of HTTP.

mod accept;
mod certificates;
mod connection;
mod cuts;
mod frames;
mod patience;
mod places;
mod proxy_protocol;
mod request_line;
mod requests;
mod transport;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use nix::sys::resource::{Resource, getrlimit};
use pingora::apps::HttpServerApp;
use tokio::sync::watch;

use self::connection::Bounds;
use self::cuts::Cuts;
use self::places::Places;
use crate::config::Limits;
use crate::proxy::App;
use crate::telemetry::Metrics;

pub use certificates::{CertificateError, TlsCertificates};

/// How long clients with an idle connection may still send a request after accepting has ended. It is answered with
/// `Connection: close`, where closing at once would lose the ones that are on their way.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long idle connections are kept at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// So long that what is on its way is answered.
    Short,
    /// A quarter of the time that there is: nobody waits for the end, and balancers use their connections meanwhile.
    Long,
}

/// A bound socket and how it receives connections.
pub struct Listener {
    /// Bound and listening.
    pub socket: std::net::TcpListener,
    /// Replaceable while running.
    pub reception: Arc<ArcSwap<Reception>>,
}

/// How connections that begin now are received.
pub struct Reception {
    /// The certificates; `None` is plain HTTP.
    pub tls: Option<TlsCertificates>,
    /// Whether every connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// Binds `address`, though connections of the process before us may still be closing. Port 0 takes a free one.
///
/// # Errors
/// What the operating system says.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Handshakes that the kernel completes for us while we are busy.
const BACKLOG: u32 = 4096;

/// The running listeners. Dropping it ends accepting and cuts every connection.
pub struct Edge {
    addresses: Vec<SocketAddr>,
    app: App,
    places: Arc<Places>,
    /// `limits.connections`, whether there are descriptors for so many or not.
    wanted: AtomicUsize,
    bounds: Arc<ArcSwap<Bounds>>,
    cuts: Arc<Cuts>,
    /// Keep-alive has ended.
    ending: watch::Sender<bool>,
    shutdown: watch::Sender<bool>,
    leaving: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    /// Its receivers are the accept loops that still run.
    accepting: watch::Sender<()>,
    metrics: Arc<Metrics>,
}

impl Edge {
    /// Accepts on every listener, on the current tokio runtime.
    ///
    /// # Errors
    /// A listener that cannot be registered with the runtime.
    pub fn start(listeners: Vec<Listener>, app: App, limits: &Limits, metrics: Arc<Metrics>) -> io::Result<Self> {
        let connections = affordable(limits.connections);
        app.forward(forwardable(connections));
        let edge = Self {
            addresses: listeners.iter().map(|listener| listener.socket.local_addr()).collect::<Result<_, _>>()?,
            app,
            places: Places::new(connections, Arc::clone(&metrics)),
            wanted: AtomicUsize::new(limits.connections),
            bounds: Arc::new(ArcSwap::from_pointee(Bounds::of(limits))),
            cuts: Arc::default(),
            ending: watch::Sender::new(false),
            shutdown: watch::Sender::new(false),
            leaving: watch::Sender::new(false),
            cut: watch::Sender::new(false),
            accepting: watch::Sender::new(()),
            metrics,
        };
        for listener in listeners {
            listener.socket.set_nonblocking(true)?;
            let socket = tokio::net::TcpListener::from_std(listener.socket)?;
            let acceptor = edge.acceptor(listener.reception);
            tokio::spawn(acceptor.run(socket, edge.accepting.subscribe()));
        }
        Ok(edge)
    }

    /// Holds connections that begin from now on to other limits. Those that are open stay, if there are more than there may be.
    pub fn take_limits(&self, limits: &Limits) {
        self.bounds.store(Arc::new(Bounds::of(limits)));
        self.app.take_limits(limits);
        if self.wanted.swap(limits.connections, Ordering::Relaxed) != limits.connections {
            self.places.allow(affordable(limits.connections));
        }
    }

    /// Where it listens, in the order of the listeners; ports are real ones.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// From now on each answer on an HTTP/1 connection is its last, and HTTP/2 connections are told to end after what they have
    /// begun; accepting goes on. For the time in which balancers learn that we are leaving.
    pub fn end_keep_alive(&self) {
        self.app.drain();
        self.ending.send_replace(true);
    }

    /// Ends accepting, lets requests in flight finish, and waits until no connection is open or `deadline` has passed;
    /// then cuts what is left. True if nothing had to be cut. Idle connections may still ask for as long as `farewell` says.
    pub async fn drain(&self, deadline: Duration, farewell: Farewell) -> bool {
        let end = tokio::time::Instant::now() + deadline;
        self.end_keep_alive();
        self.shutdown.send_replace(true);
        self.accepting.closed().await;
        let farewell = match farewell {
            Farewell::Short => FAREWELL.min(deadline / 4),
            Farewell::Long => deadline / 4,
        };
        let mut closed = tokio::time::timeout(farewell, self.places.free()).await.is_ok();
        if !closed {
            self.leaving.send_replace(true);
            self.app.http().http_cleanup().await;
            closed = tokio::time::timeout_at(end, self.places.free()).await.is_ok();
        }
        self.cut.send_replace(true);
        closed
    }

    fn acceptor(&self, reception: Arc<ArcSwap<Reception>>) -> accept::Acceptor {
        accept::Acceptor {
            reception,
            app: self.app.clone(),
            places: Arc::clone(&self.places),
            bounds: Arc::clone(&self.bounds),
            cuts: Arc::clone(&self.cuts),
            ending: self.ending.subscribe(),
            shutdown: self.shutdown.subscribe(),
            leaving: self.leaving.subscribe(),
            cut: self.cut.subscribe(),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

/// How many of the `wanted` connections there are descriptors for.
fn affordable(wanted: usize) -> u32 {
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    let Ok((open_files, _)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let most = share_of(open_files);
    if most < wanted {
        // The default is more than many systems let one process open: no reason to alarm anybody.
        tracing::info!(
            open_files,
            "limits.connections is lowered from {wanted} to {most}, to what may be open at a time"
        );
    }
    wanted.min(most)
}

/// How many requests may be forwarded at a time: as many as there are descriptors for. Over HTTP/2, one of the
/// `connections` may bring a hundred.
fn forwardable(connections: u32) -> u32 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(connections, |(open_files, _)| share_of(open_files))
}

/// Each client may need a connection to a server behind as well; a fifth is left for all else, such as the directory.
fn share_of(open_files: u64) -> u32 {
    u32::try_from(open_files / 5 * 2).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_connections_than_descriptors() {
        for (open_files, most) in [(1024, 408), (65536, 26214), (u64::MAX, u32::MAX), (3, 1)] {
            assert_eq!(share_of(open_files), most, "{open_files}");
        }
        let (open_files, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(affordable(1), 1);
        assert!(affordable(usize::MAX) <= share_of(open_files));
    }
}
