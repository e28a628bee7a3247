//! What replicas share, as those see it who keep something there: values by key, changed only if they are what they were.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
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

/// Where replicas share state from now on.
#[derive(Clone)]
pub enum Sharing {
    /// What was shared before is there, too: only how it is reached is other.
    Still(Arc<dyn Shared>),
    /// In another place, which has nothing of what was shared before.
    Elsewhere(Arc<dyn Shared>),
    /// Nowhere: each process has state of its own.
    Nowhere,
}

impl Sharing {
    /// Where that is.
    pub(super) fn store(&self) -> Option<Arc<dyn Shared>> {
        match self {
            Self::Still(store) | Self::Elsewhere(store) => Some(store.clone()),
            Self::Nowhere => None,
        }
    }
}

/// The store that is shared now, if any is; another may take its place between one use and the next.
pub(super) struct Current(ArcSwap<Option<Arc<dyn Shared>>>);

impl Current {
    pub fn new(store: Option<Arc<dyn Shared>>) -> Self {
        Self(ArcSwap::from_pointee(store))
    }

    /// That of one use.
    pub fn store(&self) -> Option<Arc<dyn Shared>> {
        (**self.0.load()).clone()
    }

    pub fn is_some(&self) -> bool {
        self.0.load().is_some()
    }

    pub fn switch(&self, to: &Sharing) {
        self.0.store(Arc::new(to.store()));
    }
}

/// The shared store did not answer in time, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared store is away")]
pub struct Away;
