//! Whom delegation's `audiences` mean.

use super::Findings;
use crate::config::Config;
use crate::federation::Parties;

/// Letters by which a mistyped name differs at most from what was meant.
const SLIPS: usize = 2;

/// Warns of audiences that no token has: what we issue is for our relying parties. Of others' tokens nobody here knows whom
/// they may be for, so that with other issuers only a slip is told.
pub(super) fn look_at(config: &Config, parties: &Parties, findings: &mut Findings) {
    let addresses = parties.all.iter().flat_map(|party| party.applies_to.iter().chain(&party.audience));
    let known: Vec<&str> = parties.entity_ids().chain(addresses.map(String::as_str)).collect();
    let others = parties.are_open() || config.issued_tokens.as_ref().is_some_and(|tokens| !tokens.issuers.is_empty());
    for (number, party) in parties.all.iter().enumerate() {
        for (rule, delegation) in party.delegation.iter().enumerate() {
            for (index, audience) in delegation.audiences.iter().enumerate() {
                let Some(help) = remedy(audience, &known, others) else { continue };
                let path = format!("relying_parties[{number}].delegation[{rule}].audiences[{index}]");
                findings.warning(&path, format!("`{audience}` is no relying party, so that no token is for it"), help);
            }
        }
    }
}

/// What to do about an audience; `None` where it may be meant.
fn remedy(audience: &str, known: &[&str], others: bool) -> Option<String> {
    if known.contains(&audience) {
        return None;
    }
    let (distance, name) = known.iter().map(|name| (strsim::osa_distance(audience, name), name)).min()?;
    if distance <= SLIPS {
        return Some(format!("did you mean `{name}`?"));
    }
    let help = "write an applies_to, audience or entityID of a relying party, letter for letter, or remove it";
    (!others).then(|| help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mistyped audience was called fine, and its rule let nobody in.
    #[test]
    fn an_audience_that_no_token_has_is_told() {
        let known = ["https://portal.example.com/", "urn:app"];
        for (audience, others, help) in [
            ("https://portal.example.com/", false, None),
            ("urn:app", true, None),
            ("https://portl.example.com/", false, Some("did you mean `https://portal.example.com/`?")),
            ("https://portal.example.com", true, Some("did you mean `https://portal.example.com/`?")),
            ("https://other.example.com/", false, Some("letter for letter")),
            ("https://other.example.com/", true, None),
        ] {
            let told = remedy(audience, &known, others);
            assert_eq!(told.is_some(), help.is_some(), "{audience} {told:?}");
            assert!(told.unwrap_or_default().contains(help.unwrap_or_default()), "{audience}");
        }
    }
}
