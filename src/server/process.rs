//! What lives as long as the process, whatever becomes of its configuration.

use std::io;
use std::sync::Arc;

use super::log_level::LogLevel;
use super::rollover::Promoted;
use crate::config::{Config, SigningFiles};
use crate::model::{Clock, Ids};
use crate::runtime::{RandomIds, SigningPool, SystemClock};
use crate::sign_in::Memory;
use crate::state::{Issued, Redis, Replay, Shared};
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
    /// What is shared with other replicas, if anything is.
    pub redis: Option<Arc<Redis>>,
    pub audit: Arc<Audit>,
    pub memory: Arc<Memory>,
    pub promoted: Promoted,
    pub log_level: Arc<LogLevel>,
}

impl Process {
    /// Begins with the guard of `config` and an audit log that is open, on the current tokio runtime.
    ///
    /// # Errors
    /// The system has no thread or random key to give.
    pub fn new(config: &Config, audit: Opened, metrics: Arc<Metrics>) -> io::Result<Self> {
        let clock = Arc::new(SystemClock);
        let begin = |state| Arc::new(Redis::begin(state, clock.clone(), metrics.clone()));
        let redis = config.state.as_ref().map(begin);
        let shared = redis.clone().map(|redis| redis as Arc<dyn Shared>);
        Ok(Self {
            clock,
            ids: Arc::new(RandomIds),
            signing: Arc::new(SigningPool::new(signing_threads(config), WAITING_SIGNATURES, metrics.clone())?),
            replay: Arc::new(Replay::new(shared.clone())),
            issued: Arc::new(Issued::new(config.token_capacity, shared.clone(), metrics.clone())),
            redis,
            audit: Arc::new(Audit::begin(audit, &metrics)?),
            memory: Arc::new(Memory::new(&config.guard, &metrics, shared).map_err(io::Error::other)?),
            promoted: Promoted::default(),
            log_level: Arc::default(),
            metrics,
        })
    }
}

/// One a core; more where a device signs, whose threads wait for it.
fn signing_threads(config: &Config) -> usize {
    let signing = &config.issuer.signing;
    let mut keys = [Some(&signing.current), signing.next.as_ref().map(|next| &next.files)].into_iter().flatten();
    if keys.any(|files| matches!(files, SigningFiles::Pkcs11 { .. })) { SESSIONS } else { 0 }
}
