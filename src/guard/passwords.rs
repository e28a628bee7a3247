//! The half of an entry's record that never leaves the process: which passwords were wrong a moment ago, and which are being
//! tried.

use std::time::Duration;

use super::{Held, Outcome, Rule, Verdict};
use crate::model::Timestamp;

/// How long the same wrong password is known, and one whose bind was not answered.
pub(super) const KNOWN: Duration = Duration::from_secs(60);
/// How many such passwords are known of one entry. With a threshold beyond it the oldest is forgotten sooner.
pub(super) const KNOWN_MAX: usize = 32;

/// A keyed digest of a password: comparable, and worth nothing outside this process.
pub type PasswordDigest = [u8; 32];

/// What is known of the passwords that were tried on one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passwords {
    trying: Vec<PasswordDigest>,
    known: Vec<Known>,
}

/// A password that is not to be sent again for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    password: PasswordDigest,
    at: Timestamp,
    /// Whether the directory said that it is wrong, and did not leave us without an answer.
    wrong: bool,
}

impl Passwords {
    /// Why this one is not to be tried now.
    pub fn held(&mut self, password: &PasswordDigest, now: Timestamp) -> Option<Held> {
        self.forget(now);
        let known = self.known.iter().find(|known| openssl::memcmp::eq(&known.password, password));
        let verdict = match known {
            Some(Known { wrong: true, .. }) => Verdict::KnownWrong,
            Some(Known { wrong: false, .. }) => Verdict::Unanswered,
            None if self.is_trying(password).is_some() => Verdict::Busy,
            None => return None,
        };
        Some(Held { verdict, rule: Rule::SamePassword })
    }

    /// It is being tried from here on; [`Passwords::end`] must follow.
    pub fn begin(&mut self, password: &PasswordDigest) {
        self.trying.reserve_exact(1);
        self.trying.push(*password);
    }

    /// It no longer is.
    pub fn end(&mut self, password: &PasswordDigest, outcome: Outcome, now: Timestamp) {
        self.forget(now);
        if let Some(at) = self.is_trying(password) {
            self.trying.swap_remove(at);
        }
        if self.trying.is_empty() {
            self.trying = Vec::new();
        }
        let wrong = match outcome {
            Outcome::WrongPassword => true,
            Outcome::Unanswered => false,
            Outcome::Success | Outcome::NotCounted => return,
        };
        if self.known.len() >= KNOWN_MAX {
            self.known.remove(0);
        }
        self.known.reserve_exact(1);
        self.known.push(Known { password: *password, at: now, wrong });
    }

    /// Forgets which were wrong or not answered, as an operator wants it. Those being tried still are.
    pub fn forget_known(&mut self) {
        self.known = Vec::new();
    }

    /// Whether nothing would be lost with it.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.trying.is_empty() && !self.known.iter().any(|known| now.since(known.at) < KNOWN)
    }

    /// Whether one is being tried.
    pub fn is_in_use(&self) -> bool {
        !self.trying.is_empty()
    }

    fn is_trying(&self, password: &PasswordDigest) -> Option<usize> {
        self.trying.iter().position(|digest| openssl::memcmp::eq(digest, password))
    }

    fn forget(&mut self, now: Timestamp) {
        // A clock that was set back must not keep a password known for longer.
        self.known.iter_mut().for_each(|known| known.at = now.min(known.at));
        self.known.retain(|known| now.since(known.at) < KNOWN);
        if self.known.is_empty() {
            self.known = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn held(passwords: &mut Passwords, number: u8, seconds: i64) -> Option<Verdict> {
        passwords.held(&[number; 32], at(seconds)).map(|held| held.verdict)
    }

    fn ended(passwords: &mut Passwords, number: u8, outcome: Outcome, seconds: i64) {
        passwords.begin(&[number; 32]);
        passwords.end(&[number; 32], outcome, at(seconds));
    }

    #[test]
    fn the_same_wrong_password_is_bound_once_a_minute() {
        let mut passwords = Passwords::default();
        ended(&mut passwords, 1, Outcome::WrongPassword, 0);
        ended(&mut passwords, 2, Outcome::Unanswered, 0);
        for (number, second, expected) in [
            (1, 59, Some(Verdict::KnownWrong)),
            (2, 59, Some(Verdict::Unanswered)),
            (3, 59, None),
            (1, 60, None),
            (2, 60, None),
        ] {
            assert_eq!(held(&mut passwords, number, second), expected, "{number} {second}");
        }
        assert_eq!(passwords, Passwords::default());
    }

    #[test]
    fn the_same_password_is_not_tried_twice_at_a_time() {
        let mut passwords = Passwords::default();
        passwords.begin(&[1; 32]);
        assert!(passwords.is_in_use() && !passwords.is_idle(at(1000)));
        assert_eq!(held(&mut passwords, 1, 0), Some(Verdict::Busy));
        assert_eq!(held(&mut passwords, 2, 0), None);
        passwords.end(&[1; 32], Outcome::Success, at(0));
        assert_eq!(held(&mut passwords, 1, 0), None, "a right one may be tried again");
        assert!(passwords.is_idle(at(0)));
    }

    #[test]
    fn what_an_operator_has_forgotten_may_be_tried_at_once_and_what_is_being_tried_still_is() {
        let mut passwords = Passwords::default();
        ended(&mut passwords, 1, Outcome::WrongPassword, 0);
        ended(&mut passwords, 2, Outcome::Unanswered, 0);
        passwords.begin(&[3; 32]);
        passwords.forget_known();
        let told = [1, 2, 3].map(|number| held(&mut passwords, number, 1));
        assert_eq!(told, [None, None, Some(Verdict::Busy)]);
    }

    #[test]
    fn no_more_are_known_than_there_is_room_for_and_a_clock_set_back_keeps_none_longer() {
        let mut passwords = Passwords::default();
        (0..=KNOWN_MAX as u8).for_each(|number| ended(&mut passwords, number, Outcome::WrongPassword, 1000));
        assert_eq!(passwords.known.len(), KNOWN_MAX);
        assert_eq!(held(&mut passwords, 0, 1000), None, "the oldest is forgotten");
        assert_eq!(held(&mut passwords, 1, 0), Some(Verdict::KnownWrong));
        assert_eq!(held(&mut passwords, 1, 60), None);
    }
}
