//! Signing in against a directory that answers when told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::config::BindCache;
use crate::directory::{BindError, BindOutcome, BindRefusal, Resolution, Standing};
use crate::model::{Attributes, Entry, FailureCount, Timestamp};

/// Has alice, by several names, whose password can change; binds wait for a permit.
pub(super) struct Scripted {
    password: Mutex<&'static str>,
    permits: Semaphore,
    pub(super) binds: AtomicUsize,
    pub(super) decoys: AtomicUsize,
    groups: AtomicUsize,
    down: Mutex<bool>,
    /// Whether a directory that is asked before this one is down.
    doubted: Mutex<bool>,
    disabled: Mutex<bool>,
    /// What it has counted itself.
    pub(super) counted: Mutex<Option<FailureCount>>,
    /// Whether nobody can be looked up without a bind, which then shows the entry under another id.
    pub(super) unseen: AtomicBool,
}

/// One user's names.
const SPELLINGS: [&str; 5] = ["alice", "ALICE", "Alice@Example.com", "EXAMPLE\\alice", "first.last@alias.example"];

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}

#[async_trait]
impl Directory for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
        if *self.down.lock().unwrap() {
            return Err(Unavailable::new("scripted", "down"));
        }
        let outage = || Unavailable::new("another", "down");
        if !SPELLINGS.iter().any(|spelling| spelling.to_lowercase() == name.folded()) {
            return Ok(if *self.doubted.lock().unwrap() {
                Resolution::NobodyDespite(outage())
            } else {
                Resolution::Nobody
            });
        }
        let entry = Arc::new(Entry {
            id: EntryId { directory: "scripted".into(), entry: "alice".into() },
            bind_name: "alice".into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes: Attributes::default(),
            own_count: *self.counted.lock().unwrap(),
        });
        Ok(match *self.doubted.lock().unwrap() {
            true => Resolution::FoundDespite(entry, outage()),
            false => Resolution::Found(entry),
        })
    }

    fn standing(&self, _: &Entry, _: Timestamp) -> Standing {
        if self.unseen.load(Ordering::SeqCst) {
            return Standing::Unknown(BindRefusal::Other("nobody is looked up".to_owned()));
        }
        match *self.disabled.lock().unwrap() {
            true => Standing::Refused(BindRefusal::Disabled),
            false => Standing::Good,
        }
    }

    async fn bind(&self, entry: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        self.binds.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        assert!(!password.expose().starts_with("panic"), "asked for");
        if password.expose().starts_with("outage") {
            return Err(BindError::NotTried(Unavailable::new("scripted", "went down")));
        }
        if password.expose().starts_with("lost") {
            return Err(BindError::Unanswered(Unavailable::new("scripted", "went down")));
        }
        let right = password.expose() == *self.password.lock().unwrap();
        if right && self.unseen.load(Ordering::SeqCst) {
            let id = EntryId { directory: "scripted".into(), entry: "cn=Alice".into() };
            return Ok(BindOutcome::BoundAs(Arc::new(Entry { id, ..entry.clone() })));
        }
        Ok(if right { BindOutcome::Bound } else { BindOutcome::Refused(BindRefusal::InvalidCredentials) })
    }

    async fn with_groups(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, Unavailable> {
        self.groups.fetch_add(1, Ordering::SeqCst);
        let groups = vec!["searched".to_owned()];
        Ok(Arc::new(Entry { groups, ..Arc::unwrap_or_clone(entry) }))
    }

    async fn decoy(&self, _: Option<&Entry>, _: &Password) -> Result<(), Unavailable> {
        self.decoys.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn subject(remember: bool, permits: usize) -> (Arc<Scripted>, Arc<SignIn>) {
    patient(remember, permits, Duration::from_secs(30))
}

fn patient(remember: bool, permits: usize, deadline: Duration) -> (Arc<Scripted>, Arc<SignIn>) {
    guarded(remember, permits, deadline, guard())
}

/// Where places are not told apart, nor networks.
pub(super) fn guard() -> GuardConfig {
    GuardConfig {
        enforced: true,
        threshold: 3,
        unknown_threshold: 2,
        window: Duration::from_secs(1800),
        familiar_for: None,
        directory_count: true,
        networks: None,
        spray: None,
        failure_delay: Duration::ZERO,
        forwarders: Vec::new(),
    }
}

pub(super) fn guarded(
    remember: bool,
    permits: usize,
    deadline: Duration,
    guard: GuardConfig,
) -> (Arc<Scripted>, Arc<SignIn>) {
    let directory = Arc::new(Scripted {
        password: Mutex::new("right"),
        permits: Semaphore::new(permits),
        binds: AtomicUsize::new(0),
        decoys: AtomicUsize::new(0),
        groups: AtomicUsize::new(0),
        down: Mutex::new(false),
        doubted: Mutex::new(false),
        disabled: Mutex::new(false),
        counted: Mutex::new(None),
        unseen: AtomicBool::new(false),
    });
    let metrics = Arc::new(Metrics::new().unwrap());
    let cache = BindCache { ttl: remember.then_some(Duration::from_secs(60)), capacity: 2 };
    let binds = Binds::new(&cache, Vec::new(), metrics.clone());
    let attempts = Attempts {
        directory: directory.clone(),
        memory: Arc::new(Memory::new(&guard, &metrics, None).unwrap()),
        binds,
        clock: Arc::new(Still),
        metrics,
        deadline,
        guard,
        shared: Vec::new(),
        trees: vec!["d".into()],
    };
    (directory, Arc::new(SignIn { attempts: Arc::new(attempts) }))
}

fn request(name: &str, password: &str, fresh: bool) -> SignInRequest {
    let origin = Origin { clients: vec![[192, 0, 2, 1].into()], application: None };
    SignInRequest { name: Username::new(name), password: Password::new(password), origin, fresh }
}

async fn outcome(sign_in: &SignIn, name: &str, password: &str, fresh: bool) -> &'static str {
    match sign_in.sign_in(&request(name, password, fresh)).await {
        Ok(SignedIn { remembered: false, .. }) => "in",
        Ok(SignedIn { remembered: true, .. }) => "remembered",
        Err(SignInError::Denied(denial)) => denial.result.label(),
        Err(SignInError::Unavailable(_)) => "unavailable",
    }
}

#[tokio::test]
async fn a_thousand_who_ask_the_same_at_once_cost_one_bind() {
    for remember in [true, false] {
        let (directory, sign_in) = subject(remember, 1);
        let all = join_all((0..1000).map(|_| outcome(&sign_in, "alice", "right", false))).await;
        assert!(all.iter().all(|outcome| ["in", "remembered"].contains(outcome)), "{all:?}");
        assert_eq!(directory.binds.load(Ordering::SeqCst), 1);
    }
}

fn asking(sign_in: &Arc<SignIn>, name: &'static str, password: String) -> tokio::task::JoinHandle<&'static str> {
    let sign_in = sign_in.clone();
    tokio::spawn(async move { outcome(&sign_in, name, &password, false).await })
}

async fn begun(directory: &Scripted, binds: usize) {
    while directory.binds.load(Ordering::SeqCst) < binds {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_right_password_waits_while_others_are_tried_and_is_not_refused() {
    let (directory, sign_in) = subject(false, 0);
    let guess = |name, password: &str| asking(&sign_in, name, password.to_owned());
    let wrong = [guess(SPELLINGS[0], "wrong 1"), guess(SPELLINGS[1], "wrong 2")];
    begun(&directory, 2).await;
    let right = SPELLINGS.map(|name| guess(name, "right"));
    begun(&directory, 3).await;
    directory.permits.add_permits(100);
    for asked in right {
        assert_eq!(asked.await.unwrap(), "in");
    }
    for asked in wrong {
        assert_eq!(asked.await.unwrap(), "bad_credentials");
    }
}

#[tokio::test]
async fn a_thousand_guesses_at_once_are_no_more_binds_than_the_threshold() {
    let (directory, sign_in) = subject(true, 1000);
    let all =
        join_all((0..1000).map(|at| asking(&sign_in, SPELLINGS[at % SPELLINGS.len()], format!("wrong {at}")))).await;
    assert_eq!(directory.binds.load(Ordering::SeqCst), 3);
    let outcomes: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "bad_credentials").count(), 3);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "locked").count(), 997);
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "locked");
}

#[tokio::test]
async fn a_thousand_who_ask_the_same_wrong_password_by_any_name_cost_one_bind() {
    for remember in [true, false] {
        let (directory, sign_in) = subject(remember, 1000);
        let all = (0..1000).map(|at| asking(&sign_in, SPELLINGS[at % SPELLINGS.len()], "wrong".to_owned()));
        for asked in join_all(all).await {
            assert_eq!(asked.unwrap(), "bad_credentials");
        }
        assert_eq!(directory.binds.load(Ordering::SeqCst), 1);
        assert_eq!(outcome(&sign_in, "alice", "right", false).await, "in");
    }
}

#[tokio::test]
async fn what_is_remembered_takes_nothing_off_the_count_and_a_bind_all() {
    let (directory, sign_in) = subject(true, 1000);
    for round in 0..2 {
        assert_eq!(outcome(&sign_in, "alice", "right", true).await, "in");
        for guess in 0..2 {
            assert_eq!(outcome(&sign_in, "alice", &format!("wrong {round} {guess}"), false).await, "bad_credentials");
            assert_eq!(outcome(&sign_in, "alice", "right", false).await, "remembered");
        }
    }
    assert_eq!(outcome(&sign_in, "alice", "wrong once more", false).await, "bad_credentials");
    assert_eq!(directory.binds.load(Ordering::SeqCst), 7);
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "locked", "remembered or not");
}

#[tokio::test]
async fn an_outage_before_the_bind_is_sent_gives_the_reservation_back() {
    let (directory, sign_in) = subject(true, 0);
    let guesses: Vec<_> = (0..100).map(|at| asking(&sign_in, "alice", format!("outage {at}"))).collect();
    begun(&directory, 3).await;
    directory.permits.add_permits(1000);
    for guess in guesses {
        assert_eq!(guess.await.unwrap(), "unavailable");
    }
    for at in 0..3 {
        assert_eq!(outcome(&sign_in, "alice", &format!("wrong {at}"), false).await, "bad_credentials");
    }
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "locked");
}

#[tokio::test]
async fn binds_that_are_not_answered_are_no_more_than_the_threshold_and_no_denial() {
    for how in ["lost", "panic"] {
        let (directory, sign_in) = subject(true, 0);
        let guess = |at: usize| asking(&sign_in, SPELLINGS[at % SPELLINGS.len()], format!("{how} {at}"));
        let guesses: Vec<_> = (0..1000).map(guess).collect();
        begun(&directory, 3).await;
        directory.permits.add_permits(1000);
        for guess in guesses {
            assert_eq!(guess.await.unwrap(), "unavailable");
        }
        for password in ["lost 0", "wrong", "right"] {
            assert_eq!(outcome(&sign_in, "alice", password, false).await, "unavailable");
        }
        assert_eq!(directory.binds.load(Ordering::SeqCst), 3);
        assert_eq!(directory.decoys.load(Ordering::SeqCst), 1000, "each that was not tried took the time of a bind");
    }
}

#[tokio::test]
async fn who_is_remembered_is_told_of_the_outage_too_once_binds_are_not_answered() {
    let (_, sign_in) = subject(true, 1000);
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "in");
    for (lost, then) in [("lost 1", "remembered"), ("lost 2", "remembered"), ("lost 3", "unavailable")] {
        assert_eq!(outcome(&sign_in, "alice", lost, false).await, "unavailable");
        assert_eq!(outcome(&sign_in, "alice", "right", false).await, then);
    }
}

#[tokio::test]
async fn a_password_whose_bind_was_not_answered_is_not_sent_again_and_another_is() {
    let (directory, sign_in) = subject(false, 1000);
    for _ in 0..5 {
        assert_eq!(outcome(&sign_in, "alice", "lost", false).await, "unavailable");
    }
    assert_eq!(directory.binds.load(Ordering::SeqCst), 1);
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "in");
}

/// Else a flood at one user of a directory that hangs would leave ever more tasks behind.
#[tokio::test]
async fn who_waits_for_a_place_in_vain_leaves_nothing_behind() {
    let (directory, sign_in) = patient(true, 0, Duration::from_millis(100));
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for outcome in join_all((0..1000).map(|at| asking(&sign_in, "alice", format!("wrong {at}")))).await {
        assert_eq!(outcome.unwrap(), "unavailable");
    }
    while alive() > 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!((alive(), directory.binds.load(Ordering::SeqCst)), (3, 3), "the binds that have begun go on");
    directory.permits.add_permits(1000);
    while alive() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "locked", "and what came of them counts");
}

#[tokio::test]
async fn who_may_be_a_namesake_in_a_directory_that_is_down_is_told_of_the_outage() {
    let (directory, sign_in) = subject(true, 100);
    *directory.doubted.lock().unwrap() = true;
    for guess in ["wrong 1", "wrong 1", "wrong 2", "wrong 3", "wrong 4", "right"] {
        assert_eq!(outcome(&sign_in, "alice", guess, false).await, "unavailable");
    }
    assert_eq!(directory.binds.load(Ordering::SeqCst), 3);
    assert_eq!(outcome(&sign_in, "nobody", "x", false).await, "unavailable");
    assert_eq!(directory.decoys.load(Ordering::SeqCst), 4, "each that was not tried took the time of a bind");
}

#[tokio::test]
async fn groups_are_searched_for_nobody_but_whose_password_was_right() {
    let (directory, sign_in) = subject(false, 100);
    for guess in ["wrong 1", "outage", "wrong 1"] {
        outcome(&sign_in, "alice", guess, false).await;
    }
    assert_eq!(directory.groups.load(Ordering::SeqCst), 0);
    let right = sign_in.sign_in(&request("alice", "right", false)).await;
    assert_eq!(right.unwrap_or_else(|_| panic!("refused")).user.entry().groups, ["searched"]);
    assert_eq!(directory.groups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_gauges_and_evictions_tell_what_is_kept() {
    let (_, sign_in) = subject(true, 100);
    let metrics = &sign_in.attempts.metrics;
    for name in &SPELLINGS[..4] {
        assert_eq!(outcome(&sign_in, name, "right", false).await, "in");
    }
    assert_eq!(outcome(&sign_in, "alice", "wrong", false).await, "bad_credentials");
    sign_in.observe().await;
    let entries = |cache| metrics.cache_entries.with_label_values(&[cache]).get();
    let evicted = |reason| metrics.cache_evictions.with_label_values(&["bind", reason]).get();
    assert_eq!((entries("bind"), entries("guard"), evicted("size")), (2, 1, 2));
    for guess in ["wrong 1", "wrong 2"] {
        assert_eq!(outcome(&sign_in, "alice", guess, false).await, "bad_credentials");
    }
    sign_in.observe().await;
    assert_eq!(metrics.lockouts_active.with_label_values(&["entry"]).get(), 1);
}

#[tokio::test]
async fn a_panic_in_a_bind_is_an_outage_and_locks_nobody_out() {
    let (_, sign_in) = subject(true, 100);
    for _ in 0..5 {
        assert_eq!(outcome(&sign_in, "alice", "panic", false).await, "unavailable");
    }
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "in");
}

#[tokio::test]
async fn every_denial_takes_the_work_of_a_bind() {
    let (directory, sign_in) = subject(true, 100);
    let counted = || directory.binds.load(Ordering::SeqCst) + directory.decoys.load(Ordering::SeqCst);
    let attempts = [
        ("nobody", "x", "unknown_user"),
        ("alice", "wrong 1", "bad_credentials"),
        ("alice", "wrong 1", "bad_credentials"),
        ("alice", "wrong 2", "bad_credentials"),
        ("alice", "wrong 3", "bad_credentials"),
        ("alice", "right", "locked"),
    ];
    for (number, (name, password, expected)) in attempts.into_iter().enumerate() {
        assert_eq!(outcome(&sign_in, name, password, false).await, expected);
        assert_eq!(counted(), number + 1);
    }
    assert_eq!(directory.binds.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_fresh_sign_in_that_fails_ends_what_was_remembered() {
    let (directory, sign_in) = subject(true, 100);
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "in");
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "remembered");
    *directory.password.lock().unwrap() = "changed";
    assert_eq!(outcome(&sign_in, "alice", "right", true).await, "bad_credentials");
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "bad_credentials");
}

#[tokio::test]
async fn an_outage_is_no_denial_and_the_remembered_stay_in() {
    let (directory, sign_in) = subject(true, 100);
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "in");
    *directory.down.lock().unwrap() = true;
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "remembered");
    assert_eq!(outcome(&sign_in, "alice", "other", false).await, "unavailable");
    assert_eq!(outcome(&sign_in, "alice", "", false).await, "bad_credentials");
}

#[tokio::test]
async fn a_certificate_names_one_user_in_good_standing_and_costs_no_guess() {
    let (directory, sign_in) = subject(true, 1000);
    let named = async |name: &str| match sign_in.by_certificate(&Username::new(name), AuthenticationMethod::X509).await
    {
        Ok(user) => format!("{} {:?}", user.entry().id.entry, user.method()),
        Err(SignInError::Denied(denial)) => denial.result.label().to_owned(),
        Err(SignInError::Unavailable(_)) => "unavailable".to_owned(),
    };
    assert_eq!(named("Alice@Example.com").await, "alice X509");
    assert_eq!(named("bob").await, "unknown_user");
    for at in 0..4 {
        outcome(&sign_in, "alice", &format!("wrong {at}"), false).await;
    }
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "locked");
    assert_eq!(named("alice").await, "alice X509", "wrong passwords keep nobody out who has a certificate");
    *directory.disabled.lock().unwrap() = true;
    assert_eq!(named("alice").await, "account");
    *directory.disabled.lock().unwrap() = false;
    *directory.doubted.lock().unwrap() = true;
    assert_eq!(named("alice").await, "unavailable", "another directory may have the name");
    assert_eq!(named("bob").await, "unavailable");
    *directory.down.lock().unwrap() = true;
    assert_eq!(named("alice").await, "unavailable");
    assert_eq!(directory.binds.load(Ordering::SeqCst), 3, "no bind for a certificate");
}

#[tokio::test]
async fn a_token_says_when_and_how_its_user_signed_in() {
    let (directory, sign_in) = subject(true, 1000);
    let instant = Timestamp::from_unix_millis(-60_000);
    let named = async |name: &str| match sign_in
        .by_token(&Username::new(name), AuthenticationMethod::Password, instant)
        .await
    {
        Ok(user) => format!("{} {:?} {}", user.entry().id.entry, user.method(), user.instant().unix_millis()),
        Err(SignInError::Denied(denial)) => denial.result.label().to_owned(),
        Err(SignInError::Unavailable(_)) => "unavailable".to_owned(),
    };
    assert_eq!(named("alice").await, "alice Password -60000");
    assert_eq!(named("bob").await, "unknown_user");
    *directory.disabled.lock().unwrap() = true;
    assert_eq!(named("alice").await, "account");
    *directory.down.lock().unwrap() = true;
    assert_eq!(named("alice").await, "unavailable");
    assert_eq!(directory.binds.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_asks_for_another_is_asked_about_with_the_others_entry() {
    let (directory, sign_in) = subject(true, 1000);
    let (instant, method) = (Timestamp::from_unix_millis(0), AuthenticationMethod::Unspecified);
    let asker = sign_in.sign_in(&request("alice", "right", false)).await.ok().unwrap().user;
    let asked = async |name: &str, may: bool| {
        let seen = AtomicUsize::new(0);
        let decide = |entry: &Entry| {
            seen.fetch_add(entry.groups.len(), Ordering::SeqCst);
            may
        };
        let outcome = match sign_in.in_the_name_of(&asker, &Username::new(name), method, instant, decide).await {
            Ok(user) => format!("{:?} asked by {}", user.method(), user.asker().unwrap().id.entry),
            Err(SignInError::Denied(denial)) => denial.result.label().to_owned(),
            Err(SignInError::Unavailable(_)) => "unavailable".to_owned(),
        };
        (outcome, seen.into_inner())
    };
    assert!(asker.asker().is_none());
    let (outcome, groups) = asked("alice", true).await;
    assert_eq!(outcome, "Unspecified asked by alice");
    assert_eq!(groups, asker.entry().groups.len(), "decided with the groups that the entry has");
    assert_eq!(asked("alice", false).await.0, "account");
    assert_eq!(asked("bob", true).await, ("unknown_user".to_owned(), 0));
    *directory.disabled.lock().unwrap() = true;
    assert_eq!(asked("alice", true).await, ("account".to_owned(), 0));
}

#[tokio::test]
async fn a_password_that_is_not_to_be_tried_takes_the_time_of_one_that_is() {
    let (directory, sign_in) = subject(true, 0);
    for password in ["right", "wrong", ""] {
        let denial = Denial {
            result: AuditResult::Access,
            reason: "not from there".to_owned(),
            entry: None,
            guarded: Guarded::default(),
        };
        match sign_in.refuse_untried(&Password::new(password), denial).await {
            SignInError::Denied(denial) => assert_eq!(denial.reason, "not from there"),
            SignInError::Unavailable(unavailable) => panic!("{unavailable}"),
        }
    }
    assert_eq!((directory.binds.load(Ordering::SeqCst), directory.decoys.load(Ordering::SeqCst)), (0, 3));
}

/// That nobody can tell without a password whether they may sign in ends no bind that has shown it.
#[tokio::test]
async fn who_cannot_be_looked_up_stays_remembered_whoever_asks_by_their_name() {
    let (directory, sign_in) = subject(true, 1000);
    directory.unseen.store(true, Ordering::SeqCst);
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "in");
    assert_eq!(outcome(&sign_in, "ALICE", "wrong", false).await, "bad_credentials");
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "remembered");
    let shown = sign_in.by_certificate(&Username::new("alice"), AuthenticationMethod::X509).await;
    assert!(matches!(shown, Err(SignInError::Denied(_))), "nobody has shown that they may");
    assert_eq!(outcome(&sign_in, "alice", "right", false).await, "remembered");
}
