//! Active health requests to the servers behind, made only if they are configured.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;

use super::upstream::Servers;
use crate::config::UpstreamHealth;

/// Asks every server for `health.path` until nobody uses the servers any more. An answer below 500 is healthy. Outside
/// a runtime, as in a check of the configuration, nobody is asked.
pub(super) fn watch(servers: &Arc<Servers>, health: UpstreamHealth) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let servers = Arc::downgrade(servers);
    runtime.spawn(async move {
        let connector = Connector::new(None);
        while round(&servers, &connector, &health).await {
            tokio::time::sleep(health.interval).await;
        }
    });
}

async fn round(servers: &Weak<Servers>, connector: &Connector, health: &UpstreamHealth) -> bool {
    let Some(servers) = servers.upgrade() else { return false };
    for index in 0..servers.len() {
        let asked =
            tokio::time::timeout(health.interval.max(Duration::from_secs(1)), ask(&servers, index, connector, health));
        servers.set_healthy(index, asked.await.ok().flatten().is_some_and(|status| status < 500));
    }
    true
}

async fn ask(servers: &Servers, index: usize, connector: &Connector, health: &UpstreamHealth) -> Option<u16> {
    let peer = servers.peer(index).await?;
    let (HttpSession::H1(mut session), _) = connector.get_http_session(&*peer).await.ok()? else { return None };
    let mut request = RequestHeader::build("GET", health.path.as_bytes(), Some(3)).ok()?;
    request.insert_header("Host", servers.authority(index)).ok()?;
    request.insert_header("User-Agent", "fedfront-health").ok()?;
    request.insert_header("Connection", "close").ok()?;
    session.write_request_header(Box::new(request)).await.ok()?;
    session.read_response().await.ok()?;
    session.get_status().map(|status| status.as_u16())
}
