//! How a connection is made: TCP, TLS, and the service account's bind.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics as ObjectMetrics, RecycleError, RecycleResult};
use futures::FutureExt;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use super::result;
use super::server::{Server, Servers};
use crate::directory::BindOutcome;
use crate::model::Password;
use crate::telemetry::Metrics;

/// Active Directory closes a connection after 15 minutes of silence, and a firewall before it may forget one sooner.
const IDLE: Duration = Duration::from_secs(300);
/// So that connections spread anew over a host name's addresses.
const AGE: Duration = Duration::from_secs(3600);
/// So that the preferred server gets the work back when it has recovered.
const AGE_AT_SECOND_CHOICE: Duration = Duration::from_secs(30);

/// Makes connections, and says which may be used again.
pub(super) struct Dialer {
    servers: Arc<Servers>,
    /// Whom to bind as at the beginning; `None`: nobody, each use brings its own bind.
    service: Option<(Arc<str>, Password)>,
    timeout: Duration,
    pub(super) metrics: Arc<Metrics>,
}

/// A connection, used by one operation at a time.
pub(super) struct Connection {
    pub(super) ldap: Ldap,
    pub(super) server: Arc<Server>,
    pub(super) presence: Presence,
    /// The same socket, to look at without waiting for the driver.
    socket: std::net::TcpStream,
    driver: AbortHandle,
}

impl Connection {
    /// Whether the server has neither ended it nor said anything unasked, as it does before it ends it. The socket knows
    /// at once, ldap3 only when its driver has run, and a bind that was sent must not be sent again to make up for it.
    fn is_open(&mut self) -> bool {
        let silent = self.socket.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        silent && !self.ldap.is_closed()
    }
}

impl Dialer {
    pub(super) fn new(
        servers: Arc<Servers>,
        service: Option<(Arc<str>, Password)>,
        timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { servers, service, timeout, metrics }
    }

    /// The directory's name.
    pub(super) fn directory(&self) -> &str {
        &self.servers.directory
    }

    /// Whether there is more than one server.
    pub(super) fn has_choice(&self) -> bool {
        self.servers.in_order().len() > 1
    }

    /// Connects to the first server that lets it; each gets its share of what is left of the time, so that one that hangs
    /// does not take the others' too.
    async fn dial(&self) -> Result<Connection, Failure> {
        let deadline = Instant::now() + self.timeout;
        let order = self.servers.in_order();
        let mut failure: Option<Failure> = None;
        for (tried, server) in order.iter().enumerate() {
            let until = share(deadline, order.len() - tried);
            let error = match timeout_at(until, self.connect(server, until)).await {
                Ok(Ok(connection)) => {
                    server.forgive();
                    return Ok(connection);
                }
                Ok(Err(error)) => error.at(&server.url),
                Err(_) => Failure::timeout().at(&server.url),
            };
            server.penalise(self.directory(), &error.to_string());
            let refused = error.is_refused();
            failure = Some(match failure {
                Some(earlier) => earlier.and(error),
                None => error,
            });
            if refused {
                // The other servers hold the same password: asking them too would only lock the service account.
                break;
            }
        }
        Err(failure.unwrap_or_else(|| Failure::error("no server")))
    }

    /// A connection to this server and no other, within the time for connecting.
    pub(super) async fn dial_one(&self, server: &Arc<Server>) -> Result<Connection, Failure> {
        let until = Instant::now() + self.timeout;
        timeout_at(until, self.connect(server, until)).await.unwrap_or_else(|_| Err(Failure::timeout()))
    }

    async fn connect(&self, server: &Arc<Server>, until: Instant) -> Result<Connection, Failure> {
        let stream = tcp(server, until).await?;
        let socket = stream.try_clone().map_err(|error| Failure::error(error.kind()))?;
        let mut settings =
            LdapConnSettings::new().set_starttls(server.start_tls).set_std_stream(StdStream::Tcp(stream));
        if let Some(connector) = &self.servers.connector {
            settings = settings.set_connector(connector.clone());
        }
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &server.url).await?;
        let driver = tokio::spawn(async move { drop(connection.drive().await) }).abort_handle();
        let presence = Presence::busy(self.metrics.clone());
        let mut connection = Connection { ldap, server: server.clone(), presence, socket, driver };
        if let Some((name, password)) = &self.service {
            service_bind(&mut connection.ldap, name, password).await?;
        }
        Ok(connection)
    }
}

/// The part of the time until `deadline` that the next of `left` attempts may take.
fn share(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

/// A connected socket that does not wait for full packets: with Nagle's algorithm every TLS handshake takes 40 ms more.
async fn tcp(server: &Server, until: Instant) -> Result<std::net::TcpStream, Failure> {
    let addresses = lookup_host((server.host.as_str(), server.port)).await;
    let addresses: Vec<_> = addresses.map_err(|_| Failure::error("the host name cannot be resolved"))?.collect();
    let mut failure = Failure::error("the host name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        match timeout_at(share(until, addresses.len() - tried), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let plain = stream.set_nodelay(true).and_then(|()| stream.into_std());
                return plain.map_err(|error| Failure::error(error.kind()));
            }
            Ok(Err(error)) => failure = Failure::error(error.kind()),
            Err(_) => failure = Failure::timeout(),
        }
    }
    Err(failure)
}

async fn service_bind(ldap: &mut Ldap, name: &str, password: &Password) -> Result<(), Failure> {
    // ldap3 panics on a malformed answer.
    let answer = AssertUnwindSafe(ldap.simple_bind(name, password.expose())).catch_unwind().await;
    let answer = answer.map_err(|_| Failure::malformed())??;
    match result::bind_outcome(&answer) {
        Some(BindOutcome::Bound) => Ok(()),
        Some(BindOutcome::Refused(refusal)) => {
            Err(Failure::refused(format!("the service account's bind was refused: {}", refusal.reason())))
        }
        None => Err(Failure::error(format!("the service account's bind failed with result {}", answer.rc))),
    }
}

impl Manager for Dialer {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        let started = Instant::now();
        let connection = self.dial().await;
        let result = connection.as_ref().err().map_or("success", Failure::label);
        self.metrics.ldap_operations.with_label_values(&["connect", result]).inc();
        self.metrics.ldap_operation_duration.with_label_values(&["connect"]).observe(started.elapsed().as_secs_f64());
        connection
    }

    async fn recycle(&self, connection: &mut Connection, object: &ObjectMetrics) -> RecycleResult<Failure> {
        let age = if connection.server.second_choice { AGE_AT_SECOND_CHOICE } else { AGE };
        if !connection.is_open() || object.last_used() > IDLE || object.age() > age {
            return Err(RecycleError::message("closed or too old"));
        }
        Ok(())
    }
}

/// Ends the connection even where its driver waits for a server that takes no more bytes.
impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Counts a connection as idle or busy for as long as it exists.
pub(super) struct Presence {
    metrics: Arc<Metrics>,
    state: &'static str,
}

impl Presence {
    fn busy(metrics: Arc<Metrics>) -> Self {
        metrics.ldap_connections.with_label_values(&["busy"]).inc();
        Self { metrics, state: "busy" }
    }

    /// From now on it is `busy` or `idle`.
    pub(super) fn set(&mut self, state: &'static str) {
        self.metrics.ldap_connections.with_label_values(&[self.state]).dec();
        self.metrics.ldap_connections.with_label_values(&[state]).inc();
        self.state = state;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.metrics.ldap_connections.with_label_values(&[self.state]).dec();
    }
}
