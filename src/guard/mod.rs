//! Lockout protection as step functions: what is recorded, an event and the time give a verdict and change the record.
//! Whoever keeps the records runs each step under a lock, or as a compare-and-swap on a store that replicas share.
//!
//! A failure is reserved before the bind and given back when the bind succeeds or was never sent, so that parallel guesses
//! cannot slip past the threshold. Who finds every failure left reserved, or the same password being tried, waits for those
//! tries to end. The count goes back to nothing only after the window has passed without a counted failure, or with a bind
//! that succeeds; a refusal extends nothing. A wrong password tried again within a minute is not bound again and not counted
//! again: devices resend a stale one for hours.
//!
//! A bind that was sent and not answered may have been counted by the directory, so it counts here as a wrong password does:
//! once for each try, for as long, and its password is not sent again within the minute. So does a reservation that nobody
//! settles, when its time is over. The directory so never sees more than `threshold` binds that it may count until the
//! window has passed or one of them has succeeded. It differs only in what is told: nobody knows that the password was wrong,
//! so who is held back because of it is told of an outage, as long as the wrong passwords alone do not reach the threshold.
//!
//! Of the threshold, places from which the user never signed in may spend a part only ([`Policy::unknown_threshold`]), and
//! what they have spent is not forgiven because the user signs in elsewhere: strangers lock themselves out, and not the user.
//!
//! The record has two halves. [`Counts`] is what replicas share. [`Passwords`], keyed digests of passwords, never leaves the
//! process.

mod apart;
mod bounded;
mod counts;
mod encoding;
mod familiar;
mod networks;
mod passwords;
#[cfg(test)]
pub mod random;
#[cfg(test)]
mod simulation;
mod spray;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use apart::Apart;
pub use bounded::keep_most;
pub use counts::Counts;
pub use familiar::{Familiar, PLACES_MAX, PlaceHash, place_of};
pub use networks::{NETWORKS_MAX, Networks, Sliding, network_of};
pub use passwords::{PasswordDigest, Passwords};
pub use spray::{NAMES_MAX, Spray, SprayPolicy, SprayReport};

use crate::model::{FailureCount, Timestamp};

/// How long a try may last, as far as others believe it: one that nobody settled by then counts as unanswered. Longer than
/// any bind takes, and than the clocks of replicas are apart.
pub const RESERVED_FOR: Duration = Duration::from_secs(60);

/// How many failures within how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures, counted and reserved, after which an entry is refused. Below the directory's own threshold.
    pub threshold: u32,
    /// How many of them may come from places unknown to an entry that has familiar ones.
    pub unknown_threshold: u32,
    /// How long after the last counted failure the count is forgotten.
    pub window: Duration,
    /// Whether who is refused is kept from trying; else it is only told.
    pub enforced: bool,
}

/// Where a sign-in comes from, to the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The user signed in from there before; also where no places are told apart.
    Familiar,
    /// They did not, and did from somewhere else.
    Unknown,
    /// They did from nowhere: whoever is new has the whole threshold.
    First,
}

impl Place {
    /// Whether failures from there are counted as those of strangers.
    fn is_strange(self) -> bool {
        self != Self::Familiar
    }
}

/// Who asks to try a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Where from.
    pub place: Place,
    /// What the directory has counted itself, if it says so and is heard.
    pub theirs: Option<FailureCount>,
}

impl Asking {
    /// Without what the directory has counted too long ago.
    fn within(&self, policy: &Policy, now: Timestamp) -> Self {
        Self { theirs: self.theirs.filter(|theirs| now.since(theirs.last) < policy.window), ..*self }
    }
}

/// Why a password is not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not now: the failures that are left are reserved by tries under way, or one of these tries the same password.
    Busy,
    /// Too many failures.
    Locked,
    /// This password was wrong a moment ago.
    KnownWrong,
    /// Too many failures with the binds that were not answered, or this password's was not a moment ago.
    Unanswered,
}

/// What a verdict follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// [`Policy::threshold`].
    Threshold,
    /// [`Policy::unknown_threshold`].
    UnknownThreshold,
    /// What the directory has counted itself has reached the threshold.
    DirectoryCount,
    /// The same password a moment ago, or now.
    SamePassword,
}

impl Rule {
    /// The label in audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::UnknownThreshold => "unknown_threshold",
            Self::DirectoryCount => "directory_count",
            Self::SamePassword => "same_password",
        }
    }
}

/// A password that is not tried: why, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Why.
    pub verdict: Verdict,
    /// By which rule.
    pub rule: Rule,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The directory bound: the count is forgotten.
    Success,
    /// The password was wrong: the reserved failure counts.
    WrongPassword,
    /// The bind was sent and not answered: the reserved failure counts, since the directory may have counted it.
    Unanswered,
    /// The bind was not sent, or the directory said something else than that the password is wrong: the reserved failure is
    /// given back.
    NotCounted,
}

/// A record, for an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Failures that count, unanswered binds among them.
    pub failures: u32,
    /// Binds that were sent and not answered.
    pub unanswered: u32,
    /// Failures from unknown places that count against [`Policy::unknown_threshold`]; they may be more than `failures`, since
    /// the user's own sign-ins do not forgive them.
    pub unknown_failures: u32,
    /// When the last of all of them was counted.
    pub last_failure: Option<Timestamp>,
    /// Until when something of it counts.
    pub until: Option<Timestamp>,
    /// Why no password may be tried now: [`Verdict::Locked`] or [`Verdict::Unanswered`].
    pub held_back: Option<Verdict>,
    /// Why none may be from an unknown place.
    pub unknown_held_back: Option<Verdict>,
}

impl Summary {
    /// Whether some password may not be tried now, from wherever.
    pub fn is_locked(&self) -> bool {
        self.held_back.is_some() || self.unknown_held_back.is_some()
    }
}

/// What would be lost with a record, the least first: nothing that matters, few failures, failures of long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Importance {
    in_use: bool,
    failures: u32,
    last_failure: Option<Timestamp>,
}

impl Importance {
    /// As it is, or as a record's that is in use for another reason than a reservation.
    pub fn or_in_use(self, in_use: bool) -> Self {
        Self { in_use: self.in_use || in_use, ..self }
    }

    /// Whether tries are under way that will be settled: such a record must not be dropped.
    pub fn is_in_use(&self) -> bool {
        self.in_use
    }
}
