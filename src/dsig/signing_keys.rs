//! The keys that we sign with, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use super::SigningKey;
use crate::model::Timestamp;

/// The key that signs, the one that will, and the certificates of those that did. All are published, so that relying parties
/// know each of them before and after its time; and what any of them signed is ours, since another replica may be ahead or
/// behind.
#[derive(Clone)]
pub struct SigningKeys {
    current: Arc<SigningKey>,
    next: Option<NextKey>,
    previous: Vec<X509>,
    verifying: Vec<PKey<Public>>,
}

/// The key that takes over.
#[derive(Clone)]
pub struct NextKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// From when on it signs, Unix milliseconds; [`NEVER`] until it is told to.
    from: Arc<AtomicI64>,
}

const NEVER: i64 = i64::MAX;

impl NextKey {
    /// A key that signs from a time on; `None`: not by itself.
    pub fn new(key: Arc<SigningKey>, from: Option<Timestamp>) -> Self {
        Self { key, from: Arc::new(AtomicI64::new(from.map_or(NEVER, Timestamp::unix_millis))) }
    }

    /// From when on it signs, if that is known.
    pub fn from(&self) -> Option<Timestamp> {
        let from = self.from.load(Ordering::Relaxed);
        (from != NEVER).then(|| Timestamp::from_unix_millis(from))
    }

    /// Has it sign from `since` on, or from when it does already; here and in every clone.
    pub fn promote(&self, since: Timestamp) {
        self.from.fetch_min(since.unix_millis(), Ordering::Relaxed);
    }

    fn signs(&self, now: Timestamp) -> bool {
        self.from.load(Ordering::Relaxed) <= now.unix_millis()
    }
}

impl SigningKeys {
    /// One key after another.
    pub fn new(current: Arc<SigningKey>, next: Option<NextKey>, previous: Vec<X509>) -> Self {
        let keys = [Some(&current), next.as_ref().map(|next| &next.key)].into_iter().flatten();
        let before = previous.iter().filter_map(|certificate| certificate.public_key().ok());
        let mut verifying: Vec<PKey<Public>> = Vec::new();
        for key in keys.map(|key| key.public().clone()).chain(before) {
            if !verifying.iter().any(|other| other.public_eq(&key)) {
                verifying.push(key);
            }
        }
        Self { current, next, previous, verifying }
    }

    /// The key that signs at `now`.
    pub fn at(&self, now: Timestamp) -> &Arc<SigningKey> {
        match &self.next {
            Some(next) if next.signs(now) => &next.key,
            _ => &self.current,
        }
    }

    /// Since when the key that was the next one signs, if it does at `now`.
    pub fn taken_over(&self, now: Timestamp) -> Option<Timestamp> {
        self.next.as_ref().filter(|next| next.signs(now)).and_then(NextKey::from)
    }

    /// The certificates of the keys that do not sign at `now`, and did or will.
    pub fn others(&self, now: Timestamp) -> impl Iterator<Item = &X509> {
        let signs = self.at(now);
        let keys = [Some(&self.current), self.next.as_ref().map(|next| &next.key)].into_iter().flatten();
        keys.filter(move |key| !Arc::ptr_eq(key, signs)).map(|key| key.certificate()).chain(&self.previous)
    }

    /// The certificate that was configured as the present one, and that as the next, whichever signs.
    pub fn configured(&self) -> (&X509, Option<&X509>) {
        (self.current.certificate(), self.next.as_ref().map(|next| next.key.certificate()))
    }

    /// The keys that were configured as the present one and as the next, whichever signs.
    pub fn configured_keys(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        [Some(&self.current), self.next.as_ref().map(|next| &next.key)].into_iter().flatten()
    }

    /// Every key of ours, whichever signs: what any of them has signed is our own.
    pub fn verifying(&self) -> &[PKey<Public>] {
        &self.verifying
    }

    /// The key that will sign, and does not yet at `now`.
    pub fn next(&self, now: Timestamp) -> Option<&NextKey> {
        self.next.as_ref().filter(|next| !next.signs(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsig::testing::{certificate, rsa};

    fn key() -> Arc<SigningKey> {
        let key = rsa();
        Arc::new(SigningKey::new(key.clone(), certificate(&key)).unwrap())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    #[test]
    fn the_next_key_signs_from_its_time_and_all_are_published_and_believed() {
        let (current, next, old) = (key(), key(), key());
        let keys = SigningKeys::new(
            current.clone(),
            Some(NextKey::new(next.clone(), Some(at(10)))),
            vec![old.certificate().clone(), current.certificate().clone()],
        );
        for (now, signs, waits) in [(at(9), &current, true), (at(10), &next, false), (at(11), &next, false)] {
            assert!(Arc::ptr_eq(keys.at(now), signs));
            assert_eq!(keys.next(now).is_some(), waits);
            assert_eq!(keys.taken_over(now), (!waits).then(|| at(10)));
            let others: Vec<_> = keys.others(now).collect();
            assert!(others.contains(&old.certificate()) && others.len() == 3);
            assert_eq!(others.contains(&next.certificate()), waits);
        }
        assert_eq!(keys.verifying().len(), 3);
        for own in [&current, &next, &old] {
            assert!(keys.verifying().iter().any(|key| key.public_eq(own.public())));
        }
    }

    #[test]
    fn a_promotion_is_once_and_for_all_clones() {
        let (current, next) = (key(), key());
        let keys = SigningKeys::new(current.clone(), Some(NextKey::new(next.clone(), None)), Vec::new());
        let clone = keys.clone();
        assert!(Arc::ptr_eq(clone.at(at(i64::from(i32::MAX))), &current));
        assert_eq!(clone.next(at(0)).unwrap().from(), None);
        keys.next(at(5)).unwrap().promote(at(5));
        assert!(Arc::ptr_eq(clone.at(at(5)), &next) && clone.next(at(5)).is_none());
        assert!(Arc::ptr_eq(clone.at(at(4)), &current));
        clone.next(at(4)).unwrap().promote(at(6));
        assert!(Arc::ptr_eq(keys.at(at(5)), &next));
        assert!(SigningKeys::new(current, None, Vec::new()).next(at(5)).is_none());
        let timed = SigningKeys::new(key(), Some(NextKey::new(next, Some(at(9)))), Vec::new());
        timed.next(at(5)).unwrap().promote(at(5));
        assert!(timed.next(at(5)).is_none() && timed.next(at(4)).is_some());
    }
}
