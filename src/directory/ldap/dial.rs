//! Which connections are made and kept.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics as ObjectMetrics, RecycleError, RecycleResult};
use tokio::time::{Instant, timeout, timeout_at};

use super::connect::{Connection, connect, share};
use super::failure::Failure;
use super::health::Rank;
use super::presence::Presence;
use super::probe::Probes;
use super::server::{Server, Servers};
use super::service::Service;
use crate::telemetry::Metrics;
use crate::traces;

/// Active Directory closes a connection after 15 minutes of silence, and a firewall before it may forget one sooner.
const IDLE: Duration = Duration::from_secs(300);
/// So that connections spread anew over a host name's addresses.
const AGE: Duration = Duration::from_secs(600);
/// A connection that lay idle for longer is asked whether it is still one: a firewall may have dropped it without a word, and a
/// password that was sent into it must not be sent again.
const UNSURE: Duration = Duration::from_secs(30);
/// How long it has for an answer.
const SURE: Duration = Duration::from_millis(500);

/// Makes connections, and says which may be used again.
pub(super) struct Dialer {
    servers: Arc<Servers>,
    probes: Arc<Probes>,
    /// Whom to bind as at the beginning; `None`: nobody, each use brings its own bind.
    service: Option<Arc<Service>>,
    timeout: Duration,
    pub(super) metrics: Arc<Metrics>,
}

impl Dialer {
    pub(super) fn new(
        servers: Arc<Servers>,
        probes: Arc<Probes>,
        service: Option<Arc<Service>>,
        timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { servers, probes, service, timeout, metrics }
    }

    /// Whether there is more than one server.
    pub(super) fn has_choice(&self) -> bool {
        self.servers.each().len() > 1
    }

    /// Why nobody need be asked.
    pub(super) fn outage(&self) -> Option<Failure> {
        self.servers.outage()
    }

    /// The server failed somebody.
    pub(super) fn failed(&self, server: &Arc<Server>, failure: &Failure) {
        if self.servers.failed(server, &failure.to_string()) {
            self.probes.begin(server);
        }
    }

    /// Tries the service account at the first server that is there, though nobody waits for it.
    pub(super) fn try_service(&self) {
        if let Some((server, _)) = self.servers.in_order().first() {
            self.probes.begin(server);
        }
    }

    /// Connects to the first server that lets it; each gets its share of what is left of the time, so that one that hangs
    /// does not take the others' too. Those that are away get what the others leave.
    async fn dial(&self) -> Result<Connection, Failure> {
        let deadline = Instant::now() + self.timeout;
        let order = self.servers.in_order();
        let there = order.iter().filter(|(_, rank)| *rank < Rank::Away).count();
        let mut failure: Option<Failure> = None;
        for (tried, (server, rank)) in order.iter().enumerate() {
            let left = if *rank < Rank::Away { there } else { order.len() } - tried;
            let until = share(deadline, left);
            if failure.is_some() && until <= Instant::now() {
                break;
            }
            let error = match timeout_at(until, self.connect(server, until)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => error,
                Err(_) => Failure::timeout(),
            };
            if error.is_refused() {
                // It says itself which server it was: perhaps the one before. The other servers hold the same password: asking
                // them too would only lock the service account.
                failure = Some(and(failure, error));
                break;
            }
            self.failed(server, &error);
            failure = Some(and(failure, error.at(&server.url)));
        }
        Err(failure.unwrap_or_else(|| Failure::error("no server")))
    }

    /// A connection to this server and no other, within the time for connecting.
    pub(super) async fn dial_one(&self, server: &Arc<Server>) -> Result<Connection, Failure> {
        let until = Instant::now() + self.timeout;
        timeout_at(until, self.connect(server, until)).await.unwrap_or_else(|_| Err(Failure::timeout()))
    }

    async fn connect(&self, server: &Arc<Server>, until: Instant) -> Result<Connection, Failure> {
        let mut connection = connect(&self.servers, server, until).await?;
        self.servers.connected(server);
        if let Some(service) = &self.service {
            service.bind(&mut connection).await?;
        }
        Ok(connection)
    }

    /// Whether a connection that has lain idle for so long is still one.
    async fn is_alive(&self, connection: &mut Connection, idle: Duration) -> bool {
        if idle < UNSURE || matches!(timeout(SURE, connection.ask_for("")).await, Ok(Ok(()))) {
            return true;
        }
        connection.server.fell_silent();
        false
    }
}

fn and(earlier: Option<Failure>, failure: Failure) -> Failure {
    match earlier {
        Some(earlier) => earlier.and(failure),
        None => failure,
    }
}

impl Manager for Dialer {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        if let Some(refused) = self.service.as_ref().and_then(|service| service.refused_lately()) {
            return Err(refused);
        }
        if let Some(outage) = self.outage() {
            return Err(outage);
        }
        let started = Instant::now();
        let mut connection = self.dial().await;
        let result = connection.as_ref().err().map_or("success", Failure::label);
        self.metrics.ldap_operations.with_label_values(&["connect", result]).inc();
        let took = started.elapsed();
        self.metrics.ldap_operation_duration.with_label_values(&["connect"]).observe(took.as_secs_f64());
        traces::did("ldap connect", took, || vec![("fedfront.result", result.to_owned())], result != "success");
        if let Ok(connection) = &mut connection {
            connection.count(Presence::busy(self.metrics.clone()));
        }
        connection
    }

    async fn recycle(&self, connection: &mut Connection, object: &ObjectMetrics) -> RecycleResult<Failure> {
        let (idle, server) = (object.last_used(), connection.server.clone());
        let kept = connection.is_open()
            && idle <= IDLE
            && object.age() <= AGE
            && !Instant::now().checked_sub(idle).is_some_and(|used| server.is_silent_since(used))
            // Given back to the preferred server as soon as that works.
            && !self.servers.has_better(&server);
        if kept && self.is_alive(connection, idle).await {
            return Ok(());
        }
        Err(RecycleError::message("closed, too old, or a second choice"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::super::probe::Prober;
    use super::*;

    fn dialer(url: &str) -> Dialer {
        let (servers, metrics) = (Arc::new(Servers::plain(&[url])), Arc::new(Metrics::new().unwrap()));
        let within = Duration::from_secs(20);
        let (base_dn, none) = (String::new(), None);
        let probes = Prober { servers: servers.clone(), service: none, base_dn, within, metrics: metrics.clone() };
        Dialer::new(servers, Arc::new(Probes::new(probes)), None, within, metrics)
    }

    /// As a firewall leaves it behind that forgot it.
    #[tokio::test]
    async fn a_connection_that_lay_idle_and_gives_no_answer_is_not_used_nor_are_those_that_lay_idle_with_it() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let dialer = dialer(&format!("ldap://{}", listener.local_addr().unwrap()));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            // SearchResultDone of message 1: success.
            stream.write_all(b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00").unwrap();
            while stream.read(&mut request).is_ok_and(|read| read > 0) {}
        });
        let before = Instant::now();
        let mut connection = dialer.dial().await.unwrap();
        assert!(dialer.is_alive(&mut connection, UNSURE).await, "it answers");
        assert!(dialer.is_alive(&mut connection, Duration::ZERO).await, "it is not asked");
        assert!(!connection.server.is_silent_since(before));
        assert!(!dialer.is_alive(&mut connection, UNSURE).await, "it does not answer any more");
        assert!(connection.server.is_silent_since(before) && !connection.server.is_silent_since(Instant::now()));
    }
}
