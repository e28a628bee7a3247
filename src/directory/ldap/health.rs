//! What is known of one server: whether it works, and since when not. A server that failed somebody is doubted until a probe of
//! ours is answered; where none is, it is away, and nobody else is made to wait for it.

use std::time::Duration;

use tokio::time::Instant;

use crate::directory::ServerStanding;

/// How long a server that answers us and fails its users is tried after the others: no probe sees what it lacks.
const HOLD: Duration = Duration::from_secs(10);
/// Within this time after the last, that is no accident.
const RELAPSE: Duration = Duration::from_secs(30);

/// In which order servers are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Nothing speaks against it.
    Up,
    /// It failed somebody, and has yet to answer.
    Doubted,
    /// It failed somebody, and us.
    Away,
}

/// One server's.
#[derive(Default)]
pub(super) struct Health {
    trouble: Option<Trouble>,
    /// Whether it ever worked.
    known: bool,
    /// When it last answered us at once after it had failed somebody.
    contradicted: Option<Instant>,
}

struct Trouble {
    since: Instant,
    /// When it last failed somebody.
    failed: Instant,
    /// What it last did.
    reason: String,
    away: bool,
}

impl Health {
    pub(super) fn rank(&self) -> Rank {
        match &self.trouble {
            None => Rank::Up,
            Some(trouble) if !trouble.away => Rank::Doubted,
            Some(_) => Rank::Away,
        }
    }

    /// A connection was made.
    pub(super) fn connected(&mut self) {
        self.known = true;
    }

    /// It failed somebody. Whether that is news.
    pub(super) fn failed(&mut self, reason: &str, now: Instant) -> bool {
        match &mut self.trouble {
            Some(trouble) => {
                trouble.failed = now;
                reason.clone_into(&mut trouble.reason);
                false
            }
            None => {
                self.trouble = Some(Trouble { since: now, failed: now, reason: reason.to_owned(), away: false });
                true
            }
        }
    }

    /// It failed a probe. Whether that is news.
    pub(super) fn failed_probe(&mut self, reason: &str) -> bool {
        let Some(trouble) = &mut self.trouble else { return false };
        reason.clone_into(&mut trouble.reason);
        !std::mem::replace(&mut trouble.away, true)
    }

    /// It answered a probe. For how long it had been away, if it was; `Err`: it is not believed yet.
    pub(super) fn answered_probe(&mut self, now: Instant) -> Result<Option<Duration>, ()> {
        self.known = true;
        let Some(trouble) = &self.trouble else { return Ok(None) };
        if trouble.away {
            let away = now - trouble.since;
            (self.trouble, self.contradicted) = (None, None);
            return Ok(Some(away));
        }
        let again = self.contradicted.is_some_and(|last| now - last < RELAPSE);
        if again && now - trouble.failed < HOLD {
            return Err(());
        }
        (self.trouble, self.contradicted) = (None, Some(now));
        Ok(None)
    }

    /// For how long it has been in trouble, and what it last did.
    pub(super) fn trouble(&self, now: Instant) -> Option<(Duration, &str)> {
        self.trouble.as_ref().map(|trouble| (now - trouble.since, trouble.reason.as_str()))
    }

    /// In a word.
    pub(super) fn standing(&self) -> ServerStanding {
        match &self.trouble {
            None if self.known => ServerStanding::Up,
            None => ServerStanding::Unknown,
            Some(trouble) if trouble.away => ServerStanding::Away,
            Some(_) => ServerStanding::Doubted,
        }
    }

    /// For people.
    pub(super) fn describe(&self, now: Instant) -> String {
        match &self.trouble {
            None if self.known => "answers".to_owned(),
            None => "not asked yet".to_owned(),
            Some(trouble) => {
                let what = match ((now - trouble.since).as_secs(), trouble.away) {
                    (0, true) => "does not answer".to_owned(),
                    (0, false) => "has just failed, and is doubted".to_owned(),
                    (seconds, true) => format!("has not answered for {seconds} s"),
                    (seconds, false) => format!("failed, and is doubted for {seconds} s"),
                };
                format!("{what}: {}", trouble.reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(health: &mut Health, now: Instant) {
        health.failed("timeout", now);
    }

    #[test]
    fn a_server_is_away_once_it_has_failed_somebody_and_us_and_back_with_its_next_answer() {
        let (mut health, now) = (Health::default(), Instant::now());
        assert_eq!((health.rank(), health.describe(now).as_str()), (Rank::Up, "not asked yet"));
        health.connected();
        assert_eq!(health.describe(now), "answers");
        assert!(!health.failed_probe("late"), "nobody doubts it");
        assert!(health.failed("timeout", now));
        assert!(!health.failed("timeout", now), "no news");
        assert_eq!((health.rank(), health.trouble(now)), (Rank::Doubted, Some((Duration::ZERO, "timeout"))));
        assert!(health.failed_probe("connection refused"));
        assert!(!health.failed_probe("connection refused"), "no news");
        assert_eq!(health.rank(), Rank::Away);
        let later = now + Duration::from_secs(70);
        assert_eq!(health.describe(now), "does not answer: connection refused", "not for 0 s");
        assert_eq!(health.describe(later), "has not answered for 70 s: connection refused");
        assert_eq!(health.answered_probe(later), Ok(Some(Duration::from_secs(70))));
        assert_eq!((health.rank(), health.trouble(later)), (Rank::Up, None));
    }

    #[test]
    fn who_answers_us_and_fails_its_users_is_believed_once() {
        let (mut health, mut now) = (Health::default(), Instant::now());
        failed(&mut health, now);
        assert_eq!(health.answered_probe(now), Ok(None));
        for _ in 0..3 {
            now += RELAPSE - HOLD - Duration::from_millis(1);
            failed(&mut health, now);
            assert_eq!((health.answered_probe(now), health.rank()), (Err(()), Rank::Doubted));
            now += HOLD;
            assert_eq!((health.answered_probe(now), health.rank()), (Ok(None), Rank::Up));
        }
        now += RELAPSE;
        failed(&mut health, now);
        assert_eq!(health.answered_probe(now), Ok(None), "long ago");
    }

    #[test]
    fn whose_outage_a_probe_has_seen_is_believed_each_time() {
        let (mut health, now) = (Health::default(), Instant::now());
        for _ in 0..5 {
            failed(&mut health, now);
            health.failed_probe("timeout");
            assert_eq!(health.answered_probe(now), Ok(Some(Duration::ZERO)));
        }
    }
}
