//! Active health requests to the servers behind, made only if they are configured.

use std::sync::LazyLock;
use std::time::Duration;

use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;

use super::identity::is_stranger;
use super::upstream::Servers;
use crate::config::UpstreamHealth;

/// Asks every server for `health.path`, round after round. An answer below 500 is healthy.
pub(super) async fn watch(servers: &Servers, health: &UpstreamHealth) {
    let patience = health.interval.max(Duration::from_secs(1));
    loop {
        for index in 0..servers.len() {
            let asked = tokio::time::timeout(patience, ask(servers, index, health));
            servers.set_healthy(index, asked.await.ok().flatten().is_some_and(|status| status < 500));
        }
        tokio::time::sleep(health.interval).await;
    }
}

/// Made once: it reads every certificate that the system trusts, which takes tens of milliseconds.
static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| Connector::new(None));

async fn ask(servers: &Servers, index: usize, health: &UpstreamHealth) -> Option<u16> {
    let peer = servers.peer(index).await?;
    let (HttpSession::H1(mut session), _) = CONNECTOR.get_http_session(&*peer).await.ok()? else { return None };
    if is_stranger(&peer, Some(session.digest())) {
        return None;
    }
    let mut request = RequestHeader::build("GET", health.path.as_bytes(), Some(3)).ok()?;
    request.insert_header("Host", servers.authority(index)).ok()?;
    request.insert_header("User-Agent", "fedfront-health").ok()?;
    request.insert_header("Connection", "close").ok()?;
    session.write_request_header(Box::new(request)).await.ok()?;
    session.read_response().await.ok()?;
    session.get_status().map(|status| status.as_u16())
}
