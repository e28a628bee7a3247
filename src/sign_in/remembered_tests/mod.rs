//! What ends a remembered bind before its time, and what does not; and what operators see of it: a directory for tests.

mod ending;
mod operating;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::tests::guard;
use super::*;
use crate::config::BindCache;
use crate::directory::{BindError, BindOutcome, BindRefusal, Resolution, Standing};
use crate::model::{Attributes, FailureCount};

/// Has alice by every name, unless it is told otherwise. Binds with `old` wait for a permit, after they are judged.
struct Town {
    accepts: Mutex<HashSet<&'static str>>,
    refusal: Mutex<BindRefusal>,
    means: Mutex<Means>,
    disabled: Mutex<bool>,
    permits: Semaphore,
    binds: AtomicUsize,
    forgot: Mutex<Vec<Option<EntryId>>>,
    counted: Mutex<Option<FailureCount>>,
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
            Means::Alice => {
                let own_count = *self.counted.lock().unwrap();
                Resolution::Found(Arc::new(Entry { own_count, ..Arc::unwrap_or_clone(entry("uid=alice")) }))
            }
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
            counted: Mutex::default(),
        });
        let metrics = Arc::new(Metrics::new().unwrap());
        let cache = BindCache { ttl: Some(Duration::from_secs(60)), capacity: 1000 };
        let except = except.iter().map(|&name| name.to_owned()).collect();
        let binds = Binds::new(&cache, except, metrics.clone());
        let guard = guard();
        let attempts = Attempts {
            directory: town.clone(),
            memory: Arc::new(Memory::new(&guard, &metrics, None).unwrap()),
            binds,
            clock: Arc::new(Still),
            metrics,
            deadline: Duration::from_secs(30),
            guard,
            shared: Vec::new(),
            trees: vec!["town".into()],
        };
        Self { town, sign_in: Arc::new(SignIn { attempts: Arc::new(attempts) }) }
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
        let recalled =
            join_all(NAMES.map(|name| async move { self.sign_in.attempts.binds.recall(&key(name)).await })).await;
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
