//! What is logged: what the configuration says, or for a while something else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::admin::Outcome;
use crate::config::TelemetryConfig;
use crate::model::Timestamp;
use crate::telemetry::log;

/// What an operator had changed, until it goes back by itself.
#[derive(Default)]
pub(super) struct LogLevel(Mutex<Changed>);

#[derive(Default)]
struct Changed {
    /// Of changes so far, so that only the last one's end counts.
    number: u64,
    /// To what, and until when.
    now: Option<(String, Timestamp)>,
}

impl LogLevel {
    /// From here on, what a configuration says that takes the place of another.
    pub fn heed(&self, before: &TelemetryConfig, now: &TelemetryConfig) {
        let mut changed = self.lock();
        changed.number += 1;
        let level = now.level != before.level || changed.now.take().is_some();
        let level = if level { log::set_level(&now.level) } else { Ok(()) };
        let format = if now.format != before.format { log::set_format(now.format) } else { Ok(()) };
        if let Err(error) = level.and(format) {
            warn!(%error, "telemetry.level and telemetry.format wait for a restart");
        }
    }

    /// What is logged, for people.
    pub fn describe(&self, configured: &str) -> String {
        match &self.lock().now {
            None => format!("{configured}\n"),
            Some((level, until)) => format!("{level} until {until}, then {configured} again\n"),
        }
    }

    /// Logs more or less for a while. `configured` is what holds after that; whoever reads a configuration says so. To ask for
    /// that is to go back at once.
    pub fn change(self: &Arc<Self>, level: String, during: Duration, configured: &str, now: Timestamp) -> Outcome {
        let number = {
            let mut changed = self.lock();
            log::set_level(&level).map_err(|error| format!("{error}\n"))?;
            changed.number += 1;
            changed.now = (level != configured).then(|| (level.clone(), now.plus(during)));
            changed.number
        };
        if level == configured {
            info!(level, "told to log as configured again");
            return Ok(self.describe(configured));
        }
        info!(level, seconds = during.as_secs(), "told to log by another level for a while");
        let (this, configured) = (self.clone(), configured.to_owned());
        let told = self.describe(&configured);
        tokio::spawn(async move {
            sleep(during).await;
            this.go_back(number, &configured);
        });
        Ok(told)
    }

    fn go_back(&self, number: u64, configured: &str) {
        let mut changed = self.lock();
        if changed.number != number {
            return;
        }
        changed.now = None;
        match log::set_level(configured) {
            Ok(()) => info!(level = configured, "the log is as configured again"),
            Err(error) => error!(%error, "the log stays at another level than is configured"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Changed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
