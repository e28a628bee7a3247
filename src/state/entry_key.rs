//! What an entry is called in a store that replicas share: nobody who reads the store learns who it is, and who guesses it
//! cannot tell that it is right where the replicas have a secret of their own.

use super::Shared;
use super::shared::plain_alias;
use crate::model::{EntryId, hex};

/// The key of what is kept of an entry under this prefix; also here, where nothing is shared.
pub(super) fn entry_key(store: Option<&dyn Shared>, prefix: &str, entry: &EntryId) -> String {
    let digest = alias(store, &[entry.directory.as_bytes(), entry.entry.as_bytes()]);
    format!("{prefix}{}", hex(digest.first_chunk::<16>().unwrap_or(&[0; 16])))
}

/// What something is called in the store, or here.
pub(super) fn alias(store: Option<&dyn Shared>, parts: &[&[u8]]) -> [u8; 32] {
    store.map_or_else(|| plain_alias(parts), |store| store.alias(parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::fake::FakeStore;

    #[test]
    fn is_as_good_as_the_entry_and_does_not_say_it() {
        let key = |directory: &str, entry: &str| {
            entry_key(None, "guard:", &EntryId { directory: directory.into(), entry: entry.into() })
        };
        let all = [key("d", "alice"), key("d", "bob"), key("da", "lice"), key("e", "alice")];
        assert!(all.iter().enumerate().all(|(at, one)| !all[..at].contains(one)));
        assert!(all[0] == key("d", "alice") && !all[0].contains("alice"));
        assert_eq!(all[0].len(), "guard:".len() + 32);
    }

    #[test]
    fn who_guesses_an_entry_cannot_tell_where_there_is_a_secret() {
        let (one, same, other) = (FakeStore::of(1), FakeStore::of(1), FakeStore::of(2));
        let alice = EntryId { directory: "d".into(), entry: "alice".into() };
        let key = |store: Option<&dyn Shared>| entry_key(store, "guard:", &alice);
        assert_eq!(key(Some(&*one)), key(Some(&*same)));
        assert!(key(Some(&*one)) != key(Some(&*other)) && key(Some(&*one)) != key(None));
    }
}
