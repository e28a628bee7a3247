//! What lives as long as the process, whatever becomes of its configuration.

use std::io;
use std::sync::Arc;

use crate::config::Config;
use crate::model::{Clock, Ids};
use crate::runtime::{RandomIds, SigningPool, SystemClock};
use crate::sign_in::Memory;
use crate::state::{Issued, Replay};
use crate::telemetry::{Audit, Metrics, Opened};

/// Signatures that may wait: about a second's work of one core.
const WAITING_SIGNATURES: usize = 4096;

/// What every snapshot works with, made once.
pub(super) struct Process {
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub signing: Arc<SigningPool>,
    pub replay: Arc<Replay>,
    pub issued: Arc<Issued>,
    pub audit: Arc<Audit>,
    pub memory: Arc<Memory>,
}

impl Process {
    /// Begins with the guard of `config` and an audit log that is open.
    ///
    /// # Errors
    /// The system has no thread or random key to give.
    pub fn new(config: &Config, audit: Opened, metrics: Arc<Metrics>) -> io::Result<Self> {
        Ok(Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            signing: Arc::new(SigningPool::new(0, WAITING_SIGNATURES, metrics.clone())?),
            replay: Arc::new(Replay::default()),
            issued: Arc::new(Issued::new(config.token_capacity, metrics.clone())),
            audit: Arc::new(Audit::begin(audit, &metrics)?),
            memory: Arc::new(Memory::new(&config.guard, &metrics).map_err(io::Error::other)?),
            metrics,
        })
    }
}
