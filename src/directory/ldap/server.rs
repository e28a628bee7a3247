//! The servers of one directory, and which of them to try first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Uri;
use native_tls::{Certificate, TlsConnector};
use tokio::time::Instant;

use super::addresses::Addresses;
use super::failure::Failure;
use super::health::{Health, Rank};
use crate::config::LdapConfig;
use crate::directory::{OpenError, ServerState};
use crate::keys;

/// One server.
pub(super) struct Server {
    /// Its place in the order of preference, from 0.
    number: usize,
    pub(super) addresses: Addresses,
    /// The address in one spelling, for ldap3 and for people.
    pub(super) url: String,
    pub(super) start_tls: bool,
    /// Held by whoever binds as the service account, so that the next knows if it was refused.
    pub(super) service_turn: tokio::sync::Mutex<()>,
    /// When an idle connection to it was found to be dead without a word: none that has lain idle since before is used.
    silent: Mutex<Option<Instant>>,
}

impl Server {
    fn parse(directory: &str, url: &str, start_tls: bool, number: usize) -> Result<Self, OpenError> {
        let wrong = || {
            let problem = format!("{url} is not an LDAP address");
            OpenError::new(directory, "ldap.urls", problem, "write ldaps://host, ldap://host or either with :port")
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let scheme = uri.scheme_str().filter(|scheme| ["ldap", "ldaps"].contains(scheme)).ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
            || uri.authority().is_some_and(|a| a.as_str().contains('@'))
        {
            return Err(wrong());
        }
        let port = uri.port_u16().unwrap_or(if scheme == "ldaps" { 636 } else { 389 });
        Ok(Self {
            number,
            addresses: Addresses::new(host.trim_start_matches('[').trim_end_matches(']').to_owned(), port),
            url: format!("{scheme}://{host}:{port}"),
            start_tls: start_tls && scheme == "ldap",
            service_turn: tokio::sync::Mutex::default(),
            silent: Mutex::default(),
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.start_tls || self.url.starts_with("ldaps:")
    }

    /// A connection that had lain idle is dead, and nobody said so.
    pub(super) fn fell_silent(&self) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection that was last used then is likely as dead as another was found to be.
    pub(super) fn is_silent_since(&self, used: Instant) -> bool {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|silent| used < silent)
    }
}

/// The servers of one directory, in order of preference, and how their certificates are verified.
pub(super) struct Servers {
    pub(super) directory: Arc<str>,
    servers: Vec<Arc<Server>>,
    /// By number.
    health: Mutex<Vec<Health>>,
    /// Built once: it loads every trusted certificate, which takes tens of milliseconds. Absent where nothing uses TLS.
    pub(super) connector: Option<TlsConnector>,
}

impl Servers {
    pub(super) fn open(directory: &Arc<str>, config: &LdapConfig) -> Result<Self, OpenError> {
        let parse = |(at, url): (usize, &String)| Server::parse(directory, url, config.start_tls, at).map(Arc::new);
        let servers = config.urls.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        if servers.is_empty() {
            return Err(OpenError::new(directory, "ldap.urls", "is empty", "name at least one server"));
        }
        let tls = servers.iter().any(|server| server.is_tls());
        let connector = if tls { Some(connector(directory, config)?) } else { None };
        Ok(Self::new(directory, servers, connector))
    }

    /// All of them, the preferred one first.
    pub(super) fn each(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// All of them in the order to try them: those that work first, those that are away last. They are tried even so when the
    /// others fail.
    pub(super) fn in_order(&self) -> Vec<(Arc<Server>, Rank)> {
        let health = self.health();
        let rank = |server: &Arc<Server>| health.get(server.number).map_or(Rank::Up, Health::rank);
        let mut order: Vec<_> = self.servers.iter().map(|server| (server.clone(), rank(server))).collect();
        drop(health);
        order.sort_by_key(|(_, rank)| *rank);
        order
    }

    /// Whether a server that works is preferred to this one.
    pub(super) fn has_better(&self, server: &Server) -> bool {
        self.health().iter().take(server.number).any(|preferred| preferred.rank() == Rank::Up)
    }

    /// A connection to it was made.
    pub(super) fn connected(&self, server: &Server) {
        self.with(server, Health::connected);
    }

    /// It failed somebody: others come first until it answers a probe. Whether nobody probes it yet.
    pub(super) fn failed(&self, server: &Server, reason: &str) -> bool {
        let news = self.with(server, |health| health.failed(reason, Instant::now())).unwrap_or_default();
        if news {
            tracing::warn!(directory = &*self.directory, server = %server.url, reason, "LDAP server failed");
        }
        news
    }

    /// It failed a probe. Whether with it the whole directory is away from now on.
    pub(super) fn failed_probe(&self, server: &Server, reason: &str) -> bool {
        let news = self.with(server, |health| health.failed_probe(reason)).unwrap_or_default();
        let all = news && self.are_away();
        if all {
            let directory = &*self.directory;
            tracing::warn!(
                directory,
                "no server of the directory answers: nobody is made to wait for one until it does"
            );
        }
        all
    }

    /// It answered a probe. Whether it is believed, and need not be asked again.
    pub(super) fn answered_probe(&self, server: &Server) -> bool {
        match self.with(server, |health| health.answered_probe(Instant::now())) {
            Some(Err(())) => false,
            Some(Ok(Some(away))) => {
                let (directory, seconds) = (&*self.directory, away.as_secs());
                tracing::info!(directory, server = %server.url, seconds, "LDAP server answers again");
                true
            }
            Some(Ok(None)) | None => true,
        }
    }

    /// Why nobody need be asked: every server failed somebody, and us since.
    pub(super) fn outage(&self) -> Option<Failure> {
        if !self.are_away() {
            return None;
        }
        let (health, now) = (self.health(), Instant::now());
        let troubles = self.servers.iter().zip(health.iter());
        let troubles: Vec<_> = troubles.filter_map(|(server, health)| Some((server, health.trouble(now)?))).collect();
        let shortest = troubles.iter().map(|(_, (since, _))| since.as_secs()).min().unwrap_or_default();
        let reasons: Vec<_> = troubles.iter().map(|(server, (_, why))| format!("{}: {why}", server.url)).collect();
        Some(Failure::error(format!("no server has answered for {shortest} s: {}", reasons.join("; "))))
    }

    /// How each of them is, for people.
    pub(super) fn describe(&self) -> String {
        let (health, now) = (self.health(), Instant::now());
        let each = self.servers.iter().zip(health.iter());
        let each: Vec<_> = each.map(|(server, health)| format!("{} {}", server.url, health.describe(now))).collect();
        each.join("; ")
    }

    /// The same, one by one.
    pub(super) fn states(&self) -> Vec<ServerState> {
        let (health, now) = (self.health(), Instant::now());
        let state = |(server, health): (&Arc<Server>, &Health)| ServerState {
            name: server.url.clone(),
            standing: health.standing(),
            says: health.describe(now),
        };
        self.servers.iter().zip(health.iter()).map(state).collect()
    }

    fn new(directory: &Arc<str>, servers: Vec<Arc<Server>>, connector: Option<TlsConnector>) -> Self {
        let health = Mutex::new(servers.iter().map(|_| Health::default()).collect());
        Self { directory: directory.clone(), servers, health, connector }
    }

    fn are_away(&self) -> bool {
        self.health().iter().all(|health| health.rank() == Rank::Away)
    }

    fn with<T>(&self, server: &Server, work: impl FnOnce(&mut Health) -> T) -> Option<T> {
        self.health().get_mut(server.number).map(work)
    }

    fn health(&self) -> MutexGuard<'_, Vec<Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Servers {
    /// Without TLS.
    pub(super) fn plain(urls: &[&str]) -> Self {
        let parse = |(number, url): (usize, &&str)| Server::parse("people", url, false, number).map(Arc::new);
        let servers = urls.iter().enumerate().map(parse).collect::<Result<_, _>>();
        Self::new(&"people".into(), servers.unwrap_or_else(|error| panic!("{error}")), None)
    }
}

fn connector(directory: &str, config: &LdapConfig) -> Result<TlsConnector, OpenError> {
    let mut builder = TlsConnector::builder();
    let failed = |error: &dyn std::fmt::Display| {
        let problem = format!("TLS cannot be set up: {error}");
        OpenError::new(directory, "ldap.ca_file", problem, "check the file and the system's OpenSSL")
    };
    if let Some(file) = &config.ca_file {
        let authorities = keys::authorities(file).map_err(|error| {
            let problem = format!("{}: {}", error.file.display(), error.message);
            OpenError::new(directory, format!("ldap.{}", error.field), problem, error.help)
        })?;
        builder.disable_built_in_roots(true);
        for authority in authorities {
            let der = authority.to_der().map_err(|error| failed(&error))?;
            builder.add_root_certificate(Certificate::from_der(&der).map_err(|error| failed(&error))?);
        }
    }
    builder.build().map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ServerStanding;

    fn server(url: &str) -> Result<Server, OpenError> {
        Server::parse("ad", url, true, 0)
    }

    #[test]
    fn addresses_are_read_and_nonsense_is_refused() {
        for (url, host, port, spelt, start_tls) in [
            ("ldaps://dc1.example.com", "dc1.example.com", 636, "ldaps://dc1.example.com:636", false),
            ("ldap://dc1/", "dc1", 389, "ldap://dc1:389", true),
            ("ldap://[::1]:3890", "::1", 3890, "ldap://[::1]:3890", true),
        ] {
            let server = server(url).unwrap_or_else(|error| panic!("{error}"));
            let Addresses { host: got, port: at, .. } = &server.addresses;
            assert_eq!((&**got, *at, &*server.url, server.start_tls), (host, port, spelt, start_tls));
        }
        for url in
            ["", "dc1", "dc1:636", "https://dc1", "ldapi:///var/run", "ldap://", "ldap://dc1/dc=x", "ldap://a@dc1"]
        {
            assert!(server(url).is_err(), "{url}");
        }
    }

    fn order(servers: &Servers) -> Vec<usize> {
        servers.in_order().iter().map(|(server, _)| server.number).collect()
    }

    #[test]
    fn a_server_that_failed_comes_later_and_one_that_is_away_last() {
        let servers = Servers::plain(&["ldap://a", "ldap://b", "ldap://c"]);
        let [a, b, c] = servers.each() else { panic!() };
        assert_eq!((order(&servers), servers.has_better(a), servers.has_better(b)), (vec![0, 1, 2], false, true));
        assert!(servers.failed(a, "timeout") && !servers.failed(a, "timeout"));
        assert_eq!((order(&servers), servers.has_better(b), servers.has_better(c)), (vec![1, 2, 0], false, true));
        assert!(servers.failed(b, "timeout") && !servers.failed_probe(a, "timeout"));
        assert_eq!(order(&servers), [2, 1, 0]);
        assert!(servers.answered_probe(a));
        assert_eq!((order(&servers), servers.has_better(c)), (vec![0, 2, 1], true));
    }

    #[test]
    fn a_directory_is_away_when_the_last_of_its_servers_is_and_back_with_the_first() {
        let servers = Servers::plain(&["ldap://a", "ldap://b"]);
        let [a, b] = servers.each() else { panic!() };
        assert_eq!(servers.describe(), "ldap://a:389 not asked yet; ldap://b:389 not asked yet");
        servers.connected(a);
        for server in [a, b] {
            servers.failed(server, "connection refused");
            assert!(servers.outage().is_none());
        }
        assert!(!servers.failed_probe(b, "timeout") && servers.outage().is_none());
        assert!(servers.failed_probe(a, "connection refused"), "that opens it");
        assert!(!servers.failed_probe(a, "connection refused"), "it is open");
        let outage = servers.outage().unwrap().to_string();
        assert_eq!(outage, "no server has answered for 0 s: ldap://a:389: connection refused; ldap://b:389: timeout");
        assert!(servers.answered_probe(b) && servers.outage().is_none());
        let described = "ldap://a:389 does not answer: connection refused; ldap://b:389 answers";
        assert_eq!(servers.describe(), described);
        let states: Vec<_> = servers.states().into_iter().map(|state| (state.name, state.standing)).collect();
        let named = |name: &str, standing| (name.to_owned(), standing);
        assert_eq!(states, [named("ldap://a:389", ServerStanding::Away), named("ldap://b:389", ServerStanding::Up)]);
    }
}
