//! What replicas share, as those see it who keep something there: values by key, changed only if they are what they were.

use std::time::Duration;

use async_trait::async_trait;
use openssl::sha::Sha256;

/// A store that several processes share. Values are not empty, and have at most 64 KiB.
#[async_trait]
pub trait Shared: Send + Sync {
    /// The value that the key has.
    ///
    /// # Errors
    /// The store is away: what follows is for this process alone.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Away>;

    /// Gives the key the value `new`, for `ttl`, if it has the value `old` (or none), and says whether it had. Without `new` the
    /// key is removed. Never tried twice, so that `false` always means somebody else.
    ///
    /// # Errors
    /// The store is away; it may have been done.
    async fn swap(&self, key: &str, old: Option<&[u8]>, new: Option<(&[u8], Duration)>) -> Result<bool, Away>;

    /// What something is called there, the same by every replica. Only where these have a secret for it can nobody tell by
    /// guessing what it is.
    fn alias(&self, parts: &[&[u8]]) -> [u8; 32] {
        plain_alias(parts)
    }
}

/// What something is called without a secret.
pub(super) fn plain_alias(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(&part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finish()
}

/// The shared store did not answer in time, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared store is away")]
pub struct Away;
