//! From a name and a password to somebody who proved who they are: remembered binds, one attempt for many askers, the
//! guard, the directory. Likewise from the name in a certificate that was verified. The only caller of [`Authenticated::by_bind`]
//! and [`Authenticated::by_certificate`].

mod attempt;
mod digest;
#[cfg(test)]
mod guard_tests;
mod handed_over;
mod operator;
mod proof;
mod remembered;
#[cfg(test)]
mod remembered_tests;
#[cfg(test)]
mod tests;
mod traffic;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tracing::debug;

use self::attempt::Attempts;
use self::digest::Digests;
use self::remembered::{Binds, Bound};
use self::traffic::Traffic;
use crate::config::{Config, DirectoryAdapter, DirectoryConfig, GuardConfig};
use crate::directory::Directory;
use crate::guard::Policy;
use crate::model::{
    Authenticated, AuthenticationMethod, Clock, Entry, EntryId, Origin, Password, Timestamp, Unavailable, Username,
};
use crate::state::{GuardRecords, Places, Shared, Sharing};
use crate::telemetry::{AuditGuard, AuditPlace, AuditResult, Metrics, SprayRecord, correlation_id, still_answering};
use crate::traces;

pub use self::handed_over::Recollection;
pub use self::operator::{Doubt, Failures, Flushed, Meant, Theirs};

/// Signs users in.
pub struct SignIn {
    attempts: Arc<Attempts>,
}

/// A name and a password, and how they came.
#[derive(Clone)]
pub struct SignInRequest {
    /// The name as typed.
    pub name: Username,
    /// The password.
    pub password: Password,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether a remembered bind does not count (SAML's ForceAuthn).
    pub fresh: bool,
}

/// What outlives a configuration: what the guard counts, and the key of the digests that it knows passwords by.
pub struct Memory {
    records: Arc<GuardRecords>,
    places: Arc<Places>,
    traffic: Traffic,
    digests: Arc<Digests>,
}

impl Memory {
    /// Nothing yet. What replicas share is kept in `shared`, if they do.
    ///
    /// # Errors
    /// If OpenSSL has no random key.
    pub fn new(
        guard: &GuardConfig,
        metrics: &Metrics,
        shared: Option<Arc<dyn Shared>>,
    ) -> Result<Self, openssl::error::ErrorStack> {
        Ok(Self {
            records: Arc::new(GuardRecords::new(policy(guard), metrics, shared.clone())),
            places: Arc::new(Places::new(shared)),
            traffic: Traffic::default(),
            digests: Arc::new(Digests::new()?),
        })
    }

    /// The same as far as users are concerned, where what comes of all sign-ins together is seen apart.
    #[must_use]
    pub fn beside(&self) -> Self {
        let Self { records, places, digests, .. } = self;
        let (records, places, digests) = (records.clone(), places.clone(), digests.clone());
        Self { records, places, traffic: Traffic::default(), digests }
    }

    /// Whether a failure of the entry counts, also one that another replica saw; a try under way is none.
    pub async fn has_failed(&self, entry: &EntryId, now: Timestamp) -> bool {
        let (summary, _) = self.records.summary(entry, now).await;
        summary.last_failure.is_some()
    }

    /// Shares there from now on what replicas share.
    pub fn share(&self, sharing: &Sharing, now: Timestamp) {
        self.records.share(sharing, now);
        self.places.share(sharing);
    }

    /// Judges what was recorded by another policy from now on.
    pub fn heed(&self, guard: &GuardConfig) {
        self.records.heed(policy(guard));
    }
}

fn policy(guard: &GuardConfig) -> Policy {
    Policy {
        threshold: guard.threshold,
        unknown_threshold: guard.unknown_threshold,
        window: guard.window,
        enforced: guard.enforced,
    }
}

/// Someone who proved who they are.
#[derive(Clone)]
pub struct SignedIn {
    /// Who.
    pub user: Arc<Authenticated>,
    /// Whether a remembered bind stood in for one with the directory.
    pub remembered: bool,
    /// What the guard saw.
    pub guarded: Guarded,
}

impl SignedIn {
    /// Without a password, which is all that the guard looks at.
    pub fn unguarded(user: Arc<Authenticated>) -> Self {
        Self { user, remembered: false, guarded: Guarded::default() }
    }
}

/// What the guard saw of a password, whatever came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Where it came from, to the user; absent where places are not told apart.
    pub place: Option<AuditPlace>,
    /// By which rule it was refused, or would have been.
    pub refusal: Option<AuditGuard>,
    /// How much longer a refusal takes now.
    pub slow_down: Duration,
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
    /// What the guard saw.
    pub guarded: Guarded,
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
        let except = config.directories.iter().filter(|one| !one.cached).map(|one| one.name.clone()).collect();
        let binds = Binds::new(&config.bind_cache, except, metrics.clone());
        let deadline = config.limits.sign_in_deadline;
        let (guard, shared) = (config.guard.clone(), config.trusted_proxies.clone());
        let is_tree = |one: &&DirectoryConfig| matches!(one.adapter, DirectoryAdapter::Ldap(_));
        let trees = config.directories.iter().filter(is_tree).map(|one| one.name.as_str().into()).collect();
        let attempts = Attempts { directory, memory, binds, clock, metrics, deadline, guard, shared, trees };
        Self { attempts: Arc::new(attempts) }
    }

    /// Checks the password.
    ///
    /// # Errors
    /// [`SignInError`]; that no directory answered within the deadline is an outage, never a denial.
    pub async fn sign_in(&self, request: &SignInRequest) -> Result<SignedIn, SignInError> {
        let mut outcome = self.within(self.recalled_or_bound(request)).await;
        self.attempts.hear(request, &mut outcome);
        outcome
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

    /// Refuses a password that is not to be tried, whosever it is: in the time that a directory takes to refuse one, and without
    /// asking it or the guard.
    ///
    /// Returns `denial`, or the outage that a wrong password would be told of.
    pub async fn refuse_untried(&self, password: &Password, denial: Denial) -> SignInError {
        let refused = self.within(async { Err::<(), _>(self.attempts.untried(password, denial).await) }).await;
        refused.err().unwrap_or_else(attempt::late)
    }

    /// Forgets what is over, and brings the gauges of the guard and of the remembered binds up to date.
    pub async fn observe(&self) {
        let Attempts { memory, clock, metrics, .. } = &*self.attempts;
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let now = clock.now();
        metrics.cache_entries.with_label_values(&["guard"]).set(gauge(memory.records.tidy(now).await));
        let locked = memory.records.locked(now).await;
        metrics.lockouts_active.with_label_values(&["entry"]).set(gauge(locked.entirely));
        metrics.lockouts_active.with_label_values(&["unknown"]).set(gauge(locked.to_unknown));
        self.attempts.binds.observe().await;
    }

    /// What the audit log is to be told, if password spraying has begun or ended since this was last asked.
    pub fn spray(&self) -> Option<SprayRecord> {
        let Attempts { memory, clock, metrics, guard, .. } = &*self.attempts;
        let turned = memory.traffic.turn(guard, clock.now())?;
        metrics.guard.spray_active.set(i64::from(turned.begun));
        metrics.guard.sprays_detected.inc_by(u64::from(turned.begun));
        Some(turned)
    }

    async fn within<T>(&self, looking_up: impl Future<Output = Result<T, SignInError>>) -> Result<T, SignInError> {
        timeout(self.attempts.deadline, looking_up).await.unwrap_or_else(|_| Err(attempt::late()))
    }

    async fn recalled_or_bound(&self, request: &SignInRequest) -> Result<SignedIn, SignInError> {
        let SignInRequest { name, password, .. } = request;
        // Never sent: LDAP would take it for an anonymous bind and succeed.
        if password.is_empty() || name.as_str().is_empty() {
            let reason = "an empty name or password".to_owned();
            let (result, guarded) = (AuditResult::BadCredentials, self.attempts.unseen());
            return Err(SignInError::Denied(Denial { result, reason, entry: None, guarded }));
        }
        let key = self.attempts.memory.digests.credentials(name, password);
        if !request.fresh
            && let Some(user) = self.attempts.binds.recall(&key).await
        {
            let EntryId { directory, entry } = &user.entry().id;
            debug!(correlation_id = correlation_id().as_deref(), %directory, %entry, "a remembered bind is asked for");
            let guarded = self.attempts.refuse_locked(user.shared_entry(), request).await?;
            return Ok(SignedIn { user, remembered: true, guarded });
        }
        debug!(correlation_id = correlation_id().as_deref(), "no remembered bind is of this name and password");
        // What the guard saw of it, if this asker makes the attempt.
        let seen = Mutex::new(None);
        let attempt = || async {
            let (bound, guarded) = self.detached(request).await;
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(guarded);
            bound
        };
        let outcome = if request.fresh {
            self.attempts.binds.fresh(key, attempt).await.map(|user| (user, false))
        } else {
            self.attempts.binds.joined(key, attempt).await
        };
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(guarded) = seen {
            return outcome.map(|(user, remembered)| SignedIn { user, remembered, guarded });
        }
        // Whoever made the attempt may be somewhere else.
        match outcome {
            Ok((user, remembered)) => {
                let guarded = self.attempts.refuse_locked(user.shared_entry(), request).await?;
                Ok(SignedIn { user, remembered, guarded })
            }
            Err(SignInError::Denied(mut denial)) => {
                let place = match &denial.entry {
                    Some(entry) => self.attempts.place(entry, request, &mut denial.guarded).await,
                    None => None,
                };
                if !self.attempts.is_judged_otherwise(denial.guarded, place, request) {
                    return Err(SignInError::Denied(denial));
                }
                let (bound, guarded) = self.detached(request).await;
                bound.map(|Bound { user, .. }| SignedIn { user, remembered: false, guarded })
            }
            Err(unavailable) => Err(unavailable),
        }
    }

    /// In a task of its own: a client that goes away must not break off a bind whose outcome the guard waits for.
    async fn detached(&self, request: &SignInRequest) -> (Result<Bound, SignInError>, Guarded) {
        let (attempts, request) = (self.attempts.clone(), request.clone());
        let ended =
            tokio::spawn(still_answering(traces::carried(async move { attempts.resolve_and_bind(request).await })));
        // The panic's own words may quote anything.
        ended.await.unwrap_or_else(|_| (Err(attempt::broken("the attempt broke off")), Guarded::default()))
    }
}
