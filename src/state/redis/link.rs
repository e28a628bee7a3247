//! The one connection, as long as it answers in time: after the first operation that fails there is none, until in the background
//! another has been made and tried.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use openssl::rand::rand_bytes;
use redis::RedisResult;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::connection::Connection;
use super::dial::dial;
use super::failure::{Failure, TIMEOUT};
use crate::config::StateConfig;
use crate::model::{Clock, Timestamp, hex};
use crate::state::Away;
use crate::telemetry::Metrics;
use crate::traces;

/// Between one try and the next.
const RETRY: Duration = Duration::from_millis(250);
/// A server that answers now and then is tried less and less often, but so often.
const LONGEST_RETRY: Duration = Duration::from_secs(4);
/// Who answers for so long answers steadily.
const STEADY: Duration = Duration::from_secs(10);
/// Between one write over a connection that nobody may be using and the next.
const WATCH: Duration = Duration::from_secs(1);
/// Reasons of one outage that the log is told.
const MOST_TOLD: usize = 8;

pub(super) struct Link {
    config: StateConfig,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// A key that is nobody else's, to see whether the server writes.
    trial: String,
    current: ArcSwapOption<Connection>,
    standing: Mutex<Standing>,
    /// Told when the current connection is given up.
    left: Notify,
    /// Told when one was made, or could not be.
    tried: Notify,
    /// Whether another server's has taken its place.
    retired: AtomicBool,
}

/// How things stand, for an operator.
struct Standing {
    /// Since when it is away, and why; `None`: it is there.
    away: Option<(Timestamp, Failure)>,
    /// Reasons that the log was told since it was last there.
    told: Vec<Failure>,
}

impl Link {
    pub(super) fn new(config: StateConfig, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let away = Some((clock.now(), Failure::said("it has not been tried yet")));
        let standing = Mutex::new(Standing { away, told: Vec::new() });
        let trial = trial(&config).unwrap_or_default();
        Self {
            config,
            clock,
            metrics,
            trial,
            current: ArcSwapOption::empty(),
            standing,
            left: Notify::new(),
            tried: Notify::new(),
            retired: AtomicBool::new(false),
        }
    }

    /// The whole key.
    pub(super) fn key(&self, key: &str) -> String {
        [&self.config.prefix, key].concat()
    }

    /// One operation within its time, over the current connection.
    ///
    /// # Errors
    /// There is none; or from now on there is none. It may have been done.
    pub(super) async fn tried<T, F: Future<Output = RedisResult<T>>>(
        &self,
        op: &str,
        work: impl FnOnce(Arc<Connection>) -> F,
    ) -> Result<T, Away> {
        let count = |result: &str| self.metrics.state_operations.with_label_values(&[op, result]).inc();
        let Some(connection) = self.current.load_full() else {
            count("away");
            return Err(Away);
        };
        let began = Instant::now();
        let outcome = self.in_time(work(connection.clone())).await;
        let took = began.elapsed();
        self.metrics.state_operation_duration.with_label_values(&[op]).observe(took.as_secs_f64());
        let result = match &outcome {
            Ok(_) => "success",
            Err(failure) if failure.timeout => "timeout",
            Err(_) => "error",
        };
        count(result);
        traces::did(if op == "swap" { "state swap" } else { "state get" }, took, Vec::new, result != "success");
        outcome.map_err(|failure| {
            self.leave(&connection, failure);
            Away
        })
    }

    async fn in_time<T>(&self, work: impl Future<Output = RedisResult<T>>) -> Result<T, Failure> {
        Ok(timeout(self.config.timeout, work).await.map_err(|_| TIMEOUT)??)
    }

    /// Connects whenever there is no connection, for ever.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut pause = RETRY;
        loop {
            match self.join().await {
                Ok((connection, driver)) => {
                    self.tried.notify_one();
                    let joined = Instant::now();
                    self.watch(&connection, driver).await;
                    pause = if joined.elapsed() < STEADY { LONGEST_RETRY.min(pause * 2) } else { RETRY };
                }
                Err(failure) => {
                    self.stay_away(failure);
                    self.tried.notify_one();
                }
            }
            sleep(pause).await;
        }
    }

    /// Returns when a connection was made, or could not be.
    pub(super) async fn tried_once(&self) {
        self.tried.notified().await;
    }

    /// Says no more of how things stand: that is another's to say.
    pub(super) fn retire(&self) {
        let _standing = self.standing();
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Shows how things stand.
    pub(super) fn show(&self) {
        let standing = self.standing();
        self.metrics.state_shared.set(i64::from(standing.away.is_none()));
    }

    /// Connects, sees that the server does in time what it will be asked for, and puts the connection to use.
    async fn join(&self) -> Result<(Arc<Connection>, JoinHandle<()>), Failure> {
        let (connection, driver) = dial(&self.config).await?;
        try_out(&connection, &self.config, &self.trial).await?;
        let connection = Arc::new(connection);
        let mut standing = self.standing();
        standing.away = None;
        standing.told.clear();
        self.current.store(Some(connection.clone()));
        self.metrics.state_shared.set(1);
        info!(server = self.config.url(), "state is shared with other replicas");
        Ok((connection, driver))
    }

    /// Looks after a connection until it is given up.
    async fn watch(&self, connection: &Arc<Connection>, mut driver: JoinHandle<()>) {
        while self.current.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            tokio::select! {
                () = self.left.notified() => {}
                _ = &mut driver => self.leave(connection, Failure::said("it ended the connection")),
                () = sleep(WATCH) => {
                    let written = connection.swap(&self.trial, None, Some((b"1", WATCH)));
                    if let Err(failure) = self.in_time(written).await {
                        self.leave(connection, failure);
                    }
                }
            }
        }
    }

    /// Gives the connection up, if nobody else did.
    fn leave(&self, connection: &Arc<Connection>, failure: Failure) {
        let earlier = self.current.compare_and_swap(connection, None);
        if earlier.as_ref().is_some_and(|earlier| Arc::ptr_eq(earlier, connection)) {
            connection.end();
            self.stay_away(failure);
            self.left.notify_one();
        }
    }

    fn stay_away(&self, failure: Failure) {
        let mut standing = self.standing();
        if self.retired.load(Ordering::SeqCst) {
            return;
        }
        self.metrics.state_shared.set(0);
        let since = standing.away.as_ref().map_or_else(|| self.clock.now(), |(since, _)| *since);
        if standing.told.len() < MOST_TOLD && !standing.told.contains(&failure) {
            let server = self.config.url();
            warn!(server, reason = %failure.reason, "state is not shared: this replica goes on by itself");
            standing.told.push(failure.clone());
        }
        standing.away = Some((since, failure));
    }

    /// Since when it is away, if it is.
    pub(super) fn away_since(&self) -> Option<Timestamp> {
        self.standing().away.as_ref().map(|(since, _)| *since)
    }

    /// For an operator.
    pub(super) fn describe(&self) -> String {
        let url = self.config.url();
        match &self.standing().away {
            None => format!("shared through {url}"),
            Some((since, failure)) => {
                format!("in this process alone since {since}, for {url}: {}", failure.reason)
            }
        }
    }

    fn standing(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that is nobody else's.
pub(super) fn trial(config: &StateConfig) -> Result<String, Failure> {
    let mut name = [0; 16];
    rand_bytes(&mut name).map_err(Failure::said)?;
    Ok(format!("{}trial:{}", config.prefix, hex(&name)))
}

/// Has the server write, compare and delete under the key of a [`trial`]; how long the slowest of that took.
///
/// # Errors
/// It does not, or not in time.
pub(super) async fn try_out(connection: &Connection, config: &StateConfig, key: &str) -> Result<Duration, Failure> {
    // Of before, if it is still there.
    timeout(config.timeout, connection.swap(key, Some(b"1"), None)).await.map_err(|_| TIMEOUT)??;
    let written: Option<(&[u8], Duration)> = Some((b"1", WATCH));
    let mut longest = Duration::ZERO;
    for (old, new) in [(None, written), (Some(&b"1"[..]), written), (Some(b"1"), None)] {
        let began = Instant::now();
        let done = timeout(config.timeout, connection.swap(key, old, new)).await.map_err(|_| TIMEOUT)??;
        longest = longest.max(began.elapsed());
        if !done {
            return Err(Failure::said("it does not keep what is written"));
        }
    }
    let began = Instant::now();
    let value = timeout(config.timeout, connection.get(key)).await.map_err(|_| TIMEOUT)??;
    match value {
        None => Ok(longest.max(began.elapsed())),
        Some(_) => Err(Failure::said("it does not delete what is to be deleted")),
    }
}
