//! What the handlers work with: one configuration made ready. Made once, never changed; a reload makes another, and a
//! request keeps the one that it began with.

use std::sync::Arc;

use crate::config::{Config, EndpointConfig};
use crate::dsig::SigningKey;
use crate::federation::Parties;
use crate::model::{Clock, Endpoint, Ids};
use crate::runtime::SigningPool;
use crate::sign_in::SignIn;
use crate::state::Replay;
use crate::sts::Issuers;
use crate::telemetry::{Audit, Metrics};
use crate::wstrust::mex::Addresses;

use super::documents::Documents;

/// Everything that a handler needs.
pub struct Context {
    /// The configuration.
    pub config: Arc<Config>,
    /// Whom tokens are for.
    pub parties: Parties,
    /// Our names.
    pub issuers: Issuers,
    /// The key that signs.
    pub signing_key: Arc<SigningKey>,
    /// What is published, rendered.
    pub documents: Documents,
    /// The ECP endpoint's addresses, for comparing a Destination.
    pub ecp_addresses: Vec<String>,
    /// Signs users in.
    pub sign_in: Arc<SignIn>,
    /// Where signatures are made.
    pub signing: Arc<SigningPool>,
    /// Messages that were used.
    pub replay: Arc<Replay>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The audit log.
    pub audit: Arc<Audit>,
}

/// The absolute addresses of an endpoint; none if the identity provider answers it.
pub(super) fn addresses(config: &Config, endpoint: Endpoint) -> Vec<String> {
    match config.endpoints.get(&endpoint) {
        Some(EndpointConfig::Paths(paths)) => paths.iter().map(|path| format!("{}{path}", config.public_url)).collect(),
        Some(EndpointConfig::Forward) | None => Vec::new(),
    }
}

/// The addresses that the MEX document names. Clients that fall back without it tell the versions apart by AD FS's paths,
/// so those are taken where they are configured.
pub(super) fn mex_addresses(config: &Config) -> Addresses {
    let sts = addresses(config, Endpoint::Sts);
    let pick = |marker: &str| {
        let marked = sts.iter().find(|address| address.contains(marker)).or(sts.first());
        marked.cloned().unwrap_or_else(|| format!("{}/adfs/services{marker}usernamemixed", config.public_url))
    };
    let mex = addresses(config, Endpoint::Mex);
    Addresses {
        mex: mex.iter().find(|address| address.ends_with("/trust/mex")).or(mex.first()).cloned().unwrap_or_default(),
        sts_13: pick("/trust/13/"),
        sts_200502: pick("/trust/2005/"),
    }
}

/// The addresses that a SAML request may name as its Destination.
pub fn ecp_addresses(config: &Config) -> Vec<String> {
    addresses(config, Endpoint::Ecp)
}
