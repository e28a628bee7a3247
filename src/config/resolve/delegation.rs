//! Who may have tokens of others for a relying party.

use crate::config::files::Files;
use crate::config::section::{Section, flag, list, texts};
use crate::model::{DelegationKind, DelegationRule};

/// `relying_parties[].delegation`
pub(super) fn rules(section: &Section<'_>, files: &mut Files<'_>) -> Option<Vec<DelegationRule>> {
    section.maybe("delegation", |node| list(node, |_| Some(())))?;
    let rules: Vec<Option<DelegationRule>> =
        section.sections("delegation").iter().map(|section| rule(section, files)).collect();
    rules.into_iter().collect()
}

fn rule(section: &Section<'_>, files: &mut Files<'_>) -> Option<DelegationRule> {
    for key in ["askers", "for", "kinds"] {
        if section.get(key, |node| list(node, |_| Some(()))).is_some_and(|names| names.is_empty()) {
            let help = "say who and how, or remove the rule: without one, nobody may have tokens of others";
            files.report.error(&section.path(key), "is empty, so the rule would mean nobody", help);
        }
    }
    let kinds = section.get("kinds", texts)?;
    let kinds = DelegationKind::ALL.into_iter().filter(|kind| kinds.iter().any(|word| word == kind.label())).collect();
    Some(DelegationRule {
        askers: section.get("askers", texts)?,
        subjects: section.get("for", texts)?,
        kinds,
        by_name: section.get("by_name", flag)?,
        audiences: section.get("audiences", texts)?,
    })
}
