//! How slow a client may be.

use std::time::Duration;

/// How far a client that sends a body may fall behind a rate. What it was waited for counts, and what came makes up for
/// it; being early makes up for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    silence: Duration,
    /// Bytes in a second.
    rate: u32,
    left: Duration,
}

impl Pace {
    /// `silence` is the most that it may fall behind `rate`, in bytes a second.
    pub fn new(silence: Duration, rate: u32) -> Self {
        Self { silence, rate, left: silence }
    }

    /// How much longer it may be silent.
    pub fn left(&self) -> Duration {
        self.left
    }

    /// After `waited`, so many bytes came. False if it has fallen behind too far.
    pub fn came(&mut self, bytes: usize, waited: Duration) -> bool {
        let micros = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000_000) / u64::from(self.rate.max(1));
        let left = self.left.saturating_add(Duration::from_micros(micros)).checked_sub(waited);
        self.left = left.unwrap_or_default().min(self.silence);
        left.is_some()
    }

    /// Bytes that must pass in as long as it may be silent.
    pub fn least(&self) -> u64 {
        u64::try_from(self.silence.as_millis()).unwrap_or(u64::MAX).saturating_mul(self.rate.into()) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_kept_by_who_is_as_fast_and_lost_by_who_is_not() {
        for (bytes, every, seconds_kept) in [
            (1000, 10, None),
            (100, 1, None),
            (1_000_000, 19, None),
            // Half as fast: it falls behind by half a second a second.
            (50, 1, Some(40)),
            (1, 1, Some(20)),
            (0, 1, Some(20)),
            (10, 20, Some(20)),
            (1_000_000, 21, Some(0)),
        ] {
            let mut pace = Pace::new(Duration::from_secs(20), 100);
            let mut kept = 0;
            while kept < 1000 && every <= pace.left().as_secs() && pace.came(bytes, Duration::from_secs(every)) {
                kept += every;
            }
            match seconds_kept {
                None => assert!(kept >= 1000, "{bytes} bytes every {every} s: {kept}"),
                Some(seconds) => assert!(kept.abs_diff(seconds) <= 1, "{bytes} bytes every {every} s: {kept}"),
            }
        }
    }

    #[test]
    fn what_waited_to_be_read_makes_up_for_the_wait() {
        let mut pace = Pace::new(Duration::from_secs(20), 100);
        assert!(pace.came(5000, Duration::from_secs(60)));
        assert!(!pace.came(0, Duration::from_secs(60)));
        assert_eq!(pace.least(), 2000);
        assert!(Pace::new(Duration::MAX, u32::MAX).came(usize::MAX, Duration::MAX));
    }
}
