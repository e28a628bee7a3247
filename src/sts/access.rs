//! Whether users may sign in to a relying party from where they are, with what and by which protocol: the first of its rules
//! that fits decides.

use std::net::IpAddr;

use super::group::Memberships;
use crate::model::{AccessRule, Origin, Protocol, quoted};

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Approach<'a> {
    /// Where the sign-in comes from.
    pub origin: &'a Origin,
    /// Whether it comes through one of `guard.forwarders`.
    pub forwarded: bool,
    /// What it speaks; `None` for what none of our protocols is understood in, and no rule names.
    pub protocol: Option<Protocol>,
    /// The groups of the user whose token it is to be; `None` before they are known.
    pub groups: Option<&'a [String]>,
}

/// What rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They let it be.
    Allowed,
    /// They do not: the number of the rule that decides, from 0; `None` where no rule fits.
    Denied(Option<usize>),
    /// That depends on the user's groups.
    NeedsGroups,
}

/// Decides, as far as that can be done without the groups where they are not known.
pub fn access(rules: &[AccessRule], approach: &Approach<'_>) -> Access {
    if rules.is_empty() {
        return Access::Allowed;
    }
    let memberships = approach.groups.map(Memberships::of);
    // What the rules say that fit users of some group or other.
    let (mut may_allow, mut may_deny) = (false, false);
    for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| approach.fits(rule)) {
        let fits = match &memberships {
            _ if rule.groups.is_empty() => true,
            Some(memberships) => rule.groups.iter().any(|group| memberships.has(group)),
            None => {
                (may_allow, may_deny) = (may_allow || rule.allows, may_deny || !rule.allows);
                false
            }
        };
        if fits {
            return match rule.allows {
                true if may_deny => Access::NeedsGroups,
                true => Access::Allowed,
                false if may_allow => Access::NeedsGroups,
                false => Access::Denied(Some(number)),
            };
        }
    }
    if may_allow { Access::NeedsGroups } else { Access::Denied(None) }
}

/// Why a sign-in is denied, for the audit log: by which rule, and what that looked at.
pub fn why_denied(rule: Option<usize>, approach: &Approach<'_>) -> String {
    let which = rule.map_or_else(|| "no rule of access".to_owned(), |number| format!("access[{number}]"));
    let verb = if rule.is_some() { "denies" } else { "allows" };
    format!("{which} {verb} {}", approach.described())
}

/// The rules that may decide about a user of these groups, who comes by that protocol from anywhere: the last has no other
/// condition, unless none fits in the end.
pub fn prospects<'r>(rules: &'r [AccessRule], protocol: Protocol, groups: &[String]) -> Vec<(usize, &'r AccessRule)> {
    let memberships = Memberships::of(groups);
    let mut prospects = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let speaks = rule.protocols.is_empty() || rule.protocols.contains(&protocol);
        let is_member = rule.groups.is_empty() || rule.groups.iter().any(|group| memberships.has(group));
        if !(speaks && is_member) {
            continue;
        }
        prospects.push((number, rule));
        if rule.networks.is_empty() && rule.applications.is_empty() && rule.forwarded.is_none() {
            break;
        }
    }
    prospects
}

impl Approach<'_> {
    /// Whether all conditions of a rule hold but that on groups.
    fn fits(&self, rule: &AccessRule) -> bool {
        let Self { origin, forwarded, protocol, .. } = self;
        let application = || origin.application.as_deref();
        (rule.networks.is_empty() || is_in(&origin.clients, rule))
            && rule.forwarded.is_none_or(|wanted| wanted == *forwarded)
            && (rule.protocols.is_empty() || protocol.is_some_and(|protocol| rule.protocols.contains(&protocol)))
            && (rule.applications.is_empty()
                || application()
                    .is_some_and(|told| rule.applications.iter().any(|listed| is_application(told, listed))))
    }

    fn described(&self) -> String {
        let protocol = self.protocol.map_or("an unknown protocol", Protocol::label);
        let addresses: Vec<String> = self.origin.clients.iter().map(IpAddr::to_string).collect();
        let from = if addresses.is_empty() { "an unknown address".to_owned() } else { addresses.join(", ") };
        let through = if self.forwarded { ", through guard.forwarders" } else { "" };
        let with =
            self.origin.application.as_deref().map_or_else(String::new, |told| format!(", with {}", quoted(told)));
        format!("{protocol} from {from}{through}{with}")
    }
}

/// Whether the client is in the networks of a rule. Whoever can have an address added to those that are told must win nothing
/// by it.
fn is_in(clients: &[IpAddr], rule: &AccessRule) -> bool {
    let inside = |address: &IpAddr| {
        let address = address.to_canonical();
        rule.networks.iter().any(|network| network.contains(&address))
    };
    match rule.allows {
        true => !clients.is_empty() && clients.iter().all(inside),
        false => clients.iter().any(inside),
    }
}

/// Whether the application that is told is the one that is listed.
fn is_application(told: &str, listed: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(beginning) => told.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning)),
        None => told.eq_ignore_ascii_case(listed),
    }
}
