//! From a name and a password to somebody who proved who they are: remembered binds, one flight for many askers, the
//! guard, the directory. The only caller of [`Authenticated::by_bind`].

mod digest;
mod flight;

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::time::timeout;

use self::digest::Digests;
use self::flight::Flight;
use crate::config::Config;
use crate::directory::Directory;
use crate::guard::Policy;
use crate::model::{Authenticated, Clock, EntryId, Password, Unavailable, Username};
use crate::state::GuardRecords;
use crate::telemetry::{AuditResult, Metrics};

/// Signs users in.
pub struct SignIn {
    flight: Arc<Flight>,
    remembered: Option<Cache<[u8; 32], Arc<Authenticated>>>,
    deadline: Duration,
}

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
    /// Signs in against `directory`, with the cache, the guard and the deadline of `config`.
    ///
    /// # Errors
    /// If OpenSSL has no random key for this process's digests.
    pub fn new(
        config: &Config,
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, openssl::error::ErrorStack> {
        let policy = Policy { threshold: config.guard.threshold, window: config.guard.window };
        let remembered = config
            .bind_cache
            .ttl
            .map(|ttl| Cache::builder().max_capacity(config.bind_cache.capacity).time_to_live(ttl).build());
        let records = GuardRecords::new(policy);
        let digests = Digests::new()?;
        let flight = Arc::new(Flight { directory, records, digests, clock, metrics });
        Ok(Self { flight, remembered, deadline: config.limits.sign_in_deadline })
    }

    /// Checks the password. With `fresh`, a remembered bind does not count (SAML's ForceAuthn).
    ///
    /// # Errors
    /// [`SignInError`]; that no directory answered within the deadline is an outage, never a denial.
    pub async fn sign_in(&self, name: &Username, password: &Password, fresh: bool) -> Result<SignedIn, SignInError> {
        let signing_in = self.within_deadline(name, password, fresh);
        timeout(self.deadline, signing_in).await.unwrap_or_else(|_| {
            Err(SignInError::Unavailable(Unavailable::new("directory", "no answer within limits.sign_in_deadline")))
        })
    }

    /// How many directory entries the guard refuses now.
    pub async fn locked(&self) -> usize {
        self.flight.records.locked(self.flight.clock.now()).await
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
        let Some(remembered) = &self.remembered else {
            return Ok(SignedIn { user: self.take_off(name, password).await?, remembered: false });
        };
        let key = self.flight.digests.credentials(name, password).map_err(flight::broken)?;
        if fresh {
            let user = self.take_off(name, password).await?;
            remembered.insert(key, user.clone()).await;
            return Ok(SignedIn { user, remembered: false });
        }
        let counted = |result| self.flight.metrics.cache_requests.with_label_values(&["bind", result]).inc();
        if let Some(user) = remembered.get(&key).await {
            counted("hit");
            self.flight.refuse_locked(&user.entry().id).await?;
            return Ok(SignedIn { user, remembered: true });
        }
        let mut leader = false;
        let user = remembered
            .try_get_with(key, async {
                leader = true;
                self.take_off(name, password).await
            })
            .await
            .map_err(|error| SignInError::clone(&error));
        counted(if leader { "miss" } else { "coalesced" });
        if leader {
            // moka counts and evicts in the background of other calls; an exact gauge costs little beside a bind.
            remembered.run_pending_tasks().await;
        }
        self.flight.metrics.cache_entries.with_label_values(&["bind"]).set(remembered.entry_count() as i64);
        Ok(SignedIn { user: user?, remembered: !leader })
    }

    /// In a task of its own: a client that goes away must not leave the guard with a reservation that nobody settles.
    async fn take_off(&self, name: &Username, password: &Password) -> Result<Arc<Authenticated>, SignInError> {
        let (flight, name, password) = (self.flight.clone(), name.clone(), password.clone());
        let landed = tokio::spawn(async move { flight.fly(name, password).await });
        landed.await.unwrap_or_else(|error| Err(flight::broken(error)))
    }
}
