//! What each bind proves, for as long as nothing speaks against it: from before it is sent until nobody remembers it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::remembered::Key;
use crate::guard::PasswordDigest;
use crate::model::{EntryId, Username};

/// That a name and a password are an entry's, as a bind shows that is under way or succeeded.
pub(super) struct Proof {
    pub(super) entry: EntryId,
    pub(super) password: PasswordDigest,
    /// Folded.
    name: Arc<str>,
    number: u64,
    refuted: AtomicBool,
    /// Under what it is remembered, once it is.
    kept: OnceLock<Key>,
    index: Arc<Index>,
}

/// Every proof that there is.
pub(super) struct Proofs(Arc<Index>);

#[derive(Default)]
struct Index {
    next: AtomicU64,
    by_handle: Mutex<BTreeMap<(Handle, u64), Weak<Proof>>>,
}

/// By what proofs are found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Handle {
    Entry(EntryId),
    Name(Arc<str>),
}

impl Proofs {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Of a bind that is about to be sent: whatever is refuted from here on, it is refuted with it.
    pub(super) fn begin(&self, name: &Username, entry: &EntryId, password: PasswordDigest) -> Arc<Proof> {
        let (index, refuted, kept) = (self.0.clone(), AtomicBool::new(false), OnceLock::new());
        let number = index.next.fetch_add(1, Ordering::Relaxed);
        let (entry, name) = (entry.clone(), name.folded().into());
        let proof = Arc::new(Proof { entry, password, name, number, refuted, kept, index });
        let mut by_handle = self.0.lock();
        for handle in proof.handles() {
            by_handle.insert((handle, number), Arc::downgrade(&proof));
        }
        proof
    }

    /// Those of an entry.
    pub(super) fn of_entry(&self, entry: &EntryId) -> Vec<Arc<Proof>> {
        self.found(Handle::Entry(entry.clone()))
    }

    /// Those by a name, in any case of its letters.
    pub(super) fn by_name(&self, name: &Username) -> Vec<Arc<Proof>> {
        self.found(Handle::Name(name.folded().into()))
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<Proof>> {
        let by_handle = self.0.lock();
        let entries = by_handle.iter().filter(|((handle, _), _)| matches!(handle, Handle::Entry(_)));
        entries.filter_map(|(_, proof)| proof.upgrade()).collect()
    }

    fn found(&self, handle: Handle) -> Vec<Arc<Proof>> {
        let by_handle = self.0.lock();
        let all = by_handle.range((handle.clone(), 0)..=(handle, u64::MAX));
        // Dropped by whoever gets them, without the lock, which the last of one takes.
        all.filter_map(|(_, proof)| proof.upgrade()).collect()
    }
}

impl Proof {
    /// Whether something has spoken against it.
    pub(super) fn is_refuted(&self) -> bool {
        self.refuted.load(Ordering::SeqCst)
    }

    /// It is no proof any more. Under what it was remembered, if it is refuted for the first time.
    pub(super) fn refute(&self) -> Option<Key> {
        let before = self.refuted.swap(true, Ordering::SeqCst);
        self.kept.get().copied().filter(|_| !before)
    }

    /// It is about to be remembered. Who remembers it looks afterwards whether it was refuted meanwhile.
    pub(super) fn keep(&self, key: Key) {
        // Once: a bind is remembered by who made it.
        let _ = self.kept.set(key);
    }

    fn handles(&self) -> [Handle; 2] {
        [Handle::Entry(self.entry.clone()), Handle::Name(self.name.clone())]
    }
}

impl Index {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Handle, u64), Weak<Proof>>> {
        self.by_handle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        let mut by_handle = self.index.lock();
        for handle in self.handles() {
            by_handle.remove(&(handle, self.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(directory: &str, entry: &str) -> EntryId {
        EntryId { directory: directory.into(), entry: entry.into() }
    }

    #[test]
    fn proofs_are_found_by_entry_and_by_name_while_somebody_has_them() {
        let proofs = Proofs::new();
        let (alice, other) = (entry("corp", "alice"), entry("other", "alice"));
        let begin = |name, entry| proofs.begin(&Username::new(name), entry, [0; 32]);
        let all = [begin("alice", &alice), begin(" ALICE ", &alice), begin("al", &alice), begin("alice", &other)];
        let found = |name| proofs.by_name(&Username::new(name)).len();
        assert_eq!((proofs.of_entry(&alice).len(), proofs.of_entry(&other).len(), proofs.all().len()), (3, 1, 4));
        assert_eq!((found("Alice"), found("al"), found("a"), found("alice@")), (3, 1, 0, 0));
        drop(all);
        assert!(proofs.0.lock().is_empty());
    }

    #[test]
    fn what_was_remembered_is_told_once() {
        let proofs = Proofs::new();
        let proof = proofs.begin(&Username::new("a"), &entry("corp", "a"), [0; 32]);
        proof.keep([7; 32]);
        assert_eq!((proof.refute(), proof.refute(), proof.is_refuted()), (Some([7; 32]), None, true));
    }
}
