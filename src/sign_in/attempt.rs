//! One sign-in that no remembered bind answers: find the entry, ask the guard, bind, tell the guard.

use std::sync::Arc;

use super::{Denial, Memory, SignInError};
use crate::directory::{BindOutcome, BindRefusal, Directory, Resolution};
use crate::guard::Outcome;
use crate::model::{Authenticated, Clock, Entry, EntryId, Password, Unavailable, Username};
use crate::state::Admission;
use crate::telemetry::{AuditResult, Metrics};

/// What an attempt needs.
pub(super) struct Attempts {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) memory: Arc<Memory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
}

impl Attempts {
    /// Finds who has the name, and binds as them if the guard lets it be tried. Every way to a denial takes the work of a
    /// bind, so that its time does not tell which it was.
    pub(super) async fn resolve_and_bind(
        &self,
        name: Username,
        password: Password,
    ) -> Result<Arc<Authenticated>, SignInError> {
        let (entry, doubt) = match self.directory.resolve(&name).await.map_err(SignInError::Unavailable)? {
            Resolution::Found(entry) => (entry, None),
            Resolution::FoundDespite(entry, outage) => (entry, Some(outage)),
            Resolution::Nobody => {
                return Err(self
                    .unbound(AuditResult::UnknownUser, "no directory has this name", None, &password)
                    .await);
            }
            Resolution::Ambiguous => {
                let reason = "more than one entry has this name";
                return Err(self.unbound(AuditResult::UnknownUser, reason, None, &password).await);
            }
        };
        let guess = self.memory.digests.guess(&entry.id, &password);
        let reservation = match self.memory.records.admit(&entry.id, &guess, || self.clock.now()).await {
            Admission::Try(reservation) => reservation,
            Admission::Locked => {
                return Err(self.unbound(AuditResult::Locked, LOCKED, Some(&entry), &password).await);
            }
            Admission::KnownWrong => {
                let reason = "the same wrong password as a moment ago, not tried again";
                return Err(self.unbound(AuditResult::BadCredentials, reason, Some(&entry), &password).await);
            }
        };
        let bound = self.directory.bind(&entry, &password).await;
        let now = self.clock.now();
        let outcome = match &bound {
            Ok(BindOutcome::Bound) => Outcome::Success,
            Ok(BindOutcome::Refused(refusal)) if refusal.counts() => Outcome::WrongPassword(guess),
            Ok(BindOutcome::Refused(_)) | Err(_) => Outcome::NotCounted,
        };
        reservation.settle(outcome, now).await;
        match (bound.map_err(SignInError::Unavailable)?, doubt) {
            (BindOutcome::Bound, _) => Ok(Arc::new(Authenticated::by_bind(name, entry, now))),
            // It may be the right password of a namesake in the directory that is not there.
            (BindOutcome::Refused(_), Some(outage)) => Err(SignInError::Unavailable(outage)),
            (BindOutcome::Refused(refusal), None) => Err(denied(result_of(&refusal), refusal.reason(), Some(&entry))),
        }
    }

    /// Refuses whoever's entry is locked, remembered or not.
    pub(super) async fn refuse_locked(&self, entry: &Arc<Entry>, password: &Password) -> Result<(), SignInError> {
        if self.memory.records.is_locked(&entry.id, self.clock.now()).await {
            return Err(self.unbound(AuditResult::Locked, LOCKED, Some(entry), password).await);
        }
        Ok(())
    }

    /// A denial without a bind, at the price of one.
    async fn unbound(
        &self,
        result: AuditResult,
        reason: &str,
        entry: Option<&Arc<Entry>>,
        password: &Password,
    ) -> SignInError {
        match self.directory.decoy(password).await {
            Ok(()) => denied(result, reason, entry),
            Err(unavailable) => SignInError::Unavailable(unavailable),
        }
    }
}

const LOCKED: &str = "too many failures: refused by guard.threshold until guard.window is over";

/// Something of ours failed where only a directory should: told as an outage, so that nobody's password is blamed.
pub(super) fn broken(what: &str) -> SignInError {
    SignInError::Unavailable(Unavailable::new("sign-in", what))
}

fn result_of(refusal: &BindRefusal) -> AuditResult {
    match refusal {
        BindRefusal::InvalidCredentials => AuditResult::BadCredentials,
        BindRefusal::Locked => AuditResult::Locked,
        _ => AuditResult::Account,
    }
}

fn denied(result: AuditResult, reason: impl Into<String>, entry: Option<&Arc<Entry>>) -> SignInError {
    let entry: Option<EntryId> = entry.map(|entry| entry.id.clone());
    SignInError::Denied(Denial { result, reason: reason.into(), entry })
}
