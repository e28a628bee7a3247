//! What Microsoft, which connects from outside, would have against `public_url`.

use std::net::IpAddr;

use super::Findings;
use crate::config::{Config, PartyConfig};

/// Warns where Office 365 is a party. An address that only this machine or network can know is a trial's, of which `fedfront
/// entra` says it.
pub(super) fn look_at(config: &Config, findings: &mut Findings) {
    let office365 = config.relying_parties.iter().any(PartyConfig::is_office365);
    if office365
        && is_public(config.public_host())
        && let Some((message, help)) = port_problem(config.public_authority())
    {
        findings.warning("public_url", message, help);
    }
}

/// Whether public DNS may have this name.
pub(in crate::server) fn is_public(host: &str) -> bool {
    host.contains('.') && host.parse::<IpAddr>().is_err()
}

/// What is wrong with the port of `host[:port]`, and what to do.
pub(in crate::server) fn port_problem(authority: &str) -> Option<(String, &'static str)> {
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    let port = port.filter(|port| *port != "443")?;
    let message = format!("names port {port}: Exchange Online, and clients behind firewalls, come to 443 alone");
    Some((message, "have a balancer lead 443 there, and leave the port out of public_url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microsoft_comes_to_port_443_of_a_public_name() {
        for (authority, problem) in [
            ("sts.example.com", false),
            ("sts.example.com:443", false),
            ("sts.example.com:28443", true),
            ("[::1]", false),
            ("[::1]:8443", true),
        ] {
            assert_eq!(port_problem(authority).is_some(), problem, "{authority}");
        }
        for (host, public) in [("sts.example.com", true), ("localhost", false), ("10.0.0.5", false), ("::1", false)] {
            assert_eq!(is_public(host), public, "{host}");
        }
    }
}
