//! Time and identifiers from the system.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::random_bits;
use crate::model::{Clock, Ids, Timestamp};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that everyone else asks")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Identifiers from OpenSSL's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    /// # Panics
    /// If the generator fails, which it does only where the system gives it no entropy: a predictable id would be worse
    /// than no answer. The panic ends the one request, as each runs in a task of its own.
    #[expect(clippy::panic, reason = "said above")]
    fn id(&self) -> String {
        let bits = random_bits().unwrap_or_else(|error| panic!("no random bits: {error}"));
        let mut id = String::with_capacity(33);
        id.push('_');
        // Writing to a String does not fail.
        let _ = write!(id, "{:032x}", bits);
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_xml_ids_of_128_bits_and_differ() {
        let ids: HashSet<String> = (0..1000).map(|_| RandomIds.id()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            let digits = id.strip_prefix('_').unwrap();
            assert!(digits.len() == 32 && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{id}");
        }
    }

    #[test]
    fn the_clock_tells_this_century() {
        let (start, end) = (Timestamp::parse("2025-01-01T00:00:00Z"), Timestamp::parse("2100-01-01T00:00:00Z"));
        assert!((start.unwrap()..end.unwrap()).contains(&SystemClock.now()));
    }
}
