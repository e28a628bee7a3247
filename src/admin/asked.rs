//! `/reload`, `/promote` and errands: has something done by who serves, and tells what came of it.

use std::time::Duration;

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
    /// Something of what is remembered of users, or of the log.
    Errand(Errand, oneshot::Sender<Outcome>),
}

/// What somebody wants of what is remembered of users. A user is named as for signing in, or by their entry's own name in its
/// directory; no user means all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// That remembered binds are forgotten.
    Flush {
        /// Whose.
        user: Option<String>,
    },
    /// To be told which entries have failures that count.
    Failures {
        /// Of how many at most.
        most: usize,
        /// As JSON.
        json: bool,
    },
    /// To be told what failures a user has.
    FailuresOf {
        /// Who.
        user: String,
        /// As JSON.
        json: bool,
    },
    /// That failures are forgotten.
    Unlock {
        /// Whose.
        user: Option<String>,
    },
    /// To be told what is logged.
    LogLevel,
    /// That more or less is logged for a while.
    SetLogLevel {
        /// A level, or directives.
        level: String,
        /// For how long.
        during: Duration,
    },
}

/// Asks, and waits for the answer.
pub(super) async fn ask(server: &mpsc::Sender<Asked>, what: impl FnOnce(oneshot::Sender<Outcome>) -> Asked) -> Answer {
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
