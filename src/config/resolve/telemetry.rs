//! `telemetry`

use super::metadata_source::url_of;
use super::network::headers;
use crate::config::files::{Files, Privacy};
use crate::config::keys::{FACILITIES, FACILITY_NUMBERS};
use crate::config::section::{Section, text, text_map};
use crate::config::value::{is_loopback, origin, ratio};
use crate::config::{AuditSink, LogFormat, SyslogConfig, SyslogServer, TelemetryConfig, TracesConfig};

/// Of `APP-NAME` (RFC 5424 6.2.5).
const LONGEST_NAME: usize = 48;
/// Where OTLP takes traces, below the endpoint.
const TRACES_PATH: &str = "/v1/traces";

pub(super) fn telemetry(root: &Section<'_>, files: &mut Files<'_>) -> Option<TelemetryConfig> {
    let telemetry = root.section("telemetry")?;
    let audit = audit(&telemetry, files);
    let traces =
        if telemetry.has("traces") { traces(&telemetry.section("traces")?, files).map(Some) } else { Some(None) };
    let format = if telemetry.get("format", text)? == "json" { LogFormat::Json } else { LogFormat::Text };
    Some(TelemetryConfig { format, level: telemetry.get("level", text)?, audit: audit?, traces: traces? })
}

fn audit(telemetry: &Section<'_>, files: &mut Files<'_>) -> Option<AuditSink> {
    let file = telemetry.maybe("audit_file", text)?.map(|path| AuditSink::File(files.resolve(&path)));
    if !telemetry.has("audit_syslog") {
        return Some(file.unwrap_or(AuditSink::Stdout));
    }
    let syslog = syslog(&telemetry.section("audit_syslog")?, files);
    if file.is_some() {
        let help = "remove one of them: a syslog server can write a file of its own";
        files.report.error(&telemetry.path("audit_syslog"), "is given besides audit_file", help);
        return None;
    }
    syslog.map(AuditSink::Syslog)
}

fn syslog(section: &Section<'_>, files: &mut Files<'_>) -> Option<SyslogConfig> {
    let name = section.get("app_name", text);
    if let Some(name) = &name
        && (name.len() > LONGEST_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let message = format!("is longer than {LONGEST_NAME} characters, or has others than visible ASCII");
        files.report.error(&section.path("app_name"), message, "choose a short one, such as fedfront");
    }
    let ca_file = files.optional_file(section, "ca_file", Privacy::Public);
    let server = match section.maybe("server", |node| origin(&text(node)?))? {
        None => SyslogServer::Local(files.resolve(&section.get("socket", text)?)),
        Some(url) => {
            let port = |usual| url.port.unwrap_or(usual);
            let (server, unnoticed) = match url.scheme.as_str() {
                "udp" => {
                    (SyslogServer::Udp(url.host.clone(), port(514)), ", and what is lost on the way nobody notices")
                }
                "tcp" => (SyslogServer::Tcp(url.host.clone(), port(601)), ""),
                _ => (SyslogServer::Tls { host: url.host.clone(), port: port(6514), ca_file: ca_file.clone()? }, ""),
            };
            if !matches!(server, SyslogServer::Tls { .. }) && !is_loopback(&url.host) {
                let host = &url.host;
                let message =
                    format!("has no TLS: who signs in when crosses the network to {host} in the clear{unnoticed}");
                files.report.warning(
                    &section.path("server"),
                    message,
                    "use tls://, and name the server's CA in ca_file",
                );
            }
            server
        }
    };
    if section.has("ca_file") && !matches!(server, SyslogServer::Tls { .. }) {
        files.report.warning(&section.path("ca_file"), "is of no use without tls://", "remove it, or use tls://");
    }
    let facility = section.get("facility", text)?;
    let (_, facility) = FACILITIES.iter().zip(FACILITY_NUMBERS).find(|(name, _)| **name == facility)?;
    Some(SyslogConfig { server, facility, app_name: name? })
}

fn traces(section: &Section<'_>, files: &mut Files<'_>) -> Option<TracesConfig> {
    let endpoint = section.get("endpoint", text).and_then(|url| endpoint(&url, section, files));
    let headers = section.get("headers", text_map).and_then(|typed| headers(typed, "headers", section, files));
    let ca_file = files.optional_file(section, "ca_file", Privacy::Public);
    Some(TracesConfig {
        endpoint: endpoint?,
        sample_ratio: section.get("sample_ratio", |node| ratio(&text(node)?))?,
        headers: headers?,
        ca_file: ca_file?,
        service_name: section.get("service_name", text)?,
    })
}

fn endpoint(url: &str, section: &Section<'_>, files: &mut Files<'_>) -> Option<String> {
    let path = section.path("endpoint");
    let Some((https, host)) = url_of(url).filter(|_| !url.contains('?')) else {
        let help = "write http://host:4318 or https://host:4318; a path before /v1/traces may follow";
        files.report.error(&path, format!("`{url}` is no URL of a collector"), help);
        return None;
    };
    if url.ends_with(":4317") || url.ends_with(":4317/") {
        let message = "is by its port a collector's address for gRPC, which is not spoken here";
        files.report.warning(&path, message, "use its address for HTTP, usually port 4318");
    }
    if !https && !is_loopback(&host) && section.has("headers") {
        let message = format!("has no TLS: the headers, and what they may sign in with, cross the network to {host}");
        files.report.warning(&path, message, "use https://, and name the collector's CA in ca_file");
    }
    let base = url.trim_end_matches('/');
    Some(base.strip_suffix(TRACES_PATH).unwrap_or(base).to_owned())
}
