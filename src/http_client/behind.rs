//! A server of the identity provider, asked under the name and the trust that forwarding has for it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, RequestBuilder};

use super::{Unresolved, authorities, builder, root};
use crate::config::{UpstreamServer, UpstreamTls};

/// One server, with connections of its own.
pub(crate) struct ServerBehind {
    /// `scheme://host:port`, as the configuration has it.
    pub name: String,
    /// The same with the name that its certificate is for.
    origin: String,
    client: Client,
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

/// How connections are made and kept.
pub(crate) struct Connecting<'a> {
    /// For TCP and TLS.
    pub connect_timeout: Duration,
    /// How long an idle one is kept.
    pub idle_timeout: Duration,
    /// How many idle ones are kept.
    pub idle: usize,
    /// Headers of every request.
    pub set_headers: &'a [(String, HeaderValue)],
}

impl ServerBehind {
    /// A client for this server; `authorities` are the certificates to trust, `None` the system's.
    ///
    /// # Errors
    /// A `server_name` that cannot be kept apart from the server's address.
    pub fn new(
        server: &UpstreamServer,
        tls: &UpstreamTls,
        authorities: Option<&[Certificate]>,
        connecting: &Connecting<'_>,
    ) -> Result<Self, ClientError> {
        let name = server.url();
        let known_as = tls.server_name.as_ref().filter(|_| server.https).unwrap_or(&server.host);
        if known_as != &server.host && known_as.parse::<IpAddr>().is_ok() {
            return Err(ClientError::ServerName(name));
        }
        let builder = builder(connecting.connect_timeout, authorities)
            .pool_idle_timeout(connecting.idle_timeout)
            .pool_max_idle_per_host(connecting.idle)
            .default_headers(always(connecting.set_headers))
            .dns_resolver(Arc::new(Host(server.host.clone())));
        let client = builder.build().map_err(|error| ClientError::Library(root(&error)))?;
        let known = UpstreamServer { host: known_as.clone(), ..server.clone() };
        Ok(Self { name, origin: known.url(), client })
    }

    /// A GET of `path`.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.origin))
    }
}

/// The certificates to trust; `None` is the system's.
///
/// # Errors
/// A file that holds no certificates.
pub(crate) fn trusted(tls: &UpstreamTls) -> Result<Option<Vec<Certificate>>, ClientError> {
    let Some(file) = &tls.ca_file else { return Ok(None) };
    let error = |what: String| ClientError::Authorities { file: file.clone(), what };
    authorities(file).map(Some).map_err(|wrong| error(wrong.message))
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
