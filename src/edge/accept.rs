//! The accept loop.

use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora::apps::ServerApp;
use pingora::protocols::tls::SslStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::connection::{Bounds, Connection};
use super::cuts::Cuts;
use super::places::{Place, Places};
use super::transport::Transport;
use super::{FAREWELL, Reception, TlsCertificates, proxy_protocol, requests};
use crate::keys::ShownCertificate;
use crate::proxy::{App, ClientConnection};
use crate::telemetry::Metrics;

/// Accepting fails when descriptors run out; each connection that closes frees one, so trying again soon is right and
/// trying again at once would spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Everything that a connection needs from its listener.
pub(super) struct Acceptor {
    /// How connections that begin now are received.
    pub reception: Arc<ArcSwap<Reception>>,
    pub app: App,
    pub places: Arc<Places>,
    /// Those of connections that begin now.
    pub bounds: Arc<ArcSwap<Bounds>>,
    /// Those that the log has been told of.
    pub cuts: Arc<Cuts>,
    pub ending: watch::Receiver<bool>,
    pub shutdown: watch::Receiver<bool>,
    pub leaving: watch::Receiver<bool>,
    pub cut: watch::Receiver<bool>,
    pub metrics: Arc<Metrics>,
}

impl Acceptor {
    /// Accepts until shutdown. The socket closes when this returns, and then `_running` is dropped.
    pub async fn run(self, socket: TcpListener, _running: watch::Receiver<()>) {
        let mut shutdown = self.shutdown.clone();
        let this = Arc::new(self);
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = shutdown.wait_for(|down| *down) => return this.admit_waiting(socket),
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((tcp, peer)) => {
                    failing = false;
                    this.admit(tcp, peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
    }

    /// Admits the connections that the kernel has completed already: closing the socket would reset them.
    fn admit_waiting(self: &Arc<Self>, socket: TcpListener) {
        let Ok(socket) = socket.into_std() else { return };
        loop {
            match socket.accept() {
                Ok((tcp, peer)) => {
                    if tcp.set_nonblocking(true).is_ok()
                        && let Ok(tcp) = TcpStream::from_std(tcp)
                    {
                        self.admit(tcp, peer);
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => return,
            }
        }
    }

    fn admit(self: &Arc<Self>, tcp: TcpStream, peer: SocketAddr) {
        let Some(place) = self.places.take() else {
            self.metrics.connections_rejected.with_label_values(&["limit"]).inc();
            return;
        };
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let mut cut = this.cut.clone();
            tokio::select! {
                () = this.serve(tcp, peer, place) => {}
                _ = cut.wait_for(|cut| *cut) => {}
            }
        });
    }

    async fn serve(&self, mut tcp: TcpStream, peer: SocketAddr, place: Place) {
        let _ = tcp.set_nodelay(true);
        let (bounds, reception) = (**self.bounds.load(), self.reception.load_full());
        let tls = reception.tls.is_some();
        let deadline = Instant::now() + bounds.handshake_deadline;
        let mut client = ClientConnection::new(canonical(peer), tls);
        if reception.proxy_protocol {
            match self.proxied(&mut tcp, client.peer, tls, deadline).await {
                Some(proxied) => client = proxied,
                None => return,
            }
        }
        let transport = match &reception.tls {
            None => Transport::Plain(tcp),
            Some(certificates) => {
                let asked = certificates.asks_clients();
                let Some(tls) = self.handshake(certificates, tcp, client.peer, deadline).await else { return };
                if asked {
                    client.certificate = shown(&tls);
                }
                Transport::Tls(Box::new(tls))
            }
        };
        match Connection::new(transport, client, bounds, self.app.clone(), Arc::clone(&self.metrics), place) {
            Ok(connection) if connection.is_http2() => {
                self.serve_streams(connection).await;
            }
            Ok(connection) => {
                requests::serve(self.app.http(), Box::new(connection), &self.shutdown, self.leaving.clone()).await;
            }
            Err(error) => tracing::error!(%error, "cannot serve a connection"),
        }
    }

    /// Serves streams until the client has gone, or was told to go: once we are leaving, and if we were when it came, after a
    /// time in which it can ask something.
    async fn serve_streams(&self, connection: Connection) {
        let (go_away, told) = watch::channel(false);
        let (mut ending, mut shutdown) = (self.ending.clone(), self.shutdown.clone());
        let telling = async {
            if *ending.borrow() {
                let _ = timeout(FAREWELL, shutdown.wait_for(|down| *down)).await;
            } else {
                let _ = ending.wait_for(|ending| *ending).await;
            }
            go_away.send_replace(true);
            std::future::pending::<()>().await
        };
        let streams = self.app.streams();
        tokio::select! {
            _ = streams.process_new(Box::new(connection), &told) => {}
            () = telling => {}
        }
    }

    /// For whom `peer` speaks, by the header that the connection begins with; `None` if that is not to be believed.
    async fn proxied(
        &self,
        tcp: &mut TcpStream,
        peer: SocketAddr,
        tls: bool,
        deadline: Instant,
    ) -> Option<ClientConnection> {
        let rejected = self.metrics.connections_rejected.with_label_values(&["proxy_protocol"]);
        if !self.app.trusts(peer.ip()) {
            rejected.inc();
            self.cuts.stranger(peer.ip());
            return None;
        }
        match tokio::time::timeout_at(deadline, proxy_protocol::read(tcp)).await {
            Ok(Ok(Some(named))) => return Some(ClientConnection::new(canonical(named), tls)),
            Ok(Ok(None)) => return Some(ClientConnection::unnamed(peer, tls)),
            // A balancer that only looks whether somebody listens.
            Ok(Err(error)) if error.kind() == ConnectionAborted => {}
            Ok(Err(_)) | Err(_) => {
                rejected.inc();
                self.cuts.without_header(peer.ip());
            }
        }
        None
    }

    async fn handshake(
        &self,
        certificates: &TlsCertificates,
        tcp: TcpStream,
        peer: SocketAddr,
        deadline: Instant,
    ) -> Option<SslStream<TcpStream>> {
        let count = |result| self.metrics.tls_handshakes.with_label_values(&[result]).inc();
        let (session, objection) = match certificates.session() {
            Ok(session) => session,
            Err(error) => {
                count("failure");
                debug!(%peer, %error, "a TLS handshake failed");
                return None;
            }
        };
        let accepting = async {
            let mut tls = SslStream::new(session, tcp).map_err(|error| error.to_string())?;
            tls.accept().await.map_err(|error| error.to_string())?;
            Ok::<_, String>(tls)
        };
        match tokio::time::timeout_at(deadline, accepting).await {
            Ok(Ok(tls)) => {
                count("success");
                Some(tls)
            }
            Ok(Err(reason)) => {
                count("failure");
                if let Some(refused) = objection.as_ref().and_then(|objection| objection.get()) {
                    self.cuts.certificate(peer, refused);
                }
                debug!(%peer, reason, "a TLS handshake failed");
                None
            }
            Err(_) => {
                count("timeout");
                debug!(%peer, ?deadline, "a TLS handshake took too long");
                self.metrics.connections_rejected.with_label_values(&["handshake_timeout"]).inc();
                None
            }
        }
    }
}

/// The certificate that the client has proved to be its own.
fn shown(tls: &SslStream<TcpStream>) -> Option<ShownCertificate> {
    let leaf = tls.ssl().peer_certificate()?;
    let chain = tls.ssl().peer_cert_chain().into_iter().flatten().map(ToOwned::to_owned).collect();
    Some(ShownCertificate { leaf, chain })
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether the error says that the one connection went away before it was accepted (accept(2)).
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
