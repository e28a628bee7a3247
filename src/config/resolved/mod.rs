//! What the operator's file means: every default filled in, every path absolute, every value of its own type.

mod credentials;
mod directory;
mod entra;
mod guard;
mod issuer;
mod metadata;
mod metadata_source;
mod party;
mod state;
mod telemetry;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use credentials::{CertificateCredentials, CertificateName, IssuedTokenCredentials, TokenIssuer};
pub use directory::{
    AttributeNames, DirectoryAdapter, DirectoryConfig, GroupCache, ImmutableIdEncoding, LdapConfig, NestedGroups,
    OCTET_ATTRIBUTES, USUAL_FILTER, UpstreamDirectoryConfig, UserDn,
};
pub use entra::{EntraClaims, PasswordExpiryClaims};
pub use guard::{GuardConfig, NetworkBudget, SprayConfig};
pub use issuer::{Issuer, NextKey, Pkcs11Key, Signing, SigningFiles};
pub use metadata::{MergedMetadataConfig, MetadataMode, OwnMetadata, Published};
pub use metadata_source::{MetadataPlace, MetadataSourceConfig};
pub use party::{Off, PartyConfig, PartyMetadata};
pub use state::StateConfig;
pub use telemetry::{AuditSink, LogFormat, SyslogConfig, SyslogServer, TelemetryConfig, TracesConfig};
pub use upstream::{Upstream, UpstreamHealth, UpstreamServer, UpstreamTls};

use crate::model::Endpoint;

/// A whole, valid configuration.
#[derive(Clone)]
pub struct Config {
    /// `https://host[:port]`, no slash at its end: the base of every address that we publish.
    pub public_url: String,
    /// Where clients connect.
    pub listen: Vec<Listen>,
    /// Metrics and health.
    pub admin: Admin,
    /// The identity provider behind.
    pub upstream: Upstream,
    /// Who we say we are, and the key that proves it.
    pub issuer: Issuer,
    /// Where passwords are checked, in order.
    pub directories: Vec<DirectoryConfig>,
    /// Certificates that users sign in with; absent: none.
    pub certificates: Option<CertificateCredentials>,
    /// Tokens that users sign in with; absent: none.
    pub issued_tokens: Option<IssuedTokenCredentials>,
    /// Remembered binds.
    pub bind_cache: BindCache,
    /// How many issued tokens are remembered.
    pub token_capacity: usize,
    /// Where what a restart should find again is kept.
    pub cache_folder: Option<PathBuf>,
    /// Lockout protection.
    pub guard: GuardConfig,
    /// Whom tokens are for.
    pub relying_parties: Vec<PartyConfig>,
    /// Each endpoint's paths.
    pub endpoints: BTreeMap<Endpoint, EndpointConfig>,
    /// How answers are compared with the identity provider's.
    pub shadow: ShadowConfig,
    /// How SAML metadata is published.
    pub metadata: MetadataMode,
    /// What else is published.
    pub published: Published,
    /// Where that of service providers comes from.
    pub metadata_sources: Vec<MetadataSourceConfig>,
    /// Peers whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How refusals look.
    pub faults: Faults,
    /// Sizes and deadlines.
    pub limits: Limits,
    /// What replicas share; absent: each process has state of its own.
    pub state: Option<StateConfig>,
    /// Logs and audit.
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Host and port of `public_url`, as a `Host` header has them.
    pub fn public_authority(&self) -> &str {
        self.public_url.split_once("://").map_or(self.public_url.as_str(), |(_, authority)| authority)
    }

    /// The host of `public_url`; an IPv6 address without its brackets.
    pub fn public_host(&self) -> &str {
        let authority = self.public_authority();
        match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => authority.split_once(':').map_or(authority, |(host, _)| host),
        }
    }
}

/// One listening address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// TLS; `None` is plain HTTP, for behind a balancer that ends TLS.
    pub tls: Option<TlsFiles>,
    /// Whether every connection begins with a PROXY protocol header, as balancers that pass bytes on send it.
    pub proxy_protocol: bool,
    /// `https://host:port` by which clients reach it; absent: the host of `public_url`, and its own port.
    pub public_url: Option<String>,
}

/// A TLS certificate chain and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Chain, leaf first.
    pub certificate_file: PathBuf,
    /// Key.
    pub private_key_file: PathBuf,
    /// CAs of which every client must show a certificate; absent: none is asked for.
    pub client_ca_file: Option<PathBuf>,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// `/metrics`, `/livez`, `/readyz`, `/startupz`.
    pub address: SocketAddr,
    /// The socket for what changes something (drain); absent: none.
    pub socket: Option<PathBuf>,
    /// Whether a file that changes is read again by itself.
    pub watch_files: bool,
}

/// Remembered binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindCache {
    /// How long a bind is remembered; `None`: not at all.
    pub ttl: Option<Duration>,
    /// How many are.
    pub capacity: u64,
}

/// Who answers an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointConfig {
    /// We do, on these paths.
    Paths(Vec<String>),
    /// The identity provider does, and on these paths our own answers are compared with its.
    Shadow(Vec<String>),
    /// The identity provider.
    Forward,
}

impl EndpointConfig {
    /// Its paths, whoever answers there; `None`: they are not ours to know.
    pub fn paths(&self) -> Option<&[String]> {
        match self {
            Self::Paths(paths) | Self::Shadow(paths) => Some(paths),
            Self::Forward => None,
        }
    }
}

/// How our answers are compared with the identity provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowConfig {
    /// Of a hundred requests, how many are.
    pub sample: u32,
    /// How many at a time.
    pub concurrency: usize,
}

/// How refusals look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The HTTP status of WS-Trust faults that are the client's: 500 as AD FS, or 400.
    pub bad_password_status: u16,
}

/// Sizes (bytes) and deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Body of a WS-Trust or MEX request.
    pub rst_body: usize,
    /// Body of an ECP request.
    pub ecp_body: usize,
    /// Request line and headers together.
    pub headers: usize,
    /// From the first byte of a request, or the end of the handshake, to the end of its headers.
    pub header_deadline: Duration,
    /// From the end of the headers to the end of the body, on our own endpoints.
    pub body_deadline: Duration,
    /// TLS handshake, and as much again for a PROXY protocol header.
    pub handshake_deadline: Duration,
    /// How far a client may fall behind `body_rate` while it sends a body that is forwarded, or takes an answer.
    pub body_silence: Duration,
    /// Bytes in a second.
    pub body_rate: u32,
    /// A connection without a request.
    pub keep_alive: Duration,
    /// Open connections.
    pub connections: usize,
    /// Between the end of accepting and the last byte.
    pub drain: Duration,
    /// Between `readyz` saying no and the end of accepting.
    pub lame_duck: Duration,
    /// One sign-in, the directory included; and as long again for a signature.
    pub sign_in_deadline: Duration,
    /// Worker threads; 0: one a core.
    pub threads: usize,
}

impl Limits {
    /// The largest body that an endpoint takes, in bytes.
    pub fn body_of(&self, endpoint: Endpoint) -> usize {
        match endpoint {
            Endpoint::Mex | Endpoint::Sts => self.rst_body,
            Endpoint::Ecp => self.ecp_body,
            Endpoint::Metadata | Endpoint::Certificate | Endpoint::FederationMetadata => 0,
        }
    }
}
