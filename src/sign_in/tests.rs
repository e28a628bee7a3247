//! Signing in against a directory that answers when told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::directory::{BindOutcome, BindRefusal, Resolution};
use crate::model::{Attributes, Entry, Timestamp};

/// Has alice, whose password can change; binds wait for a permit.
struct Scripted {
    password: Mutex<&'static str>,
    permits: Semaphore,
    binds: AtomicUsize,
    decoys: AtomicUsize,
    down: Mutex<bool>,
}

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
        if name.folded() != "alice" {
            return Ok(Resolution::Nobody);
        }
        Ok(Resolution::Found(Arc::new(Entry {
            id: EntryId { directory: "scripted".into(), entry: "alice".into() },
            bind_name: "alice".into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes: Attributes::default(),
        })))
    }

    async fn bind(&self, _: &Entry, password: &Password) -> Result<BindOutcome, Unavailable> {
        self.binds.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        assert_ne!(password.expose(), "panic", "asked for");
        let right = password.expose() == *self.password.lock().unwrap();
        Ok(if right { BindOutcome::Bound } else { BindOutcome::Refused(BindRefusal::InvalidCredentials) })
    }

    async fn decoy(&self, _: &Password) -> Result<(), Unavailable> {
        self.decoys.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn subject(remember: bool, permits: usize) -> (Arc<Scripted>, Arc<SignIn>) {
    let directory = Arc::new(Scripted {
        password: Mutex::new("right"),
        permits: Semaphore::new(permits),
        binds: AtomicUsize::new(0),
        decoys: AtomicUsize::new(0),
        down: Mutex::new(false),
    });
    let metrics = Arc::new(Metrics::new().unwrap());
    let guard = GuardConfig { threshold: 3, window: Duration::from_secs(1800), failure_delay: Duration::ZERO };
    let attempts = Attempts {
        directory: directory.clone(),
        memory: Arc::new(Memory::new(&guard).unwrap()),
        clock: Arc::new(Still),
        metrics,
    };
    let binds = || Cache::builder().time_to_live(Duration::from_secs(60)).build();
    let sign_in = SignIn {
        attempts: Arc::new(attempts),
        remembered: remember.then(binds),
        under_way: binds(),
        deadline: Duration::from_secs(30),
    };
    (directory, Arc::new(sign_in))
}

async fn outcome(sign_in: &SignIn, name: &str, password: &str, fresh: bool) -> &'static str {
    match sign_in.sign_in(&Username::new(name), &Password::new(password), fresh).await {
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

#[tokio::test]
async fn the_right_password_is_not_refused_because_others_try_it_too() {
    let (directory, sign_in) = subject(false, 0);
    let spellings = ["alice", "ALICE", "Alice", "aLice", "alIce", "alicE", "ALice", "alICE"];
    let asking = spellings.map(|name| {
        let sign_in = sign_in.clone();
        tokio::spawn(async move { outcome(&sign_in, name, "right", false).await })
    });
    while directory.binds.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    directory.permits.add_permits(spellings.len());
    for asked in asking {
        assert_eq!(asked.await.unwrap(), "in");
    }
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
