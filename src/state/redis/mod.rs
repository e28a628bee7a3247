//! State shared through Redis or Valkey. Requests never wait for a connection: one is kept in the background, and while there is
//! none that answers in time, the store is away at once.

mod connection;
mod dial;
mod failure;
mod link;
mod survey;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::AbortHandle;

use super::{Away, Shared};
use crate::config::StateConfig;
use crate::model::Clock;
use crate::telemetry::Metrics;
use link::Link;

pub use survey::{Survey, survey};

/// Octets of a value, at most. A longer one, of whoever else writes there, is not read.
pub(super) const MOST_OCTETS: usize = 64 * 1024;

/// A Redis or Valkey server.
pub struct Redis {
    link: Arc<Link>,
    keeper: AbortHandle,
}

impl Redis {
    /// Begins to connect, on the current tokio runtime; until that is done the store is away.
    pub fn begin(config: &StateConfig, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let link = Arc::new(Link::new(config.clone(), clock, metrics));
        let keeper = tokio::spawn(link.clone().keep()).abort_handle();
        Self { link, keeper }
    }

    /// Whether it is there, or since when and why not, for an operator.
    pub fn describe(&self) -> String {
        self.link.describe()
    }
}

#[async_trait]
impl Shared for Redis {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Away> {
        let key = self.link.key(key);
        self.link.tried("get", |connection| async move { connection.get(&key).await }).await
    }

    async fn swap(&self, key: &str, old: Option<&[u8]>, new: Option<(&[u8], Duration)>) -> Result<bool, Away> {
        let key = self.link.key(key);
        self.link.tried("swap", |connection| async move { connection.swap(&key, old, new).await }).await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}
