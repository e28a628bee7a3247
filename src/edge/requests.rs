//! One HTTP/1 request after another. Pingora would do this, too, but what it keeps of a request would wait with the
//! connection for the next one: a third of what an idle connection takes.

use std::sync::Arc;

use pingora::apps::{HttpPersistentSettings, HttpServerApp};
use pingora::protocols::Shutdown;
use pingora::protocols::http::ServerSession;
use tokio::sync::watch;

use super::connection::Connection;
use crate::proxy::HttpApp;

/// As Pingora sets it where it does this. The connection itself ends its idle time.
const KEEP_ALIVE: u64 = 60;

/// Serves the connection to its end. `leaving` ends it where it would wait for a request.
pub(super) async fn serve(
    app: &Arc<HttpApp>,
    mut connection: Box<Connection>,
    shutdown: &watch::Receiver<bool>,
    mut leaving: watch::Receiver<bool>,
) {
    let mut kept: Option<HttpPersistentSettings> = None;
    loop {
        if connection.is_between_requests() {
            let begins = tokio::select! {
                biased;
                begins = connection.next_request() => begins,
                _ = leaving.wait_for(|leaving| *leaving) => false,
            };
            if !begins {
                return connection.shutdown().await;
            }
        }
        let mut session = ServerSession::new_http1(connection);
        match kept {
            Some(kept) => kept.apply_to_session(&mut session),
            None => session.set_keepalive((!*shutdown.borrow()).then_some(KEEP_ALIVE)),
        }
        let Some(reusable) = app.process_new_http(session, shutdown).await else { return };
        let (stream, settings) = reusable.consume();
        let Ok(same) = stream.into_any().downcast() else { return };
        (connection, kept) = (same, settings);
    }
}
