//! One HTTP/1 request after another. Pingora would do this, too, but what it keeps of a request would wait with the
//! connection for the next one: a third of what an idle connection takes.

use std::sync::Arc;

use pingora::apps::{HttpPersistentSettings, HttpServerApp};
use pingora::protocols::Shutdown;
use pingora::protocols::http::ServerSession;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::FAREWELL;
use super::connection::Connection;
use crate::proxy::HttpApp;

/// As Pingora sets it where it does this. The connection itself ends its idle time.
const KEEP_ALIVE: u64 = 60;

/// Serves the connection to its end. `leaving` ends it where it waits for a request, though no sooner than its client can
/// have sent one in answer to what it got.
pub(super) async fn serve(
    app: &Arc<HttpApp>,
    mut connection: Box<Connection>,
    shutdown: &watch::Receiver<bool>,
    mut leaving: watch::Receiver<bool>,
) {
    let mut kept: Option<HttpPersistentSettings> = None;
    loop {
        if connection.is_between_requests() {
            let farewell = Instant::now() + FAREWELL;
            let leaves = async {
                let _ = leaving.wait_for(|leaving| *leaving).await;
                sleep_until(farewell).await;
            };
            let begins = tokio::select! {
                biased;
                begins = connection.next_request() => begins,
                () = leaves => false,
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
