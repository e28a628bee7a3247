//! From a name and a password to somebody who proved who they are: remembered binds, one attempt for many askers, the
//! guard, the directory. Likewise from the name in a certificate that was verified. The only caller of [`Authenticated::by_bind`]
//! and [`Authenticated::by_certificate`].

mod attempt;
mod digest;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use moka::notification::RemovalCause;
use tokio::time::timeout;

use self::attempt::Attempts;
use self::digest::Digests;
use crate::config::{Config, GuardConfig};
use crate::directory::Directory;
use crate::guard::Policy;
use crate::model::{
    Authenticated, AuthenticationMethod, Clock, Entry, EntryId, Password, Timestamp, Unavailable, Username,
};
use crate::state::GuardRecords;
use crate::telemetry::{AuditResult, Metrics};

/// Signs users in.
pub struct SignIn {
    attempts: Arc<Attempts>,
    remembered: Option<Binds>,
    /// Attempts that nobody may remember: each entry is gone once those who waited for it have it.
    under_way: Binds,
}

/// What outlives a configuration: the guard's records, and the key of the digests that they know passwords by.
pub struct Memory {
    records: GuardRecords,
    digests: Digests,
}

impl Memory {
    /// Nothing yet.
    ///
    /// # Errors
    /// If OpenSSL has no random key.
    pub fn new(guard: &GuardConfig, metrics: &Metrics) -> Result<Self, openssl::error::ErrorStack> {
        Ok(Self { records: GuardRecords::new(policy(guard), metrics), digests: Digests::new()? })
    }

    /// Judges what was recorded by another policy from now on.
    pub fn heed(&self, guard: &GuardConfig) {
        self.records.heed(policy(guard));
    }
}

fn policy(guard: &GuardConfig) -> Policy {
    Policy { threshold: guard.threshold, window: guard.window }
}

/// Binds by keyed digest of name and password.
type Binds = Cache<[u8; 32], Arc<Authenticated>>;

/// Someone who proved who they are.
#[derive(Clone)]
pub struct SignedIn {
    /// Who.
    pub user: Arc<Authenticated>,
    /// Whether a remembered bind stood in for one with the directory.
    pub remembered: bool,
}

/// Someone who did not. What the client may see is one thing for all of them; this is for the audit log.
#[derive(Clone, Debug)]
pub struct Denial {
    /// Which outcome to record.
    pub result: AuditResult,
    /// Why.
    pub reason: String,
    /// Whose entry it was, where there is one.
    pub entry: Option<EntryId>,
}

/// Why nobody was signed in.
#[derive(Clone, Debug)]
pub enum SignInError {
    /// The client's fault.
    Denied(Denial),
    /// A directory's.
    Unavailable(Unavailable),
}

impl SignIn {
    /// Signs in against `directory`, with the cache and the deadline of `config`; binds that it remembers end with it.
    pub fn new(
        config: &Config,
        directory: Arc<dyn Directory>,
        memory: Arc<Memory>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let remembered = config.bind_cache.ttl.map(|ttl| remembering(config.bind_cache.capacity, ttl, &metrics));
        let deadline = config.limits.sign_in_deadline;
        Self {
            attempts: Arc::new(Attempts { directory, memory, clock, metrics, deadline }),
            remembered,
            under_way: Cache::builder().time_to_live(Duration::from_secs(1)).build(),
        }
    }

    /// Checks the password. With `fresh`, a remembered bind does not count (SAML's ForceAuthn).
    ///
    /// # Errors
    /// [`SignInError`]; that no directory answered within the deadline is an outage, never a denial.
    pub async fn sign_in(&self, name: &Username, password: &Password, fresh: bool) -> Result<SignedIn, SignInError> {
        let signing_in = self.within_deadline(name, password, fresh);
        timeout(self.attempts.deadline, signing_in).await.unwrap_or_else(|_| Err(attempt::late()))
    }

    /// Looks up whom a certificate names, which the caller has verified, whose CA it believes, and whose key was proved in the
    /// way that `method` says. Nothing is remembered, and the guard is not asked: it counts guesses, and this is none.
    ///
    /// # Errors
    /// [`SignInError`]; a user who is disabled or has expired is denied, and so is a name of more than one.
    pub async fn by_certificate(
        &self,
        name: &Username,
        method: AuthenticationMethod,
    ) -> Result<Arc<Authenticated>, SignInError> {
        let looking_up = self.attempts.named_by_certificate(name, method);
        self.within(looking_up).await
    }

    /// Looks up whom a token names, which the caller has verified and judged: they signed in by `method` at `instant`, says an
    /// issuer that is believed. As for [`SignIn::by_certificate`], nothing is remembered, and the guard is not asked.
    ///
    /// # Errors
    /// As there.
    pub async fn by_token(
        &self,
        name: &Username,
        method: AuthenticationMethod,
        instant: Timestamp,
    ) -> Result<Arc<Authenticated>, SignInError> {
        self.within(self.attempts.named_by_token(name, method, instant)).await
    }

    /// Looks up a user in whose name `asker` asks, and who signed in by `method` at `instant` as far as that is known. `may`
    /// decides, of their entry, whether the asker may.
    ///
    /// # Errors
    /// As for [`SignIn::by_certificate`]; and [`SignInError::Denied`] where the asker may not.
    pub async fn in_the_name_of(
        &self,
        asker: &Authenticated,
        name: &Username,
        method: AuthenticationMethod,
        instant: Timestamp,
        may: impl FnOnce(&Entry) -> bool,
    ) -> Result<Arc<Authenticated>, SignInError> {
        self.within(self.attempts.named_by_asker(asker, name, method, instant, may)).await
    }

    /// Looks up once more, for somebody who may ask in their place, a user who proved who they are before: `entry`, found by
    /// `name`. Nothing is proved by it.
    ///
    /// # Errors
    /// [`SignInError::Denied`] for a user who is no longer there, or no longer has that name.
    pub async fn look_up(&self, name: &Username, entry: &EntryId) -> Result<Arc<Entry>, SignInError> {
        let looking = self.attempts.still_there(name, entry);
        self.within(looking).await
    }

    /// Forgets what is over, and brings the gauges of the guard and of the remembered binds up to date.
    pub async fn observe(&self) {
        let Attempts { memory, clock, metrics, .. } = &*self.attempts;
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let now = clock.now();
        metrics.cache_entries.with_label_values(&["guard"]).set(gauge(memory.records.tidy(now).await));
        metrics.lockouts_active.with_label_values(&["entry"]).set(gauge(memory.records.locked(now).await));
        if let Some(remembered) = &self.remembered {
            self.count(remembered).await;
        }
    }

    /// moka counts and evicts in the background of other calls; an exact gauge costs little beside a bind.
    async fn count(&self, remembered: &Binds) {
        remembered.run_pending_tasks().await;
        self.attempts.metrics.cache_entries.with_label_values(&["bind"]).set(remembered.entry_count() as i64);
    }

    async fn within<T>(&self, looking_up: impl Future<Output = Result<T, SignInError>>) -> Result<T, SignInError> {
        timeout(self.attempts.deadline, looking_up).await.unwrap_or_else(|_| Err(attempt::late()))
    }

    async fn within_deadline(
        &self,
        name: &Username,
        password: &Password,
        fresh: bool,
    ) -> Result<SignedIn, SignInError> {
        // Never sent: LDAP would take it for an anonymous bind and succeed.
        if password.is_empty() || name.as_str().is_empty() {
            let reason = "an empty name or password".to_owned();
            return Err(SignInError::Denied(Denial { result: AuditResult::BadCredentials, reason, entry: None }));
        }
        let key = self.attempts.memory.digests.credentials(name, password);
        match &self.remembered {
            Some(remembered) if !fresh => self.remembered_or_bound(remembered, key, name, password).await,
            remembered => {
                let bound = self.bound(key, name, password).await;
                if let Some(remembered) = remembered {
                    match &bound {
                        Ok(user) => remembered.insert(key, user.clone()).await,
                        // What was right a moment ago no longer is.
                        Err(SignInError::Denied(_)) => remembered.invalidate(&key).await,
                        Err(SignInError::Unavailable(_)) => {}
                    }
                }
                Ok(SignedIn { user: bound?, remembered: false })
            }
        }
    }

    async fn remembered_or_bound(
        &self,
        remembered: &Binds,
        key: [u8; 32],
        name: &Username,
        password: &Password,
    ) -> Result<SignedIn, SignInError> {
        let metrics = &self.attempts.metrics;
        let counted = |result| metrics.cache_requests.with_label_values(&["bind", result]).inc();
        if let Some(user) = remembered.get(&key).await {
            counted("hit");
            self.attempts.refuse_locked(user.shared_entry(), password).await?;
            return Ok(SignedIn { user, remembered: true });
        }
        let (user, led) = self.joined(remembered, key, name, password).await;
        counted(if led { "miss" } else { "coalesced" });
        if led {
            self.count(remembered).await;
        }
        Ok(SignedIn { user: user?, remembered: !led })
    }

    /// A bind that began no earlier than the attempts under way, remembered for nobody who asks after it has ended.
    async fn bound(
        &self,
        key: [u8; 32],
        name: &Username,
        password: &Password,
    ) -> Result<Arc<Authenticated>, SignInError> {
        let (user, led) = self.joined(&self.under_way, key, name, password).await;
        if led {
            self.under_way.invalidate(&key).await;
        }
        user
    }

    /// One attempt for all who ask the same at the same time; says whether this asker made it.
    async fn joined(
        &self,
        binds: &Binds,
        key: [u8; 32],
        name: &Username,
        password: &Password,
    ) -> (Result<Arc<Authenticated>, SignInError>, bool) {
        let mut led = false;
        let attempt = async {
            led = true;
            self.detached(name, password).await
        };
        let user = binds.try_get_with(key, attempt).await.map_err(|error| SignInError::clone(&error));
        (user, led)
    }

    /// In a task of its own: a client that goes away must not break off a bind whose outcome the guard waits for.
    async fn detached(&self, name: &Username, password: &Password) -> Result<Arc<Authenticated>, SignInError> {
        let (attempts, name, password) = (self.attempts.clone(), name.clone(), password.clone());
        let ended = tokio::spawn(async move { attempts.resolve_and_bind(name, password).await });
        // The panic's own words may quote anything.
        ended.await.unwrap_or_else(|_| Err(attempt::broken("the attempt broke off")))
    }
}

/// A cache that tells what it gives up.
fn remembering(capacity: u64, ttl: Duration, metrics: &Metrics) -> Binds {
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
