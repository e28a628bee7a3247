//! Keyed digests of credentials: they compare, and are worth nothing outside this process, whose key they need.

use openssl::error::ErrorStack;
use openssl::sha::sha256;
use zeroize::Zeroizing;

use crate::model::{EntryId, Password, Username};

/// Makes digests with a key that was drawn when this process began: HMAC-SHA-256 (RFC 2104) of whole messages. OpenSSL wipes
/// what it digests at once, and leaves the last block of what it digests piece by piece wherever its state has been.
pub(super) struct Digests {
    inner: [u8; BLOCK],
    outer: [u8; BLOCK],
}

/// SHA-256's.
const BLOCK: usize = 64;

impl Digests {
    pub(super) fn new() -> Result<Self, ErrorStack> {
        let mut key = [0; BLOCK];
        openssl::rand::rand_priv_bytes(&mut key)?;
        Ok(Self::keyed(&key))
    }

    fn keyed(key: &[u8; BLOCK]) -> Self {
        Self { inner: key.map(|byte| byte ^ 0x36), outer: key.map(|byte| byte ^ 0x5c) }
    }

    /// Of what was typed: the key of a remembered bind.
    pub(super) fn credentials(&self, name: &Username, password: &Password) -> [u8; 32] {
        self.digest(&["bind", name.as_str(), password.expose()])
    }

    /// Of a password tried on one entry: what the guard knows to be wrong.
    pub(super) fn guess(&self, entry: &EntryId, password: &Password) -> [u8; 32] {
        self.digest(&["guess", &entry.directory, &entry.entry, password.expose()])
    }

    /// Of whose failures are counted among others' names: the entry, or the name as typed where nobody has it.
    pub(super) fn name(&self, entry: Option<&EntryId>, name: &Username) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = match entry {
            Some(entry) => self.digest(&["entry", &entry.directory, &entry.entry]),
            None => self.digest(&["name", &name.folded()]),
        };
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        let length: usize = parts.iter().map(|part| size_of::<usize>() + part.len()).sum();
        let mut message = Zeroizing::new(Vec::with_capacity(BLOCK + length));
        message.extend_from_slice(&self.inner);
        for part in parts {
            message.extend_from_slice(&part.len().to_be_bytes());
            message.extend_from_slice(part.as_bytes());
        }
        sha256(&[self.outer.as_slice(), &sha256(&message)].concat())
    }
}

#[cfg(test)]
mod tests {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::sign::Signer;

    use super::*;

    #[test]
    fn is_the_hmac_that_openssl_makes() {
        let key: [u8; BLOCK] = std::array::from_fn(|at| at as u8);
        let message = [&3usize.to_be_bytes(), b"one".as_slice(), &0usize.to_be_bytes()].concat();
        let openssl = PKey::hmac(&key).unwrap();
        let openssl = Signer::new(MessageDigest::sha256(), &openssl).unwrap().sign_oneshot_to_vec(&message).unwrap();
        assert_eq!(Digests::keyed(&key).digest(&["one", ""]).as_slice(), openssl);
    }

    #[test]
    fn many_spellings_are_one_name() {
        let digests = Digests::new().unwrap();
        let name = |name: &str| digests.name(None, &Username::new(name));
        assert_eq!(name("Alice"), name(" alice"));
        let entry = EntryId { directory: "".into(), entry: "alice".into() };
        let all = [name("alice"), name("bob"), digests.name(Some(&entry), &Username::new("alice"))];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert_eq!(all[2], digests.name(Some(&entry), &Username::new("x")));
    }

    #[test]
    fn tells_names_from_passwords_and_binds_from_guesses() {
        let digests = Digests::new().unwrap();
        let entry = |entry: &str| EntryId { directory: "".into(), entry: entry.into() };
        let all = [
            digests.credentials(&Username::new("ab"), &Password::new("c")),
            digests.credentials(&Username::new("a"), &Password::new("bc")),
            digests.guess(&entry("ab"), &Password::new("c")),
            digests.guess(&entry("a"), &Password::new("bc")),
        ];
        assert!(all.iter().enumerate().all(|(at, one)| !all[..at].contains(one)));
        assert_eq!(all[0], digests.credentials(&Username::new("ab"), &Password::new("c")));
    }
}
