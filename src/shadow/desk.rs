//! What outlives a configuration: how much is copied and waits, and what is reported.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openssl::rand::rand_bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{info, warn};

use super::bench::scratch;
use super::capture::UNIT;
use super::compare::{Comparison, Outcome, Why};
use super::found::Words;
use crate::dsig::Mac;
use crate::model::{Clock, Endpoint};
use crate::telemetry::{Audit, Metrics, ShadowMetrics, ShadowRecord};

/// Bytes of all copies.
const ROOM: usize = 32 * 1024 * 1024;
/// Copies that wait to be compared, or are.
const PLACES: usize = 256;
/// How often a line of one kind is logged.
const OFTEN: Duration = Duration::from_secs(60);

/// What comparing needs of the process.
pub struct Desk {
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    scratch: Arc<Metrics>,
    room: Arc<Semaphore>,
    places: Arc<Semaphore>,
    told: Mutex<HashMap<&'static str, Instant>>,
    words: Words,
}

impl Desk {
    /// Nothing compared yet.
    ///
    /// # Errors
    /// OpenSSL has no random key.
    pub fn new(audit: Arc<Audit>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> io::Result<Arc<Self>> {
        let mut key = [0; 32];
        rand_bytes(&mut key).map_err(io::Error::other)?;
        Ok(Arc::new(Self {
            audit,
            clock,
            metrics,
            scratch: scratch()?,
            room: Arc::new(Semaphore::new(ROOM / UNIT)),
            places: Arc::new(Semaphore::new(PLACES)),
            told: Mutex::default(),
            words: Words::new(Mac::new(&key)),
        }))
    }

    /// Room for copies, in units of [`UNIT`].
    pub(super) fn room(&self) -> &Arc<Semaphore> {
        &self.room
    }

    /// A place among those that wait, if there is one.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Where what is counted of our own answers goes.
    pub(super) fn scratch(&self) -> &Arc<Metrics> {
        &self.scratch
    }

    /// How values are told of that the audit log does not show.
    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// Counts what is not compared.
    pub(super) fn not_compared(&self, endpoint: Endpoint, why: Why) {
        let ShadowMetrics { comparisons, not_compared, .. } = &self.metrics.shadow;
        comparisons.with_label_values(&[endpoint.label(), "not_compared"]).inc();
        not_compared.with_label_values(&[endpoint.label(), why.label()]).inc();
        if self.is_to_be_told(why.label()) {
            let endpoint = endpoint.label();
            info!(
                endpoint,
                reason = why.label(),
                "an answer of the identity provider was not compared: {}",
                why.words()
            );
        }
    }

    /// Counts and tells what came of a comparison.
    pub(super) async fn report(&self, endpoint: Endpoint, comparison: Comparison) {
        let Comparison { outcome, about } = comparison;
        let ShadowMetrics { comparisons, differences, .. } = &self.metrics.shadow;
        let count = |result| comparisons.with_label_values(&[endpoint.label(), result]).inc();
        let found = match outcome {
            Outcome::NotCompared(why) => return self.not_compared(endpoint, why),
            Outcome::Same => return count("same"),
            Outcome::Failed(why) => {
                count("failed");
                if self.is_to_be_told("failed") {
                    warn!(endpoint = endpoint.label(), %why, "there is no answer of ours to compare");
                }
                return;
            }
            Outcome::Different(found) => found,
        };
        count("different");
        let mut names: Vec<&'static str> = found.iter().map(|found| found.difference).collect();
        names.dedup();
        for name in &names {
            differences.with_label_values(&[endpoint.label(), name]).inc();
            if self.is_to_be_told(name) {
                let correlation_id = about.as_ref().map_or("", |about| about.correlation_id.as_str());
                let text = "fedfront would have answered otherwise than the identity provider: see the audit log";
                warn!(endpoint = endpoint.label(), difference = name, correlation_id, "{text}");
            }
        }
        if let Some(about) = about {
            let record = ShadowRecord { time: self.clock.now(), differences: found, ..*about };
            self.audit.write_difference(record).await;
        }
    }

    /// Whether no line of that kind was logged lately.
    fn is_to_be_told(&self, kind: &'static str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = told.get(kind).is_some_and(|at| at.elapsed() < OFTEN);
        if !lately {
            told.insert(kind, Instant::now());
        }
        !lately
    }

    /// How the comparisons of these endpoints went, a line each, for people; nothing where there is none.
    pub fn describe(&self, endpoints: &[Endpoint]) -> String {
        let tallies = |endpoint: &Endpoint| {
            let tally =
                |result| format!("{} {}", self.metrics.shadow.tally(*endpoint, result), result.replace('_', " "));
            format!("{}: {}", endpoint.label(), ShadowMetrics::RESULTS.map(tally).join(", "))
        };
        match endpoints {
            [] => String::new(),
            some => some.iter().map(tallies).collect::<Vec<_>>().join("\n"),
        }
    }
}
