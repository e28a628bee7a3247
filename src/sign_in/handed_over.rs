//! What the guard remembers, on its way to the process that takes this one's place: counts and places. Passwords, and what is
//! known of them, stay: their digests are of a key that never leaves a process.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::Memory;
use crate::guard::{Outcome, Place, Sliding};
use crate::model::{EntryId, Timestamp};
use crate::state::{News, Settled};

/// A piece of it. What another version says besides is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Recollection {
    /// What is counted and reserved of an entry.
    Failures {
        /// In which directory.
        directory: Arc<str>,
        /// Which.
        entry: Arc<str>,
        /// The record, in base64.
        counts: String,
    },
    /// From where a user signed in.
    Places {
        /// A digest of who.
        user: String,
        /// Digests of where, in base64.
        places: String,
    },
    /// Failures from a network.
    Network {
        /// Which.
        network: IpNet,
        /// How many, when.
        counted: Sliding,
    },
    /// How a try ended that the other process still had under way.
    Settled {
        /// In which directory.
        directory: Arc<str>,
        /// Whose entry.
        entry: Arc<str>,
        /// What a failure was reserved under.
        id: u64,
        /// Where it came from.
        place: Place,
        /// What came of it.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
    /// An operator had an entry's failures forgotten there.
    Unlocked {
        /// In which directory.
        directory: Arc<str>,
        /// Which.
        entry: Arc<str>,
        /// When.
        at: Timestamp,
    },
    /// Of another version.
    #[serde(other)]
    Unknown,
}

impl Memory {
    /// All of it, for another process; what happens here from now on goes to `follower`.
    pub fn hand_over(&self, follower: mpsc::UnboundedSender<News>) -> Vec<Recollection> {
        let failures = self.records.hand_over(follower).into_iter().map(|(EntryId { directory, entry }, counts)| {
            Recollection::Failures { directory, entry, counts: BASE64_STANDARD.encode(counts) }
        });
        let places = self.places.hand_over().into_iter();
        let places = places.map(|(user, places)| Recollection::Places { user, places: BASE64_STANDARD.encode(places) });
        let networks = self.traffic.networks().into_iter();
        let networks = networks.map(|(network, counted)| Recollection::Network { network, counted });
        failures.chain(places).chain(networks).collect()
    }

    /// Nobody takes this process's place: nobody follows.
    pub fn keep(&self) {
        self.records.keep();
    }

    /// Goes on with what another process remembered.
    pub fn take_over(&self, recollection: Recollection, now: Timestamp) {
        let bytes = |text: String| BASE64_STANDARD.decode(text).unwrap_or_default();
        match recollection {
            Recollection::Failures { directory, entry, counts } => {
                self.records.take_over(&EntryId { directory, entry }, &bytes(counts), now);
            }
            Recollection::Places { user, places } => self.places.take_over(&user, &bytes(places)),
            Recollection::Network { network, counted } => self.traffic.take_over(network, counted),
            Recollection::Settled { directory, entry, id, place, outcome, at } => {
                let settled = Settled { entry: EntryId { directory, entry }, id, place, outcome, at };
                self.records.follow(News::Settled(settled));
            }
            Recollection::Unlocked { directory, entry, at } => {
                self.records.follow(News::Unlocked { entry: EntryId { directory, entry }, at });
            }
            Recollection::Unknown => {}
        }
    }
}

impl From<News> for Recollection {
    fn from(news: News) -> Self {
        match news {
            News::Settled(Settled { entry: EntryId { directory, entry }, id, place, outcome, at }) => {
                Self::Settled { directory, entry, id, place, outcome, at }
            }
            News::Unlocked { entry: EntryId { directory, entry }, at } => Self::Unlocked { directory, entry, at },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_read_as_it_was_written_and_one_of_another_version_passed_over() {
        let at = Timestamp::from_unix_millis(1_767_225_600_000);
        let network: IpNet = "192.0.2.0/24".parse().unwrap();
        let mut networks = crate::guard::Networks::default();
        networks.count(network, std::time::Duration::from_secs(60), at);
        let (_, counted) = networks.all().next().unwrap();
        let entry = || EntryId { directory: "d".into(), entry: "cn=a".into() };
        let settled = Settled { entry: entry(), id: u64::MAX, place: Place::Unknown, outcome: Outcome::Unanswered, at };
        for piece in [
            Recollection::Failures { directory: "d".into(), entry: "cn=a".into(), counts: "AQ==".into() },
            Recollection::Places { user: "guard:places:0".into(), places: "AQ==".into() },
            Recollection::Network { network, counted },
            Recollection::from(News::Settled(settled)),
            Recollection::from(News::Unlocked { entry: entry(), at }),
        ] {
            let written = serde_json::to_value(&piece).unwrap();
            assert_eq!(serde_json::from_value::<Recollection>(written).unwrap(), piece);
        }
        let other = serde_json::json!({ "kind": "dream", "of": 7 });
        assert_eq!(serde_json::from_value::<Recollection>(other).unwrap(), Recollection::Unknown);
    }
}
