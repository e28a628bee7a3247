//! How a connection is made: TCP, TLS, and the service account's bind.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
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
/// How long a service account that was refused is not tried again: every name that a stranger invents wants a connection, and
/// the directory would lock the account.
const REFUSED: Duration = Duration::from_secs(60);

/// Makes connections, and says which may be used again.
pub(super) struct Dialer {
    servers: Arc<Servers>,
    /// Whom to bind as at the beginning; `None`: nobody, each use brings its own bind.
    service: Option<Service>,
    timeout: Duration,
    pub(super) metrics: Arc<Metrics>,
}

/// Whom to bind as, and the last refusal.
struct Service {
    name: Arc<str>,
    password: Password,
    refused: Mutex<Option<(Instant, Failure)>>,
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
        let service = service.map(|(name, password)| Service { name, password, refused: Mutex::default() });
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
                // Says itself which server it was: perhaps the one before.
                Ok(Err(error)) if error.is_refused() => error,
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
        if let Some(service) = &self.service {
            service.bind(&mut connection).await?;
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

impl Service {
    /// The last refusal, for as long as it stands for the next.
    fn refused_lately(&self) -> Option<Failure> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().filter(|(at, _)| at.elapsed() < REFUSED).map(|(_, failure)| failure.clone())
    }

    async fn bind(&self, connection: &mut Connection) -> Result<(), Failure> {
        let server = connection.server.clone();
        let _turn = server.service_turn.lock().await;
        if let Some(refused) = self.refused_lately() {
            return Err(refused);
        }
        // ldap3 panics on a malformed answer.
        let bind = AssertUnwindSafe(connection.ldap.simple_bind(&self.name, self.password.expose())).catch_unwind();
        let answer = bind.await.map_err(|_| Failure::malformed())??;
        match result::bind_outcome(&answer) {
            Some(BindOutcome::Bound | BindOutcome::BoundAs(_)) => Ok(()),
            Some(BindOutcome::Refused(refusal)) => {
                let text = format!("{}: the service account's bind was refused: {}", server.url, refusal.reason());
                Err(self.refuse(Failure::refused(text)))
            }
            None => Err(Failure::error(format!("the service account's bind failed with result {}", answer.rc))),
        }
    }

    fn refuse(&self, failure: Failure) -> Failure {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), failure.clone()));
        failure
    }
}

impl Manager for Dialer {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        if let Some(refused) = self.service.as_ref().and_then(Service::refused_lately) {
            return Err(refused);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{GroupCache, LdapConfig, NestedGroups};
    use crate::model::Template;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_service_account_stands_for_a_minute() {
        let service = Service { name: "cn=service".into(), password: Password::new("old"), refused: Mutex::default() };
        assert!(service.refused_lately().is_none());
        service.refuse(Failure::refused("wrong password".to_owned()));
        tokio::time::advance(REFUSED - Duration::from_millis(1)).await;
        assert!(service.refused_lately().is_some_and(|failure| failure.is_refused()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(service.refused_lately().is_none());
    }

    #[tokio::test]
    async fn a_connection_does_not_wait_for_full_packets() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let config = LdapConfig {
            urls: vec![format!("ldap://{}", listener.local_addr().unwrap())],
            start_tls: false,
            ca_file: None,
            bind_dn: String::new(),
            bind_password: Password::new(""),
            base_dn: String::new(),
            bind_as: Template::parse("{dn}", |place| Ok(place.to_owned())).unwrap(),
            user_dn: None,
            user_filter: String::new(),
            strip_domains: Vec::new(),
            nested_groups: NestedGroups::No,
            group_cache: GroupCache { ttl: None, capacity: 0 },
            group_base_dn: None,
            group_filter: None,
            pool_size: 1,
            connect_timeout: Duration::from_secs(20),
            operation_timeout: Duration::from_secs(20),
        };
        let servers = Servers::open(&"people".into(), &config).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        assert!(tcp(&servers.in_order()[0], until).await.unwrap().nodelay().unwrap());
    }
}
