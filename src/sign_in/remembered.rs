//! Binds that stand in for further ones: those that the directory accepted a moment ago, and those under way.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use moka::notification::RemovalCause;

use super::SignInError;
use crate::config::BindCache;
use crate::model::Authenticated;
use crate::telemetry::Metrics;

/// How long an attempt that nobody may remember is joined at most.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// A keyed digest of a name and a password.
pub(super) type Key = [u8; 32];

/// Binds by what was typed.
pub(super) struct Binds {
    /// Those that succeeded; absent where none is remembered.
    remembered: Option<Cache<Key, Arc<Authenticated>>>,
    /// Attempts that nobody may remember: each entry is gone once those who waited for it have it.
    under_way: Cache<Key, Arc<Authenticated>>,
    metrics: Arc<Metrics>,
}

impl Binds {
    /// None yet.
    pub(super) fn new(config: &BindCache, metrics: Arc<Metrics>) -> Self {
        let remembered = config.ttl.map(|ttl| remembering(config.capacity, ttl, &metrics));
        Self { remembered, under_way: Cache::builder().time_to_live(UNDER_WAY).build(), metrics }
    }

    /// Who showed the same a moment ago.
    pub(super) async fn recall(&self, key: &Key) -> Option<Arc<Authenticated>> {
        let user = self.remembered.as_ref()?.get(key).await?;
        self.counted("hit");
        Some(user)
    }

    /// One attempt for all who ask the same at the same time, remembered for those who ask later; says whether this asker
    /// did not make it.
    pub(super) async fn joined(
        &self,
        key: Key,
        attempt: impl Future<Output = Result<Arc<Authenticated>, SignInError>>,
    ) -> Result<(Arc<Authenticated>, bool), SignInError> {
        let Some(remembered) = &self.remembered else {
            return self.fresh(key, attempt).await.map(|user| (user, false));
        };
        let (user, led) = join(remembered, key, attempt).await;
        self.counted(if led { "miss" } else { "coalesced" });
        if led {
            self.count(remembered).await;
        }
        user.map(|user| (user, !led))
    }

    /// An attempt that began no earlier than this call or those that it joins, which are under way; what comes of it is
    /// remembered for others.
    pub(super) async fn fresh(
        &self,
        key: Key,
        attempt: impl Future<Output = Result<Arc<Authenticated>, SignInError>>,
    ) -> Result<Arc<Authenticated>, SignInError> {
        let (user, led) = join(&self.under_way, key, attempt).await;
        if led {
            self.under_way.invalidate(&key).await;
        }
        if let Some(remembered) = &self.remembered {
            match &user {
                Ok(user) => remembered.insert(key, user.clone()).await,
                // What was right a moment ago no longer is.
                Err(SignInError::Denied(_)) => remembered.invalidate(&key).await,
                Err(SignInError::Unavailable(_)) => {}
            }
        }
        user
    }

    /// Brings the gauge up to date.
    pub(super) async fn observe(&self) {
        if let Some(remembered) = &self.remembered {
            self.count(remembered).await;
        }
    }

    /// moka counts and evicts in the background of other calls; an exact gauge costs little beside a bind.
    async fn count(&self, remembered: &Cache<Key, Arc<Authenticated>>) {
        remembered.run_pending_tasks().await;
        self.metrics.cache_entries.with_label_values(&["bind"]).set(remembered.entry_count() as i64);
    }

    fn counted(&self, result: &str) {
        self.metrics.cache_requests.with_label_values(&["bind", result]).inc();
    }
}

/// What comes of the attempt, and whether this asker made it.
async fn join(
    binds: &Cache<Key, Arc<Authenticated>>,
    key: Key,
    attempt: impl Future<Output = Result<Arc<Authenticated>, SignInError>>,
) -> (Result<Arc<Authenticated>, SignInError>, bool) {
    let mut led = false;
    let attempt = async {
        led = true;
        attempt.await
    };
    let user = binds.try_get_with(key, attempt).await.map_err(|error| SignInError::clone(&error));
    (user, led)
}

/// A cache that tells what it gives up.
fn remembering(capacity: u64, ttl: Duration, metrics: &Metrics) -> Cache<Key, Arc<Authenticated>> {
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
