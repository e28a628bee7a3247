//! What an entry is called in a store that replicas share: nobody who reads the store learns who it is.

use openssl::sha::Sha256;

use crate::model::{EntryId, hex};

/// The key of what is kept of an entry under this prefix.
pub(super) fn entry_key(prefix: &str, entry: &EntryId) -> String {
    let mut digest = Sha256::new();
    for part in [entry.directory.as_bytes(), entry.entry.as_bytes()] {
        digest.update(&part.len().to_be_bytes());
        digest.update(part);
    }
    format!("{prefix}{}", hex(digest.finish().first_chunk::<16>().unwrap_or(&[0; 16])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_as_good_as_the_entry_and_does_not_say_it() {
        let key = |directory: &str, entry: &str| {
            entry_key("guard:", &EntryId { directory: directory.into(), entry: entry.into() })
        };
        let all = [key("d", "alice"), key("d", "bob"), key("da", "lice"), key("e", "alice")];
        assert!(all.iter().enumerate().all(|(at, one)| !all[..at].contains(one)));
        assert!(all[0] == key("d", "alice") && !all[0].contains("alice"));
        assert_eq!(all[0].len(), "guard:".len() + 32);
    }
}
