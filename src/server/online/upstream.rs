//! Every server of the identity provider behind.

use std::time::Duration;

use http::HeaderMap;
use http::header::DATE;

use super::report::Report;
use super::tls_problem::{Verification, explain_at};
use crate::config::{Config, Upstream, UpstreamServer};
use crate::federation::{Fetched, UpstreamClient};
use crate::http_client::ClientError;
use crate::model::{Clock, Timestamp};
use crate::runtime::SystemClock;
use crate::server::Prepared;

/// Tokens carry times that both sides compare; by how much the clocks may differ before somebody should know.
const SKEW: Duration = Duration::from_secs(60);

/// Asks each server, not only the first that answers; whether one does.
pub(super) async fn reach(prepared: &Prepared, report: &mut Report<'_>) -> bool {
    let config = &prepared.config;
    let mut reached = false;
    for server in &config.upstream.servers {
        let step = format!("upstream {}", server.url());
        reached |= reach_one(config, server, &step, report).await;
    }
    reached
}

/// How long an operator waits for one answer, where `upstream.read_timeout` is no shorter.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that has an operator's patience.
pub(super) fn client(upstream: &Upstream) -> Result<UpstreamClient, ClientError> {
    Ok(UpstreamClient::new(upstream)?.within(upstream.read_timeout.min(PATIENCE)))
}

async fn reach_one(config: &Config, server: &UpstreamServer, step: &str, report: &mut Report<'_>) -> bool {
    let alone = Upstream { servers: vec![server.clone()], ..config.upstream.clone() };
    let path = config.upstream.health.as_ref().map_or("/", |health| &health.path);
    let client = match client(&alone) {
        Ok(client) => client,
        Err(error) => {
            report.failed(step, error.to_string(), "correct upstream.tls");
            return false;
        }
    };
    match client.get(path, config.public_authority()).await {
        Ok(answer) => {
            let tls = if server.https { ", TLS verified" } else { "" };
            report.fine(step, format!("answers GET {path} with {}{tls}", answer.status.as_u16()));
            compare_clocks(&answer, step, report);
            true
        }
        Err(unavailable) => {
            not_reached(&server.url(), path, &unavailable.reason, step, report).await;
            false
        }
    }
}

async fn not_reached(server: &str, path: &str, reason: &str, step: &str, report: &mut Report<'_>) {
    let verification = Verification {
        ca_file: "upstream.tls.ca_file",
        other_name: "write the name that is in the certificate in upstream.tls.server_name",
        no_tls: "write http:// in upstream.servers, or name the TLS port",
    };
    // The step has named the server.
    let what = reason.split_once(": ").map_or(reason, |(_, what)| what);
    if let Some((meaning, help)) = explain_at(server, what, &verification).await {
        report.failed(step, meaning, help);
    } else if let Some(status) = what.strip_prefix("status ") {
        report.warning(step, format!("answers GET {path} with {status}"), "see what the identity provider logged");
    } else {
        let help =
            "check the address and the scheme, and that the identity provider runs and a firewall lets us reach it";
        report.failed(step, what, help);
    }
}

fn compare_clocks(answer: &Fetched, step: &str, report: &mut Report<'_>) {
    let Some(theirs) = date(&answer.headers) else { return };
    let ours = SystemClock.now();
    let skew = ours.since(theirs).max(theirs.since(ours));
    if skew > SKEW {
        let order = if theirs < ours { "behind" } else { "ahead of" };
        let what = format!("its clock is {} s {order} this machine's", skew.as_secs());
        report.warning(step, what, "set both clocks by NTP: Entra refuses tokens of another time");
    }
}

/// The answer's own time (RFC 9110, 6.6.1).
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp::from_unix_millis(date.timestamp_millis()))
}
