//! The absolute addresses of our endpoints: from `public_url`, never from a Host header.

use crate::config::{Config, EndpointConfig};
use crate::model::Endpoint;
use crate::wstrust::mex::Addresses;

/// The absolute addresses of an endpoint; none if the identity provider answers it.
fn addresses(config: &Config, endpoint: Endpoint) -> Vec<String> {
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

/// The addresses that a token may name as its audience, which is then we.
pub fn token_audiences(config: &Config) -> Vec<String> {
    addresses(config, Endpoint::Sts)
}

/// The ECP endpoint to publish. Where the identity provider answers it, it is still found at our address.
pub(super) fn ecp_address(config: &Config) -> String {
    let default = || format!("{}{}", config.public_url, Endpoint::Ecp.default_paths().first().unwrap_or(&""));
    addresses(config, Endpoint::Ecp).into_iter().next().unwrap_or_else(default)
}
