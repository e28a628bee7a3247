//! Changes that come together: who saves a file writes it more than once, and a certificate comes with its key.

use std::time::Duration;

use tokio::time::Instant;

/// How long nothing has changed before what changed is looked at.
pub const QUIET: Duration = Duration::from_millis(500);
/// How long after the first change it is looked at anyhow, whatever goes on.
const LONGEST: Duration = Duration::from_millis(1500);

/// Changes since they were last looked at.
#[derive(Default)]
pub struct Burst(Option<Span>);

#[derive(Clone, Copy)]
struct Span {
    first: Instant,
    last: Instant,
}

impl Burst {
    /// Something changed.
    pub fn changed(&mut self, now: Instant) {
        let first = self.0.map_or(now, |span| span.first);
        self.0 = Some(Span { first, last: now });
    }

    /// When it is to be looked at; `None` while nothing has changed.
    pub fn due(&self) -> Option<Instant> {
        self.0.map(|Span { first, last }| (last + QUIET).min(first + LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_over_when_it_is_quiet_or_when_it_takes_too_long() {
        let begin = Instant::now();
        let at = |millis: u64| begin + Duration::from_millis(millis);
        for (changes, due) in [
            (&[][..], None),
            (&[0], Some(500)),
            (&[0, 10, 20], Some(520)),
            (&[0, 499, 998], Some(1498)),
            (&[0, 400, 800, 1200], Some(1500)),
            (&[100, 1400, 5000], Some(1600)),
        ] {
            let mut burst = Burst::default();
            changes.iter().for_each(|millis| burst.changed(at(*millis)));
            assert_eq!(burst.due(), due.map(at), "{changes:?}");
        }
    }
}
