//! The servers of one directory, and which of them to try first.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use native_tls::{Certificate, TlsConnector};
use tokio::time::Instant;

use crate::config::LdapConfig;
use crate::directory::OpenError;
use crate::keys;

/// How long a server that failed is tried after the others. It is tried even so when they fail too: a directory that
/// comes back is used at once.
const PENALTY: Duration = Duration::from_secs(10);

/// One server.
pub(super) struct Server {
    /// Host as a resolver takes it: an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The address in one spelling, for ldap3 and for people.
    pub(super) url: String,
    pub(super) start_tls: bool,
    /// Whether another server is preferred to this one.
    pub(super) second_choice: bool,
    /// Held by whoever binds as the service account, so that the next knows if it was refused.
    pub(super) service_turn: tokio::sync::Mutex<()>,
    failed: Mutex<Option<Instant>>,
}

impl Server {
    fn parse(directory: &str, url: &str, start_tls: bool, second_choice: bool) -> Result<Self, OpenError> {
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
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            url: format!("{scheme}://{host}:{port}"),
            start_tls: start_tls && scheme == "ldap",
            second_choice,
            service_turn: tokio::sync::Mutex::default(),
            failed: Mutex::new(None),
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.start_tls || self.url.starts_with("ldaps:")
    }

    fn is_penalised(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < PENALTY)
    }

    /// It failed: others come first for a while. Says so in the log when it is news.
    pub(super) fn penalise(&self, directory: &str, reason: &str) {
        if !self.is_penalised() {
            tracing::warn!(directory, server = %self.url, reason, "LDAP server failed");
        }
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// It answered.
    pub(super) fn forgive(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The servers of one directory, in order of preference, and how their certificates are verified.
pub(super) struct Servers {
    pub(super) directory: Arc<str>,
    servers: Vec<Arc<Server>>,
    /// Built once: it loads every trusted certificate, which takes tens of milliseconds. Absent where nothing uses TLS.
    pub(super) connector: Option<TlsConnector>,
}

impl Servers {
    pub(super) fn open(directory: &Arc<str>, config: &LdapConfig) -> Result<Self, OpenError> {
        let parse = |(at, url): (usize, &String)| Server::parse(directory, url, config.start_tls, at > 0).map(Arc::new);
        let servers = config.urls.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        if servers.is_empty() {
            return Err(OpenError::new(directory, "ldap.urls", "is empty", "name at least one server"));
        }
        let tls = servers.iter().any(|server| server.is_tls());
        let connector = if tls { Some(connector(directory, config)?) } else { None };
        Ok(Self { directory: directory.clone(), servers, connector })
    }

    /// All of them, the preferred one first.
    pub(super) fn each(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// All of them, those that failed lately last.
    pub(super) fn in_order(&self) -> Vec<Arc<Server>> {
        let mut order = self.servers.clone();
        order.sort_by_cached_key(|server| server.is_penalised());
        order
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

    fn server(url: &str) -> Result<Server, OpenError> {
        Server::parse("ad", url, true, false)
    }

    #[test]
    fn addresses_are_read_and_nonsense_is_refused() {
        for (url, host, port, spelt, start_tls) in [
            ("ldaps://dc1.example.com", "dc1.example.com", 636, "ldaps://dc1.example.com:636", false),
            ("ldap://dc1/", "dc1", 389, "ldap://dc1:389", true),
            ("ldap://[::1]:3890", "::1", 3890, "ldap://[::1]:3890", true),
        ] {
            let server = server(url).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((&*server.host, server.port, &*server.url, server.start_tls), (host, port, spelt, start_tls));
        }
        for url in
            ["", "dc1", "dc1:636", "https://dc1", "ldapi:///var/run", "ldap://", "ldap://dc1/dc=x", "ldap://a@dc1"]
        {
            assert!(server(url).is_err(), "{url}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_failed_comes_last_for_a_while() {
        let servers = ["ldap://a", "ldap://b"].map(|url| Arc::new(server(url).unwrap_or_else(|e| panic!("{e}"))));
        let servers = Servers { directory: "ad".into(), servers: servers.to_vec(), connector: None };
        let first = || servers.in_order().first().map(|server| server.host.clone());
        assert_eq!(first().as_deref(), Some("a"));
        servers.servers[0].penalise("ad", "test");
        assert_eq!(first().as_deref(), Some("b"));
        servers.servers[1].penalise("ad", "test");
        assert_eq!(first().as_deref(), Some("a"), "all failed: the preferred one is tried first");
        servers.servers[1].forgive();
        assert_eq!(first().as_deref(), Some("b"));
        tokio::time::advance(PENALTY).await;
        assert_eq!(first().as_deref(), Some("a"));
    }
}
