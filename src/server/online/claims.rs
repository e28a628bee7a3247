//! What each relying party would be told of a sample user, rule by rule.

use super::report::{Report, Weight};
use super::user::Adapter;
use crate::config::{Config, PartyConfig};
use crate::model::{AttributeRelease, Clock as _, Entry, NameIdentifierRule, RelyingParty, is_misleading};
use crate::runtime::SystemClock;
use crate::server::issuers;
use crate::sts::{Foreseen, NotEntitled, evaluate, foresee};

/// Characters of a value that are shown.
const SHOWN: usize = 200;

/// What a relying party gets over one protocol.
type Told<'c> = (&'static str, &'c NameIdentifierRule, &'c [AttributeRelease]);

/// Over each protocol that a party uses.
fn protocols(party: &RelyingParty) -> impl Iterator<Item = Told<'_>> {
    let trust =
        (!party.applies_to.is_empty()).then_some(("WS-Trust", &party.name_identifier, party.attributes.as_slice()));
    let ecp = party.ecp.as_ref().map(|ecp| ("ECP", &ecp.name_identifier, ecp.attributes.as_slice()));
    trust.into_iter().chain(ecp)
}

/// The relying parties that would let the user in, over one protocol at least.
pub(super) fn takers<'c>(config: &'c Config, entry: &Entry) -> Vec<&'c PartyConfig> {
    let (issuers, now) = (issuers(config), SystemClock.now());
    let takes = |party: &RelyingParty| {
        protocols(party).any(|(_, rule, release)| foresee(entry, party, &issuers, rule, release, now).is_ok())
    };
    config.relying_parties.iter().filter(|config| takes(&config.party)).collect()
}

/// Whether each relying party would let the user in, and what each of its rules makes of them. A refusal matters as much as
/// `weight` says.
pub(super) fn evaluate_all(
    config: &Config,
    adapter: Adapter,
    entry: &Entry,
    weight: Weight,
    step: &str,
    report: &mut Report<'_>,
) {
    let (issuers, now) = (issuers(config), SystemClock.now());
    for PartyConfig { party, .. } in &config.relying_parties {
        for (protocol, rule, release) in protocols(party) {
            let step = format!("{step}, relying party {}, {protocol}", party.name);
            told(adapter, entry, weight, &step, foresee(entry, party, &issuers, rule, release, now), report);
            for attribute in release {
                let step = format!("{step}, claim {}", attribute.name);
                match evaluate(attribute, entry, party, &issuers, now) {
                    Ok(values) => {
                        let values: Vec<String> = values.iter().map(|value| shown(value)).collect();
                        report.fine(&step, values.join(" | "));
                    }
                    Err(why) => report.note(&step, format!("no value: {why}")),
                }
            }
        }
    }
}

/// A value for a terminal: nothing in it that one obeys, and not more than fits.
fn shown(value: &str) -> String {
    let mut rest = value.chars();
    let mut shown = String::new();
    for character in rest.by_ref().take(SHOWN) {
        if is_misleading(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    let more = rest.count();
    if more > 0 { format!("{shown}… ({more} more)") } else { shown }
}

fn told(
    adapter: Adapter,
    entry: &Entry,
    weight: Weight,
    step: &str,
    claims: Result<Foreseen, NotEntitled>,
    report: &mut Report<'_>,
) {
    let (reason, help) = match claims {
        Ok(claims) => {
            let text = format!("issuer {}, name identifier {}", claims.issuer(), shown(claims.name_identifier()));
            return report.fine(step, text);
        }
        Err(NotEntitled::Group(reason)) => {
            let help = match adapter {
                Adapter::File => "add it to the user's groups in the file, or correct required_group",
                Adapter::Ldap => {
                    "add the user to it, correct required_group, or, for groups of groups, set ldap.nested_groups"
                }
            };
            (reason, help.to_owned())
        }
        Err(NotEntitled::Issuer(reason)) => {
            let help = match entry.upn.as_deref().and_then(|upn| upn.rsplit_once('@')) {
                Some((_, domain)) => {
                    format!("add to issuer.domains: {}: <the domain's IssuerUri in Entra>", domain.to_lowercase())
                }
                None => "see what is said of the UPN above".to_owned(),
            };
            (reason, help)
        }
        Err(NotEntitled::Incomplete(reason) | NotEntitled::Claim(reason)) => {
            let help = match adapter {
                Adapter::File => "give the user what is missing in the file, or correct what the relying party is told",
                Adapter::Ldap => {
                    "give the entry what is missing, or correct ldap.attributes or what the relying party is told"
                }
            };
            (reason, help.to_owned())
        }
    };
    report.refused(weight, step, format!("would be refused: {reason}"), help);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_obeyed_by_a_terminal() {
        for (value, expected) in [
            ("Zoë <z@x>", "Zoë <z@x>".to_owned()),
            ("a\u{1b}[2Jb\n", "a\\u{1b}[2Jb\\u{a}".to_owned()),
            ("\u{202e}txt", "\\u{202e}txt".to_owned()),
            (&"é".repeat(SHOWN + 7), format!("{}… (7 more)", "é".repeat(SHOWN))),
        ] {
            assert_eq!(shown(value), expected);
        }
    }
}
