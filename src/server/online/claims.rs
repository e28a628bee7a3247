//! What each relying party would be told of a sample user, rule by rule.

use super::access;
use super::report::{Report, Weight};
use super::user::Adapter;
use crate::config::{Config, EndpointConfig, PartyConfig};
use crate::federation::{EcpParty, Parties};
use crate::model::{
    AttributeRelease, Clock as _, EcpRelease, Endpoint, Entry, NameIdentifierRule, Protocol, RelyingParty, Timestamp,
    ValueSource,
};
use crate::runtime::SystemClock;
use crate::saml::metadata::ServiceProvider;
use crate::server::{Prepared, issuers};
use crate::sts::{Issuers, NotEntitled, choose_name, evaluate, foresee, may_have};

/// Characters of a value that are shown.
const SHOWN: usize = 200;
/// What is shown of a pairwise name where there is no one service provider.
const EACH_ITS_OWN: &str = "(another for each service provider)";

/// What a relying party gets over one protocol.
struct Told<'c> {
    protocol: &'static str,
    /// Where it is asked for.
    endpoint: Endpoint,
    /// Its versions.
    versions: &'static [Protocol],
    /// Names, the one first that it gets unless it asks for another.
    names: Vec<&'c NameIdentifierRule>,
    release: &'c [AttributeRelease],
    /// The service provider that it is over ECP; `None`: one of several, or WS-Trust.
    provider: Option<&'c ServiceProvider>,
}

/// Over each protocol that a party uses.
fn protocols<'c>(party: &'c RelyingParty, parties: &'c Parties) -> impl Iterator<Item = Told<'c>> {
    let trust = (!party.applies_to.is_empty()).then(|| Told {
        protocol: "WS-Trust",
        endpoint: Endpoint::Sts,
        versions: &[Protocol::WsTrust13, Protocol::WsTrust2005],
        names: vec![&party.name_identifier],
        release: &party.attributes,
        provider: None,
    });
    let ecp = party.ecp.as_ref().map(|ecp| over_ecp(ecp, parties.provider_of(&party.name)));
    trust.into_iter().chain(ecp)
}

fn over_ecp<'c>(ecp: &'c EcpRelease, provider: Option<&'c ServiceProvider>) -> Told<'c> {
    let usual = provider.and_then(|provider| choose_name(&ecp.name_identifiers, None, provider));
    let others = ecp.name_identifiers.iter().filter(|rule| usual.is_none_or(|usual| usual.format() != rule.format()));
    let versions = &[Protocol::Ecp];
    Told {
        protocol: "ECP",
        endpoint: Endpoint::Ecp,
        versions,
        names: usual.into_iter().chain(others).collect(),
        release: &ecp.attributes,
        provider,
    }
}

/// The relying parties that would let the user in, over one protocol at least.
pub(super) fn takers<'c>(prepared: &'c Prepared, entry: &Entry) -> Vec<&'c PartyConfig> {
    let (issuers, now) = (issuers(&prepared.config), SystemClock.now());
    let takes = |party: &RelyingParty| {
        protocols(party, &prepared.parties).any(|told| {
            let usual = told.names.first();
            let entitled = usual
                .is_some_and(|rule| foresee(entry, party, &issuers, rule, told.release, told.provider, now).is_ok());
            entitled && !access::bars(party, entry, told.versions)
        })
    };
    prepared.config.relying_parties.iter().filter(|config| takes(&config.party)).collect()
}

/// Whether each relying party would let the user in, by which names, and what each of its rules makes of them. A refusal
/// matters as much as `weight` says.
pub(super) fn evaluate_all(
    prepared: &Prepared,
    adapter: Adapter,
    entry: &Entry,
    weight: Weight,
    step: &str,
    report: &mut Report<'_>,
) {
    let config = &prepared.config;
    let about = About { adapter, entry, weight, config, issuers: issuers(config), now: SystemClock.now() };
    for PartyConfig { party, .. } in &prepared.config.relying_parties {
        for told in protocols(party, &prepared.parties) {
            let step = format!("{step}, relying party {}, {}", party.name, told.protocol);
            about.tell(party, &told, &step, report);
        }
    }
}

/// The same for one service provider over ECP.
pub(super) fn evaluate_one(
    prepared: &Prepared,
    adapter: Adapter,
    entry: &Entry,
    found: &EcpParty<'_>,
    step: &str,
    report: &mut Report<'_>,
) {
    let config = &prepared.config;
    let (issuers, now) = (issuers(config), SystemClock.now());
    let about = About { adapter, entry, weight: Weight::Failed, config, issuers, now };
    about.tell(found.party, &over_ecp(found.release, Some(&found.provider)), step, report);
}

/// Whom the rules are evaluated about.
struct About<'e> {
    adapter: Adapter,
    entry: &'e Entry,
    weight: Weight,
    config: &'e Config,
    issuers: Issuers,
    now: Timestamp,
}

impl About<'_> {
    fn tell(&self, party: &RelyingParty, told: &Told<'_>, step: &str, report: &mut Report<'_>) {
        let Self { entry, issuers, now, .. } = self;
        let one_of_several = told.protocol == "ECP" && told.provider.is_none();
        let foreseen = |rule: &NameIdentifierRule| {
            let foreseen = foresee(entry, party, issuers, rule, told.release, told.provider, *now)?;
            let name = if rule.is_pairwise() && one_of_several {
                EACH_ITS_OWN.to_owned()
            } else {
                shown(foreseen.name_identifier())
            };
            Ok((foreseen, name))
        };
        let mut names = told.names.iter();
        if let Some(usual) = names.next() {
            let said = foreseen(usual).map(|(foreseen, name)| {
                let though = answered_elsewhere(self.config, told.endpoint);
                format!("issuer {}, name identifier {name}, {}{though}", foreseen.issuer(), foreseen.name_format())
            });
            entitled(self.adapter, entry, self.weight, step, said, report);
        }
        access::tell(party, entry, told.versions, self.weight, step, report);
        for rule in names {
            let asking = format!("{step}, asking for {}", rule.format());
            match foreseen(rule) {
                Ok((_, name)) => report.fine(&asking, format!("name identifier {name}")),
                Err(why) => report.note(&asking, format!("would be refused: {}", reason(why))),
            }
        }
        for attribute in told.release {
            let step = format!("{step}, claim {}", attribute.name);
            if !one_of_several && !may_have(attribute, told.provider) {
                report.note(&step, "not released to it, by what its metadata says of it");
                continue;
            }
            match evaluate(attribute, entry, party, issuers, told.provider, *now) {
                Ok(_) if one_of_several && matches!(attribute.rule.source, ValueSource::Pairwise(_)) => {
                    report.fine(&step, EACH_ITS_OWN);
                }
                Ok(values) => {
                    let values: Vec<String> = values.iter().map(|value| shown(value)).collect();
                    let to = if one_of_several && !attribute.released_to.is_empty() { ", to some" } else { "" };
                    report.fine(&step, values.join(" | ") + to);
                }
                Err(why) => report.note(&step, format!("no value: {why}")),
            }
        }
    }
}

/// What is to be added where the identity provider answers, by rules of its own; nothing where we do.
fn answered_elsewhere(config: &Config, endpoint: Endpoint) -> String {
    let key = endpoint.label();
    match config.endpoints.get(&endpoint) {
        Some(EndpointConfig::Paths(_)) => String::new(),
        Some(EndpointConfig::Shadow(_)) => {
            format!("; though endpoints.{key} is in shadow: the identity provider answers, and this is compared")
        }
        Some(EndpointConfig::Forward) | None => {
            format!("; though endpoints.{key} is forwarded: the identity provider answers")
        }
    }
}

/// A value, as much of it as fits.
pub(super) fn shown(value: &str) -> String {
    let mut rest = value.chars();
    let shown: String = rest.by_ref().take(SHOWN).collect();
    let more = rest.count();
    if more > 0 { format!("{shown}… ({more} more)") } else { shown }
}

fn entitled(
    adapter: Adapter,
    entry: &Entry,
    weight: Weight,
    step: &str,
    said: Result<String, NotEntitled>,
    report: &mut Report<'_>,
) {
    let (reason, help) = match said {
        Ok(text) => return report.fine(step, text),
        Err(NotEntitled::Group(reason)) => {
            let help = match adapter {
                Adapter::File => "add it to the user's groups in the file, or correct required_group",
                Adapter::Ldap => {
                    "add the user to it, or correct required_group; for groups of groups set ldap.nested_groups, and where the \
                     entry has no attribute of its groups, as in OpenLDAP without memberOf, ldap.group_base_dn and \
                     ldap.group_filter"
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

fn reason(why: NotEntitled) -> String {
    match why {
        NotEntitled::Group(reason)
        | NotEntitled::Issuer(reason)
        | NotEntitled::Incomplete(reason)
        | NotEntitled::Claim(reason) => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_value_the_beginning_is_shown() {
        for (value, expected) in [
            ("Zoë <z@x>", "Zoë <z@x>".to_owned()),
            (&"é".repeat(SHOWN + 7), format!("{}… (7 more)", "é".repeat(SHOWN))),
        ] {
            assert_eq!(shown(value), expected);
        }
    }
}
