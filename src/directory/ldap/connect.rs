//! A connection to a server: TCP and TLS, nobody bound yet.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, StdStream};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use super::presence::Presence;
use super::result;
use super::server::{Server, Servers};

/// RFC 4511, 4.5.1.8: no attributes.
const NO_ATTRIBUTES: [&str; 1] = ["1.1"];
/// What server and firewalls are shown of a connection that nobody uses, so that they keep it or its end is known.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_AGAIN: Duration = Duration::from_secs(5);
/// How long the kernel sends again what nobody acknowledges, as when a firewall drops it without a word.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// A connection, used by one operation at a time.
pub(super) struct Connection {
    pub(super) ldap: Ldap,
    pub(super) server: Arc<Server>,
    /// Counts it while it is in a pool.
    presence: Option<Presence>,
    /// The same socket, to look at without waiting for the driver.
    socket: std::net::TcpStream,
    driver: AbortHandle,
}

impl Connection {
    /// Whether the server has neither ended it nor said anything unasked, as it does before it ends it. The socket knows
    /// at once, ldap3 only when its driver has run, and a bind that was sent must not be sent again to make up for it.
    pub(super) fn is_open(&mut self) -> bool {
        let silent = self.socket.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        silent && !self.ldap.is_closed()
    }

    /// It is in a pool from now on.
    pub(super) fn count(&mut self, presence: Presence) {
        self.presence = Some(presence);
    }

    /// From now on it is `busy` or `idle`.
    pub(super) fn show(&mut self, state: &'static str) {
        if let Some(presence) = &mut self.presence {
            presence.set(state);
        }
    }

    /// Asks for an entry itself, by its DN; the root of all, which everybody may ask for, has none. Whatever the server says
    /// of it is an answer, but that it is not available.
    pub(super) async fn ask_for(&mut self, dn: &str) -> Result<(), Failure> {
        // ldap3 panics on malformed answers.
        let asked = AssertUnwindSafe(self.ldap.search(dn, Scope::Base, "(objectClass=*)", NO_ATTRIBUTES));
        let rc = asked.catch_unwind().await.map_err(|_| Failure::malformed())??.1.rc;
        if result::is_outage(rc) { Err(Failure::not_available(rc)) } else { Ok(()) }
    }
}

/// Ends the connection even where its driver waits for a server that takes no more bytes.
impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A new one; each of the host's addresses gets its share of the time until `until`.
pub(super) async fn connect(servers: &Servers, server: &Arc<Server>, until: Instant) -> Result<Connection, Failure> {
    let stream = tcp(server, until).await?;
    let socket = stream.try_clone().map_err(|error| Failure::error(error.kind()))?;
    let mut settings = LdapConnSettings::new().set_starttls(server.start_tls).set_std_stream(StdStream::Tcp(stream));
    if let Some(connector) = &servers.connector {
        settings = settings.set_connector(connector.clone());
    }
    let (connection, ldap) = LdapConnAsync::with_settings(settings, &server.url).await?;
    let driver = tokio::spawn(async move { drop(connection.drive().await) }).abort_handle();
    Ok(Connection { ldap, server: server.clone(), presence: None, socket, driver })
}

/// The part of the time until `deadline` that the next of `left` attempts may take.
pub(super) fn share(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

async fn tcp(server: &Server, until: Instant) -> Result<std::net::TcpStream, Failure> {
    let addresses = server.addresses.find().await?;
    let mut failure = Failure::error("the host name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        match timeout_at(share(until, addresses.len() - tried), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return set_up(stream).map_err(|error| Failure::error(error.kind())),
            Ok(Err(error)) => failure = Failure::error(error.kind()),
            Err(_) => failure = Failure::timeout(),
        }
    }
    Err(failure)
}

/// The socket does not wait for full packets (with Nagle's algorithm every TLS handshake takes 40 ms more), and learns of a
/// peer that is gone without a word.
fn set_up(stream: TcpStream) -> io::Result<std::net::TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_AGAIN))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    stream.into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_does_not_wait_for_full_packets_and_notices_a_peer_that_is_gone() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let servers = Servers::plain(&[&format!("ldap://{}", listener.local_addr().unwrap())]);
        let until = Instant::now() + Duration::from_secs(20);
        let stream = tcp(&servers.in_order()[0].0, until).await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(stream.nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
    }

    #[tokio::test]
    async fn an_address_that_is_dead_costs_its_share_and_no_more() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        // Its queue is full: further connections are dropped without a word, as by a firewall.
        let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        full.listen(0).unwrap();
        let dead = full.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&dead, Duration::from_millis(100)) {
            waiting.push(stream);
        }
        let servers = Servers::plain(&[&format!("ldap://{}", "x".repeat(64))]);
        let server = &servers.in_order()[0].0;
        server.addresses.assume(&[dead, listener.local_addr().unwrap()]);
        let (started, within) = (Instant::now(), Duration::from_secs(1));
        let stream = tcp(server, started + within).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        assert!(started.elapsed() < within);
    }
}
