//! A store for tests: in memory, and away, slow, forgetful or unsure when it is told to be.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::shared::plain_alias;
use super::{Away, MOST_OCTETS, Shared};
use crate::dsig::Mac;

/// What several replicas of a test share.
#[derive(Default)]
pub struct FakeStore {
    values: Mutex<HashMap<String, (Vec<u8>, Instant)>>,
    away: AtomicBool,
    unsure: AtomicBool,
    slow: Mutex<Duration>,
    trips: AtomicUsize,
    /// Of what those who share it make names; 0: of nothing.
    secret: u8,
}

impl FakeStore {
    /// One that is there, and empty.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One whose replicas have a secret.
    pub fn of(secret: u8) -> Arc<Self> {
        Arc::new(Self { secret, ..Self::default() })
    }

    /// Away, or back.
    pub fn go(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// The next swap is done, and nobody told.
    pub fn lose_an_answer(&self) {
        self.unsure.store(true, Ordering::SeqCst);
    }

    /// Whether an answer is still to be lost.
    pub fn is_unsure(&self) -> bool {
        self.unsure.load(Ordering::SeqCst)
    }

    /// How long every answer takes.
    pub fn answer_after(&self, time: Duration) {
        *self.slow.lock().unwrap() = time;
    }

    /// Loses everything.
    pub fn wipe(&self) {
        self.values.lock().unwrap().clear();
    }

    /// Somebody else writes it.
    pub fn put(&self, key: &str, value: &[u8]) {
        let ends = Instant::now() + Duration::from_secs(3600);
        self.values.lock().unwrap().insert(key.to_owned(), (value.to_vec(), ends));
    }

    /// How often it was asked.
    pub fn trips(&self) -> usize {
        self.trips.load(Ordering::SeqCst)
    }

    /// What there is.
    pub fn keys(&self) -> Vec<String> {
        self.values.lock().unwrap().keys().cloned().collect()
    }

    async fn asked(&self) -> Result<(), Away> {
        self.trips.fetch_add(1, Ordering::SeqCst);
        let slow = *self.slow.lock().unwrap();
        if !slow.is_zero() {
            sleep(slow).await;
        }
        if self.away.load(Ordering::SeqCst) { Err(Away) } else { Ok(()) }
    }
}

#[async_trait]
impl Shared for FakeStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Away> {
        self.asked().await?;
        let mut values = self.values.lock().unwrap();
        values.retain(|_, (_, ends)| *ends > Instant::now());
        Ok(values.get(key).map(|(value, _)| value.clone()))
    }

    async fn swap(&self, key: &str, old: Option<&[u8]>, new: Option<(&[u8], Duration)>) -> Result<bool, Away> {
        self.asked().await?;
        let mut values = self.values.lock().unwrap();
        values.retain(|_, (_, ends)| *ends > Instant::now());
        let same = values.get(key).map(|(value, _)| value.as_slice()) == old;
        if same {
            match new {
                Some((value, ttl)) => {
                    assert!(!value.is_empty() && value.len() <= MOST_OCTETS && !ttl.is_zero(), "no such value is kept");
                    drop(values.insert(key.to_owned(), (value.to_vec(), Instant::now() + ttl)));
                }
                None => drop(values.remove(key)),
            }
        }
        if self.unsure.swap(false, Ordering::SeqCst) { Err(Away) } else { Ok(same) }
    }
    fn alias(&self, parts: &[&[u8]]) -> [u8; 32] {
        if self.secret == 0 { plain_alias(parts) } else { Mac::new(&[self.secret; 32]).of(parts) }
    }
}
