//! One sign-in that no remembered bind answers: find the entry, ask the guard, bind, tell the guard.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{Denial, Memory, SignInError};
use crate::directory::{BindError, BindOutcome, BindRefusal, Directory, Resolution};
use crate::guard::{Outcome, Verdict};
use crate::model::{Authenticated, Clock, Entry, EntryId, Password, Unavailable, Username};
use crate::state::{Admission, Reservation};
use crate::telemetry::{AuditResult, Metrics};

/// What an attempt needs.
pub(super) struct Attempts {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) memory: Arc<Memory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    /// For one sign-in.
    pub(super) deadline: Duration,
}

/// A bind that may be tried.
struct Admitted<'a> {
    entry: Arc<Entry>,
    /// A directory that may have the name as well.
    doubt: Option<Unavailable>,
    reservation: Reservation<'a>,
}

impl Attempts {
    /// Finds who has the name, and binds as them if the guard lets it be tried. Every way to a denial takes the work of a
    /// bind, so that its time does not tell which it was.
    pub(super) async fn resolve_and_bind(
        &self,
        name: Username,
        password: Password,
    ) -> Result<Arc<Authenticated>, SignInError> {
        // After that nobody waits for it any more; only a bind that has begun goes on to its end.
        let admitted = timeout(self.deadline, self.admitted(&name, &password)).await.map_err(|_| late())?;
        let Admitted { entry, doubt, reservation } = admitted?;
        let bound = self.directory.bind(&entry, &password).await;
        let now = self.clock.now();
        let outcome = match &bound {
            Ok(BindOutcome::Bound) => Outcome::Success,
            Ok(BindOutcome::Refused(refusal)) if refusal.counts() => Outcome::WrongPassword,
            Ok(BindOutcome::Refused(_)) | Err(BindError::NotTried(_)) => Outcome::NotCounted,
            Err(BindError::Unanswered(_)) => Outcome::Unanswered,
        };
        reservation.settle(outcome, now).await;
        match (bound.map_err(|error| SignInError::Unavailable(error.into()))?, doubt) {
            (BindOutcome::Bound, _) => {
                let entry = self.directory.with_groups(entry).await.map_err(SignInError::Unavailable)?;
                Ok(Arc::new(Authenticated::by_bind(name, entry, now)))
            }
            // It may be the right password of a namesake in the directory that is not there.
            (BindOutcome::Refused(_), Some(outage)) => Err(SignInError::Unavailable(outage)),
            (BindOutcome::Refused(refusal), None) => Err(denied(result_of(&refusal), refusal.reason(), Some(&entry))),
        }
    }

    /// Finds the entry that had the name before.
    pub(super) async fn still_there(&self, name: &Username, id: &EntryId) -> Result<Arc<Entry>, SignInError> {
        let gone = || denied(AuditResult::UnknownUser, "the token's subject is no longer there", None);
        match self.directory.resolve(name).await.map_err(SignInError::Unavailable)? {
            Resolution::Found(entry) | Resolution::FoundDespite(entry, _) if entry.id == *id => {
                self.directory.with_groups(entry).await.map_err(SignInError::Unavailable)
            }
            // Their own directory may be the one that is not there.
            Resolution::FoundDespite(_, outage) | Resolution::NobodyDespite(outage) => {
                Err(SignInError::Unavailable(outage))
            }
            Resolution::Found(_) | Resolution::Nobody | Resolution::Ambiguous => Err(gone()),
        }
    }

    /// All that comes before the bind.
    async fn admitted(&self, name: &Username, password: &Password) -> Result<Admitted<'_>, SignInError> {
        let (entry, doubt) = match self.directory.resolve(name).await.map_err(SignInError::Unavailable)? {
            Resolution::Found(entry) => (entry, None),
            Resolution::FoundDespite(entry, outage) => (entry, Some(outage)),
            Resolution::Nobody => {
                return Err(self.unbound(AuditResult::UnknownUser, "no directory has this name", None, password).await);
            }
            Resolution::NobodyDespite(outage) => return Err(self.out_of_order(outage, None, password).await),
            Resolution::Ambiguous => {
                let reason = "more than one entry has this name";
                return Err(self.unbound(AuditResult::UnknownUser, reason, None, password).await);
            }
        };
        let guess = self.memory.digests.guess(&entry.id, password);
        match (self.memory.records.admit(&entry.id, &guess, || self.clock.now()).await, doubt) {
            (Admission::Try(reservation), doubt) => Ok(Admitted { entry, doubt, reservation }),
            // As after a bind: who asks may be a namesake.
            (Admission::Locked | Admission::KnownWrong, Some(outage)) => {
                Err(self.out_of_order(outage, Some(&entry), password).await)
            }
            (Admission::Unanswered, _) => Err(self.out_of_order(unanswered(), Some(&entry), password).await),
            (Admission::Locked, None) => Err(self.unbound(AuditResult::Locked, LOCKED, Some(&entry), password).await),
            (Admission::KnownWrong, None) => {
                let reason = "the same wrong password as a moment ago, not tried again";
                Err(self.unbound(AuditResult::BadCredentials, reason, Some(&entry), password).await)
            }
        }
    }

    /// Refuses whoever's entry is locked, remembered or not.
    pub(super) async fn refuse_locked(&self, entry: &Arc<Entry>, password: &Password) -> Result<(), SignInError> {
        match self.memory.records.held_back(&entry.id, self.clock.now()).await {
            None => Ok(()),
            Some(Verdict::Unanswered) => Err(self.out_of_order(unanswered(), Some(entry), password).await),
            Some(_) => Err(self.unbound(AuditResult::Locked, LOCKED, Some(entry), password).await),
        }
    }

    /// An outage that is known without a bind, at the price of one.
    async fn out_of_order(&self, outage: Unavailable, entry: Option<&Arc<Entry>>, password: &Password) -> SignInError {
        SignInError::Unavailable(
            self.directory.decoy(entry.map(|entry| &**entry), password).await.err().unwrap_or(outage),
        )
    }

    /// A denial without a bind, at the price of one.
    async fn unbound(
        &self,
        result: AuditResult,
        reason: &str,
        entry: Option<&Arc<Entry>>,
        password: &Password,
    ) -> SignInError {
        match self.directory.decoy(entry.map(|entry| &**entry), password).await {
            Ok(()) => denied(result, reason, entry),
            Err(unavailable) => SignInError::Unavailable(unavailable),
        }
    }
}

/// Whoever's binds were not answered is told of the outage for as long as the guard counts them.
fn unanswered() -> Unavailable {
    Unavailable::new("directory", UNANSWERED)
}

const UNANSWERED: &str = "binds were sent and not answered, which the directory may have counted: for a minute this password, \
    and none once guard.threshold is reached until guard.window is over";
const LOCKED: &str = "too many failures: refused by guard.threshold until guard.window is over";

/// No directory answered in time.
pub(super) fn late() -> SignInError {
    SignInError::Unavailable(Unavailable::new("directory", "no answer within limits.sign_in_deadline"))
}

/// Something of ours failed where only a directory should: told as an outage, so that nobody's password is blamed.
pub(super) fn broken(what: &str) -> SignInError {
    SignInError::Unavailable(Unavailable::new("sign-in", what))
}

fn result_of(refusal: &BindRefusal) -> AuditResult {
    match refusal {
        BindRefusal::InvalidCredentials => AuditResult::BadCredentials,
        BindRefusal::Locked => AuditResult::Locked,
        BindRefusal::PasswordExpired | BindRefusal::MustChange | BindRefusal::AccountExpired => AuditResult::Expired,
        BindRefusal::Disabled | BindRefusal::Other(_) => AuditResult::Account,
    }
}

fn denied(result: AuditResult, reason: impl Into<String>, entry: Option<&Arc<Entry>>) -> SignInError {
    let entry: Option<EntryId> = entry.map(|entry| entry.id.clone());
    SignInError::Denied(Denial { result, reason: reason.into(), entry })
}
