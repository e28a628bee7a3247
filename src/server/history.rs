//! What became of reading the configuration, for metrics and the probes' `?verbose`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Timestamp;
use crate::telemetry::Metrics;

/// Why it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Start,
    Signal,
    Command,
    /// A file changed.
    Itself,
}

impl Cause {
    /// For the log and the probes.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Start => "at the start",
            Self::Signal => "by SIGHUP",
            Self::Command => "by fedfront reload",
            Self::Itself => "by itself",
        }
    }
}

/// When the configuration was last read, and whether it could be used.
pub(super) struct History {
    metrics: Arc<Metrics>,
    last: Mutex<Last>,
}

/// What became of reading it.
#[derive(Clone)]
pub(super) struct Last {
    /// When what is in use was read, and why.
    pub success: (Timestamp, Cause),
    /// When it failed, and why it was read then, if it has not succeeded since.
    pub failure: Option<(Timestamp, Cause)>,
    /// The keys of what is in use that wait for a restart.
    pub waiting: Vec<String>,
}

impl History {
    /// Begins with the configuration of the start.
    pub fn new(metrics: Arc<Metrics>, now: Timestamp) -> Self {
        let history = Self {
            metrics,
            last: Mutex::new(Last { success: (now, Cause::Start), failure: None, waiting: Vec::new() }),
        };
        history.succeeded(Cause::Start, now, Vec::new());
        history
    }

    /// It was read again, for that cause. What then waits for a restart; an error where it was wrong.
    pub fn add(&self, cause: Cause, outcome: Result<Vec<String>, ()>, now: Timestamp) {
        let result = if outcome.is_ok() { "success" } else { "failure" };
        self.metrics.config_reloads.with_label_values(&[result]).inc();
        match outcome {
            Ok(waiting) => self.succeeded(cause, now, waiting),
            Err(()) => {
                self.metrics.config_last_reload_successful.set(0);
                self.last().failure = Some((now, cause));
            }
        }
    }

    /// How that is now.
    pub fn now(&self) -> Last {
        self.last().clone()
    }

    /// For people.
    pub fn describe(&self) -> String {
        let last = self.last();
        let at = |(time, cause): (Timestamp, Cause)| format!("{time} {}", cause.label());
        let mut text = format!("read {}", at(last.success));
        if let Some(failure) = last.failure {
            text += &format!("; what was read {} is wrong, and not in use", at(failure));
        }
        if !last.waiting.is_empty() {
            text += &format!("; waits for a restart: {}", last.waiting.join(", "));
        }
        text
    }

    fn succeeded(&self, cause: Cause, now: Timestamp, waiting: Vec<String>) {
        self.metrics.config_last_reload_successful.set(1);
        self.metrics.config_last_reload_success.set(now.unix_seconds());
        self.metrics.config_restart_pending.set(i64::from(!waiting.is_empty()));
        *self.last() = Last { success: (now, cause), failure: None, waiting };
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_until_it_is_mended() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let history = History::new(metrics.clone(), at(1));
        let told = || (metrics.config_last_reload_successful.get(), metrics.config_last_reload_success.get());
        assert_eq!((told(), history.describe().as_str()), ((1, 1.0), "read 1970-01-01T00:00:01.000Z at the start"));
        history.add(Cause::Signal, Ok(vec!["listen[1]".to_owned(), "admin.socket".to_owned()]), at(1));
        assert!(history.describe().ends_with("; waits for a restart: listen[1], admin.socket"));
        history.add(Cause::Itself, Err(()), at(2));
        assert_eq!(metrics.config_restart_pending.get(), 1);
        assert_eq!(told(), (0, 1.0));
        let described = history.describe();
        assert!(described.contains(&at(1).to_string()) && described.contains(&at(2).to_string()), "{described}");
        assert!(described.contains("admin.socket"), "{described}");
        assert!(described.contains("by SIGHUP; ") && described.contains("by itself is wrong"), "{described}");
        history.add(Cause::Command, Ok(Vec::new()), at(3));
        assert_eq!(metrics.config_restart_pending.get(), 0);
        assert_eq!(
            (told(), history.describe().as_str()),
            ((1, 3.0), "read 1970-01-01T00:00:03.000Z by fedfront reload")
        );
    }
}
