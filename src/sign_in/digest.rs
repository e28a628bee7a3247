//! Keyed digests of credentials: they compare, and are worth nothing outside this process, whose key they need.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

use crate::model::{EntryId, Password, Username};

/// Makes digests with a key that was drawn when this process began.
pub(super) struct Digests(PKey<Private>);

impl Digests {
    pub(super) fn new() -> Result<Self, ErrorStack> {
        let mut key = [0; 32];
        openssl::rand::rand_priv_bytes(&mut key)?;
        PKey::hmac(&key).map(Self)
    }

    /// Of what was typed: the key of a remembered bind.
    pub(super) fn credentials(&self, name: &Username, password: &Password) -> Result<[u8; 32], ErrorStack> {
        self.digest(&["bind", name.as_str(), password.expose()])
    }

    /// Of a password tried on one entry: what the guard knows to be wrong.
    pub(super) fn guess(&self, entry: &EntryId, password: &Password) -> Result<[u8; 32], ErrorStack> {
        self.digest(&["guess", &entry.directory, &entry.entry, password.expose()])
    }

    fn digest(&self, parts: &[&str]) -> Result<[u8; 32], ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0)?;
        for part in parts {
            signer.update(&part.len().to_be_bytes())?;
            signer.update(part.as_bytes())?;
        }
        let mut digest = [0; 32];
        signer.sign(&mut digest)?;
        Ok(digest)
    }
}
