//! From where a user signed in before.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::{EntryId, Timestamp};

/// How many places are familiar to an entry; of more, those longest unused are forgotten (as AD FS Extranet Smart Lockout).
pub const PLACES_MAX: usize = 20;

/// How often, within the time for which it is familiar, it is noted again that a place is used.
const NOTED: u32 = 30;
const VERSION: u8 = 1;

/// A place to one entry, which is worth nothing for another: who reads it cannot tell that two users were at one place.
pub type PlaceHash = [u8; 8];

/// The place that an address is in: itself, or of IPv6 the network of 64 bits, within which a host chooses as it likes; by a
/// digest that tells the parts of a message apart.
pub fn place_of(entry: &EntryId, address: IpAddr, digest: impl FnOnce(&[&[u8]]) -> [u8; 32]) -> PlaceHash {
    let (v4, v6);
    let network = match address.to_canonical() {
        IpAddr::V4(address) => {
            v4 = address.octets();
            &v4[..]
        }
        IpAddr::V6(address) => {
            v6 = address.octets();
            v6.first_chunk::<8>().map_or(&[][..], |network| network)
        }
    };
    let [a, b, c, d, e, f, g, h, ..] = digest(&[entry.directory.as_bytes(), entry.entry.as_bytes(), network]);
    [a, b, c, d, e, f, g, h]
}

/// The places that are familiar to one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Familiar(Vec<Used>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Used {
    place: PlaceHash,
    /// When it was last noted, Unix seconds.
    at: u32,
}

impl Familiar {
    /// Whether one of them is familiar now.
    pub fn has(&self, place: &PlaceHash, familiar_for: Duration, now: Timestamp) -> bool {
        self.0.iter().any(|used| used.place == *place && used.is_within(familiar_for, now))
    }

    /// Whether none is any more.
    pub fn is_empty(&self, familiar_for: Duration, now: Timestamp) -> bool {
        !self.0.iter().any(|used| used.is_within(familiar_for, now))
    }

    /// Notes that the user signed in from there, and says whether that is news.
    pub fn note(&mut self, places: &[PlaceHash], familiar_for: Duration, now: Timestamp) -> bool {
        let at = seconds(now);
        // A clock that was set back must make no place familiar for longer.
        self.0.iter_mut().for_each(|used| used.at = used.at.min(at));
        let before = self.0.len();
        self.0.retain(|used| used.is_within(familiar_for, now));
        let mut news = self.0.len() != before;
        for place in places {
            let noted = self.0.iter().find(|used| used.place == *place);
            if noted.is_some_and(|used| used.is_within(familiar_for / NOTED, now)) {
                continue;
            }
            news = true;
            self.add(Used { place: *place, at });
        }
        news
    }

    /// All of both, as far as there is room.
    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|used| self.add(*used));
    }

    /// The bytes; none without places.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let octets = self.0.iter().flat_map(|used| used.place.into_iter().chain(used.at.to_le_bytes()));
        (!self.0.is_empty()).then(|| std::iter::once(VERSION).chain(octets).collect())
    }

    /// What the bytes say; nothing if they are no such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut familiar = Self::default();
        let Some((&VERSION, rest)) = bytes.split_first() else { return familiar };
        let (all, left) = rest.as_chunks::<12>();
        if left.is_empty() {
            for [a, b, c, d, e, f, g, h, at @ ..] in all {
                familiar.add(Used { place: [*a, *b, *c, *d, *e, *f, *g, *h], at: u32::from_le_bytes(*at) });
            }
        }
        familiar
    }

    /// Sorted, so that the same places are the same bytes; without those longest unused where there are too many.
    fn add(&mut self, used: Used) {
        match self.0.iter_mut().find(|other| other.place == used.place) {
            Some(other) => other.at = other.at.max(used.at),
            None => {
                self.0.reserve_exact(1);
                self.0.push(used);
            }
        }
        if self.0.len() > PLACES_MAX
            && let Some(oldest) = self.0.iter().map(|used| (used.at, used.place)).min()
        {
            self.0.retain(|used| (used.at, used.place) != oldest);
        }
        self.0.sort_unstable_by_key(|used| used.place);
    }
}

impl Used {
    /// A clock that was set back makes nothing familiar for longer.
    fn is_within(&self, time: Duration, now: Timestamp) -> bool {
        let since = u64::from(seconds(now).saturating_sub(self.at));
        Duration::from_secs(since) < time
    }
}

fn seconds(instant: Timestamp) -> u32 {
    u32::try_from(instant.unix_millis() / 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn entry(name: &str) -> EntryId {
        EntryId { directory: "d".into(), entry: name.into() }
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + number * 86_400_000)
    }

    fn place(number: u8) -> PlaceHash {
        [number; 8]
    }

    #[test]
    fn a_place_is_an_address_or_a_network_of_64_bits_to_one_entry() {
        let digest = |parts: &[&[u8]]| openssl::sha::sha256(format!("{parts:?}").as_bytes());
        let of = |name: &str, address: &str| place_of(&entry(name), address.parse().unwrap(), digest);
        assert_eq!(of("alice", "192.0.2.1"), of("alice", "::ffff:192.0.2.1"));
        assert_eq!(of("alice", "2001:db8::1"), of("alice", "2001:db8::ffff:0:0:2"));
        let others = [
            of("alice", "192.0.2.1"),
            of("alice", "192.0.2.2"),
            of("bob", "192.0.2.1"),
            of("alice", "2001:db8:0:1::1"),
        ];
        assert!(others.iter().enumerate().all(|(at, one)| !others[..at].contains(one)));
    }

    #[test]
    fn a_place_is_familiar_for_its_time_since_it_was_used() {
        let mut familiar = Familiar::default();
        assert!(familiar.note(&[place(1)], MONTH, day(0)));
        assert!(!familiar.note(&[place(1)], MONTH, day(0)), "no news within the day");
        assert!(familiar.note(&[place(1), place(2)], MONTH, day(1)));
        for (number, day_number, expected) in
            [(1, 1, true), (1, 30, true), (1, 31, false), (2, 1, true), (3, 1, false), (1, 0, true), (1, -9, true)]
        {
            assert_eq!(familiar.has(&place(number), MONTH, day(day_number)), expected, "{number} {day_number}");
        }
        assert!(!familiar.is_empty(MONTH, day(30)) && familiar.is_empty(MONTH, day(31)));
        assert!(familiar.note(&[place(3)], MONTH, day(40)));
        assert_eq!(familiar.0.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn a_clock_set_back_makes_no_place_familiar_for_longer() {
        let mut familiar = Familiar::default();
        familiar.note(&[place(1)], MONTH, day(100));
        familiar.note(&[place(2)], MONTH, day(0));
        assert!(familiar.has(&place(1), MONTH, day(29)) && !familiar.has(&place(1), MONTH, day(30)));
    }

    #[test]
    fn of_too_many_the_longest_unused_are_forgotten() {
        let mut familiar = Familiar::default();
        for number in 0..25 {
            familiar.note(&[place(number)], MONTH, day(i64::from(number)));
        }
        let kept: Vec<_> = (0..25).filter(|number| familiar.has(&place(*number), MONTH, day(25))).collect();
        assert_eq!(kept, (5..25).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_written_is_read_and_what_nobody_wrote_is_nothing() {
        let mut familiar = Familiar::default();
        familiar.note(&[place(2), place(1)], MONTH, day(0));
        let bytes = familiar.to_bytes().unwrap();
        assert_eq!((Familiar::from_bytes(&bytes), bytes.len()), (familiar.clone(), 1 + 2 * 12));
        for other in [&b""[..], b"\x01x", b"\x02", &bytes[..bytes.len() - 1]] {
            assert_eq!(Familiar::from_bytes(other).to_bytes(), None);
        }
        assert!(Familiar::from_bytes(&[&[VERSION][..], &[7; 12 * 500]].concat()).0.len() <= PLACES_MAX);
        let mut other = Familiar::default();
        other.note(&[place(3), place(1)], MONTH, day(2));
        let mut joined = [familiar.clone(), other.clone()];
        joined[0].join(&other);
        joined[1].join(&familiar);
        assert_eq!(joined[0].to_bytes(), joined[1].to_bytes());
        assert!(joined[0].has(&place(1), MONTH, day(31)) && !joined[0].has(&place(2), MONTH, day(31)));
    }
}
