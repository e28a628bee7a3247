//! From where each user signed in before: in this process, as much as there is room for; where replicas share a store, there
//! for all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::entry_key::{alias, entry_key};
use super::{Away, Current, Shared, Sharing};
use crate::guard::{Familiar, PLACES_MAX, Place, PlaceHash, keep_most, place_of};
use crate::model::{EntryId, Timestamp};

/// Of how many entries places are remembered: some 40 MB if most users have a few. Of more, those who have not been asked about
/// for longest are forgotten, and then are new.
const MOST: usize = 200_000;
/// How long it is believed without asking the store again that a place is not familiar.
const BELIEVED: Duration = Duration::from_secs(1);
/// How often a step is tried again because another replica was faster.
const TRIES: usize = 100;

/// Familiar places by entry.
pub struct Places {
    most: usize,
    shared: Current,
    lists: Mutex<Lists>,
}

#[derive(Default)]
struct Lists {
    by_entry: HashMap<String, List>,
    uses: u64,
}

#[derive(Default)]
struct List {
    familiar: Familiar,
    /// When it was last used, counted in uses of any.
    used: u64,
    /// When it was compared with the store.
    seen: Option<Instant>,
    /// Whether the store may lack some of it.
    apart: bool,
}

impl Places {
    /// None yet. What replicas share is kept in `shared`, if they do.
    pub fn new(shared: Option<Arc<dyn Shared>>) -> Self {
        Self::with_room_for(MOST, shared)
    }

    fn with_room_for(most: usize, shared: Option<Arc<dyn Shared>>) -> Self {
        Self { most, shared: Current::new(shared), lists: Mutex::default() }
    }

    /// Shares them there from now on, with those that are known here already, each when its user signs in.
    pub fn share(&self, sharing: &Sharing) {
        self.with(|lists| {
            if let Sharing::Elsewhere(_) = sharing {
                lists.by_entry.values_mut().for_each(|list| (list.seen, list.apart) = (None, true));
            }
            self.shared.switch(sharing);
        });
    }

    /// What the clients' place is to the entry. It is familiar if all of them are; who is behind somebody whom many share, and
    /// has no address, is nowhere familiar.
    pub async fn place(&self, entry: &EntryId, clients: &[IpAddr], familiar_for: Duration, now: Timestamp) -> Place {
        let store = self.shared.store();
        let (key, places) = (key_of(store.as_deref(), entry), places_of(store.as_deref(), entry, clients));
        let judge = |familiar: &Familiar| {
            let known = clients.len() <= PLACES_MAX
                && !places.is_empty()
                && places.iter().all(|place| familiar.has(place, familiar_for, now));
            match (known, familiar.is_empty(familiar_for, now)) {
                (true, _) => Place::Familiar,
                (false, false) => Place::Unknown,
                (false, true) => Place::First,
            }
        };
        let (here, seen) = self.using(&key, |list| (judge(&list.familiar), list.seen)).unwrap_or((Place::First, None));
        let believed = here == Place::Familiar || seen.is_some_and(|seen| seen.elapsed() < BELIEVED);
        let Some(store) = store.filter(|_| !believed) else { return here };
        let Ok(Some(bytes)) = store.get(&key).await else { return here };
        self.put(&key, |list| {
            list.familiar.join(&Familiar::from_bytes(&bytes));
            list.seen = Some(Instant::now());
            judge(&list.familiar)
        })
    }

    /// The user has signed in from there.
    pub async fn note(&self, entry: &EntryId, clients: &[IpAddr], familiar_for: Duration, now: Timestamp) {
        let store = self.shared.store();
        let (key, places) = (key_of(store.as_deref(), entry), places_of(store.as_deref(), entry, clients));
        if places.is_empty() || clients.len() > PLACES_MAX {
            return;
        }
        let news = self.put(&key, |list| {
            list.apart |= list.familiar.note(&places, familiar_for, now);
            list.apart.then(|| list.familiar.clone())
        });
        if let (Some(store), Some(familiar)) = (store, news)
            && let Ok(joined) = join(&*store, &key, &familiar, familiar_for).await
        {
            self.put(&key, |list| {
                list.familiar.join(&joined);
                (list.seen, list.apart) = (Some(Instant::now()), false);
            });
        }
    }

    /// What is remembered, for another process to go on with. Where replicas share a store, nothing: that has it.
    pub fn hand_over(&self) -> Vec<(String, Vec<u8>)> {
        let bytes = |(key, list): (&String, &List)| Some((key.clone(), list.familiar.to_bytes()?));
        if self.shared.is_some() {
            return Vec::new();
        }
        self.with(|lists| lists.by_entry.iter().filter_map(bytes).collect())
    }

    /// Goes on with what another process remembered.
    pub fn take_over(&self, key: &str, places: &[u8]) {
        if !self.shared.is_some() {
            self.put(key, |list| list.familiar.join(&Familiar::from_bytes(places)));
        }
    }

    /// Of how many entries places are remembered here.
    pub fn len(&self) -> usize {
        self.with(|lists| lists.by_entry.len())
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn using<T>(&self, key: &str, look: impl FnOnce(&List) -> T) -> Option<T> {
        self.with(|lists| {
            lists.uses += 1;
            let list = lists.by_entry.get_mut(key)?;
            list.used = lists.uses;
            Some(look(list))
        })
    }

    fn put<T>(&self, key: &str, change: impl FnOnce(&mut List) -> T) -> T {
        self.with(|lists| {
            if lists.by_entry.len() >= self.most && !lists.by_entry.contains_key(key) {
                keep_most(&mut lists.by_entry, self.most - self.most / 4, |list| Some(list.used));
            }
            lists.uses += 1;
            let list = lists.by_entry.entry(key.to_owned()).or_default();
            list.used = lists.uses;
            change(list)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Lists) -> T) -> T {
        work(&mut self.lists.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key_of(store: Option<&dyn Shared>, entry: &EntryId) -> String {
    entry_key(store, "guard:places:", entry)
}

fn places_of(store: Option<&dyn Shared>, entry: &EntryId, clients: &[IpAddr]) -> Vec<PlaceHash> {
    clients.iter().map(|client| place_of(entry, *client, |parts: &[&[u8]]| alias(store, parts))).collect()
}

/// Adds places to those that the store has.
async fn join(store: &dyn Shared, key: &str, own: &Familiar, familiar_for: Duration) -> Result<Familiar, Away> {
    for _ in 0..TRIES {
        let old = store.get(key).await?;
        let mut all = old.as_deref().map(Familiar::from_bytes).unwrap_or_default();
        all.join(own);
        let new = all.to_bytes();
        if new == old || store.swap(key, old.as_deref(), new.as_deref().map(|new| (new, familiar_for))).await? {
            return Ok(all);
        }
    }
    Err(Away)
}

#[cfg(test)]
mod tests {
    use super::super::fake::FakeStore;
    use super::*;

    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn entry(name: &str) -> EntryId {
        EntryId { directory: "d".into(), entry: name.into() }
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + number * 86_400_000)
    }

    fn clients(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_place_is_familiar_if_there_is_one_and_all_of_it_is() {
        let places = Places::new(None);
        let alice = entry("alice");
        let place = async |addresses: &[&str]| places.place(&alice, &clients(addresses), MONTH, day(1)).await;
        assert_eq!(place(&["192.0.2.1"]).await, Place::First);
        places.note(&alice, &clients(&[]), MONTH, day(0)).await;
        assert_eq!(place(&[]).await, Place::First, "who has no address is remembered nowhere");
        places.note(&alice, &clients(&["192.0.2.1", "192.0.2.2"]), MONTH, day(0)).await;
        for (addresses, expected) in [
            (&["192.0.2.1"][..], Place::Familiar),
            (&["192.0.2.1", "192.0.2.2"], Place::Familiar),
            (&["192.0.2.1", "192.0.2.3"], Place::Unknown),
            (&["192.0.2.1"; 21], Place::Unknown),
            (&[], Place::Unknown),
        ] {
            assert_eq!(place(addresses).await, expected, "{addresses:?}");
        }
        assert_eq!(places.place(&alice, &clients(&["192.0.2.1"]), MONTH, day(30)).await, Place::First, "it is over");
        assert_eq!(places.place(&entry("bob"), &clients(&["192.0.2.1"]), MONTH, day(0)).await, Place::First);
    }

    #[tokio::test]
    async fn another_process_goes_on_with_what_is_known() {
        let [one, next] = [(); 2].map(|()| Places::new(None));
        let (alice, home) = (entry("alice"), clients(&["192.0.2.1"]));
        one.note(&alice, &home, MONTH, day(0)).await;
        for (key, places) in one.hand_over() {
            assert!(!key.contains("alice"));
            next.take_over(&key, &places);
        }
        assert_eq!(next.place(&alice, &home, MONTH, day(1)).await, Place::Familiar);
        assert_eq!(next.place(&alice, &clients(&["192.0.2.2"]), MONTH, day(1)).await, Place::Unknown);
        let shared = Places::new(Some(FakeStore::new()));
        shared.note(&alice, &home, MONTH, day(0)).await;
        assert!(shared.hand_over().is_empty(), "the store has it");
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_replica_knows_the_other_learns() {
        let store = FakeStore::new();
        let [one, other] = [(); 2].map(|()| Places::new(Some(store.clone())));
        let (alice, home, office) = (entry("alice"), clients(&["192.0.2.1"]), clients(&["198.51.100.1"]));
        one.note(&alice, &home, MONTH, day(0)).await;
        assert_eq!(other.place(&alice, &home, MONTH, day(0)).await, Place::Familiar);
        other.note(&alice, &office, MONTH, day(0)).await;
        assert_eq!(one.place(&alice, &office, MONTH, day(0)).await, Place::Unknown, "it is believed for a moment");
        tokio::time::advance(BELIEVED).await;
        assert_eq!(one.place(&alice, &office, MONTH, day(0)).await, Place::Familiar);
        assert!(store.keys().iter().all(|key| key.starts_with("guard:") && !key.contains("alice")));
        let trips = store.trips();
        one.note(&alice, &home, MONTH, day(0)).await;
        assert_eq!(one.place(&alice, &home, MONTH, day(0)).await, Place::Familiar);
        assert_eq!(store.trips(), trips, "what is known costs no round trip");
    }

    #[tokio::test]
    async fn who_guesses_from_where_somebody_signs_in_cannot_tell_where_there_is_a_secret() {
        let mut all = Vec::new();
        for store in [FakeStore::of(1), FakeStore::of(1), FakeStore::of(2), FakeStore::new()] {
            let places = Places::new(Some(store.clone()));
            places.note(&entry("alice"), &clients(&["192.0.2.1"]), MONTH, day(0)).await;
            let [key] = &store.keys()[..] else { panic!("one key") };
            all.push((key.clone(), store.get(key).await.unwrap()));
        }
        assert_eq!(all[0], all[1]);
        assert!(all[0].1 != all[2].1 && all[0].1 != all[3].1);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_is_away_each_goes_on_with_what_it_knows_and_tells_it_later() {
        let store = FakeStore::new();
        let [one, other] = [(); 2].map(|()| Places::new(Some(store.clone())));
        let (alice, home) = (entry("alice"), clients(&["192.0.2.1"]));
        store.go(true);
        one.note(&alice, &home, MONTH, day(0)).await;
        assert_eq!(one.place(&alice, &home, MONTH, day(0)).await, Place::Familiar);
        assert_eq!(other.place(&alice, &home, MONTH, day(0)).await, Place::First);
        store.go(false);
        assert_eq!(other.place(&alice, &home, MONTH, day(0)).await, Place::First);
        one.note(&alice, &home, MONTH, day(0)).await;
        assert_eq!(other.place(&alice, &home, MONTH, day(0)).await, Place::Familiar);
    }

    #[tokio::test]
    async fn what_is_known_here_is_told_to_another_store_when_somebody_signs_in() {
        let (first, second) = (FakeStore::new(), FakeStore::new());
        let [one, other] = [(); 2].map(|()| Places::new(Some(first.clone())));
        let (alice, home) = (entry("alice"), clients(&["192.0.2.1"]));
        one.note(&alice, &home, MONTH, day(0)).await;
        for places in [&one, &other] {
            places.share(&Sharing::Elsewhere(second.clone()));
        }
        assert_eq!(one.place(&alice, &home, MONTH, day(0)).await, Place::Familiar);
        assert_eq!(other.place(&alice, &home, MONTH, day(0)).await, Place::First);
        one.note(&alice, &home, MONTH, day(0)).await;
        assert_eq!(other.place(&alice, &home, MONTH, day(0)).await, Place::Familiar);
        other.share(&Sharing::Nowhere);
        assert_eq!(other.place(&alice, &home, MONTH, day(0)).await, Place::Familiar);
    }

    #[tokio::test]
    async fn of_too_many_entries_those_unused_for_longest_are_forgotten() {
        let places = Places::with_room_for(1000, None);
        let home = clients(&["192.0.2.1"]);
        places.note(&entry("alice"), &home, MONTH, day(0)).await;
        for number in 0..10_000 {
            places.note(&entry(&number.to_string()), &home, MONTH, day(0)).await;
            assert!(places.len() <= 1000 && !places.is_empty());
            assert_eq!(places.place(&entry("alice"), &home, MONTH, day(0)).await, Place::Familiar);
        }
        for number in 0..10_000 {
            assert_eq!(places.place(&entry(&format!("x{number}")), &home, MONTH, day(0)).await, Place::First);
        }
        assert!(places.len() <= 1000, "asking leaves nothing");
    }
}
