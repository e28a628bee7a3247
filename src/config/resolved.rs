//! What the operator's file means: every default filled in, every path absolute, every value of its own type.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use ipnet::IpNet;

use super::{CertificateCredentials, EntraClaims, IssuedTokenCredentials};
use crate::model::{AttributeRelease, Endpoint, Password, RelyingParty};
use crate::saml::names::MICROSOFT_ONLINE;

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
    /// Lockout protection.
    pub guard: GuardConfig,
    /// Whom tokens are for.
    pub relying_parties: Vec<PartyConfig>,
    /// Each endpoint's paths.
    pub endpoints: BTreeMap<Endpoint, EndpointConfig>,
    /// How SAML metadata is published.
    pub metadata: MetadataMode,
    /// Peers whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How refusals look.
    pub faults: Faults,
    /// Sizes and deadlines.
    pub limits: Limits,
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
}

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

/// Who we say we are.
#[derive(Clone)]
pub struct Issuer {
    /// SAML entityID, and the issuer of tokens for parties that do not choose by domain.
    pub entity_id: String,
    /// The signing key.
    pub signing: SigningFiles,
    /// UPN domain (lower case) to issuer.
    pub domains: BTreeMap<String, String>,
}

/// Where a signing key and certificate are.
#[derive(Clone)]
pub enum SigningFiles {
    /// Two PEM files.
    Pem {
        /// Certificate.
        certificate_file: PathBuf,
        /// Key.
        private_key_file: PathBuf,
    },
    /// One PKCS#12 file, such as the IdP's own keystore converted.
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// Its password.
        password: Password,
    },
}

/// One directory.
#[derive(Clone)]
pub struct DirectoryConfig {
    /// Its name: in audit records, never a label that a client chooses.
    pub name: String,
    /// What it is.
    pub adapter: DirectoryAdapter,
    /// Which attribute is what.
    pub attributes: AttributeNames,
    /// Attributes that relying parties release besides those.
    pub released: Vec<String>,
    /// Whether users sign in without a bind, so that what tells of disabled accounts is read too.
    pub standing: bool,
}

/// What a directory is.
#[derive(Clone)]
pub enum DirectoryAdapter {
    /// A YAML file of users with argon2 hashes.
    File {
        /// The file.
        path: PathBuf,
    },
    /// LDAP.
    Ldap(Box<LdapConfig>),
}

/// An LDAP directory.
#[derive(Clone)]
pub struct LdapConfig {
    /// `ldap://` or `ldaps://`, in order of preference.
    pub urls: Vec<String>,
    /// Whether `ldap://` connections are upgraded by StartTLS.
    pub start_tls: bool,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The service account's DN.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: Password,
    /// Where the search for users begins.
    pub base_dn: String,
    /// The search, with `{name}` for the escaped name.
    pub user_filter: String,
    /// UPN domains whose users are searched by the part before `@`.
    pub strip_domains: Vec<String>,
    /// Whether groups of groups count: resolved by Active Directory's matching rule.
    pub nested_groups: bool,
    /// Where the search for groups begins, for directories without a group attribute on the user.
    pub group_base_dn: Option<String>,
    /// That search, with `{dn}` for the user's escaped DN; the groups' DNs are what counts.
    pub group_filter: Option<String>,
    /// Connections at most, of each kind (searches, binds).
    pub pool_size: usize,
    /// Deadline for connecting (TCP, TLS, service bind).
    pub connect_timeout: Duration,
    /// Deadline for one search or bind.
    pub operation_timeout: Duration,
}

/// Attributes that hold octets in every schema that has them, even when the octets happen to be text.
pub const OCTET_ATTRIBUTES: [&str; 3] = ["objectGUID", "mS-DS-ConsistencyGuid", "objectSid"];

/// Which attribute is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeNames {
    /// User principal name.
    pub upn: String,
    /// ImmutableID: base64 of the value where it is binary.
    pub immutable_id: String,
    /// Whether the ImmutableID attribute holds octets (objectGUID) or text. The schema decides, not the bytes.
    pub immutable_id_binary: bool,
    /// Groups.
    pub groups: String,
}

/// Remembered binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindCache {
    /// How long a bind is remembered; `None`: not at all.
    pub ttl: Option<Duration>,
    /// How many are.
    pub capacity: u64,
}

/// Lockout protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// Failures within `window` before an entry is refused.
    pub threshold: u32,
    /// How long failures count.
    pub window: Duration,
    /// All failed sign-ins are answered this long after they arrived.
    pub failure_delay: Duration,
}

/// A relying party and where its SAML metadata is.
#[derive(Clone)]
pub struct PartyConfig {
    /// The party.
    pub party: RelyingParty,
    /// Where its assertion consumer services are, if ECP is on.
    pub metadata: Option<PartyMetadata>,
    /// What it is told of sign-ins besides: the last of `party.attributes`.
    pub entra: EntraClaims,
    /// The certificate of the key by which it decrypts, PEM.
    pub certificate_file: Option<PathBuf>,
}

impl PartyConfig {
    /// `attributes`, without what `entra` stands for.
    pub fn own_attributes(&self) -> &[AttributeRelease] {
        let attributes = &self.party.attributes;
        attributes.get(..attributes.len().saturating_sub(self.entra.claims())).unwrap_or_default()
    }

    /// Whether it is Office 365, by the name that both protocols call it.
    pub fn is_office365(&self) -> bool {
        self.metadata == Some(PartyMetadata::Office365)
            || self.party.applies_to.iter().any(|address| address == MICROSOFT_ONLINE)
    }
}

/// Where a party's assertion consumer services come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartyMetadata {
    /// Office 365's, which is built in: `login.srf` by PAOS at index 2.
    Office365,
    /// A SAML metadata file.
    File(PathBuf),
}

/// Who answers an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointConfig {
    /// We do, on these paths.
    Paths(Vec<String>),
    /// The identity provider.
    Forward,
}

/// How SAML metadata is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataMode {
    /// Ours, signed.
    Own(OwnMetadata),
    /// The identity provider's.
    Forward {
        /// Where it publishes documents that are kept; `endpoints` leaves these paths to it.
        paths: Vec<String>,
    },
}

/// What our metadata says besides our name, key and ECP endpoint. Addresses are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnMetadata {
    /// The identity provider's browser sign-on, by redirect.
    pub sso_redirect: Option<String>,
    /// The same by POST.
    pub sso_post: Option<String>,
    /// Its logout, by redirect.
    pub slo_redirect: Option<String>,
    /// The same by POST.
    pub slo_post: Option<String>,
    /// Files with the certificates that it signs with, PEM.
    pub idp_certificates: Vec<PathBuf>,
    /// Name identifier formats that are given.
    pub name_id_formats: Vec<String>,
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
    /// One sign-in, the directory included.
    pub sign_in_deadline: Duration,
    /// Worker threads; 0: one a core.
    pub threads: usize,
}

/// Logs and audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// JSON or text.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// Where audit records go.
    pub audit: AuditSink,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Where audit records go, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditSink {
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}
