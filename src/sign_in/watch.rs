//! What the guard sees of a sign-in besides the count of its entry: the place that it comes from, the network, and how it ended;
//! and what is told of that.

use std::time::Duration;

use super::attempt::Attempts;
use super::{Denial, Guarded, SignInError, SignInRequest, SignedIn};
use crate::guard::{Held, Place, Rule, Verdict};
use crate::model::{EntryId, Timestamp};
use crate::telemetry::{AuditGuard, AuditPlace, AuditResult};

pub(super) const THROTTLED: &str =
    "too many failures from this network, to which the user is not familiar: refused by guard.networks";
const NETWORKS: &str = "networks";

impl Guarded {
    /// The rule by which it was refused, and not only would have been.
    fn enforced(&self) -> Option<&'static str> {
        self.refusal.filter(|refusal| refusal.enforced).map(|refusal| refusal.rule)
    }
}

impl Attempts {
    /// Of a password whose user is not known, or not yet.
    pub(super) fn unseen(&self) -> Guarded {
        let place = self.guard.familiar_for.map(|_| AuditPlace::Unknown);
        Guarded { place, refusal: None, slow_down: Duration::ZERO }
    }

    /// Where it comes from, to the entry; nothing where places are not told apart.
    pub(super) async fn place(&self, entry: &EntryId, request: &SignInRequest, guarded: &mut Guarded) -> Option<Place> {
        let (clients, now) = (&request.origin.clients, self.clock.now());
        let place = match self.guard.familiar_for {
            Some(familiar_for) => Some(self.memory.places.place(entry, clients, familiar_for, now).await),
            None => None,
        };
        guarded.place = place.map(|place| match place {
            Place::Familiar => AuditPlace::Familiar,
            Place::Unknown | Place::First => AuditPlace::Unknown,
        });
        place
    }

    /// The user has signed in from there.
    pub(super) async fn note_place(&self, entry: &EntryId, request: &SignInRequest, now: Timestamp) {
        if let Some(familiar_for) = self.guard.familiar_for {
            self.memory.places.note(entry, &request.origin.clients, familiar_for, now).await;
        }
    }

    /// Whether it is to be refused for what came from the same network.
    pub(super) fn is_throttled(&self, place: Option<Place>, request: &SignInRequest, guarded: &mut Guarded) -> bool {
        let over = self.is_over(place, request);
        if over {
            self.tell("throttled", NETWORKS, self.guard.enforced, guarded);
        }
        over && self.guard.enforced
    }

    /// Whether somebody else was refused for a place, as whoever is at this one would not be.
    pub(super) fn is_judged_otherwise(&self, refused: Guarded, place: Option<Place>, request: &SignInRequest) -> bool {
        match refused.enforced() {
            Some(NETWORKS) => !self.is_over(place, request),
            Some(rule) => rule == Rule::UnknownThreshold.label() && place == Some(Place::Familiar),
            None => false,
        }
    }

    fn is_over(&self, place: Option<Place>, request: &SignInRequest) -> bool {
        let (clients, now) = (&request.origin.clients, self.clock.now());
        place != Some(Place::Familiar) && self.memory.traffic.is_over(&self.guard, clients, &self.shared, now)
    }

    /// A password was refused for what its entry has counted, or would have been.
    pub(super) fn tell_held(&self, held: Held, enforced: bool, guarded: &mut Guarded) {
        let reason = match held.verdict {
            Verdict::Locked | Verdict::Busy => "locked",
            Verdict::KnownWrong => "known_wrong",
            Verdict::Unanswered => "unanswered",
        };
        self.tell(reason, held.rule.label(), enforced, guarded);
    }

    fn tell(&self, reason: &'static str, rule: &'static str, enforced: bool, guarded: &mut Guarded) {
        let mode = if enforced { "enforced" } else { "observed" };
        self.metrics.guard.refusals.with_label_values(&[reason, mode]).inc();
        guarded.refusal = guarded.refusal.or(Some(AuditGuard { rule, enforced }));
    }

    /// What came of it: counted by network and name, and noted how much longer a refusal takes meanwhile.
    pub(super) fn hear(&self, request: &SignInRequest, outcome: &mut Result<SignedIn, SignInError>) {
        let Self { guard, clock, .. } = self;
        let (digests, traffic, clients) = (&self.memory.digests, &self.memory.traffic, &request.origin.clients);
        let guarded = match outcome {
            Ok(SignedIn { user, guarded, .. }) => {
                let name = digests.name(Some(&user.entry().id), &request.name);
                traffic.succeeded(guard, name, clock.now());
                guarded
            }
            Err(SignInError::Denied(Denial { result, entry, guarded, .. })) => {
                let name = digests.name(entry.as_ref(), &request.name);
                match result {
                    AuditResult::BadCredentials | AuditResult::UnknownUser | AuditResult::Locked => {
                        traffic.failed(guard, name, clients, clock.now());
                    }
                    // A refusal extends nothing.
                    AuditResult::Throttled => traffic.failed(guard, name, &[], clock.now()),
                    _ => {}
                }
                guarded
            }
            Err(SignInError::Unavailable(_)) => return,
        };
        guarded.slow_down = traffic.slow_down(guard, guarded.place);
    }
}

/// Where places are not told apart, failures are those of the user.
pub(super) fn to_the_guard(place: Option<Place>) -> Place {
    place.unwrap_or(Place::Familiar)
}

/// Why an entry is locked.
pub(super) fn locked_by(rule: Rule) -> &'static str {
    match rule {
        Rule::UnknownThreshold => {
            "too many failures from unknown places: refused by guard.unknown_threshold until guard.window is over"
        }
        Rule::DirectoryCount => {
            "the directory has counted too many failures itself: refused by guard.directory_count until guard.window is over"
        }
        Rule::Threshold | Rule::SamePassword => {
            "too many failures: refused by guard.threshold until guard.window is over"
        }
    }
}
