//! Keys of what is told: logs, audit records, traces.

use super::kind::{Kind, Spec, default, optional, required};

/// `telemetry`.
pub(super) static TELEMETRY: Spec = Spec {
    doc: "Logs, audit and traces.",
    keys: &[
        default("format", Kind::Word(&["json", "text"]), "json", "One JSON object a line, or text for people."),
        default("level", Kind::Word(&["error", "warn", "info", "debug", "trace"]), "info", "What is logged."),
        optional("audit_file", Kind::NewFile, "File that audit records are appended to; absent: standard output."),
        optional("audit_syslog", Kind::Section(&SYSLOG), "Sends audit records to syslog, in the place of audit_file."),
        optional("traces", Kind::Section(&TRACES), "Sends OpenTelemetry traces; absent: none are made."),
    ],
};

static SYSLOG: Spec = Spec {
    doc: "Where audit records go as syslog messages (RFC 5424).",
    keys: &[
        optional(
            "server",
            Kind::Server(&["tls", "tcp", "udp"]),
            "The server; ports 6514, 601 and 514 unless given; absent: this machine's, at socket.",
        ),
        default("socket", Kind::NewFile, "/dev/log", "The Unix socket of this machine's syslog."),
        optional("ca_file", Kind::File, "Certificates to trust in TLS, PEM; absent: the system's."),
        default("facility", Kind::Word(&FACILITIES), "authpriv", "The facility of each message."),
        default("app_name", Kind::Text, "fedfront", "The name of the application in each message."),
    ],
};

/// Those that are for other programs than the kernel, printers and clocks.
pub(in crate::config) const FACILITIES: [&str; 13] = [
    "user", "mail", "daemon", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
/// Theirs in the same order (RFC 5424 6.2.1).
pub(in crate::config) const FACILITY_NUMBERS: [u8; 13] = [1, 2, 3, 4, 10, 16, 17, 18, 19, 20, 21, 22, 23];

static TRACES: Spec = Spec {
    doc: "OpenTelemetry traces, by OTLP over HTTP.",
    keys: &[
        required("endpoint", Kind::Text, "The collector, such as http://127.0.0.1:4318; /v1/traces is added to it."),
        default(
            "sample_ratio",
            Kind::Ratio,
            "0.1",
            "How much of the traces that begin here is sent, from 0 to 1; those of trusted proxies are sent as they say.",
        ),
        default("headers", Kind::Map(&Kind::Text), "{}", "Headers of every request to it, such as one that signs in."),
        optional("ca_file", Kind::File, "Certificates to trust in TLS, PEM; absent: the system's."),
        default("service_name", Kind::Text, "fedfront", "The name of this service in traces."),
    ],
};
