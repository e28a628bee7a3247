//! Signing in from places and networks, by a directory that counts for itself.

use std::sync::atomic::Ordering;

use futures::future::join_all;

use super::tests::{Scripted, guard, guarded};
use super::*;
use crate::config::{NetworkBudget, SprayConfig};
use crate::guard::{Asking, Outcome as GuardOutcome, Place};
use crate::model::FailureCount;
use crate::state::Admission;

const HOME: &str = "198.51.100.1";
const STRANGE: &str = "192.0.2.66";

fn subject(remember: bool, guard: GuardConfig) -> (Arc<Scripted>, Arc<SignIn>) {
    guarded(remember, 1000, Duration::from_secs(30), guard)
}

/// Where places are told apart.
fn with_places() -> GuardConfig {
    GuardConfig { familiar_for: Some(Duration::from_secs(86_400)), ..guard() }
}

/// What came of it, where it came from to the user, and by which rule it was refused.
async fn outcome(sign_in: &SignIn, name: &str, password: &str, from: &str) -> (&'static str, &'static str, String) {
    let clients = from.split_whitespace().map(|address| address.parse().unwrap()).collect();
    let origin = Origin { clients, application: None };
    let (name, password) = (Username::new(name), Password::new(password));
    let request = SignInRequest { name, password, origin, fresh: false };
    let (result, guarded) = match sign_in.sign_in(&request).await {
        Ok(SignedIn { remembered, guarded, .. }) => (if remembered { "remembered" } else { "in" }, guarded),
        Err(SignInError::Denied(denial)) => (denial.result.label(), denial.guarded),
        Err(SignInError::Unavailable(_)) => ("unavailable", Guarded::default()),
    };
    let told = |guard: AuditGuard| format!("{}{}", if guard.enforced { "" } else { "observed:" }, guard.rule);
    (result, guarded.place.map_or("", AuditPlace::label), guarded.refusal.map_or_else(String::new, told))
}

async fn assert_outcomes(sign_in: &SignIn, all: &[(&str, &str, &str, &str, &str)]) {
    for (password, from, result, place, rule) in all {
        let told = outcome(sign_in, "alice", password, from).await;
        assert_eq!((told.0, told.1, told.2.as_str()), (*result, *place, *rule), "{password} from {from}");
    }
}

#[tokio::test]
async fn strangers_lock_themselves_out_and_not_the_user() {
    for remember in [true, false] {
        let (directory, sign_in) = subject(remember, with_places());
        let again = if remember { "remembered" } else { "in" };
        let both = format!("{HOME} {STRANGE}");
        let steps = [
            ("right", HOME, "in", "unknown", ""),
            ("wrong 1", STRANGE, "bad_credentials", "unknown", ""),
            ("wrong 1", "203.0.113.1", "bad_credentials", "unknown", "same_password"),
            ("wrong 2", "203.0.113.1", "bad_credentials", "unknown", ""),
            ("wrong 3", "203.0.113.2", "locked", "unknown", "unknown_threshold"),
            ("right", STRANGE, "locked", "unknown", "unknown_threshold"),
            ("right", &both, "locked", "unknown", "unknown_threshold"),
            ("right", "", "locked", "unknown", "unknown_threshold"),
            ("right", HOME, again, "familiar", ""),
            ("wrong 4", HOME, "bad_credentials", "familiar", ""),
        ];
        assert_outcomes(&sign_in, &steps).await;
        assert_eq!(directory.binds.load(Ordering::SeqCst), if remember { 4 } else { 5 });
    }
}

#[tokio::test]
async fn who_is_nowhere_familiar_yet_has_the_whole_threshold() {
    let (directory, sign_in) = subject(true, with_places());
    for at in 0..3 {
        assert_eq!(outcome(&sign_in, "alice", &format!("wrong {at}"), STRANGE).await.0, "bad_credentials");
    }
    let locked = ("locked", "unknown", "threshold".to_owned());
    assert_eq!(outcome(&sign_in, "alice", "right", HOME).await, locked);
    assert_eq!(directory.binds.load(Ordering::SeqCst), 3);
    assert_eq!(outcome(&sign_in, "nobody", "x", HOME).await, ("unknown_user", "unknown", String::new()));
}

/// Both ask the same at the same time: the one attempt for both is made from where it is refused.
#[tokio::test]
async fn who_joins_an_attempt_is_judged_by_their_own_place() {
    let (directory, sign_in) = subject(true, with_places());
    assert_eq!(outcome(&sign_in, "alice", "right", HOME).await.0, "in");
    for at in 0..2 {
        outcome(&sign_in, "alice", &format!("wrong {at}"), STRANGE).await;
    }
    let at_once = async |name: &'static str, from: [&'static str; 4]| {
        let all = join_all(from.map(|from| outcome(&sign_in, name, "right", from))).await;
        all.into_iter().map(|(result, ..)| result).collect::<Vec<_>>()
    };
    let outcomes = at_once("ALICE", [STRANGE, HOME, STRANGE, HOME]).await;
    assert_eq!(outcomes, ["locked", "in", "locked", "in"]);
    let outcomes = at_once("Alice@Example.com", [HOME, STRANGE, HOME, STRANGE]).await;
    assert_eq!(outcomes, ["in", "locked", "remembered", "locked"]);
    assert_eq!(directory.binds.load(Ordering::SeqCst), 1 + 2 + 2 + 1);
}

#[tokio::test]
async fn who_joins_an_attempt_from_a_network_over_its_budget_is_judged_by_their_own_network() {
    let networks = Some(NetworkBudget { failures: 5, window: Duration::from_secs(600) });
    for guard in [with_places(), guard()] {
        let (_, sign_in) = subject(true, GuardConfig { networks, ..guard });
        for number in 0..5 {
            assert_eq!(outcome(&sign_in, &format!("nobody {number}"), "x", STRANGE).await.0, "unknown_user");
        }
        let all = join_all([STRANGE, HOME, STRANGE].map(|from| outcome(&sign_in, "alice", "right", from))).await;
        let results: Vec<_> = all.into_iter().map(|(result, ..)| result).collect();
        assert_eq!(results, ["throttled", "in", "throttled"]);
    }
}

/// Such as one who was looked up by a template, and shows themselves under the DN that they have.
#[tokio::test]
async fn whoever_shows_themselves_after_a_bind_is_still_who_was_bound() {
    let (directory, sign_in) = subject(true, with_places());
    directory.unseen.store(true, Ordering::SeqCst);
    assert_outcomes(&sign_in, &[("right", HOME, "in", "unknown", "")]).await;
    for at in 0..3 {
        outcome(&sign_in, "alice", &format!("wrong {at}"), HOME).await;
    }
    assert_outcomes(&sign_in, &[("right", HOME, "locked", "familiar", "threshold")]).await;
}

#[tokio::test]
async fn what_the_directory_has_counted_itself_is_heard_unless_switched_off() {
    for (heard, expected) in [(true, "locked"), (false, "in")] {
        let (directory, sign_in) = subject(true, GuardConfig { directory_count: heard, ..with_places() });
        let last = Timestamp::from_unix_millis(-1000);
        *directory.counted.lock().unwrap() = Some(FailureCount { failures: 3, last });
        let rule = if heard { "directory_count" } else { "" };
        assert_outcomes(&sign_in, &[("right", HOME, expected, "unknown", rule)]).await;
        assert_eq!(directory.decoys.load(Ordering::SeqCst), usize::from(heard));
    }
}

#[tokio::test]
async fn a_network_over_its_budget_is_refused_without_a_bind_but_for_whom_it_is_familiar() {
    let networks = Some(NetworkBudget { failures: 5, window: Duration::from_secs(600) });
    let (directory, sign_in) = subject(true, GuardConfig { networks, ..with_places() });
    assert_eq!(outcome(&sign_in, "alice", "right", HOME).await.0, "in");
    for number in 0..5 {
        for network in ["198.51.100", "192.0.2"] {
            let from = format!("{network}.{}", 100 + number);
            assert_eq!(outcome(&sign_in, &format!("nobody {number}"), "x", &from).await.0, "unknown_user");
        }
    }
    let (binds, decoys) = (directory.binds.load(Ordering::SeqCst), directory.decoys.load(Ordering::SeqCst));
    let steps = [
        ("right", STRANGE, "throttled", "unknown", "networks"),
        ("another", STRANGE, "throttled", "unknown", "networks"),
        ("right", "203.0.113.1", "remembered", "unknown", ""),
        ("right", HOME, "remembered", "familiar", ""),
        ("right", "", "remembered", "unknown", ""),
    ];
    assert_outcomes(&sign_in, &steps).await;
    assert_eq!(directory.binds.load(Ordering::SeqCst), binds);
    assert_eq!(directory.decoys.load(Ordering::SeqCst), decoys + 2, "they took the time of a bind");
    let refused = sign_in.attempts.metrics.guard.refusals.with_label_values(&["throttled", "enforced"]).get();
    assert_eq!(refused, 2);
}

#[tokio::test]
async fn what_is_only_observed_is_told_and_let_through() {
    let networks = Some(NetworkBudget { failures: 5, window: Duration::from_secs(600) });
    let (directory, sign_in) = subject(true, GuardConfig { enforced: false, networks, ..with_places() });
    let steps = [
        ("right", HOME, "in", "unknown", ""),
        ("wrong 1", STRANGE, "bad_credentials", "unknown", ""),
        ("wrong 1", STRANGE, "bad_credentials", "unknown", "observed:same_password"),
        ("wrong 2", STRANGE, "bad_credentials", "unknown", "observed:unknown_threshold"),
        ("right", STRANGE, "remembered", "unknown", "observed:threshold"),
        ("wrong 3", STRANGE, "bad_credentials", "unknown", "observed:threshold"),
        ("wrong 4", STRANGE, "bad_credentials", "unknown", "observed:threshold"),
        ("wrong 5", STRANGE, "bad_credentials", "unknown", "observed:networks"),
    ];
    assert_outcomes(&sign_in, &steps).await;
    assert_eq!(directory.binds.load(Ordering::SeqCst), 7);
}

#[tokio::test]
async fn a_spray_is_told_once_and_makes_strangers_wait() {
    let slow_down = Duration::from_secs(3);
    let spray = Some(SprayConfig { names: 4, window: Duration::from_secs(600), slow_down });
    let (_, sign_in) = subject(true, GuardConfig { spray, ..with_places() });
    let metrics = &sign_in.attempts.metrics.guard;
    outcome(&sign_in, "alice", "right", HOME).await;
    for number in 0..5 {
        assert_eq!(sign_in.spray(), None);
        outcome(&sign_in, &format!("nobody {number}"), "x", STRANGE).await;
        outcome(&sign_in, &format!("NOBODY {number}"), "y", STRANGE).await;
    }
    let told = sign_in.spray().unwrap();
    assert_eq!((told.begun, told.failed, told.succeeded), (true, 5, 1));
    assert_eq!(told.networks, [("192.0.2.0/24".parse().unwrap(), 10)]);
    assert_eq!((metrics.spray_active.get(), metrics.sprays_detected.get()), (1, 1));
    assert_eq!(sign_in.spray(), None);
    for (from, expected) in [(HOME, Duration::ZERO), (STRANGE, slow_down)] {
        let origin = Origin { clients: vec![from.parse().unwrap()], application: None };
        let (name, password) = (Username::new("alice"), Password::new("wrong"));
        let request = SignInRequest { name, password, origin, fresh: false };
        let Err(SignInError::Denied(denial)) = sign_in.sign_in(&request).await else { panic!("not denied") };
        assert_eq!(denial.guarded.slow_down, expected, "{from}");
    }
}

#[tokio::test]
async fn a_failure_is_known_for_as_long_as_it_counts_even_if_that_is_days() {
    const HOURS: u64 = 3_600;
    let window = Duration::from_secs(48 * HOURS);
    let memory = Memory::new(&GuardConfig { window, ..guard() }, &Metrics::new().unwrap(), None).unwrap();
    let at = |hours: u64| Timestamp::from_unix_millis(0).plus(Duration::from_secs(hours * HOURS));
    let alice = EntryId { directory: "scripted".into(), entry: "alice".into() };
    let asking = Asking { place: Place::Familiar, theirs: None };
    let guess = memory.digests.guess(&alice, &Password::new("wrong"));
    for (outcome, hours, known) in [
        (GuardOutcome::NotCounted, 0, false),
        (GuardOutcome::WrongPassword, 25, true),
        (GuardOutcome::WrongPassword, 48, false),
        (GuardOutcome::Unanswered, 25, true),
        (GuardOutcome::Success, 0, false),
    ] {
        let tried = memory.records.admit(&alice, &guess, asking, || at(0)).await;
        let Admission::Try(reservation, _) = tried else { panic!("{outcome:?}: not admitted") };
        assert!(!memory.has_failed(&alice, at(0)).await, "{outcome:?}: under way");
        reservation.settle(outcome, at(0)).await;
        assert_eq!(memory.has_failed(&alice, at(hours)).await, known, "{outcome:?} after {hours} hours");
        memory.records.unlock(&alice, at(hours)).await;
    }
}
