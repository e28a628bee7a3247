//! What the handlers work with: one configuration made ready. Made once, never changed; a reload makes another, and a
//! request keeps the one that it began with.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::timeout;

use crate::config::Config;
use crate::dsig::{SigningKey, SigningKeys};
use crate::federation::Parties;
use crate::keys::ClientTrust;
use crate::model::{Clock, Ids, Unavailable};
use crate::runtime::SigningPool;
use crate::sign_in::SignIn;
use crate::state::{Issued, Replay};
use crate::sts::{Issuers, TrustedIssuers};
use crate::telemetry::{Audit, Metrics};
use crate::traces;

use super::documents::Documents;

/// Everything that a handler needs.
#[derive(Clone)]
pub struct Context {
    /// The configuration.
    pub config: Arc<Config>,
    /// Whom tokens are for.
    pub parties: Arc<Parties>,
    /// Our names.
    pub issuers: Issuers,
    /// Whose tokens are believed.
    pub trusted: TrustedIssuers,
    /// The keys that sign.
    pub signing_keys: SigningKeys,
    /// What is published, rendered.
    pub documents: Arc<Documents>,
    /// The ECP endpoint's addresses, for comparing a Destination.
    pub ecp_addresses: Vec<String>,
    /// The STS's addresses, [`normalized`](super::addresses::normalized), for comparing a signed To.
    pub sts_addresses: Vec<String>,
    /// Whose certificates users sign in with, if any.
    pub client_trust: Option<Arc<ClientTrust>>,
    /// Signs users in.
    pub sign_in: Arc<SignIn>,
    /// Where signatures are made.
    pub signing: Arc<SigningPool>,
    /// Messages that were used.
    pub replay: Arc<Replay>,
    /// Tokens that were issued.
    pub issued: Arc<Issued>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The audit log.
    pub audit: Arc<Audit>,
}

impl Context {
    /// The key that signs now.
    pub fn signing_key(&self) -> &Arc<SigningKey> {
        self.signing_keys.at(self.clock.now())
    }

    /// Has the pool sign for somebody who waits for it no longer than `limits.sign_in_deadline`.
    ///
    /// # Errors
    /// As [`SigningPool::run`], and when that time is over: a device may hang.
    pub async fn sign<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unavailable> {
        self.in_time(self.signing.run(work)).await
    }

    /// The same for somebody who has proven nothing, by [`SigningPool::run_aside`].
    ///
    /// # Errors
    /// As [`Context::sign`].
    pub async fn sign_aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.in_time(self.signing.run_aside(work)).await
    }

    async fn in_time<T>(&self, signs: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
        let signed = traces::step("sign", pin!(timeout(self.config.limits.sign_in_deadline, signs))).await;
        signed.unwrap_or_else(|_| Err(Unavailable::new("signing", "no signature within limits.sign_in_deadline")))
    }
}
