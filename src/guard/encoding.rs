//! What replicas share of an entry, as bytes: a version, then whole numbers of fixed length, the least octet first.

use super::counts::{Counts, Reserved, Tally};
use crate::model::Timestamp;

/// Of this form. What has another is no record: replicas of two versions then count apart, for the time of a roll-out.
const VERSION: u8 = 1;

impl Counts {
    /// The bytes; none for a record without anything in it.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        if *self == Self::default() {
            return None;
        }
        let mut bytes = vec![VERSION];
        for Tally { failures, unanswered, last } in [self.total, self.unknown] {
            bytes.extend(failures.to_le_bytes());
            bytes.extend(unanswered.to_le_bytes());
            bytes.extend(last.map_or(0, Timestamp::unix_millis).to_le_bytes());
        }
        for Reserved { id, until, strange } in &self.reserved {
            bytes.extend(id.to_le_bytes());
            bytes.extend(until.unix_millis().to_le_bytes());
            bytes.push(u8::from(*strange));
        }
        Some(bytes)
    }

    /// What the bytes say; a record without anything in it if they are no such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[VERSION])?;
        let mut counts = Self { total: tally(&mut rest)?, unknown: tally(&mut rest)?, reserved: Vec::new() };
        while !rest.is_empty() {
            counts.reserved.push(Reserved {
                id: u64::from_le_bytes(take(&mut rest)?),
                until: instant(&mut rest)?,
                strange: flag(&mut rest)?,
            });
        }
        Some(counts)
    }
}

fn tally(rest: &mut &[u8]) -> Option<Tally> {
    let failures = u32::from_le_bytes(take(rest)?);
    let unanswered = u32::from_le_bytes(take(rest)?);
    let last = instant(rest)?;
    (unanswered <= failures).then_some(Tally { failures, unanswered, last: (failures > 0).then_some(last) })
}

fn instant(rest: &mut &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_unix_millis(i64::from_le_bytes(take(rest)?)))
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    match take(rest)? {
        [0] => Some(false),
        [1] => Some(true),
        [_] => None,
    }
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::random::Random;
    use super::super::{Asking, Outcome, Place, Policy};
    use super::*;

    const POLICY: Policy =
        Policy { threshold: 5, unknown_threshold: 3, window: Duration::from_secs(1800), enforced: true };

    fn counts() -> Counts {
        let now = Timestamp::from_unix_millis(1_767_225_600_068);
        let mut counts = Counts::default();
        for (id, place) in [(1, Place::Unknown), (u64::MAX, Place::Familiar), (3, Place::Unknown)] {
            assert_eq!(counts.admit(&POLICY, &Asking { place, theirs: None }, id, now), None);
        }
        counts.settle(&POLICY, 3, Place::Unknown, Outcome::Unanswered, now);
        counts
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = counts().to_bytes().unwrap();
        assert_eq!(Counts::from_bytes(&bytes), counts());
        assert_eq!(bytes.len(), 1 + 2 * 16 + 2 * 17);
        assert_eq!(Counts::default().to_bytes(), None);
    }

    #[test]
    fn what_nobody_wrote_is_no_record() {
        let bytes = counts().to_bytes().unwrap();
        for end in 0..bytes.len() {
            let cut = Counts::from_bytes(&bytes[..end]);
            let whole = end >= 33 && (end - 33) % 17 == 0;
            assert_eq!(cut != Counts::default(), whole, "{end}");
        }
        assert_eq!(Counts::from_bytes(&[&bytes[..], &[0]].concat()), Counts::default());
        assert_eq!(Counts::from_bytes(&[&[2], &bytes[1..]].concat()), Counts::default(), "of another version");
    }

    #[test]
    fn no_bytes_are_too_strange_to_be_judged() {
        let mut random = Random::new(1);
        let good = counts().to_bytes().unwrap();
        let now = Timestamp::from_unix_millis(1_767_225_600_068);
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.below(256) as u8;
            }
            let mut counts = Counts::from_bytes(&bytes);
            counts.admit(&POLICY, &Asking { place: Place::Unknown, theirs: None }, 9, now);
            counts.settle(&POLICY, 9, Place::Unknown, Outcome::WrongPassword, now);
            let over = now.plus(super::super::RESERVED_FOR).plus(POLICY.window);
            assert!(!counts.is_idle(&POLICY, now));
            counts.refresh(&POLICY, over);
            assert_eq!(counts, Counts::default(), "it keeps nobody out for longer than the window");
        }
    }
}
