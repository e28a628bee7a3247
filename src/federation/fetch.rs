//! Documents of the identity provider behind, asked for as a browser behind us would, by the same servers and the same
//! trust as what is forwarded.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client};
use tokio::time::{Instant, timeout};

use super::METADATA_BYTES;
use super::client::{self, Body, Unresolved, explain, root};
use crate::config::{Upstream, UpstreamServer, UpstreamTls};
use crate::model::Unavailable;

/// Where nobody waits for the answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// Fetches small documents from the identity provider behind.
pub struct UpstreamClient {
    servers: Vec<Server>,
    /// For one document, all servers together.
    deadline: Duration,
}

struct Server {
    /// `scheme://host:port`, as the configuration has it.
    name: String,
    /// The same with the name that its certificate is for.
    origin: String,
    client: Client,
}

/// What a server answered, with a status below 500.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Which server: `scheme://host:port`.
    pub server: String,
    /// Redirects are not followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

/// Why no client can be made of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file with the certificates to trust.
    #[error("upstream.tls.ca_file: {file}: {what}", file = .file.display())]
    Authorities {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A certificate for an address is only looked for at that address.
    #[error("upstream.tls.server_name is an address, so that nothing can be fetched from {0}, which is another")]
    ServerName(String),
    /// The library's own.
    #[error("{0}")]
    Library(String),
}

impl UpstreamClient {
    /// A client for the servers of a configuration; reads `upstream.tls.ca_file`.
    ///
    /// # Errors
    /// A file that holds no certificates, a `server_name` that cannot be kept apart from a server's address.
    pub fn new(upstream: &Upstream) -> Result<Self, ClientError> {
        let authorities = authorities(&upstream.tls)?;
        let servers = upstream.servers.iter().map(|server| Server::new(server, upstream, authorities.as_deref()));
        Ok(Self { servers: servers.collect::<Result<_, _>>()?, deadline: DEADLINE })
    }

    /// The same, with this much time for one document: where somebody waits for it.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// GETs `path` from the first server that has an answer, for the host and port by which clients know us.
    ///
    /// # Errors
    /// What each server did: not reached, not trusted, too late, a status of 500 or above, a body over 4 MiB.
    pub async fn get(&self, path: &str, host: &str) -> Result<Fetched, Unavailable> {
        let deadline = Instant::now() + self.deadline;
        let mut failures = Vec::new();
        for (tried, server) in self.servers.iter().enumerate() {
            // One that hangs does not take the others' time.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(self.servers.len() - tried).unwrap_or(u32::MAX);
            match timeout(share, server.get(path, host)).await {
                Ok(Ok(fetched)) => return Ok(fetched),
                Ok(Err(failure)) => failures.push(format!("{}: {failure}", server.name)),
                Err(_) => failures.push(format!("{}: no answer within {} s", server.name, share.as_secs())),
            }
        }
        Err(Unavailable::new("upstream", failures.join("; ")))
    }
}

impl Server {
    fn new(
        server: &UpstreamServer,
        upstream: &Upstream,
        authorities: Option<&[Certificate]>,
    ) -> Result<Self, ClientError> {
        let name = server.url();
        let known_as = upstream.tls.server_name.as_ref().filter(|_| server.https).unwrap_or(&server.host);
        if known_as != &server.host && known_as.parse::<IpAddr>().is_ok() {
            return Err(ClientError::ServerName(name));
        }
        let builder = client::client(upstream.connect_timeout, authorities)
            .pool_idle_timeout(upstream.idle_timeout)
            .pool_max_idle_per_host(1)
            .default_headers(always(&upstream.set_headers))
            .dns_resolver(Arc::new(Host(server.host.clone())));
        let client = builder.build().map_err(|error| ClientError::Library(root(&error)))?;
        let known = UpstreamServer { host: known_as.clone(), ..server.clone() };
        Ok(Self { name, origin: known.url(), client })
    }

    /// The error is what an operator is told, after the server's name.
    async fn get(&self, path: &str, host: &str) -> Result<Fetched, String> {
        let request = self
            .client
            .get(format!("{}{path}", self.origin))
            .header(HOST, host)
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", host);
        let mut response = request.send().await.map_err(|error| explain(&error))?;
        let status = response.status();
        if status.is_server_error() {
            return Err(format!("status {}", status.as_u16()));
        }
        let headers = std::mem::take(response.headers_mut());
        let body = Body::new(response, METADATA_BYTES).whole().await?;
        Ok(Fetched { server: self.name.clone(), status, headers, body })
    }
}

/// The certificates to trust; `None` is the system's.
fn authorities(tls: &UpstreamTls) -> Result<Option<Vec<Certificate>>, ClientError> {
    let Some(file) = &tls.ca_file else { return Ok(None) };
    let error = |what: String| ClientError::Authorities { file: file.clone(), what };
    client::authorities(file).map(Some).map_err(|wrong| error(wrong.message))
}

/// What is set on every forwarded request.
fn always(set: &[(String, HeaderValue)]) -> HeaderMap {
    let named =
        |(name, value): &(String, HeaderValue)| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value.clone()));
    set.iter().filter_map(named).collect()
}

/// Looks a server's own host up, whatever name its certificate is for.
struct Host(String);

impl Resolve for Host {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // Port 0 is replaced by the server's.
            let found = tokio::net::lookup_host((host, 0)).await.map_err(Unresolved)?;
            let addresses: Addrs = Box::new(found.collect::<Vec<_>>().into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
