//! What ends a remembered bind before its time, and what does not; and what operators see of it.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::config::BindCache;
use crate::directory::{BindError, BindOutcome, BindRefusal, Resolution, Standing};
use crate::model::Attributes;

/// Has alice by every name, unless it is told otherwise. Binds with `old` wait for a permit, after they are judged.
struct Town {
    accepts: Mutex<HashSet<&'static str>>,
    refusal: Mutex<BindRefusal>,
    means: Mutex<Means>,
    disabled: Mutex<bool>,
    permits: Semaphore,
    binds: AtomicUsize,
    forgot: Mutex<Vec<Option<EntryId>>>,
}

#[derive(Clone, Copy)]
enum Means {
    Alice,
    Another,
    Nobody,
    Many,
    AliceDespite,
    NobodyDespite,
    Unknown,
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}

fn id(entry: &str) -> EntryId {
    EntryId { directory: "town".into(), entry: entry.into() }
}

fn entry(of: &str) -> Arc<Entry> {
    Arc::new(Entry {
        id: id(of),
        bind_name: of.into(),
        upn: None,
        immutable_id: None,
        groups: Vec::new(),
        attributes: Attributes::default(),
        own_count: None,
    })
}

fn outage() -> Unavailable {
    Unavailable::new("town", "down")
}

#[async_trait]
impl Directory for Town {
    fn name(&self) -> &str {
        "town"
    }

    async fn resolve(&self, _: &Username) -> Result<Resolution, Unavailable> {
        Ok(match *self.means.lock().unwrap() {
            Means::Alice => Resolution::Found(entry("uid=alice")),
            Means::Another => Resolution::Found(entry("uid=another")),
            Means::Nobody => Resolution::Nobody,
            Means::Many => Resolution::Ambiguous(vec!["uid=alice".to_owned(), "uid=another".to_owned()]),
            Means::AliceDespite => Resolution::FoundDespite(entry("uid=alice"), outage()),
            Means::NobodyDespite => Resolution::NobodyDespite(outage()),
            Means::Unknown => return Err(outage()),
        })
    }

    fn standing(&self, _: &Entry, _: Timestamp) -> Standing {
        match *self.disabled.lock().unwrap() {
            true => Standing::Refused(BindRefusal::Disabled),
            false => Standing::Good,
        }
    }

    async fn bind(&self, _: &Entry, password: &Password) -> Result<BindOutcome, BindError> {
        self.binds.fetch_add(1, Ordering::SeqCst);
        let accepted = self.accepts.lock().unwrap().contains(password.expose());
        match password.expose() {
            "old" => self.permits.acquire().await.unwrap().forget(),
            "lost" => return Err(BindError::Unanswered(outage())),
            "outage" => return Err(BindError::NotTried(outage())),
            _ => {}
        }
        let refusal = self.refusal.lock().unwrap().clone();
        Ok(if accepted { BindOutcome::Bound } else { BindOutcome::Refused(refusal) })
    }

    async fn decoy(&self, _: Option<&Entry>, _: &Password) -> Result<(), Unavailable> {
        Ok(())
    }

    fn forget(&self, entry: Option<&EntryId>) {
        self.forgot.lock().unwrap().push(entry.cloned());
    }
}

const NAMES: [&str; 2] = ["alice", "alice@example.com"];

struct Subject {
    town: Arc<Town>,
    sign_in: Arc<SignIn>,
}

impl Subject {
    fn new(except: &[&str]) -> Self {
        let town = Arc::new(Town {
            accepts: Mutex::new(["old"].into()),
            refusal: Mutex::new(BindRefusal::InvalidCredentials),
            means: Mutex::new(Means::Alice),
            disabled: Mutex::new(false),
            permits: Semaphore::new(1000),
            binds: AtomicUsize::new(0),
            forgot: Mutex::default(),
        });
        let metrics = Arc::new(Metrics::new().unwrap());
        let cache = BindCache { ttl: Some(Duration::from_secs(60)), capacity: 1000 };
        let except = except.iter().map(|&name| name.to_owned()).collect();
        let binds = Arc::new(Binds::new(&cache, except, metrics.clone()));
        let guard = GuardConfig { threshold: 3, window: Duration::from_secs(1800), failure_delay: Duration::ZERO };
        let attempts = Attempts {
            directory: town.clone(),
            memory: Arc::new(Memory::new(&guard, &metrics).unwrap()),
            binds: binds.clone(),
            clock: Arc::new(Still),
            metrics,
            deadline: Duration::from_secs(30),
        };
        Self { town, sign_in: Arc::new(SignIn { attempts: Arc::new(attempts), binds }) }
    }

    /// With alice remembered by her names.
    async fn remembering() -> Self {
        let subject = Self::new(&[]);
        for name in NAMES {
            assert_eq!(subject.asks(name, "old").await, "in");
            assert_eq!(subject.asks(name, "old").await, "remembered");
        }
        subject
    }

    async fn asks(&self, name: &str, password: &str) -> &'static str {
        let origin = Origin::default();
        let (name, password) = (Username::new(name), Password::new(password));
        match self.sign_in.sign_in(&SignInRequest { name, password, origin, fresh: false }).await {
            Ok(SignedIn { remembered: false, .. }) => "in",
            Ok(SignedIn { remembered: true, .. }) => "remembered",
            Err(SignInError::Denied(denial)) => denial.result.label(),
            Err(SignInError::Unavailable(_)) => "unavailable",
        }
    }

    /// Asks in a task of its own, and returns when the bind is under way.
    async fn binding(
        self: &Arc<Self>,
        name: &'static str,
        password: &'static str,
    ) -> tokio::task::JoinHandle<&'static str> {
        let (subject, before) = (self.clone(), self.binds());
        let asking = tokio::spawn(async move { subject.asks(name, password).await });
        while self.binds() == before {
            tokio::task::yield_now().await;
        }
        asking
    }

    fn binds(&self) -> usize {
        self.town.binds.load(Ordering::SeqCst)
    }

    /// By which of her names the first password still counts, without a bind.
    async fn remembered(&self) -> Vec<&'static str> {
        let key = |name: &str| {
            let digests = &self.sign_in.attempts.memory.digests;
            digests.credentials(&Username::new(name), &Password::new("old"))
        };
        let recalled = join_all(NAMES.map(|name| async move { self.sign_in.binds.recall(&key(name)).await })).await;
        NAMES.into_iter().zip(recalled).filter(|(_, user)| user.is_some()).map(|(name, _)| name).collect()
    }

    fn metric(&self, result: &str) -> u64 {
        self.sign_in.attempts.metrics.cache_requests.with_label_values(&["bind", result]).get()
    }

    fn invalidated(&self) -> u64 {
        self.sign_in.attempts.metrics.cache_evictions.with_label_values(&["bind", "invalidated"]).get()
    }

    fn entries(&self) -> i64 {
        self.sign_in.attempts.metrics.cache_entries.with_label_values(&["bind"]).get()
    }

    fn means(&self, means: Means) {
        *self.town.means.lock().unwrap() = means;
    }

    fn refuses(&self, with: BindRefusal) {
        *self.town.refusal.lock().unwrap() = with;
    }

    fn accepts(&self, passwords: &[&'static str]) {
        *self.town.accepts.lock().unwrap() = passwords.iter().copied().collect();
    }
}

async fn assert_remembered(subject: &Subject, expected: &[&str], what: &str) {
    assert_eq!(subject.remembered().await, expected, "{what}");
    assert_eq!(subject.invalidated(), (NAMES.len() - expected.len()) as u64, "{what}");
    assert_eq!(subject.entries(), expected.len() as i64, "{what}");
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_under_every_name() {
    let subject = Subject::remembering().await;
    subject.accepts(&["new"]);
    assert_eq!(subject.asks("ALICE", "new").await, "in");
    assert_eq!(subject.remembered().await, [""; 0]);
    assert_eq!((subject.invalidated(), subject.entries()), (2, 1));
    assert_eq!(subject.asks("ALICE", "new").await, "remembered");
    assert_eq!(subject.asks("alice", "old").await, "bad_credentials");
    assert_eq!(subject.asks("ALICE", "new").await, "remembered", "a wrong password says nothing about another");
}

#[tokio::test]
async fn the_same_password_by_another_name_ends_nothing() {
    let subject = Subject::remembering().await;
    assert_eq!(subject.asks("al", "old").await, "in");
    assert_eq!(subject.remembered().await, NAMES);
    assert_eq!(subject.invalidated(), 0);
}

#[tokio::test]
async fn a_bind_ends_what_it_speaks_against() {
    use BindRefusal::*;
    let (all, none) = (&NAMES[..], &[][..]);
    for (password, refusal, left) in [
        ("wrong", InvalidCredentials, all),
        ("lost", InvalidCredentials, all),
        ("outage", InvalidCredentials, all),
        ("old", InvalidCredentials, none),
        ("wrong", Disabled, none),
        ("wrong", Locked, none),
        ("wrong", PasswordExpired, none),
        ("old", MustChange, none),
        ("old", AccountExpired, none),
        ("wrong", Other("49/530".to_owned()), none),
    ] {
        let subject = Subject::remembering().await;
        subject.accepts(&[]);
        subject.refuses(refusal.clone());
        subject.asks("al", password).await;
        assert_remembered(&subject, left, &format!("{password} {refusal:?}")).await;
    }
}

#[tokio::test]
async fn a_look_up_ends_what_it_speaks_against() {
    let (all, none) = (&NAMES[..], &[][..]);
    for (what, means, disabled, left) in [
        ("found", Means::Alice, false, all),
        ("disabled", Means::Alice, true, none),
        ("disabled, and another directory is down", Means::AliceDespite, true, none),
        ("found, and another directory is down", Means::AliceDespite, false, all),
        ("nobody", Means::Nobody, false, none),
        ("more than one", Means::Many, false, none),
        ("nobody, but a directory is down", Means::NobodyDespite, false, all),
        ("down", Means::Unknown, false, all),
        ("another by this name", Means::Another, false, &NAMES[1..]),
    ] {
        let name = Username::new("Alice");
        let method = AuthenticationMethod::X509;
        let now = Timestamp::from_unix_millis(0);
        for way in ["password", "certificate", "token", "asker"] {
            let subject = Subject::remembering().await;
            let signed_in = subject.sign_in.by_certificate(&name, method).await;
            let asker = signed_in.unwrap_or_else(|_| panic!("refused"));
            subject.means(means);
            *subject.town.disabled.lock().unwrap() = disabled;
            match way {
                "password" => drop(subject.asks("Alice", "wrong").await),
                "certificate" => drop(subject.sign_in.by_certificate(&name, method).await),
                "token" => drop(subject.sign_in.by_token(&name, method, now).await),
                _ => drop(subject.sign_in.in_the_name_of(&asker, &name, method, now, |_| true).await),
            }
            assert_remembered(&subject, left, &format!("{what}, by {way}")).await;
        }
    }
}

#[tokio::test]
async fn a_look_up_that_finds_a_tokens_subject_gone_ends_what_is_remembered_of_it() {
    for (means, left) in
        [(Means::Alice, &NAMES[..]), (Means::Another, &[]), (Means::Nobody, &[]), (Means::Unknown, &NAMES)]
    {
        let subject = Subject::remembering().await;
        subject.means(means);
        let _ = subject.sign_in.look_up(&Username::new("a name of before"), &id("uid=alice")).await;
        assert_remembered(&subject, left, "looked up").await;
    }
}

#[tokio::test]
async fn a_bind_that_began_before_it_was_refuted_is_not_remembered_after_it() {
    let subject = Arc::new(Subject::new(&[]));
    subject.town.permits.forget_permits(1000);
    let early = subject.binding("alice", "old").await;
    subject.accepts(&["new"]);
    assert_eq!(subject.asks("ALICE", "new").await, "in");
    let late = {
        let subject = subject.clone();
        tokio::spawn(async move { subject.asks("alice", "old").await })
    };
    tokio::task::yield_now().await;
    subject.town.permits.add_permits(1000);
    assert_eq!(early.await.unwrap(), "in", "the directory accepted it when it was asked");
    assert_eq!(late.await.unwrap(), "bad_credentials", "who joined it had asked after the new password was seen");
    assert_eq!(subject.remembered().await, [""; 0]);
}

#[tokio::test]
async fn what_is_flushed_while_it_is_under_way_is_not_remembered() {
    let subject = Arc::new(Subject::new(&[]));
    subject.town.permits.forget_permits(1000);
    let asked = subject.binding("alice", "old").await;
    assert_eq!(subject.sign_in.flush(None).await.forgotten, 0);
    subject.town.permits.add_permits(1000);
    assert_eq!(asked.await.unwrap(), "in");
    subject.sign_in.observe().await;
    assert_eq!((subject.remembered().await, subject.entries()), (Vec::new(), 0));
    assert_eq!(subject.asks("alice", "old").await, "in");
    assert_eq!(subject.asks("alice", "old").await, "remembered");
}

#[tokio::test]
async fn of_a_directory_with_its_cache_off_only_attempts_at_the_same_time_share_a_bind() {
    let subject = Arc::new(Subject::new(&["town"]));
    for round in 1..=2 {
        let all = join_all((0..100).map(|_| subject.asks("alice", "old"))).await;
        assert_eq!(all.iter().filter(|outcome| **outcome == "in").count(), 1);
        assert_eq!(subject.binds(), round);
    }
    assert_eq!((subject.metric("hit"), subject.metric("miss"), subject.metric("coalesced")), (0, 2, 198));
    assert_eq!(subject.sign_in.flush(None).await.forgotten, 0);
    assert_eq!((subject.entries(), subject.invalidated()), (0, 0));
    let other = Subject::new(&["another"]);
    assert_eq!((other.asks("alice", "old").await, other.asks("alice", "old").await), ("in", "remembered"));
}

#[tokio::test]
async fn each_look_up_of_a_remembered_bind_counts_once() {
    let subject = Subject::remembering().await;
    assert_eq!((subject.metric("hit"), subject.metric("miss"), subject.metric("coalesced")), (2, 2, 0));
    subject.asks("alice", "wrong").await;
    assert_eq!((subject.metric("hit"), subject.metric("miss"), subject.metric("coalesced")), (2, 3, 0));
}

#[tokio::test]
async fn a_flush_tells_how_many_it_forgot_and_for_whom_it_cannot_say() {
    let (all, none) = (&NAMES[..], &[][..]);
    for (name, means, doubt, left) in [
        (None, Means::Unknown, "", none),
        (Some("whatever alice is called"), Means::Alice, "", none),
        (Some("UID=Alice"), Means::Nobody, "", none),
        (Some("uid=alice"), Means::Unknown, "", none),
        (Some("alice"), Means::Another, "", none),
        (Some("alice"), Means::Nobody, "nobody", none),
        (Some("alice"), Means::Many, "many", none),
        (Some("alice"), Means::Unknown, "unavailable", none),
        (Some("alice"), Means::AliceDespite, "unavailable", none),
        (Some("whatever alice is called"), Means::Unknown, "unavailable", all),
        (Some("bob"), Means::Nobody, "nobody", all),
        (Some("bob"), Means::Another, "", all),
    ] {
        let subject = Subject::remembering().await;
        subject.means(means);
        let flushed = subject.sign_in.flush(name.map(Username::new).as_ref()).await;
        let told = match flushed.meant.as_ref().and_then(|meant| meant.doubt.as_ref()) {
            None => "",
            Some(Doubt::Nobody) => "nobody",
            Some(Doubt::Ambiguous(names)) => {
                assert_eq!(names.len(), 2);
                "many"
            }
            Some(Doubt::Unavailable(_)) => "unavailable",
        };
        assert_eq!((told, flushed.forgotten), (doubt, NAMES.len() - left.len()), "{name:?}");
        assert_remembered(&subject, left, &format!("{name:?}")).await;
        let forgot = subject.town.forgot.lock().unwrap().clone();
        let entries = flushed.meant.map_or(vec![None], |meant| meant.entries.into_iter().map(Some).collect());
        assert_eq!(forgot, entries, "{name:?}");
    }
}

#[tokio::test]
async fn nothing_is_kept_of_binds_that_nobody_remembers() {
    let subject = Subject::remembering().await;
    for at in 0..100 {
        subject.asks("alice", &format!("wrong {at}")).await;
    }
    assert_eq!(subject.sign_in.binds.entries().len(), NAMES.len());
    subject.sign_in.flush(None).await;
    subject.sign_in.observe().await;
    while !subject.sign_in.binds.entries().is_empty() {
        tokio::task::yield_now().await;
        subject.sign_in.observe().await;
    }
}

#[tokio::test]
async fn an_operator_sees_the_failures_of_whom_a_name_means_and_unlocks_them() {
    let subject = Subject::new(&[]);
    assert!(subject.sign_in.failures().await.is_empty());
    subject.means(Means::Another);
    subject.asks("b", "wrong").await;
    subject.means(Means::Alice);
    for at in 0..3 {
        subject.asks("a", &format!("wrong {at}")).await;
    }
    let listed = async || {
        let all = subject.sign_in.failures().await;
        all.iter().map(|one| (one.entry.entry.to_string(), one.summary.failures)).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [("uid=alice".to_owned(), 3), ("uid=another".to_owned(), 1)], "the locked come first");
    for (name, means, found) in [
        ("any name", Means::Alice, 1),
        ("any name", Means::Unknown, 0),
        ("UID=alice", Means::Unknown, 1),
        ("any name", Means::Nobody, 0),
    ] {
        subject.means(means);
        assert_eq!(subject.sign_in.failures_of(&Username::new(name)).await.1.len(), found, "{name}");
    }
    subject.means(Means::Alice);
    assert_eq!(subject.asks("a", "old").await, "locked");
    assert_eq!(subject.sign_in.unlock(&id("uid=alice")).await.map(|was| was.summary.failures), Some(3));
    assert!(subject.sign_in.unlock(&id("uid=alice")).await.is_none());
    assert_eq!(listed().await, [("uid=another".to_owned(), 1)]);
    assert_eq!(subject.asks("a", "old").await, "in");
}
