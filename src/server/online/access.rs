//! What access rules would say of a sample user: as far as that can be known of somebody who is nowhere and has no client.

use super::report::{Report, Weight};
use crate::model::{AccessRule, Entry, Protocol, RelyingParty};
use crate::sts::prospects;

/// Whether the rules of a party let the user in by none of these protocols, from wherever it may be.
pub(super) fn bars(party: &RelyingParty, entry: &Entry, protocols: &[Protocol]) -> bool {
    let bars = |protocol: &Protocol| {
        let prospects = prospects(&party.access, *protocol, &entry.groups);
        !prospects.is_empty() && prospects.iter().all(|(_, rule)| !rule.allows)
    };
    protocols.iter().all(bars)
}

/// What the rules of a party that has some would say of the user by these protocols. A refusal matters as much as `weight` says.
pub(super) fn tell(
    party: &RelyingParty,
    entry: &Entry,
    protocols: &[Protocol],
    weight: Weight,
    step: &str,
    report: &mut Report<'_>,
) {
    if party.access.is_empty() {
        return;
    }
    let said = protocols.iter().map(|protocol| (protocol, said(&party.access, *protocol, &entry.groups)));
    let said: Vec<(&Protocol, String)> = said.collect();
    let (same, all_barred) =
        (said.windows(2).all(|two| matches!(two, [a, b] if a.1 == b.1)), bars(party, entry, protocols));
    for (protocol, what) in said.iter().take(if same { 1 } else { usize::MAX }) {
        let step = if same { format!("{step}, access") } else { format!("{step}, access by {}", protocol.label()) };
        if all_barred {
            let help = "correct relying_parties[].access, or the user's groups, if they are to sign in";
            report.refused(weight, &step, what, help);
        } else {
            report.fine(&step, what);
        }
    }
}

fn said(rules: &[AccessRule], protocol: Protocol, groups: &[String]) -> String {
    let each = prospects(rules, protocol, groups).into_iter().map(|(number, rule)| {
        let verb = if rule.allows { "allowed" } else { "denied" };
        format!("{verb}{} by access[{number}]", condition(rule))
    });
    each.collect::<Vec<_>>().join("; else ")
}

/// The conditions of a rule that no user meets or fails by who they are.
fn condition(rule: &AccessRule) -> String {
    let mut conditions = String::new();
    let networks: Vec<String> = rule.networks.iter().map(ToString::to_string).collect();
    if !networks.is_empty() {
        conditions.push_str(&format!(" from {}", networks.join(", ")));
    }
    conditions.push_str(match rule.forwarded {
        Some(true) => " through guard.forwarders",
        Some(false) => " directly",
        None => "",
    });
    if !rule.applications.is_empty() {
        conditions.push_str(&format!(" with {}", rule.applications.join(", ")));
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_up_to_the_one_that_decides() {
        let rule = |allows| AccessRule { allows, ..AccessRule::default() };
        let rules = [
            AccessRule { networks: vec!["10.0.0.0/8".parse().unwrap()], forwarded: Some(false), ..rule(true) },
            AccessRule { protocols: vec![Protocol::Ecp], ..rule(false) },
            AccessRule { groups: vec!["Staff".to_owned()], ..rule(true) },
            AccessRule { applications: vec!["A".to_owned(), "B*".to_owned()], forwarded: Some(true), ..rule(true) },
            rule(false),
            rule(true),
        ];
        let inside = "allowed from 10.0.0.0/8 directly by access[0]; else ";
        for (protocol, groups, expected) in [
            (Protocol::Ecp, &[][..], "denied by access[1]"),
            (Protocol::WsTrust13, &["Staff".to_owned()], "allowed by access[2]"),
            (
                Protocol::WsTrust13,
                &[],
                "allowed through guard.forwarders with A, B* by access[3]; else denied by access[4]",
            ),
        ] {
            assert_eq!(said(&rules, protocol, groups), format!("{inside}{expected}"));
        }
    }
}
