//! One sign-in that no remembered bind answers: resolve, ask the guard, bind, tell the guard.

use std::fmt::Display;
use std::sync::Arc;

use super::digest::Digests;
use super::{Denial, SignInError};
use crate::directory::{BindOutcome, BindRefusal, Directory, Resolution};
use crate::guard::{Outcome, Verdict};
use crate::model::{Authenticated, Clock, Entry, EntryId, Password, Unavailable, Username};
use crate::state::GuardRecords;
use crate::telemetry::{AuditResult, Metrics};

/// What a flight needs.
pub(super) struct Flight {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) records: GuardRecords,
    pub(super) digests: Digests,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
}

impl Flight {
    pub(super) async fn fly(&self, name: Username, password: Password) -> Result<Arc<Authenticated>, SignInError> {
        let entry = match self.directory.resolve(&name).await.map_err(SignInError::Unavailable)? {
            Resolution::Found(entry) => entry,
            Resolution::Nobody => {
                self.directory.decoy(&password).await;
                return Err(denied(AuditResult::UnknownUser, "no directory has this name", None));
            }
            Resolution::Ambiguous => {
                self.directory.decoy(&password).await;
                return Err(denied(AuditResult::UnknownUser, "more than one entry has this name", None));
            }
        };
        let guess = self.digests.guess(&entry.id, &password).map_err(broken)?;
        match self.records.admit(&entry.id, &guess, self.clock.now()).await {
            Verdict::Try => {}
            Verdict::Locked => return Err(locked(&entry.id)),
            Verdict::KnownWrong => {
                let reason = "the same wrong password as a moment ago, not tried again";
                return Err(denied(AuditResult::BadCredentials, reason, Some(&entry)));
            }
        }
        let bound = self.directory.bind(&entry, &password).await;
        let now = self.clock.now();
        let outcome = match &bound {
            Ok(BindOutcome::Bound) => Outcome::Success,
            Ok(BindOutcome::Refused(refusal)) if refusal.counts() => Outcome::WrongPassword(guess),
            Ok(BindOutcome::Refused(_)) | Err(_) => Outcome::NotCounted,
        };
        self.records.settle(&entry.id, outcome, now).await;
        match bound.map_err(SignInError::Unavailable)? {
            BindOutcome::Bound => Ok(Arc::new(Authenticated::by_bind(name, entry, now))),
            BindOutcome::Refused(refusal) => Err(denied(result_of(&refusal), refusal.reason(), Some(&entry))),
        }
    }

    pub(super) async fn refuse_locked(&self, entry: &EntryId) -> Result<(), SignInError> {
        if self.records.is_locked(entry, self.clock.now()).await { Err(locked(entry)) } else { Ok(()) }
    }
}

/// Something of ours failed where only a directory should: told as an outage, so that nobody's password is blamed.
pub(super) fn broken(error: impl Display) -> SignInError {
    SignInError::Unavailable(Unavailable::new("sign-in", error.to_string()))
}

fn result_of(refusal: &BindRefusal) -> AuditResult {
    match refusal {
        BindRefusal::InvalidCredentials => AuditResult::BadCredentials,
        BindRefusal::Locked => AuditResult::Locked,
        _ => AuditResult::Account,
    }
}

fn locked(entry: &EntryId) -> SignInError {
    let reason = "too many failures: refused by guard.threshold until guard.window is over".to_owned();
    SignInError::Denied(Denial { result: AuditResult::Locked, reason, entry: Some(entry.clone()) })
}

fn denied(result: AuditResult, reason: impl Into<String>, entry: Option<&Arc<Entry>>) -> SignInError {
    SignInError::Denied(Denial { result, reason: reason.into(), entry: entry.map(|entry| entry.id.clone()) })
}
