//! Binds that stand in for further ones: those that the directory accepted a moment ago, and those under way.
//!
//! Nothing is remembered longer than what is known says: whatever a bind or a look-up shows afterwards, by any name, ends what
//! it speaks against, and a bind that began before is not remembered after it.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use moka::notification::RemovalCause;

use super::SignInError;
use super::proof::{Proof, Proofs};
use crate::config::BindCache;
use crate::directory::{BindError, BindOutcome};
use crate::guard::PasswordDigest;
use crate::model::{Authenticated, EntryId, Username};
use crate::telemetry::Metrics;

/// How long an attempt whose asker has gone away is joined at most.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// A keyed digest of a name and a password.
pub(super) type Key = [u8; 32];

/// Binds by what was typed.
pub(super) struct Binds {
    /// Those that succeeded; absent where none is remembered.
    remembered: Option<Cache<Key, Bound>>,
    /// Attempts, those for which a remembered bind does not count apart: each is gone once those who waited for it have it.
    under_way: Cache<(Key, bool), Bound>,
    /// Directories of which nothing is remembered.
    except: Vec<String>,
    proofs: Proofs,
    metrics: Arc<Metrics>,
}

/// Somebody whose password was right.
#[derive(Clone)]
pub(super) struct Bound {
    pub(super) user: Arc<Authenticated>,
    pub(super) proof: Arc<Proof>,
}

impl Binds {
    /// None yet, and never any of the directories in `except`.
    pub(super) fn new(config: &BindCache, except: Vec<String>, metrics: Arc<Metrics>) -> Self {
        let remembered = config.ttl.map(|ttl| remembering(config.capacity, ttl, &metrics));
        let under_way = Cache::builder().time_to_live(UNDER_WAY).build();
        Self { remembered, under_way, except, proofs: Proofs::new(), metrics }
    }

    /// Who showed the same a moment ago.
    pub(super) async fn recall(&self, key: &Key) -> Option<Arc<Authenticated>> {
        let user = self.kept(key).await?.user;
        self.counted("hit");
        Some(user)
    }

    /// One attempt for all who ask the same at the same time, remembered for those who ask later; says whether this asker
    /// did not make it.
    pub(super) async fn joined<F>(
        &self,
        key: Key,
        attempt: impl Fn() -> F,
    ) -> Result<(Arc<Authenticated>, bool), SignInError>
    where
        F: Future<Output = Result<Bound, SignInError>>,
    {
        let (bound, led) = self.one_of(key, false, attempt).await;
        if let Some(remembered) = &self.remembered {
            self.counted(if led { "miss" } else { "coalesced" });
            if led {
                self.count(remembered).await;
            }
        }
        bound.map(|bound| (bound.user, !led))
    }

    /// An attempt that began no earlier than this call or those that it joins, which are under way; what comes of it is
    /// remembered for others.
    pub(super) async fn fresh<F>(&self, key: Key, attempt: impl Fn() -> F) -> Result<Arc<Authenticated>, SignInError>
    where
        F: Future<Output = Result<Bound, SignInError>>,
    {
        self.one_of(key, true, attempt).await.0.map(|bound| bound.user)
    }

    /// A bind is about to be sent.
    pub(super) fn begin(&self, name: &Username, entry: &EntryId, password: PasswordDigest) -> Arc<Proof> {
        self.proofs.begin(name, entry, password)
    }

    /// What became of a bind: an entry has one password, and whoever is refused for another reason than a wrong one signs in
    /// with none.
    pub(super) async fn heed(&self, proof: &Proof, outcome: &Result<BindOutcome, BindError>) {
        let own = |other: &Proof| other.password == proof.password;
        let found = || self.proofs.of_entry(&proof.entry);
        let _forgotten = match outcome {
            Ok(BindOutcome::Bound | BindOutcome::BoundAs(_)) => self.refute(found(), |other| !own(other)).await,
            // Of an entry that is gone no password is right.
            Ok(BindOutcome::Refused(refusal)) if refusal.counts() && !refusal.is_gone() => {
                self.refute(found(), own).await
            }
            Ok(BindOutcome::Refused(_)) => self.forget_entry(&proof.entry).await,
            Err(_) => 0,
        };
    }

    /// A name means this entry, or none: not what it meant before, which is gone if it means none.
    pub(super) async fn heed_name(&self, name: &Username, means: Option<&EntryId>) {
        let by_name = self.proofs.by_name(name);
        if let Some(entry) = means {
            self.refute(by_name, |proof| proof.entry != *entry).await;
            return;
        }
        for proof in by_name {
            self.forget_entry(&proof.entry).await;
        }
    }

    /// Forgets every bind of an entry, under whatever name; how many were remembered.
    pub(super) async fn forget_entry(&self, entry: &EntryId) -> usize {
        self.refute(self.proofs.of_entry(entry), |_| true).await
    }

    /// Forgets every bind; how many were remembered.
    pub(super) async fn forget_all(&self) -> usize {
        self.refute(self.proofs.all(), |_| true).await
    }

    /// The entries of which a bind is remembered or under way, by this name.
    pub(super) fn entries_by(&self, name: &Username) -> Vec<EntryId> {
        self.proofs.by_name(name).iter().map(|proof| proof.entry.clone()).collect()
    }

    /// The entries of which a bind is remembered or under way.
    pub(super) fn entries(&self) -> Vec<EntryId> {
        self.proofs.all().iter().map(|proof| proof.entry.clone()).collect()
    }

    /// Brings the gauge up to date.
    pub(super) async fn observe(&self) {
        if let Some(remembered) = &self.remembered {
            self.count(remembered).await;
        }
    }

    /// What comes of an attempt, and whether this asker made it.
    async fn one_of<F>(&self, key: Key, fresh: bool, attempt: impl Fn() -> F) -> (Result<Bound, SignInError>, bool)
    where
        F: Future<Output = Result<Bound, SignInError>>,
    {
        loop {
            let (mut made, mut led) = (false, false);
            let making = async {
                made = true;
                // Another's attempt may have ended since this asker found none remembered.
                let ended = if fresh { None } else { self.kept(&key).await };
                if let Some(bound) = ended {
                    return Ok(bound);
                }
                led = true;
                let bound = attempt().await;
                self.settle(key, &bound).await;
                bound
            };
            let joined = self.under_way.try_get_with((key, fresh), making).await;
            if made {
                self.under_way.invalidate(&(key, fresh)).await;
            }
            let bound = joined.map_err(|error| SignInError::clone(&error));
            // Who joins a bind that began before what refutes it may have come after that.
            if led || !bound.as_ref().is_ok_and(|bound| bound.proof.is_refuted()) {
                return (bound, led);
            }
            self.under_way.invalidate(&(key, fresh)).await;
        }
    }

    /// Remembers what a bind proves, if it still does.
    async fn settle(&self, key: Key, outcome: &Result<Bound, SignInError>) {
        let Some(remembered) = &self.remembered else { return };
        match outcome {
            Ok(bound) if self.except.iter().any(|name| **name == *bound.proof.entry.directory) => {}
            Ok(bound) => {
                bound.proof.keep(key);
                remembered.insert(key, bound.clone()).await;
                if bound.proof.is_refuted() {
                    remembered.invalidate(&key).await;
                }
            }
            // What was right a moment ago no longer is.
            Err(SignInError::Denied(_)) => remembered.invalidate(&key).await,
            Err(SignInError::Unavailable(_)) => {}
        }
    }

    async fn kept(&self, key: &Key) -> Option<Bound> {
        let bound = self.remembered.as_ref()?.get(key).await?;
        (!bound.proof.is_refuted()).then_some(bound)
    }

    /// Refutes some proofs; how many were remembered.
    async fn refute(&self, proofs: Vec<Arc<Proof>>, which: impl Fn(&Proof) -> bool) -> usize {
        let mut forgotten = 0;
        let keys: Vec<Key> = proofs.iter().filter(|proof| which(proof)).filter_map(|proof| proof.refute()).collect();
        if let Some(remembered) = &self.remembered {
            for key in keys {
                forgotten += usize::from(remembered.remove(&key).await.is_some());
            }
            if forgotten > 0 {
                self.count(remembered).await;
            }
        }
        forgotten
    }

    /// moka counts and evicts in the background of other calls; an exact gauge costs little beside a bind.
    async fn count(&self, remembered: &Cache<Key, Bound>) {
        remembered.run_pending_tasks().await;
        self.metrics.cache_entries.with_label_values(&["bind"]).set(remembered.entry_count() as i64);
    }

    fn counted(&self, result: &str) {
        self.metrics.cache_requests.with_label_values(&["bind", result]).inc();
    }
}

/// A cache that tells what it gives up.
fn remembering(capacity: u64, ttl: Duration, metrics: &Metrics) -> Cache<Key, Bound> {
    let evicted = |reason| metrics.cache_evictions.with_label_values(&["bind", reason]);
    let (expired, size, invalidated) = (evicted("expired"), evicted("size"), evicted("invalidated"));
    let tell = move |_, _, cause| match cause {
        RemovalCause::Expired => expired.inc(),
        RemovalCause::Size => size.inc(),
        RemovalCause::Explicit => invalidated.inc(),
        RemovalCause::Replaced => {}
    };
    Cache::builder().max_capacity(capacity).time_to_live(ttl).eviction_listener(tell).build()
}
