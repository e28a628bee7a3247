//! Groups that searches found, remembered apart from binds: neither a new password nor one that must be checked anew searches
//! for them again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache;

use crate::config;
use crate::model::{Entry, EntryId};
use crate::telemetry::Metrics;

const LABEL: &str = "groups";
/// How long the DN of a group's SID is remembered: groups are seldom renamed, and a SID is never another's.
const NAMED: Duration = Duration::from_secs(600);
const MOST_NAMED: u64 = 10_000;

/// What was found, and for whom in exactly this spelling: folded, two entries of a rare schema may have one identity.
type Found = (Arc<str>, Arc<[String]>);

/// Groups by whose they are.
pub(super) struct GroupCache {
    found: Option<Cache<EntryId, Found>>,
    /// The DNs of SIDs; `None` where the directory knows no such group.
    named: Option<Cache<Vec<u8>, Option<Arc<str>>>>,
    held: Arc<AtomicI64>,
    metrics: Arc<Metrics>,
}

impl GroupCache {
    /// Nothing yet.
    pub(super) fn new(config: config::GroupCache, metrics: Arc<Metrics>) -> Self {
        let held = Arc::new(AtomicI64::new(0));
        let found = config.ttl.map(|ttl| remembering(config.capacity, ttl, held.clone(), metrics.clone()));
        let named = config.ttl.map(|_| Cache::builder().max_capacity(MOST_NAMED).time_to_live(NAMED).build());
        Self { found, named, held, metrics }
    }

    /// The groups that were found for this entry a moment ago.
    pub(super) fn recall(&self, entry: &Entry) -> Option<Arc<[String]>> {
        let found = self.found.as_ref()?.get(&entry.id).filter(|(dn, _)| *dn == entry.bind_name);
        let result = if found.is_some() { "hit" } else { "miss" };
        self.metrics.cache_requests.with_label_values(&[LABEL, result]).inc();
        found.map(|(_, groups)| groups)
    }

    /// Forgets those of one entry, or all.
    pub(super) fn forget(&self, id: Option<&EntryId>) {
        match (&self.found, id) {
            (Some(found), Some(id)) => found.invalidate(id),
            (Some(found), None) => found.invalidate_all(),
            (None, _) => {}
        }
    }

    /// Remembers them.
    pub(super) fn remember(&self, entry: &Entry, groups: Arc<[String]>) {
        let Some(found) = &self.found else { return };
        self.held.fetch_add(1, Ordering::Relaxed);
        self.metrics.cache_entries.with_label_values(&[LABEL]).inc();
        found.insert(entry.id.clone(), (entry.bind_name.clone(), groups));
        // moka evicts in the background of other calls; an exact gauge costs little beside a search.
        found.run_pending_tasks();
    }

    /// The DN of the group with this SID, if it is known whether there is one.
    pub(super) fn name(&self, sid: &Vec<u8>) -> Option<Option<Arc<str>>> {
        self.named.as_ref()?.get(sid)
    }

    /// Remembers it.
    pub(super) fn remember_name(&self, sid: Vec<u8>, dn: Option<Arc<str>>) {
        if let Some(named) = &self.named {
            named.insert(sid, dn);
        }
    }
}

/// What is gone with a configuration is no longer counted.
impl Drop for GroupCache {
    fn drop(&mut self) {
        self.metrics.cache_entries.with_label_values(&[LABEL]).sub(self.held.load(Ordering::Relaxed));
    }
}

/// A cache that tells what it gives up.
fn remembering(capacity: u64, ttl: Duration, held: Arc<AtomicI64>, metrics: Arc<Metrics>) -> Cache<EntryId, Found> {
    let tell = move |_, _, cause| {
        held.fetch_sub(1, Ordering::Relaxed);
        metrics.cache_entries.with_label_values(&[LABEL]).dec();
        let reason = match cause {
            RemovalCause::Expired => "expired",
            RemovalCause::Size => "size",
            RemovalCause::Explicit => "invalidated",
            RemovalCause::Replaced => return,
        };
        metrics.cache_evictions.with_label_values(&[LABEL, reason]).inc();
    };
    Cache::builder().max_capacity(capacity).time_to_live(ttl).eviction_listener(tell).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attributes;

    fn entry(dn: &str) -> Entry {
        Entry {
            id: EntryId { directory: "ad".into(), entry: dn.to_lowercase().into() },
            bind_name: dn.into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes: Attributes::default(),
            own_count: None,
        }
    }

    #[test]
    fn what_is_remembered_is_counted_until_it_is_not() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let ttl = Some(Duration::from_secs(60));
        let (one, other) = (config::GroupCache { ttl, capacity: 2 }, config::GroupCache { ttl: None, capacity: 0 });
        let (one, other) = (GroupCache::new(one, metrics.clone()), GroupCache::new(other, metrics.clone()));
        let entries = || metrics.cache_entries.with_label_values(&["groups"]).get();
        let requests = |result| metrics.cache_requests.with_label_values(&["groups", result]).get();
        let groups: Arc<[String]> = Arc::new(["cn=staff".to_owned()]);
        for dn in ["a", "b", "a"] {
            one.remember(&entry(dn), groups.clone());
            other.remember(&entry(dn), groups.clone());
        }
        assert_eq!((entries(), one.recall(&entry("a"))), (2, Some(groups.clone())));
        assert_eq!((one.recall(&entry("c")), other.recall(&entry("a"))), (None, None));
        assert_eq!((requests("hit"), requests("miss")), (1, 1), "what is off is not asked");
        assert_eq!(one.recall(&entry("A")), None, "another entry, for all that is known");
        for dn in ["c", "d", "e", "f"] {
            one.remember(&entry(dn), groups.clone());
        }
        let evicted = metrics.cache_evictions.with_label_values(&["groups", "size"]).get();
        assert_eq!((entries(), evicted), (2, 4));
        drop(one);
        assert_eq!(entries(), 0);
    }

    #[test]
    fn what_is_forgotten_is_searched_again() {
        let config = config::GroupCache { ttl: Some(Duration::from_secs(60)), capacity: 10 };
        let cache = GroupCache::new(config, Arc::new(Metrics::new().unwrap()));
        let entries = ["a", "b", "c"].map(entry);
        let held = || entries.each_ref().map(|entry| cache.recall(entry).is_some());
        entries.iter().for_each(|entry| cache.remember(entry, Arc::new([])));
        cache.forget(Some(&entries[1].id));
        assert_eq!(held(), [true, false, true]);
        cache.forget(None);
        assert_eq!(held(), [false; 3]);
    }

    #[test]
    fn that_a_sid_has_no_group_is_known_too() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let ttl = Some(Duration::from_secs(60));
        let cache = GroupCache::new(config::GroupCache { ttl, capacity: 2 }, metrics);
        cache.remember_name(vec![1], Some("cn=staff".into()));
        cache.remember_name(vec![2], None);
        let names: Vec<_> = (1..4).map(|sid| cache.name(&vec![sid])).collect();
        assert_eq!(names, [Some(Some("cn=staff".into())), Some(None), None]);
    }
}
