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

use super::shared::plain_alias;
use super::{Away, Shared};
use crate::config::StateConfig;
use crate::dsig::{Mac, derived_secret};
use crate::model::{Clock, Timestamp};
use crate::telemetry::Metrics;
use link::Link;

pub use survey::{Survey, survey};

/// Octets of a value, at most. A longer one, of whoever else writes there, is not read.
pub(super) const MOST_OCTETS: usize = 64 * 1024;

/// A Redis or Valkey server.
pub struct Redis {
    link: Arc<Link>,
    keeper: AbortHandle,
    /// Of what names are made, if the replicas have a secret.
    names: Option<Mac>,
}

const NAMES: &[u8] = b"fedfront: names of users among replicas, HMAC-SHA-256";

impl Redis {
    /// Begins to connect, on the current tokio runtime; until that is done the store is away.
    pub fn begin(config: &StateConfig, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let link = Arc::new(Link::new(config.clone(), clock, metrics));
        let keeper = tokio::spawn(link.clone().keep()).abort_handle();
        // Not of the signing key: through its rollover replicas would count apart.
        let names = config.key.as_ref().and_then(|key| derived_secret(key.expose().as_bytes(), NAMES));
        Self { link, keeper, names: names.map(|key| Mac::new(&key)) }
    }

    /// Since when it is away; `None`: it is there.
    pub fn away_since(&self) -> Option<Timestamp> {
        self.link.away_since()
    }

    /// Returns when it is there, or why not is known.
    pub async fn tried(&self) {
        self.link.tried_once().await;
    }

    /// Shows whether it is there, in the place of another.
    pub fn show(&self) {
        self.link.show();
    }

    /// Another takes its place: from now on it says nothing. It ends with its last use.
    pub fn retire(&self) {
        self.keeper.abort();
        self.link.retire();
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

    fn alias(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.names.as_ref().map_or_else(|| plain_alias(parts), |names| names.of(parts))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Password;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(0)
        }
    }

    #[tokio::test]
    async fn names_are_made_of_the_key_that_replicas_share() {
        let alias = |key: Option<&str>| {
            let config = StateConfig {
                tls: false,
                host: "127.0.0.1".to_owned(),
                port: 0,
                username: None,
                password: None,
                ca_file: None,
                timeout: Duration::from_millis(50),
                prefix: "test:".to_owned(),
                key: key.map(Password::new),
            };
            Redis::begin(&config, Arc::new(Still), Arc::new(Metrics::new().unwrap())).alias(&[b"alice"])
        };
        assert_eq!((alias(Some("one")), alias(None)), (alias(Some("one")), plain_alias(&[b"alice"])));
        assert!(alias(Some("one")) != alias(Some("two")) && alias(Some("one")) != alias(None));
    }
}
