//! What rules say of a user besides: for whom they may ask, and who may ask for them.

use super::report::Report;
use crate::config::Config;
use crate::model::{DelegationKind, DelegationRule, Entry, RelyingParty, Renewal};
use crate::sts::{Shown, covers, is_named, rules_for};

/// The rules that name somebody.
pub(super) struct Roles {
    /// Whether one lets them ask for others.
    pub is_asker: bool,
    /// The step, below the user's, and what it says.
    lines: Vec<(String, String)>,
}

/// Every rule of every relying party that names the user.
pub(super) fn of(config: &Config, entry: &Entry) -> Roles {
    let mut roles = Roles { is_asker: false, lines: Vec::new() };
    for party in config.relying_parties.iter().map(|config| &config.party) {
        delegation(party, entry, &mut roles);
        let named =
            |renewal: &&Renewal| party.remember_tokens && renewal.askers.iter().any(|name| is_named(entry, name));
        let renewal = party.renewal.as_ref().filter(named);
        if renewal.is_some() {
            roles.is_asker = true;
            let step = format!("relying party {}, renewal.askers", party.name);
            roles.lines.push((step, "may renew and cancel everybody's tokens for it".to_owned()));
        }
    }
    roles
}

fn delegation(party: &RelyingParty, entry: &Entry, roles: &mut Roles) {
    let asks = |rule: &DelegationRule| {
        let named = DelegationKind::ALL.into_iter().flat_map(|kind| rules_for(party, entry, kind, Shown::Token));
        named.into_iter().any(|named| std::ptr::eq(named, rule))
    };
    for (number, rule) in party.delegation.iter().enumerate() {
        let step = format!("relying party {}, delegation[{number}]", party.name);
        let kinds: Vec<&str> = rule.kinds.iter().map(|kind| kind.label()).collect();
        let shown = if rule.by_name { "by their names alone" } else { "by a token that they signed in with" };
        let how = format!("{}, {shown}", kinds.join(" and "));
        if asks(rule) {
            roles.is_asker = true;
            roles.lines.push((step.clone(), format!("may have tokens for it of {} ({how})", rule.subjects.join(", "))));
        }
        if covers(&[rule], entry) {
            roles.lines.push((step, format!("{} may have their tokens for it ({how})", rule.askers.join(", "))));
        }
    }
}

impl Roles {
    pub fn tell(&self, step: &str, report: &mut Report<'_>) {
        for (place, what) in &self.lines {
            report.fine(&format!("{step}, {place}"), what);
        }
    }
}
