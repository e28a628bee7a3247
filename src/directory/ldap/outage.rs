//! What binds have come to lately, for those that are not made.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::model::Unavailable;

/// How long a bind that failed speaks for those after it; users' own attempts renew it while the outage lasts.
const MEMORY: Duration = Duration::from_secs(60);

/// The outage that the last bind met, if it met one.
#[derive(Default)]
pub(super) struct BindOutage(Mutex<Option<Met>>);

#[derive(Clone)]
struct Met {
    at: Instant,
    /// How long it took.
    took: Duration,
    unavailable: Unavailable,
}

impl BindOutage {
    /// A bind that began at `started` was answered, or met an outage.
    pub(super) fn note<T>(&self, started: Instant, bound: &Result<T, Unavailable>) {
        let at = Instant::now();
        let met = bound.as_ref().err().map(|unavailable| Met {
            at,
            took: at.saturating_duration_since(started),
            unavailable: unavailable.clone(),
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = met;
    }

    /// What a bind would come to now, and in its time, without making one.
    ///
    /// # Errors
    /// The outage that the last one met.
    pub(super) async fn mirror(&self) -> Result<(), Unavailable> {
        let met = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match met.filter(|met| met.at.elapsed() < MEMORY) {
            Some(met) => {
                sleep(met.took).await;
                Err(met.unavailable)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_mirrored_in_its_time_until_a_bind_is_answered_or_it_is_long_ago() {
        let outage = BindOutage::default();
        let down = || Err::<(), _>(Unavailable::new("people", "timeout"));
        assert_eq!(outage.mirror().await, Ok(()));
        let started = Instant::now();
        sleep(Duration::from_secs(5)).await;
        outage.note(started, &down());
        let asked = Instant::now();
        assert_eq!(outage.mirror().await, down());
        assert_eq!(asked.elapsed(), Duration::from_secs(5));
        outage.note(started, &Ok(()));
        assert_eq!(outage.mirror().await, Ok(()));
        outage.note(started, &down());
        sleep(MEMORY).await;
        assert_eq!(outage.mirror().await, Ok(()));
    }
}
