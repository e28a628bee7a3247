//! What a token is kept under where others can write: only who has our keys can make what opens again, or read it.

use openssl::rand::rand_bytes;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use zeroize::Zeroizing;

use crate::dsig::{SigningKeys, derived_secret};
use crate::model::{Password, Timestamp};
use crate::state::MOST_OCTETS;

const PURPOSE: &[u8] = b"fedfront: tokens shared by replicas, AES-256-GCM";
const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Keys to seal and open by.
pub struct Seals(Origin);

enum Origin {
    /// The replicas have a secret for it.
    Given(Zeroizing<[u8; 32]>),
    /// Made of the keys that sign tokens, for who has one of them can make tokens anyway.
    Signing(SigningKeys),
}

impl Seals {
    /// Made of a secret.
    pub fn given(secret: &Password) -> Option<Self> {
        derived_secret(secret.expose().as_bytes(), PURPOSE).map(|key| Self(Origin::Given(key)))
    }

    /// Made of the signing keys: the one that signs seals, each that is configured opens. Of a key in a device none can be
    /// made: then nothing is sealed.
    pub fn of(keys: SigningKeys) -> Self {
        Self(Origin::Signing(keys))
    }

    /// `plain` sealed for the key `name` at `now`; `None` if it cannot be, or is too long to be shared.
    pub(super) fn seal(&self, name: &str, plain: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        let key = match &self.0 {
            Origin::Given(key) => key.clone(),
            Origin::Signing(keys) => keys.at(now).derive(PURPOSE)?,
        };
        let (mut nonce, mut tag) = ([0; NONCE], [0; TAG]);
        rand_bytes(&mut nonce).ok()?;
        let bound = [&[VERSION], name.as_bytes()].concat();
        let sealed = encrypt_aead(Cipher::aes_256_gcm(), &*key, Some(&nonce), &bound, plain, &mut tag).ok()?;
        let whole = [&[VERSION][..], &nonce, &tag, &sealed].concat();
        (whole.len() <= MOST_OCTETS).then_some(whole)
    }

    /// What was sealed for the key `name`, if one of ours sealed it.
    pub(super) fn open(&self, name: &str, whole: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = whole.split_first()?;
        let (nonce, rest) = rest.split_at_checked(NONCE)?;
        let (tag, sealed) = rest.split_at_checked(TAG)?;
        let bound = [&[*version], name.as_bytes()].concat();
        let open = |key: Zeroizing<[u8; 32]>| {
            decrypt_aead(Cipher::aes_256_gcm(), &*key, Some(nonce), &bound, sealed, tag).ok()
        };
        if *version != VERSION {
            return None;
        }
        match &self.0 {
            Origin::Given(key) => open(key.clone()),
            Origin::Signing(keys) => keys.configured_keys().filter_map(|key| key.derive(PURPOSE)).find_map(open),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;
    use openssl::pkey::{PKey, Private};

    use super::*;
    use crate::dsig::testing::{certificate, rsa};
    use crate::dsig::{NextKey, SigningKey};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    #[test]
    fn only_who_has_the_key_makes_what_opens_and_only_where_it_was_put() {
        let secret = |text: &str| Seals::given(&Password::new(text)).unwrap();
        let (ours, others) = (secret("one"), secret("two"));
        let sealed = ours.seal("token:1", b"plain", at(0)).unwrap();
        assert_ne!(sealed, ours.seal("token:1", b"plain", at(0)).unwrap(), "a nonce each time");
        assert_eq!(ours.open("token:1", &sealed).as_deref(), Some(&b"plain"[..]));
        assert_eq!(ours.open("token:2", &sealed), None, "moved");
        assert_eq!(others.open("token:1", &sealed), None, "another's");
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert_eq!(ours.open("token:1", &altered), None, "{position}");
            assert_eq!(ours.open("token:1", &sealed[..position]), None, "{position}");
        }
        assert_eq!(ours.seal("token:1", &vec![b'x'; MOST_OCTETS], at(0)), None, "too long");
    }

    /// In each step of a rollover, replicas that have taken it and those that have not read each other's tokens.
    #[test]
    fn replicas_understand_each_other_through_a_rollover() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let elliptic = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let key = |key: PKey<Private>| Arc::new(SigningKey::new(key.clone(), certificate(&key)).unwrap());
        let (old, new) = (key(rsa()), key(elliptic));
        let keys = |current: &Arc<SigningKey>, next: Option<&Arc<SigningKey>>, from| {
            Seals::of(SigningKeys::new(current.clone(), next.map(|next| NextKey::new(next.clone(), from)), Vec::new()))
        };
        let before = keys(&old, None, None);
        let announced = keys(&old, Some(&new), None);
        let promoted = keys(&old, Some(&new), Some(at(0)));
        let after = keys(&new, None, None);
        for (one, two) in [(&before, &announced), (&announced, &promoted), (&promoted, &after)] {
            for (from, to) in [(one, two), (two, one)] {
                let sealed = from.seal("token:1", b"plain", at(1)).unwrap();
                assert_eq!(to.open("token:1", &sealed).as_deref(), Some(&b"plain"[..]));
            }
        }
        assert_eq!(after.open("token:1", &before.seal("token:1", b"plain", at(1)).unwrap()), None);
    }
}
