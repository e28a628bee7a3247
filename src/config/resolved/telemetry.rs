//! What is told, and to whom.

use std::fmt;
use std::path::PathBuf;

use http::HeaderValue;

/// Logs, audit and traces.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryConfig {
    /// JSON or text.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// Where audit records go.
    pub audit: AuditSink,
    /// Where traces go; absent: none are made.
    pub traces: Option<TracesConfig>,
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
    /// Syslog: each is the text of a message.
    Syslog(SyslogConfig),
}

impl AuditSink {
    /// The key that says so, for what is found to be wrong with it.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Stdout | Self::File(_) => "telemetry.audit_file",
            Self::Syslog(_) => "telemetry.audit_syslog",
        }
    }
}

/// Syslog messages (RFC 5424).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogConfig {
    /// Who takes them.
    pub server: SyslogServer,
    /// The number of the facility (RFC 5424 6.2.1).
    pub facility: u8,
    /// `APP-NAME`: 1 to 48 characters of visible ASCII.
    pub app_name: String,
}

/// Who takes syslog messages. `Display` is the socket's path, or the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogServer {
    /// This machine's, by datagrams.
    Local(PathBuf),
    /// Datagrams (RFC 5426).
    Udp(String, u16),
    /// A connection (RFC 6587, octet counting).
    Tcp(String, u16),
    /// The same within TLS (RFC 5425).
    Tls {
        /// Also the name that its certificate is for.
        host: String,
        /// Its port.
        port: u16,
        /// The certificates to trust; absent: the system's.
        ca_file: Option<PathBuf>,
    },
}

impl fmt::Display for SyslogServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Local(path) => return path.display().fmt(f),
            Self::Udp(host, port) => ("udp", host, port),
            Self::Tcp(host, port) => ("tcp", host, port),
            Self::Tls { host, port, .. } => ("tls", host, port),
        };
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

/// OpenTelemetry traces, by OTLP over HTTP with protobuf.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesConfig {
    /// The collector's URL, without `/v1/traces`.
    pub endpoint: String,
    /// How much of the traces that begin here is sent, 0 to 1.
    pub sample_ratio: f64,
    /// Headers of every request to it.
    pub headers: Vec<(String, HeaderValue)>,
    /// The certificates to trust; absent: the system's.
    pub ca_file: Option<PathBuf>,
    /// `service.name`.
    pub service_name: String,
}
