//! `/reload`: has everything read again, and tells what came of it.

use http::StatusCode;
use tokio::sync::{mpsc, oneshot};

use super::routes::{Answer, text};

/// What was found, for people: an error where nothing was taken over.
pub type Reloaded = Result<String, String>;

/// Somebody waits for what is found.
pub type Asked = oneshot::Sender<Reloaded>;

/// Asks, and waits for the answer.
pub(super) async fn reload(reloader: &mpsc::Sender<Asked>) -> Answer {
    let (asked, found) = oneshot::channel();
    let reloaded = match reloader.send(asked).await {
        Ok(()) => found.await.ok(),
        Err(_) => None,
    };
    match reloaded {
        Some(Ok(found)) => text(StatusCode::OK, found),
        Some(Err(found)) => text(StatusCode::UNPROCESSABLE_ENTITY, found),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "the process ends, and reads its configuration no more\n"),
    }
}
