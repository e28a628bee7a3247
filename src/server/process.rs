//! What lives as long as the process, whatever becomes of its configuration.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tracing::info;

use super::log_level::LogLevel;
use super::rollover::Promoted;
use crate::config::{Config, SigningFiles, StateConfig};
use crate::model::{Clock, Ids, Timestamp};
use crate::runtime::{RandomIds, SigningPool, SystemClock};
use crate::shadow::Desk;
use crate::sign_in::Memory;
use crate::state::{Issued, Redis, Replay, Shared, Sharing};
use crate::telemetry::{Audit, Metrics, Opened};

/// Signatures that may wait: about a second's work of one core.
const WAITING_SIGNATURES: usize = 4096;

/// With a device: as many signatures may be under way in it at once.
const SESSIONS: usize = 16;

/// What every snapshot works with, made once.
pub(super) struct Process {
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub signing: Arc<SigningPool>,
    pub replay: Arc<Replay>,
    pub issued: Arc<Issued>,
    /// Where state is shared with other replicas, if it is.
    redis: ArcSwapOption<Redis>,
    pub audit: Arc<Audit>,
    pub memory: Arc<Memory>,
    pub promoted: Promoted,
    pub shadow: Arc<Desk>,
    pub log_level: Arc<LogLevel>,
}

impl Process {
    /// Begins with the guard of `config` and an audit log that is open, on the current tokio runtime.
    ///
    /// # Errors
    /// The system has no thread or random key to give.
    pub fn new(config: &Config, audit: Opened, metrics: Arc<Metrics>) -> io::Result<Self> {
        let clock = Arc::new(SystemClock);
        let redis = config.state.as_ref().map(|state| Arc::new(Redis::begin(state, clock.clone(), metrics.clone())));
        let shared = redis.clone().map(|redis| redis as Arc<dyn Shared>);
        let audit = Arc::new(Audit::begin(audit, &metrics)?);
        Ok(Self {
            shadow: Desk::new(audit.clone(), clock.clone(), metrics.clone())?,
            clock,
            ids: Arc::new(RandomIds),
            signing: Arc::new(SigningPool::new(signing_threads(config), WAITING_SIGNATURES, metrics.clone())?),
            replay: Arc::new(Replay::new(shared.clone())),
            issued: Arc::new(Issued::new(config.token_capacity, shared.clone(), metrics.clone())),
            redis: ArcSwapOption::new(redis),
            audit,
            memory: Arc::new(Memory::new(&config.guard, &metrics, shared).map_err(io::Error::other)?),
            promoted: Promoted::default(),
            log_level: Arc::default(),
            metrics,
        })
    }

    /// Shares state as `now` says, where that is not as `before`: once the other server answers, or cannot be had.
    pub async fn share(&self, before: Option<&StateConfig>, now: Option<&StateConfig>) {
        let Some((sharing, redis)) = self.sharing(before, now).await else { return };
        if let Some(earlier) = self.redis.swap(redis.clone()) {
            earlier.retire();
        }
        self.replay.share(&sharing);
        self.issued.share(&sharing);
        self.memory.share(&sharing, self.clock.now());
        match (redis, sharing, now) {
            (Some(redis), sharing, Some(now)) => {
                redis.show();
                let kept = matches!(sharing, Sharing::Still(_));
                let what = if kept { "is there as before" } else { "stays where it was" };
                info!(server = now.url(), "state is shared by another connection; what was shared before {what}");
            }
            _ => {
                self.metrics.state_shared.set(0);
                info!("state is no longer shared: this replica goes on by itself");
            }
        }
    }

    async fn sharing(
        &self,
        before: Option<&StateConfig>,
        now: Option<&StateConfig>,
    ) -> Option<(Sharing, Option<Arc<Redis>>)> {
        let now = match (before, now) {
            (None, None) => return None,
            (Some(before), Some(now)) if now.means(before) => return None,
            (Some(_), None) => return Some((Sharing::Nowhere, None)),
            (_, Some(now)) => now,
        };
        let redis = Arc::new(Redis::begin(now, self.clock.clone(), self.metrics.clone()));
        redis.tried().await;
        let there = before.is_some_and(|before| now.is_the_place_of(before));
        let sharing = if there { Sharing::Still } else { Sharing::Elsewhere };
        Some((sharing(redis.clone()), Some(redis)))
    }

    /// Since when what replicas share is away, `Some(None)` while it is there; `None` where they share nothing.
    pub fn sharing_away_since(&self) -> Option<Option<Timestamp>> {
        self.redis.load().as_ref().map(|redis| redis.away_since())
    }

    /// How state is shared, for an operator; `None` where no replica has anything to do with another.
    pub fn describe_sharing(&self) -> Option<String> {
        self.redis.load().as_ref().map(|redis| redis.describe())
    }
}

/// One a core; more where a device signs, whose threads wait for it.
fn signing_threads(config: &Config) -> usize {
    let signing = &config.issuer.signing;
    let mut keys = [Some(&signing.current), signing.next.as_ref().map(|next| &next.files)].into_iter().flatten();
    if keys.any(|files| matches!(files, SigningFiles::Pkcs11 { .. })) { SESSIONS } else { 0 }
}
