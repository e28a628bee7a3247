//! `/reload` and `/promote`: has something done by who serves, and tells what came of it.

use http::StatusCode;
use tokio::sync::{mpsc, oneshot};

use super::routes::{Answer, text};

/// What came of it, for people: an error where nothing has changed.
pub type Outcome = Result<String, String>;

/// What somebody wants, and waits for.
pub enum Asked {
    /// That everything is read again.
    Reload(oneshot::Sender<Outcome>),
    /// That the next key signs.
    Promote(oneshot::Sender<Outcome>),
}

/// Asks, and waits for the answer.
pub(super) async fn ask(server: &mpsc::Sender<Asked>, what: fn(oneshot::Sender<Outcome>) -> Asked) -> Answer {
    let (asked, outcome) = oneshot::channel();
    let outcome = match server.send(what(asked)).await {
        Ok(()) => outcome.await.ok(),
        Err(_) => None,
    };
    match outcome {
        Some(Ok(told)) => text(StatusCode::OK, told),
        Some(Err(told)) => text(StatusCode::UNPROCESSABLE_ENTITY, told),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "the process ends, and changes nothing more\n"),
    }
}
