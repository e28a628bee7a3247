//! Keyed digests of credentials: they compare, and are worth nothing outside this process, whose key they need.

use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::dsig::Mac;
use crate::model::{EntryId, Password, Username};

/// Makes digests with a key that was drawn when this process began.
pub(super) struct Digests(Mac);

impl Digests {
    pub(super) fn new() -> Result<Self, ErrorStack> {
        let mut key = Zeroizing::new([0; 32]);
        openssl::rand::rand_priv_bytes(&mut *key)?;
        Ok(Self(Mac::new(&key)))
    }

    /// Of what was typed: the key of a remembered bind.
    pub(super) fn credentials(&self, name: &Username, password: &Password) -> [u8; 32] {
        self.digest(["bind", name.as_str(), password.expose()])
    }

    /// Of a password tried on one entry: what the guard knows to be wrong.
    pub(super) fn guess(&self, entry: &EntryId, password: &Password) -> [u8; 32] {
        self.digest(["guess", &entry.directory, &entry.entry, password.expose()])
    }

    /// Of whose failures are counted among others' names: the entry, or the name as typed where nobody has it.
    pub(super) fn name(&self, entry: Option<&EntryId>, name: &Username) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = match entry {
            Some(entry) => self.digest(["entry", &entry.directory, &entry.entry]),
            None => self.digest(["name", &name.folded()]),
        };
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn digest<const PARTS: usize>(&self, parts: [&str; PARTS]) -> [u8; 32] {
        self.0.of(&parts.map(str::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
