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

/// The addresses that a signed `wsa:To` may name, [`normalized`].
pub fn sts_addresses(config: &Config) -> Vec<String> {
    addresses(config, Endpoint::Sts).iter().map(|address| normalized(address)).collect()
}

/// The address in lower case and without the default port of https.
pub(super) fn normalized(address: &str) -> String {
    let address = address.to_ascii_lowercase();
    let https = address.strip_prefix("https://").map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    match https.and_then(|(authority, path)| Some((authority.strip_suffix(":443")?, path))) {
        Some((host, path)) => format!("https://{host}{path}"),
        None => address,
    }
}

/// The ECP endpoint to publish. Where the identity provider answers it, it is still found at our address.
pub(super) fn ecp_address(config: &Config) -> String {
    let default = || format!("{}{}", config.public_url, Endpoint::Ecp.default_paths().first().unwrap_or(&""));
    addresses(config, Endpoint::Ecp).into_iter().next().unwrap_or_else(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_by_more_than_case_and_the_default_port() {
        let same = "https://sts.example.com/adfs/services/trust/13/usernamemixed";
        for (address, is_same) in [
            (same, true),
            ("HTTPS://STS.Example.com:443/ADFS/services/trust/13/usernamemixed", true),
            ("https://sts.example.com:4443/adfs/services/trust/13/usernamemixed", false),
            ("http://sts.example.com/adfs/services/trust/13/usernamemixed", false),
            ("http://sts.example.com:443/adfs/services/trust/13/usernamemixed", false),
            ("https://sts.example.com.evil.example/adfs/services/trust/13/usernamemixed", false),
            ("https://sts.example.com/adfs/services/trust/13/usernamemixed/", false),
            ("https://sts.example.com/adfs:443/services/trust/13/usernamemixed", false),
        ] {
            assert_eq!(normalized(address) == same, is_same, "{address}");
        }
        assert_eq!(normalized("https://[::1]:443"), "https://[::1]");
    }
}
