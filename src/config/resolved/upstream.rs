//! The identity provider behind, resolved.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;

/// The identity provider behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Servers, tried in order of health.
    pub servers: Vec<UpstreamServer>,
    /// For `https` servers.
    pub tls: UpstreamTls,
    /// Active health requests; absent: none are made.
    pub health: Option<UpstreamHealth>,
    /// Headers set on every forwarded request.
    pub set_headers: Vec<(String, HeaderValue)>,
    /// Headers removed from an untrusted peer's request, besides the forwarding ones. A trailing `*` is a prefix.
    pub remove_headers: Vec<String>,
    /// Whether `Location` headers that name an upstream server are moved to `public_url`.
    pub rewrite_location: bool,
    /// Path prefixes from which `Authorization: Basic` is removed (WebLogic would validate it).
    pub strip_basic_authorization: Vec<String>,
    /// Deadline for connecting (TCP and TLS).
    pub connect_timeout: Duration,
    /// The longest silence of a server before it answers or between pieces of its answer.
    pub read_timeout: Duration,
    /// How long an idle connection is kept for the next request.
    pub idle_timeout: Duration,
}

impl Upstream {
    /// More servers than this are not kept apart.
    pub const MOST_SERVERS: usize = 64;
}

/// One server behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamServer {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether by TLS.
    pub https: bool,
}

impl UpstreamServer {
    /// Its URL, without a path.
    pub fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Its host and port as a URL or a `Host` header has them: an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// How TLS servers behind are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name to ask for and to find in the certificate; the server's host where absent.
    pub server_name: Option<String>,
}

/// Active health requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamHealth {
    /// The path to GET; an answer below 500 is healthy.
    pub path: String,
    /// Pause between requests.
    pub interval: Duration,
}
