//! `telemetry`

use serde_json::{Map, Value, json};

use super::{REDACTED, object, path};
use crate::config::keys::{FACILITIES, FACILITY_NUMBERS};
use crate::config::{AuditSink, LogFormat, SyslogConfig, SyslogServer, TelemetryConfig, TracesConfig};

pub(super) fn telemetry(telemetry: &TelemetryConfig) -> Value {
    let TelemetryConfig { format, level, audit, traces: sent } = telemetry;
    object([
        (
            "format",
            Some(json!(match format {
                LogFormat::Json => "json",
                LogFormat::Text => "text",
            })),
        ),
        ("level", Some(json!(level))),
        (
            "audit_file",
            match audit {
                AuditSink::File(file) => Some(path(file)),
                AuditSink::Stdout | AuditSink::Syslog(_) => None,
            },
        ),
        (
            "audit_syslog",
            match audit {
                AuditSink::Syslog(config) => Some(syslog(config)),
                AuditSink::Stdout | AuditSink::File(_) => None,
            },
        ),
        ("traces", sent.as_ref().map(traces)),
    ])
}

fn syslog(syslog: &SyslogConfig) -> Value {
    let url = Some(json!(syslog.server.to_string()));
    let (server, socket, ca_file) = match &syslog.server {
        SyslogServer::Local(socket) => (None, Some(path(socket)), None),
        SyslogServer::Udp(..) | SyslogServer::Tcp(..) => (url, None, None),
        SyslogServer::Tls { ca_file, .. } => (url, None, ca_file.as_deref().map(path)),
    };
    let facility = FACILITIES.iter().zip(FACILITY_NUMBERS).find(|(_, number)| *number == syslog.facility);
    object([
        ("server", server),
        ("socket", socket),
        ("ca_file", ca_file),
        ("facility", facility.map(|(name, _)| json!(name))),
        ("app_name", Some(json!(syslog.app_name))),
    ])
}

fn traces(traces: &TracesConfig) -> Value {
    let headers = traces.headers.iter().map(|(name, _)| (name.clone(), json!(REDACTED)));
    object([
        ("endpoint", Some(json!(traces.endpoint))),
        ("sample_ratio", Some(json!(traces.sample_ratio))),
        ("headers", Some(headers.collect::<Map<_, _>>().into())),
        ("ca_file", traces.ca_file.as_deref().map(path)),
        ("service_name", Some(json!(traces.service_name))),
    ])
}
