//! The keys that we sign with, one after the other.

use std::sync::Arc;

use openssl::x509::X509;

use super::SigningKey;
use crate::model::Timestamp;

/// The key that signs, the one that will, and the certificates of those that did. All are published, so that relying parties
/// know each of them before and after its time.
#[derive(Clone)]
pub struct SigningKeys {
    current: Arc<SigningKey>,
    next: Option<NextKey>,
    previous: Vec<X509>,
}

/// The key that takes over.
#[derive(Clone)]
pub struct NextKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// From when on it signs; `None`: not by itself.
    pub from: Option<Timestamp>,
}

impl SigningKeys {
    /// One key after another.
    pub fn new(current: Arc<SigningKey>, next: Option<NextKey>, previous: Vec<X509>) -> Self {
        Self { current, next, previous }
    }

    /// The key that signs at `now`.
    pub fn at(&self, now: Timestamp) -> &Arc<SigningKey> {
        match &self.next {
            Some(NextKey { key, from: Some(from) }) if *from <= now => key,
            _ => &self.current,
        }
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
}
