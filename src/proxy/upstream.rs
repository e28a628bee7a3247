//! The servers behind: which one is asked next.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use openssl::x509::X509;
use pingora::upstreams::peer::HttpPeer;

use super::identity::expect_address;
use crate::config::{Upstream, UpstreamServer};

/// How long a server that could not be reached, or did not answer, is left alone: doubled each time, up to the maximum.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long an address of a host name is used before it is looked up again.
const ADDRESS_AGE: Duration = Duration::from_secs(10);
/// Before the first answer of a resolver there is nothing to connect to.
const UNRESOLVED: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// All servers behind and how they are.
pub(super) struct Servers {
    servers: Vec<Server>,
    next: AtomicUsize,
    start: Instant,
}

struct Server {
    name: String,
    authority: String,
    template: HttpPeer,
    host: String,
    port: u16,
    /// The host's addresses and when they were looked up; `None` for a host that is an address.
    resolved: Option<ArcSwapOption<Resolved>>,
    lookup_timeout: Duration,
    /// Whether it ever answered.
    known: AtomicBool,
    failures: AtomicU32,
    /// Milliseconds since `Servers::start`.
    bad_until: AtomicU64,
    unhealthy: AtomicBool,
}

struct Resolved {
    addresses: Vec<SocketAddr>,
    at: Instant,
}

/// How a server behind is, by what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerBehind {
    /// It has not answered yet, nor failed.
    Unknown,
    /// It answers.
    Answers,
    /// The last request could not be sent to it, or was not answered.
    Failing,
    /// Active health requests say that it does not work.
    Unhealthy,
}

/// The servers that one request has failed to reach, one bit for each of [`Upstream::MOST_SERVERS`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried(u64);

impl Servers {
    /// The configured servers; `authorities` are to be trusted instead of the system's.
    pub fn new(upstream: &Upstream, authorities: Option<Vec<X509>>) -> Self {
        let mut hasher = DefaultHasher::new();
        let der = |all: &Vec<X509>| all.iter().map(|authority| authority.to_der().ok()).collect::<Vec<_>>();
        authorities.as_ref().map(der).hash(&mut hasher);
        // Connections that other authorities vouched for are not used again after a reload.
        let group = hasher.finish() >> 1;
        let authorities = authorities.map(|all| Arc::new(all.into()));
        let servers = upstream.servers.iter().map(|server| {
            let address = server.host.parse::<IpAddr>();
            let sni = upstream.tls.server_name.as_deref().unwrap_or(&server.host).to_owned();
            let expected_address = sni.parse().ok().filter(|_| server.https);
            let resolved_address = address.as_ref().map_or(UNRESOLVED, |ip| SocketAddr::new(*ip, server.port));
            let mut template =
                HttpPeer::new(resolved_address, server.https, if server.https { sni } else { String::new() });
            template.group_key = group;
            template.options.ca = authorities.clone();
            template.options.connection_timeout = Some(upstream.connect_timeout);
            template.options.total_connection_timeout = Some(upstream.connect_timeout);
            template.options.read_timeout = Some(upstream.read_timeout);
            template.options.write_timeout = Some(upstream.read_timeout);
            template.options.idle_timeout = Some(upstream.idle_timeout);
            if let Some(address) = expected_address {
                expect_address(&mut template, address);
            }
            Server {
                name: name_of(server),
                authority: server.authority(),
                template,
                host: server.host.clone(),
                port: server.port,
                resolved: address.is_err().then(ArcSwapOption::empty),
                lookup_timeout: upstream.connect_timeout,
                known: AtomicBool::new(false),
                failures: AtomicU32::new(0),
                bad_until: AtomicU64::new(0),
                unhealthy: AtomicBool::new(false),
            }
        });
        Self { servers: servers.collect(), next: AtomicUsize::new(0), start: Instant::now() }
    }

    /// The next server in turn that is well and was not tried; if there is none, the one untried whose pause ends first.
    /// `None` when all were tried.
    pub fn choose(&self, tried: Tried) -> Option<usize> {
        let count = self.servers.len().max(1);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let now = self.now();
        let in_turn =
            (0..self.servers.len()).map(|step| turn.wrapping_add(step) % count).filter(|index| !tried.has(*index));
        let state = |index: &usize| {
            let server = self.servers.get(*index);
            server.map(|server| {
                let bad_until = server.bad_until.load(Ordering::Relaxed);
                (server.unhealthy.load(Ordering::Relaxed), if bad_until > now { bad_until } else { 0 })
            })
        };
        in_turn.min_by_key(state)
    }

    /// A server to connect to. A server whose name cannot be resolved is `None`.
    pub async fn peer(&self, index: usize) -> Option<Box<HttpPeer>> {
        let server = self.servers.get(index)?;
        let mut peer = Box::new(server.template.clone());
        if let Some(resolved) = &server.resolved {
            peer._address = server.address(resolved).await?.into();
        }
        Some(peer)
    }

    /// Its name, for the log.
    pub fn name(&self, index: usize) -> &str {
        self.servers.get(index).map_or("", |server| &server.name)
    }

    /// Its host and its port.
    pub fn place(&self, index: usize) -> (&str, u16) {
        self.servers.get(index).map_or(("", 0), |server| (&server.host, server.port))
    }

    /// Its host and port, for a `Host` header.
    pub fn authority(&self, index: usize) -> &str {
        self.servers.get(index).map_or("", |server| &server.authority)
    }

    /// Whether a server is left that was not tried.
    pub fn has_untried(&self, tried: Tried) -> bool {
        (0..self.servers.len()).any(|index| !tried.has(index))
    }

    /// It could not be reached, or did not answer: others are preferred for a while.
    pub fn failed(&self, index: usize) {
        let Some(server) = self.servers.get(index) else { return };
        let failures = server.failures.fetch_add(1, Ordering::Relaxed).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << failures).min(LONGEST_PAUSE);
        server.bad_until.store(self.now() + pause.as_millis() as u64, Ordering::Relaxed);
        if let Some(resolved) = &server.resolved {
            // Another of its addresses may answer.
            resolved.rcu(|old| {
                let mut addresses = old.as_ref()?.addresses.clone();
                let step = 1.min(addresses.len());
                addresses.rotate_left(step);
                Some(Arc::new(Resolved { addresses, at: old.as_ref()?.at }))
            });
        }
    }

    /// It is there, and answers.
    pub fn answered(&self, index: usize) {
        let Some(server) = self.servers.get(index) else { return };
        // Written once: the line is every thread's.
        if !server.known.load(Ordering::Relaxed) {
            server.known.store(true, Ordering::Relaxed);
        }
        if server.failures.load(Ordering::Relaxed) != 0 {
            server.failures.store(0, Ordering::Relaxed);
            server.bad_until.store(0, Ordering::Relaxed);
        }
    }

    /// What an active health request found.
    pub fn set_healthy(&self, index: usize, healthy: bool) {
        let Some(server) = self.servers.get(index) else { return };
        if healthy {
            server.known.store(true, Ordering::Relaxed);
        }
        if server.unhealthy.swap(!healthy, Ordering::Relaxed) == healthy {
            tracing::warn!(server = %server.name, healthy, "an upstream server changed");
        }
    }

    /// Takes over what an `earlier` configuration has learnt about servers that are in both: their pauses, and, where they
    /// are `watched` on, who is unhealthy.
    pub fn learn_from(&self, earlier: &Self, watched: bool) {
        for server in &self.servers {
            let Some(known) = earlier.servers.iter().find(|known| known.name == server.name) else { continue };
            let pause = known.bad_until.load(Ordering::Relaxed).saturating_sub(earlier.now());
            server.bad_until.store(self.now() + pause, Ordering::Relaxed);
            server.failures.store(known.failures.load(Ordering::Relaxed), Ordering::Relaxed);
            server.known.store(known.known.load(Ordering::Relaxed), Ordering::Relaxed);
            server.unhealthy.store(watched && known.unhealthy.load(Ordering::Relaxed), Ordering::Relaxed);
            if let (Some(resolved), Some(known)) = (&server.resolved, &known.resolved) {
                resolved.store(known.load_full());
            }
        }
    }

    /// How each is, by its name.
    pub fn states(&self) -> Vec<(String, ServerBehind)> {
        let state = |server: &Server| {
            if server.unhealthy.load(Ordering::Relaxed) {
                ServerBehind::Unhealthy
            } else if server.failures.load(Ordering::Relaxed) > 0 {
                ServerBehind::Failing
            } else if server.known.load(Ordering::Relaxed) {
                ServerBehind::Answers
            } else {
                ServerBehind::Unknown
            }
        };
        self.servers.iter().map(|server| (server.name.clone(), state(server))).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

impl Server {
    async fn address(&self, resolved: &ArcSwapOption<Resolved>) -> Option<SocketAddr> {
        let known = resolved.load_full();
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < ADDRESS_AGE) {
            return known.addresses.first().copied();
        }
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found: Vec<SocketAddr> = match tokio::time::timeout(self.lookup_timeout, lookup).await {
            Ok(Ok(addresses)) => addresses.collect(),
            _ => Vec::new(),
        };
        if found.is_empty() {
            // A resolver's outage is not the server's.
            return known.and_then(|known| known.addresses.first().copied());
        }
        let current = known.and_then(|known| known.addresses.first().copied()).filter(|one| found.contains(one));
        let first = current.or_else(|| found.first().copied());
        let others = found.into_iter().filter(|one| Some(*one) != first);
        let addresses: Vec<SocketAddr> = first.into_iter().chain(others).collect();
        resolved.store(Some(Arc::new(Resolved { addresses, at: Instant::now() })));
        first
    }
}

impl Tried {
    pub fn add(&mut self, index: usize) {
        self.0 |= 1 << (index % 64);
    }

    fn has(self, index: usize) -> bool {
        self.0 & (1 << (index % 64)) != 0
    }
}

fn name_of(server: &UpstreamServer) -> String {
    format!("{}://{}", if server.https { "https" } else { "http" }, server.authority())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::UpstreamTls;

    fn servers(count: u16) -> Servers {
        let server = |number| UpstreamServer { host: "127.0.0.1".into(), port: number + 1, https: false };
        let upstream = Upstream {
            servers: (0..count).map(server).collect(),
            tls: UpstreamTls::default(),
            health: None,
            set_headers: Vec::new(),
            remove_headers: Vec::new(),
            rewrite_location: false,
            strip_basic_authorization: Vec::new(),
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
        };
        Servers::new(&upstream, None)
    }

    #[test]
    fn takes_turns() {
        let servers = servers(3);
        let turns: Vec<_> = (0..6).filter_map(|_| servers.choose(Tried::default())).collect();
        assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn how_each_server_is_follows_what_it_does() {
        let servers = servers(1);
        let is = |expected| assert_eq!(servers.states(), [("http://127.0.0.1:1".to_owned(), expected)]);
        is(ServerBehind::Unknown);
        servers.failed(0);
        is(ServerBehind::Failing);
        servers.answered(0);
        is(ServerBehind::Answers);
        servers.set_healthy(0, false);
        is(ServerBehind::Unhealthy);
        let others = self::servers(1);
        others.learn_from(&servers, true);
        assert_eq!(others.states(), servers.states(), "after a reload, too");
        servers.set_healthy(0, true);
        is(ServerBehind::Answers);
    }

    #[test]
    fn avoids_a_server_that_failed_until_it_answers() {
        let servers = servers(2);
        servers.failed(0);
        assert!((0..4).all(|_| servers.choose(Tried::default()) == Some(1)));
        servers.answered(0);
        assert!((0..2).any(|_| servers.choose(Tried::default()) == Some(0)));
    }

    #[test]
    fn avoids_an_unhealthy_server() {
        let servers = servers(2);
        servers.set_healthy(1, false);
        assert!((0..4).all(|_| servers.choose(Tried::default()) == Some(0)));
    }

    #[test]
    fn what_is_known_of_a_server_outlives_its_configuration() {
        let earlier = servers(3);
        earlier.failed(0);
        earlier.set_healthy(1, false);
        for (watched, preferred) in [(true, &[2][..]), (false, &[1, 2])] {
            let later = servers(3);
            later.learn_from(&earlier, watched);
            let chosen: BTreeSet<_> = (0..4).filter_map(|_| later.choose(Tried::default())).collect();
            assert!(chosen.iter().eq(preferred), "{watched}: {chosen:?}");
        }
    }

    #[test]
    fn tries_the_last_one_left_however_bad() {
        let servers = servers(2);
        let mut tried = Tried::default();
        servers.failed(0);
        servers.failed(0);
        servers.failed(1);
        assert_eq!(servers.choose(tried), Some(1), "its pause ends first");
        tried.add(1);
        assert!(servers.has_untried(tried));
        assert_eq!(servers.choose(tried), Some(0));
        tried.add(0);
        assert!(!servers.has_untried(tried));
        assert_eq!(servers.choose(tried), None);
    }
}
