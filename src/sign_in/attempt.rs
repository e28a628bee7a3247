//! One sign-in that no remembered bind answers: find the entry, ask the guard, bind, tell the guard.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::timeout;

use super::proof::Proof;
use super::remembered::{Binds, Bound};
use super::watch::{THROTTLED, locked_by, to_the_guard};
use super::{Denial, Guarded, Memory, SignInError, SignInRequest};
use crate::config::GuardConfig;
use crate::directory::{BindError, BindOutcome, BindRefusal, Directory, Resolution, Standing};
use crate::guard::{Asking, Outcome, PasswordDigest, Verdict};
use crate::model::{
    Authenticated, AuthenticationMethod, Clock, Entry, EntryId, Password, Timestamp, Unavailable, Username,
};
use crate::state::{Admission, Reservation};
use crate::telemetry::{AuditResult, Metrics};

/// What an attempt needs.
pub(super) struct Attempts {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) memory: Arc<Memory>,
    /// Told of all that is seen of an entry.
    pub(super) binds: Binds,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    /// For one sign-in.
    pub(super) deadline: Duration,
    pub(super) guard: GuardConfig,
    /// Addresses behind which many are.
    pub(super) shared: Vec<IpNet>,
    /// Directories whose entries have a DN for their own name.
    pub(super) trees: Vec<Arc<str>>,
}

/// A bind that may be tried.
struct Admitted {
    entry: Arc<Entry>,
    /// A directory that may have the name as well.
    doubt: Option<Unavailable>,
    reservation: Reservation,
    /// Of the password.
    guess: PasswordDigest,
}

impl Attempts {
    /// Finds who has the name, and binds as them if the guard lets it be tried. Every way to a denial takes the work of a
    /// bind, so that its time does not tell which it was.
    pub(super) async fn resolve_and_bind(&self, request: SignInRequest) -> (Result<Bound, SignInError>, Guarded) {
        let mut guarded = self.unseen();
        let mut outcome = self.bind(request, &mut guarded).await;
        if let Err(SignInError::Denied(denial)) = &mut outcome {
            denial.guarded = guarded;
        }
        (outcome, guarded)
    }

    async fn bind(&self, request: SignInRequest, guarded: &mut Guarded) -> Result<Bound, SignInError> {
        // After that nobody waits for it any more; only a bind that has begun goes on to its end.
        let admitted = timeout(self.deadline, self.admitted(&request, guarded)).await.map_err(|_| late())?;
        let Admitted { entry, doubt, reservation, guess } = admitted?;
        let proof = self.binds.begin(&request.name, &entry.id, guess);
        let bound = self.directory.bind(&entry, &request.password).await;
        self.binds.heed(&proof, &bound).await;
        let now = self.clock.now();
        let outcome = match &bound {
            Ok(BindOutcome::Bound | BindOutcome::BoundAs(_)) => Outcome::Success,
            Ok(BindOutcome::Refused(refusal)) if refusal.counts() => Outcome::WrongPassword,
            Ok(BindOutcome::Refused(_)) | Err(BindError::NotTried(_)) => Outcome::NotCounted,
            Err(BindError::Unanswered(_)) => Outcome::Unanswered,
        };
        if let Ok(BindOutcome::Refused(refusal)) = &bound {
            self.metrics.bind_refusals.with_label_values(&[refusal.label()]).inc();
        }
        reservation.settle(outcome, now).await;
        if outcome == Outcome::Success {
            self.note_place(&entry.id, &request, now).await;
        }
        match (bound.map_err(|error| SignInError::Unavailable(error.into()))?, doubt) {
            (BindOutcome::Bound, _) => self.bound(request.name, entry, proof, now).await,
            (BindOutcome::BoundAs(seen), _) => {
                // By another id a remembered bind would outlive what the guard and the cache learn of this one.
                let seen = Entry { id: entry.id.clone(), ..Arc::unwrap_or_clone(seen) };
                self.bound(request.name, Arc::new(seen), proof, now).await
            }
            // It may be the right password of a namesake in the directory that is not there.
            (BindOutcome::Refused(_), Some(outage)) => Err(SignInError::Unavailable(outage)),
            (BindOutcome::Refused(refusal), None) => Err(denied(result_of(&refusal), refusal.reason(), Some(&entry))),
        }
    }

    /// Somebody whose password was right, with their groups.
    async fn bound(
        &self,
        name: Username,
        entry: Arc<Entry>,
        proof: Arc<Proof>,
        now: Timestamp,
    ) -> Result<Bound, SignInError> {
        let entry = self.directory.with_groups(entry).await.map_err(SignInError::Unavailable)?;
        Ok(Bound { user: Arc::new(Authenticated::by_bind(name, entry, now)), proof })
    }

    /// Who has the name. Remembered binds that it speaks against end: of an entry that may not sign in, and by a name that is
    /// no longer theirs alone.
    async fn resolve(&self, name: &Username) -> Result<Resolution, SignInError> {
        let resolution = self.directory.resolve(name).await.map_err(SignInError::Unavailable)?;
        match &resolution {
            Resolution::Found(entry) => self.binds.heed_name(name, Some(&entry.id)).await,
            Resolution::Nobody | Resolution::Ambiguous(_) => self.binds.heed_name(name, None).await,
            Resolution::FoundDespite(..) | Resolution::NobodyDespite(_) => {}
        }
        if let Resolution::Found(entry) | Resolution::FoundDespite(entry, _) = &resolution
            && let Standing::Refused(_) = self.directory.standing(entry, self.clock.now())
        {
            self.binds.forget_entry(&entry.id).await;
        }
        Ok(resolution)
    }

    /// Whom a certificate names.
    pub(super) async fn named_by_certificate(
        &self,
        name: &Username,
        method: AuthenticationMethod,
    ) -> Result<Arc<Authenticated>, SignInError> {
        let now = self.clock.now();
        let entry = self.in_good_standing(self.named(name).await?, now).await?;
        Ok(Arc::new(Authenticated::by_certificate(name.clone(), entry, method, now)))
    }

    /// Whom a token names, who signed in by `method` at `instant`.
    pub(super) async fn named_by_token(
        &self,
        name: &Username,
        method: AuthenticationMethod,
        instant: Timestamp,
    ) -> Result<Arc<Authenticated>, SignInError> {
        let entry = self.in_good_standing(self.named(name).await?, self.clock.now()).await?;
        Ok(Arc::new(Authenticated::by_token(name.clone(), entry, method, instant)))
    }

    /// Whom somebody asks for, if they may.
    pub(super) async fn named_by_asker(
        &self,
        asker: &Authenticated,
        name: &Username,
        method: AuthenticationMethod,
        instant: Timestamp,
        may: impl FnOnce(&Entry) -> bool,
    ) -> Result<Arc<Authenticated>, SignInError> {
        let entry = self.in_good_standing(self.named(name).await?, self.clock.now()).await?;
        if !may(&entry) {
            return Err(denied(AuditResult::Account, "no rule lets the asker have tokens of this user", Some(&entry)));
        }
        Ok(Arc::new(Authenticated::in_the_name_of(name.clone(), entry, asker, method, instant)))
    }

    /// Exactly one entry. Nobody is asked for a password, so that a directory which was not there, and may have the name as
    /// well, is an outage.
    async fn named(&self, name: &Username) -> Result<Arc<Entry>, SignInError> {
        match self.resolve(name).await? {
            Resolution::Found(entry) => Ok(entry),
            Resolution::Nobody => Err(denied(AuditResult::UnknownUser, NOBODY, None)),
            Resolution::Ambiguous(entries) => Err(denied(AuditResult::UnknownUser, many(&entries), None)),
            Resolution::FoundDespite(_, outage) | Resolution::NobodyDespite(outage) => {
                Err(SignInError::Unavailable(outage))
            }
        }
    }

    /// The entry with its groups, if a bind would not be refused for what it is.
    async fn in_good_standing(&self, entry: Arc<Entry>, now: Timestamp) -> Result<Arc<Entry>, SignInError> {
        if let Standing::Refused(refusal) | Standing::Unknown(refusal) = self.directory.standing(&entry, now) {
            return Err(denied(result_of(&refusal), refusal.reason(), Some(&entry)));
        }
        self.directory.with_groups(entry).await.map_err(SignInError::Unavailable)
    }

    /// Finds the entry that had the name before.
    pub(super) async fn still_there(&self, name: &Username, id: &EntryId) -> Result<Arc<Entry>, SignInError> {
        let gone = || denied(AuditResult::UnknownUser, "the token's subject is no longer there", None);
        match self.resolve(name).await? {
            Resolution::Found(entry) | Resolution::FoundDespite(entry, _) if entry.id == *id => {
                self.in_good_standing(entry, self.clock.now()).await
            }
            // Their own directory may be the one that is not there.
            Resolution::FoundDespite(_, outage) | Resolution::NobodyDespite(outage) => {
                Err(SignInError::Unavailable(outage))
            }
            Resolution::Found(_) | Resolution::Nobody | Resolution::Ambiguous(_) => {
                self.binds.forget_entry(id).await;
                Err(gone())
            }
        }
    }

    /// All that comes before the bind.
    async fn admitted(&self, request: &SignInRequest, guarded: &mut Guarded) -> Result<Admitted, SignInError> {
        let SignInRequest { name, password, .. } = request;
        let (entry, doubt) = match self.resolve(name).await? {
            Resolution::Found(entry) => (entry, None),
            Resolution::FoundDespite(entry, outage) => (entry, Some(outage)),
            Resolution::Nobody => {
                return Err(self.unbound(AuditResult::UnknownUser, NOBODY, None, request).await);
            }
            Resolution::NobodyDespite(outage) => return Err(self.out_of_order(outage, None, request).await),
            Resolution::Ambiguous(entries) => {
                return Err(self.unbound(AuditResult::UnknownUser, &many(&entries), None, request).await);
            }
        };
        let place = self.place(&entry.id, request, guarded).await;
        if self.is_throttled(place, request, guarded) {
            return Err(match doubt {
                Some(outage) => self.out_of_order(outage, Some(&entry), request).await,
                None => self.unbound(AuditResult::Throttled, THROTTLED, Some(&entry), request).await,
            });
        }
        let guess = self.memory.digests.guess(&entry.id, password);
        let theirs = entry.own_count.filter(|_| self.guard.directory_count);
        let asking = Asking { place: to_the_guard(place), theirs };
        let held = match self.memory.records.admit(&entry.id, &guess, asking, || self.clock.now()).await {
            Admission::Try(reservation, observed) => {
                if let Some(held) = observed {
                    self.tell_held(held, false, guarded);
                }
                return Ok(Admitted { entry, doubt, reservation, guess });
            }
            Admission::Held(held) => held,
        };
        self.tell_held(held, true, guarded);
        Err(match (held.verdict, doubt) {
            (Verdict::Unanswered, _) => self.out_of_order(unanswered(), Some(&entry), request).await,
            // As after a bind: who asks may be a namesake.
            (_, Some(outage)) => self.out_of_order(outage, Some(&entry), request).await,
            (Verdict::KnownWrong, None) => {
                let reason = "the same wrong password as a moment ago, not tried again";
                self.unbound(AuditResult::BadCredentials, reason, Some(&entry), request).await
            }
            (Verdict::Locked | Verdict::Busy, None) => {
                self.unbound(AuditResult::Locked, locked_by(held.rule), Some(&entry), request).await
            }
        })
    }

    /// Refuses whoever's entry is locked, remembered or not.
    pub(super) async fn refuse_locked(
        &self,
        entry: &Arc<Entry>,
        request: &SignInRequest,
    ) -> Result<Guarded, SignInError> {
        let mut guarded = self.unseen();
        let place = self.place(&entry.id, request, &mut guarded).await;
        let refused = if self.is_throttled(place, request, &mut guarded) {
            self.unbound(AuditResult::Throttled, THROTTLED, Some(entry), request).await
        } else {
            let held = self.memory.records.held_back(&entry.id, to_the_guard(place), self.clock.now()).await;
            let Some(held) = held else { return Ok(guarded) };
            self.tell_held(held, self.guard.enforced, &mut guarded);
            match held.verdict {
                _ if !self.guard.enforced => return Ok(guarded),
                Verdict::Unanswered => self.out_of_order(unanswered(), Some(entry), request).await,
                _ => self.unbound(AuditResult::Locked, locked_by(held.rule), Some(entry), request).await,
            }
        };
        Err(match refused {
            SignInError::Denied(denial) => SignInError::Denied(Denial { guarded, ..denial }),
            unavailable => unavailable,
        })
    }

    /// An outage that is known without a bind, at the price of one.
    async fn out_of_order(
        &self,
        outage: Unavailable,
        entry: Option<&Arc<Entry>>,
        request: &SignInRequest,
    ) -> SignInError {
        SignInError::Unavailable(self.decoy(entry, request).await.err().unwrap_or(outage))
    }

    /// A denial of whoever it is, at the price of a bind.
    pub(super) async fn untried(&self, password: &Password, denial: Denial) -> SignInError {
        match self.directory.decoy(None, password).await {
            Ok(()) => SignInError::Denied(denial),
            Err(unavailable) => SignInError::Unavailable(unavailable),
        }
    }

    /// A denial without a bind, at the price of one.
    async fn unbound(
        &self,
        result: AuditResult,
        reason: &str,
        entry: Option<&Arc<Entry>>,
        request: &SignInRequest,
    ) -> SignInError {
        match self.decoy(entry, request).await {
            Ok(()) => denied(result, reason, entry),
            Err(unavailable) => SignInError::Unavailable(unavailable),
        }
    }

    /// The price of a bind.
    async fn decoy(&self, entry: Option<&Arc<Entry>>, request: &SignInRequest) -> Result<(), Unavailable> {
        match entry {
            Some(entry) => self.directory.decoy(Some(entry), &request.password).await,
            None => self.directory.decoy_of_nobody(&request.name, &request.password).await,
        }
    }
}

/// Whoever's binds were not answered is told of the outage for as long as the guard counts them.
fn unanswered() -> Unavailable {
    Unavailable::new("directory", UNANSWERED)
}

const UNANSWERED: &str = "binds were sent and not answered, which the directory may have counted: for a minute this password, \
    and none once guard.threshold is reached until guard.window is over";
const NOBODY: &str = "no directory has this name";
/// More than one entry has the name.
fn many(entries: &[String]) -> String {
    format!("more than one entry has this name: {}", entries.join("; "))
}

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
        BindRefusal::UnknownUser => AuditResult::UnknownUser,
        BindRefusal::Locked | BindRefusal::ShownLocked => AuditResult::Locked,
        BindRefusal::PasswordExpired | BindRefusal::MustChange | BindRefusal::AccountExpired => AuditResult::Expired,
        BindRefusal::Disabled | BindRefusal::Hours | BindRefusal::Workstation => AuditResult::Account,
        BindRefusal::Incomplete(_) | BindRefusal::NoEntry | BindRefusal::Other(_) => AuditResult::Account,
        BindRefusal::Coded(refusal, _) => result_of(refusal),
    }
}

fn denied(result: AuditResult, reason: impl Into<String>, entry: Option<&Arc<Entry>>) -> SignInError {
    let entry: Option<EntryId> = entry.map(|entry| entry.id.clone());
    SignInError::Denied(Denial { result, reason: reason.into(), entry, guarded: Guarded::default() })
}
