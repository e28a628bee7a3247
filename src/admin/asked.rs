//! `/reload`, `/promote`, `/upgrade` and errands: has something done by who serves, and tells what came of it.

use std::time::Duration;

use http::StatusCode;
use tokio::sync::oneshot;

use super::routes::{Answer, Status, handed_over, text};

/// What came of it, for people: an error where nothing has changed.
pub type Outcome = Result<String, String>;

/// Why a process serves on, and no other in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoUpgrade {
    /// The configuration is wrong: what is, as `fedfront check` would say it.
    Configuration(String),
    /// Something else.
    Other(String),
}

/// What came of an upgrade, for people.
pub type Upgraded = Result<String, NoUpgrade>;

/// What somebody wants, and waits for.
pub enum Asked {
    /// That everything is read again.
    Reload(oneshot::Sender<Outcome>),
    /// That the next key signs.
    Promote(oneshot::Sender<Outcome>),
    /// That another process takes this one's place, within that time.
    Upgrade(Duration, oneshot::Sender<Upgraded>),
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
pub(super) async fn ask(status: &Status, what: impl FnOnce(oneshot::Sender<Outcome>) -> Asked) -> Answer {
    let outcome = outcome(status, what).await;
    rendered(status, outcome.map(|outcome| outcome.map_err(|told| (StatusCode::UNPROCESSABLE_ENTITY, told))))
}

/// Asks for an upgrade, and waits for what comes of it.
pub(super) async fn ask_upgrade(status: &Status, within: Duration) -> Answer {
    let outcome = outcome(status, |told| Asked::Upgrade(within, told)).await;
    let told = outcome.map(|outcome| {
        outcome.map_err(|why| match why {
            NoUpgrade::Configuration(told) => (StatusCode::UNPROCESSABLE_ENTITY, told),
            NoUpgrade::Other(told) => (StatusCode::CONFLICT, told),
        })
    });
    rendered(status, told)
}

async fn outcome<T>(status: &Status, what: impl FnOnce(oneshot::Sender<T>) -> Asked) -> Option<T> {
    let (asked, outcome) = oneshot::channel();
    status.server.send(what(asked)).await.ok()?;
    outcome.await.ok()
}

fn rendered(status: &Status, outcome: Option<Result<String, (StatusCode, String)>>) -> Answer {
    match outcome {
        Some(Ok(told)) => text(StatusCode::OK, told),
        Some(Err((code, told))) => text(code, told),
        None if status.lifecycle.is_handed_over() => handed_over(),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "the process ends, and changes nothing more\n"),
    }
}
