//! Who may have tokens of others for a relying party.

use crate::config::PartyConfig;
use crate::config::files::Files;
use crate::config::section::{Section, flag, list, text, texts};
use crate::model::{DelegationKind, DelegationRule};

/// `relying_parties[].delegation`
pub(super) fn rules(section: &Section<'_>, files: &mut Files<'_>) -> Option<Vec<DelegationRule>> {
    section.maybe("delegation", |node| list(node, |_| Some(())))?;
    let rules: Vec<Option<DelegationRule>> =
        section.sections("delegation").iter().map(|section| rule(section, files)).collect();
    rules.into_iter().collect()
}

/// A token in another's name that is for us could be shown to us as that user's own.
pub(super) fn warn_of_tokens_for_us(root: &Section<'_>, parties: &[PartyConfig], files: &mut Files<'_>) {
    let entity_id = root.section("issuer").and_then(|issuer| issuer.get("entity_id", text)).unwrap_or_default();
    let public_url = root.get("public_url", text).unwrap_or_default();
    for (index, PartyConfig { party, .. }) in parties.iter().enumerate().filter(|(_, p)| !p.party.delegation.is_empty())
    {
        let mut names = party.applies_to.iter().chain(&party.audience);
        if names.any(|name| *name == entity_id || name.starts_with(&public_url)) {
            let message = "makes tokens of others that are for this service itself, which takes them for theirs";
            let help = "have none of them: with such a token an asker is the other user, at every party";
            files.report.warning(&format!("relying_parties[{index}].delegation"), message, help);
        }
    }
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
