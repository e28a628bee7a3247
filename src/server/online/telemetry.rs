//! Who takes audit records and traces.

use std::io::{self, ErrorKind};

use super::report::Report;
use super::tls_problem::{Verification, explain};
use crate::config::{AuditSink, SyslogServer};
use crate::keys::tls_failure;
use crate::server::Prepared;
use crate::telemetry::reach_syslog;
use crate::traces::Exporter;

const UNREACHED: &str = "see that it is up, and that a firewall lets us reach it";
/// What a collector's refusals mean; others are its own to explain.
const REFUSALS: [(&str, &str); 3] = [
    ("answered 401", "name what it wants in telemetry.traces.headers"),
    ("answered 403", "name what it wants in telemetry.traces.headers"),
    ("answered 404", "name its address for OTLP over HTTP, usually port 4318, without /v1/traces"),
];

/// Tries each that the configuration names.
pub(super) async fn reach(prepared: &Prepared, report: &mut Report<'_>) {
    let telemetry = &prepared.config.telemetry;
    if let AuditSink::Syslog(config) = &telemetry.audit {
        syslog(&config.server, report).await;
    }
    if let Some((config, exporter)) = telemetry.traces.as_ref().zip(prepared.exporter.as_ref()) {
        traces(&config.endpoint, exporter, report).await;
    }
}

/// Everything runs on without it, and yet it fails: of who signs in nobody would know.
async fn syslog(server: &SyslogServer, report: &mut Report<'_>) {
    let step = format!("telemetry.audit_syslog, {server}");
    let asked = server.clone();
    let reached = tokio::task::spawn_blocking(move || reach_syslog(&asked)).await;
    match reached.unwrap_or_else(|stopped| Err(io::Error::other(stopped))) {
        Ok(()) => match server {
            SyslogServer::Udp(..) => report.note(&step, "has an address; whether datagrams arrive nobody tells"),
            SyslogServer::Local(_) => report.fine(&step, "takes datagrams"),
            SyslogServer::Tcp(..) => report.fine(&step, "takes connections"),
            SyslogServer::Tls { .. } => report.fine(&step, "takes connections, TLS verified"),
        },
        Err(error) => {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<native_tls::Error>());
            let what = tls.map_or_else(|| error.to_string(), tls_failure);
            let verification = Verification {
                ca_file: "telemetry.audit_syslog.ca_file",
                other_name: "write the name that is in the certificate in telemetry.audit_syslog.server",
                no_tls: "write tcp:// in telemetry.audit_syslog.server, or name the TLS port",
            };
            let (what, help) = match (explain(&what, &verification), server) {
                (Some((meaning, help)), _) => (meaning.to_owned(), help),
                // What it opens of ours.
                (None, _) if error.kind() == ErrorKind::InvalidData => {
                    (what, "correct telemetry.audit_syslog.ca_file".to_owned())
                }
                (None, SyslogServer::Tls { .. }) if error.kind() == ErrorKind::PermissionDenied => {
                    (what, "have it ask its clients for no certificate: fedfront has none to show it".to_owned())
                }
                (None, SyslogServer::Local(_)) => {
                    (what, "see that a syslog daemon listens there, or name its socket".to_owned())
                }
                (None, _) => (what, UNREACHED.to_owned()),
            };
            report.failed(&step, what, format!("{help}; until then 4096 audit records wait, and more are lost"));
        }
    }
}

/// Nobody's sign-in needs it: what cannot be sent is given up.
async fn traces(endpoint: &str, exporter: &Exporter, report: &mut Report<'_>) {
    let step = format!("telemetry.traces, {endpoint}");
    let what = match exporter.try_out().await {
        Ok(()) => return report.fine(&step, "takes traces"),
        Err(what) => what,
    };
    let verification = Verification {
        ca_file: "telemetry.traces.ca_file",
        other_name: "write the name that is in the certificate in telemetry.traces.endpoint",
        no_tls: "write http:// in telemetry.traces.endpoint, or name the TLS port",
    };
    let (what, help) = match explain(&what, &verification) {
        Some((meaning, help)) => (meaning.to_owned(), help),
        None => {
            let known = REFUSALS.iter().find(|(begin, _)| what.starts_with(begin)).map(|(_, help)| *help);
            let help = known.unwrap_or(UNREACHED);
            (what, help.to_owned())
        }
    };
    report.warning(&step, what, format!("{help}; until then traces are lost, and nothing else"));
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixDatagram;
    use std::thread;

    use super::super::report::Tally;
    use super::*;
    use crate::config::TracesConfig;

    /// A server on a port of its own that does so with its one connection.
    fn server(answer: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || answer(listener.accept().unwrap().0));
        port
    }

    /// Answers what begins so.
    fn answer(mut stream: TcpStream, begin: &[u8], answer: &[u8]) {
        let mut said = [0; 16 * 1024];
        assert!(stream.read(&mut said).unwrap() > 0 && said.starts_with(begin));
        stream.write_all(answer).unwrap();
    }

    /// Where nobody listens.
    fn nobody() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// The one line that is said, and how it counts.
    fn told(look: impl AsyncFnOnce(&mut Report<'_>)) -> (String, Tally) {
        let mut lines = Vec::new();
        let mut say = |line: &str| lines.push(line.to_owned());
        let mut report = Report::new(&mut say);
        tokio::runtime::Runtime::new().unwrap().block_on(look(&mut report));
        let tally = report.tally();
        assert_eq!(lines.len(), 1, "{lines:?}");
        (lines.concat(), tally)
    }

    #[test]
    fn a_syslog_server_that_takes_nothing_is_told() {
        let host = || "127.0.0.1".to_owned();
        let socket = std::env::temp_dir().join(format!("fedfront-online-syslog-{}", std::process::id()));
        let bound = UnixDatagram::bind(&socket).unwrap();
        let tls = |port| SyslogServer::Tls { host: host(), port, ca_file: None };
        let no_authority = SyslogServer::Tls { host: host(), port: nobody(), ca_file: Some("/dev/null".into()) };
        let no_tls = server(|stream| answer(stream, b"", b"which is no TLS"));
        for (server, begin, part, failures) in [
            (SyslogServer::Tcp(host(), server(drop)), "ok ", "takes connections", 0),
            (SyslogServer::Udp(host(), nobody()), "note ", "nobody tells", 0),
            (SyslogServer::Local(socket.clone()), "ok ", "takes datagrams", 0),
            (SyslogServer::Local("/nonexistent/log".into()), "failed ", "help: see that a syslog daemon listens", 1),
            (SyslogServer::Tcp(host(), nobody()), "failed ", "refused", 1),
            (no_authority, "failed ", "correct telemetry.audit_syslog.ca_file", 1),
            (tls(nobody()), "failed ", "refused", 1),
            (tls(no_tls), "failed ", "write tcp:// in telemetry.audit_syslog.server", 1),
        ] {
            let (line, tally) = told(async |report| syslog(&server, report).await);
            assert!(line.starts_with(begin) && line.contains(part), "{line}");
            assert!(line.contains(&format!("telemetry.audit_syslog, {server}: ")), "{line}");
            assert_eq!(tally, Tally { warnings: 0, failures }, "{line}");
        }
        drop(bound);
        std::fs::remove_file(socket).unwrap();
    }

    #[test]
    fn a_collector_that_takes_nothing_is_told() {
        let answering = |said: &'static [u8]| {
            let port = server(move |stream| answer(stream, b"POST /v1/traces ", said));
            format!("http://127.0.0.1:{port}")
        };
        let fine = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let denied = answering(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
        let another = answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        let no_tls = server(|stream| answer(stream, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        for (endpoint, begin, part, warnings) in [
            (fine, "ok ", "takes traces", 0),
            (denied, "warning ", "telemetry.traces.headers", 1),
            (another, "warning ", "without /v1/traces", 1),
            (format!("http://127.0.0.1:{}", nobody()), "warning ", "no connection", 1),
            (format!("https://127.0.0.1:{no_tls}"), "warning ", "write http:// in telemetry.traces.endpoint", 1),
        ] {
            let config = TracesConfig {
                endpoint: endpoint.clone(),
                sample_ratio: 1.0,
                headers: Vec::new(),
                ca_file: None,
                service_name: "fedfront".to_owned(),
            };
            let exporter = Exporter::new(&config).unwrap();
            let (line, tally) = told(async |report| traces(&endpoint, &exporter, report).await);
            assert!(line.starts_with(begin) && line.contains(part), "{line}");
            assert!(line.contains(&format!("telemetry.traces, {endpoint}: ")), "{line}");
            assert_eq!(tally, Tally { warnings, failures: 0 }, "{line}");
        }
    }
}
