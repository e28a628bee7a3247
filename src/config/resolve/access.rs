//! From where, with what and by which protocol users may sign in to a relying party.

use ipnet::IpNet;

use crate::config::PartyConfig;
use crate::config::files::Files;
use crate::config::section::{Section, flag, list, network, text, texts};
use crate::model::{AccessRule, Protocol};

/// `relying_parties[].access`
pub(super) fn rules(section: &Section<'_>, files: &mut Files<'_>) -> Option<Vec<AccessRule>> {
    let Some(count) = section.maybe("access", |node| list(node, |_| Some(())))? else { return Some(Vec::new()) };
    let rules: Vec<Option<AccessRule>> =
        section.sections("access").iter().map(|section| rule(section, files)).collect();
    if rules.len() < count.len() {
        return None;
    }
    let rules: Vec<AccessRule> = rules.into_iter().collect::<Option<_>>()?;
    if !rules.iter().any(AccessRule::is_for_everybody) {
        let message = "does not say what holds for everybody whom no rule fits";
        let help = "end it with deny: everybody or allow: everybody";
        files.report.error(&section.path("access"), message, help);
    }
    Some(rules)
}

fn rule(section: &Section<'_>, files: &mut Files<'_>) -> Option<AccessRule> {
    let (key, allows) = match (section.has("allow"), section.has("deny")) {
        (true, false) => ("allow", true),
        (false, true) => ("deny", false),
        (both, _) => {
            let message = if both { "has both allow and deny" } else { "has neither allow nor deny" };
            files.report.error(section.own_path(), message, "write one of them");
            return None;
        }
    };
    let Some(conditions) = section.section(key) else {
        return section.get(key, text).map(|_everybody| AccessRule { allows, ..AccessRule::default() });
    };
    let rule = AccessRule {
        allows,
        networks: conditions.maybe("networks", |node| list(node, network))?.unwrap_or_default(),
        forwarded: conditions.maybe("forwarded", flag)?,
        protocols: protocols(conditions.maybe("protocols", texts)?.unwrap_or_default()),
        applications: conditions.maybe("applications", texts)?.unwrap_or_default(),
        groups: conditions.maybe("groups", texts)?.unwrap_or_default(),
    };
    let mut empty = false;
    for key in ["networks", "protocols", "applications", "groups"] {
        if conditions.get(key, |node| list(node, |_| Some(()))).is_some_and(|listed| listed.is_empty()) {
            let help = "list one at least, or remove it: without it, it does not matter";
            files.report.error(&conditions.path(key), "is empty, so the rule would fit nobody", help);
            empty = true;
        }
    }
    if !empty && rule.is_for_everybody() {
        let message = "has no condition";
        files.report.error(conditions.own_path(), message, format!("write {key}: everybody, if that is meant"));
    }
    for (index, application) in rule.applications.iter().enumerate() {
        if application.trim_end_matches('*').contains('*') || application.ends_with("**") {
            let path = format!("{}[{index}]", conditions.path("applications"));
            let help = "write a name, or its beginning and one *";
            files.report.error(&path, format!("`{application}` has a * that is not its end"), help);
        }
    }
    Some(rule)
}

fn protocols(words: Vec<String>) -> Vec<Protocol> {
    Protocol::ALL.into_iter().filter(|protocol| words.iter().any(|word| word == protocol.label())).collect()
}

/// What of the rules does not do what it is for.
pub(super) fn warn(parties: &[PartyConfig], forwarders: &[IpNet], proxies: &[IpNet], files: &mut Files<'_>) {
    for (index, PartyConfig { party, .. }) in parties.iter().enumerate() {
        let last = party.access.iter().position(AccessRule::is_for_everybody);
        for (number, rule) in party.access.iter().enumerate() {
            let path = format!("relying_parties[{index}].access[{number}]");
            if let Some(last) = last.filter(|last| *last < number) {
                let message = format!("is never reached: access[{last}] is for everybody");
                files.report.warning(&path, message, "put it before that one, or remove it");
            }
            let path = format!("{path}.{}", if rule.allows { "allow" } else { "deny" });
            warn_of_nobody(rule, &path, forwarders, files);
            warn_of_networks(rule, &path, forwarders, proxies, files);
            let spoken = |protocol: &Protocol| match protocol {
                Protocol::Ecp => party.ecp.is_some(),
                Protocol::WsTrust13 | Protocol::WsTrust2005 => !party.applies_to.is_empty(),
            };
            if !rule.protocols.is_empty() && !rule.protocols.iter().any(spoken) {
                let message = "has protocols only by which this party has no tokens";
                files.report.warning(&format!("{path}.protocols"), message, "remove the rule, or correct it");
            }
        }
    }
}

/// Conditions about forwarders where there are none.
fn warn_of_nobody(rule: &AccessRule, path: &str, forwarders: &[IpNet], files: &mut Files<'_>) {
    let conditions = [("applications", !rule.applications.is_empty()), ("forwarded", rule.forwarded.is_some())];
    for (key, _) in conditions.into_iter().filter(|(_, given)| *given && forwarders.is_empty()) {
        let message = "looks at what guard.forwarders say, which is empty, so that nobody is believed";
        let help = "list there who signs in for many clients, such as Exchange Online";
        files.report.warning(&format!("{path}.{key}"), message, help);
    }
}

/// Networks of which no client ever is.
fn warn_of_networks(rule: &AccessRule, path: &str, forwarders: &[IpNet], proxies: &[IpNet], files: &mut Files<'_>) {
    for (index, network) in rule.networks.iter().enumerate() {
        if let Some(forwarder) = forwarders.iter().find(|forwarder| forwarder.contains(network)) {
            let message =
                format!("is in {forwarder} of guard.forwarders, who speak for others, so that no client is there");
            let help = "for whoever comes through them, write forwarded: true";
            files.report.warning(&format!("{path}.networks[{index}]"), message, help);
        }
        let overlaps = |proxy: &&IpNet| proxy.contains(network) || network.contains(*proxy);
        let shared = proxies.iter().filter(|proxy| proxy.prefix_len() < proxy.max_prefix_len()).find(overlaps);
        if let Some(proxy) = shared {
            let message = format!("overlaps {proxy} of trusted_proxies, whose addresses are no client's");
            let help = "list the balancers' own addresses in trusted_proxies, not the network that they are in";
            files.report.warning(&format!("{path}.networks[{index}]"), message, help);
        }
    }
}
