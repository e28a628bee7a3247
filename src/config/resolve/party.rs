//! Whom tokens are for.

use ipnet::IpNet;

use super::access;
use super::claim::{attributes, name_identifiers};
use super::delegation;
use super::entra::{self, entra};
use super::issuer::{self, Names};
use super::preset::{self, Preset};
use super::switches;
use super::token::{encryption, longest_lifetime, renewal, warn_of_renewal};
use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, duration, flag, text, text_map, texts};
use crate::config::{EntraClaims, Off, PartyConfig, PartyMetadata};
use crate::model::{
    AttributeRelease, DirectoryAttribute, EcpRelease, EcpSwitches, IssuerChoice, NameIdentifierRule, RelyingParty,
    SignatureAlgorithm, TokenTypeSpelling, ValueSource,
};
use crate::sts::LOGIN_ATTRIBUTES;

/// `relying_parties`
pub(super) fn parties(root: &Section<'_>, proxies: &[IpNet], files: &mut Files<'_>) -> Option<Vec<PartyConfig>> {
    let domains = root.section("issuer").and_then(|issuer| issuer.get("domains", text_map));
    let names = issuer::names(root, files);
    let mut parties: Vec<Option<PartyConfig>> = Vec::new();
    let sections = root.sections("relying_parties");
    let named: Vec<String> = sections.iter().filter_map(|section| section.get("applies_to", texts)).flatten().collect();
    for section in sections {
        let party = party(&section, &named, names.as_ref(), proxies, files);
        if let Some(party) = &party {
            check_unique(&section, &party.party, parties.iter().flatten().map(|other| &other.party), files);
        }
        check_source(root, &section, files);
        if section.get("issuer", text).as_deref() == Some("by_domain") && domains.as_ref().is_some_and(Vec::is_empty) {
            let help = "list the domains in issuer.domains, or choose issuer: entity_id";
            files.report.error(&section.path("issuer"), "by_domain needs issuer.domains, which is empty", help);
        }
        parties.push(party);
    }
    check_issuers(root, parties.iter().flatten(), files);
    root.get("relying_parties", |node| crate::config::section::list(node, |_| Some(())))?;
    let parties: Vec<_> = parties.into_iter().collect::<Option<_>>()?;
    if parties.is_empty() {
        let help = "add one, such as { name: office365, preset: office365 }";
        files.report.warning("relying_parties", "is empty, so no token will be issued", help);
    } else if domains.is_some_and(|domains| !domains.is_empty()) && !parties.iter().any(chooses_by_domain) {
        let help = "add issuer: by_domain to the party that knows us by them";
        files.report.warning("issuer.domains", "is used by no relying party", help);
    }
    Some(parties)
}

/// Service providers with metadata are there for ECP alone.
pub(super) fn warn_of_forwarded_ecp(root: &Section<'_>, parties: &[PartyConfig], files: &mut Files<'_>) {
    for (section, _) in
        root.sections("relying_parties").iter().zip(parties).filter(|(_, party)| party.party.ecp.is_some())
    {
        for key in ["metadata_file", "metadata_source"].into_iter().filter(|key| section.has(key)) {
            let help = "list our paths there, unless the identity provider is to answer these, too";
            files.report.warning(&section.path(key), "is of no use while endpoints.ecp is forward", help);
        }
    }
}

/// The source that a party names must be there.
fn check_source(root: &Section<'_>, section: &Section<'_>, files: &mut Files<'_>) {
    let Some(name) = section.get("metadata_source", text) else { return };
    let sources = root.sections("metadata_sources");
    let known: Vec<String> = sources.iter().filter_map(|source| source.get("name", text)).collect();
    if !known.contains(&name) {
        let help = match known.len() {
            0 => "add it to metadata_sources".to_owned(),
            _ => format!("there are {}", known.join(", ")),
        };
        files.report.error(&section.path("metadata_source"), format!("there is no source `{name}`"), help);
    }
}

/// Entra knows a domain by an IssuerUri, and takes nothing else for one.
fn check_issuers<'p>(root: &Section<'_>, parties: impl Iterator<Item = &'p PartyConfig>, files: &mut Files<'_>) {
    let Some(issuer) = root.section("issuer") else { return };
    let office365: Vec<IssuerChoice> =
        parties.filter(|party| party.is_office365()).map(|party| party.party.issuer).collect();
    let mut issuers = Vec::new();
    if office365.contains(&IssuerChoice::EntityId) {
        issuers.extend(issuer.get("entity_id", text).map(|value| (issuer.path("entity_id"), value)));
    }
    if office365.contains(&IssuerChoice::ByDomain) {
        let domains = issuer.get("domains", text_map).unwrap_or_default();
        issuers
            .extend(domains.into_iter().map(|(domain, value)| (format!("{}.{domain}", issuer.path("domains")), value)));
    }
    for (path, value) in issuers.iter().filter(|(_, value)| !is_uri(value)) {
        let help = "write the domain's IssuerUri as Entra has it, such as http://example.com/adfs/services/trust/";
        files.report.warning(path, format!("`{value}` is not a URI, and Entra knows issuers by URIs only"), help);
    }
}

/// Whether it has a scheme and something behind (RFC 3986, 3).
fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|other| other.is_ascii_alphanumeric() || "+-.".contains(other))
            && !rest.is_empty()
            && !rest.contains(char::is_whitespace)
    })
}

/// The directory's attributes that parties get besides UPN, ImmutableID and groups.
pub(super) fn released(parties: &[PartyConfig]) -> Vec<String> {
    let mut released = Vec::new();
    for PartyConfig { party, .. } in parties {
        let ecp = party.ecp.as_ref();
        let attributes = party.attributes.iter().chain(ecp.iter().flat_map(|ecp| &ecp.attributes));
        attributes.for_each(|attribute| release(&attribute.rule.source, &mut released));
        for rule in [&party.name_identifier].into_iter().chain(ecp.iter().flat_map(|ecp| &ecp.name_identifiers)) {
            match rule {
                NameIdentifierRule::Attribute { name, .. } => released.push(name.clone()),
                NameIdentifierRule::Rule { rule, .. } => release(&rule.source, &mut released),
                NameIdentifierRule::Upn { .. }
                | NameIdentifierRule::ImmutableId { .. }
                | NameIdentifierRule::Transient => {}
            }
        }
    }
    if parties.iter().any(|party| names_users(&party.party)) {
        released.extend(LOGIN_ATTRIBUTES.map(str::to_owned));
    }
    released.retain(|name| name != "groups");
    released.sort();
    released.dedup();
    released
}

/// Whether the party's rules of delegation or of renewal name users: their logins are asked for then, and whether somebody in
/// whose place they ask could still sign in.
pub(super) fn names_users(party: &RelyingParty) -> bool {
    !party.delegation.is_empty() || party.renewal.as_ref().is_some_and(|renewal| !renewal.askers.is_empty())
}

fn release(source: &ValueSource, released: &mut Vec<String>) {
    released.extend(source.attributes().into_iter().filter_map(|attribute| match attribute {
        DirectoryAttribute::Named(name) => Some(name.clone()),
        DirectoryAttribute::Upn | DirectoryAttribute::ImmutableId | DirectoryAttribute::Groups => None,
    }));
}

fn chooses_by_domain(party: &PartyConfig) -> bool {
    party.party.issuer == IssuerChoice::ByDomain
}

/// `names` is `None` where what they are made with is wrong, which was told.
fn party(
    section: &Section<'_>,
    named: &[String],
    names: Option<&Names>,
    proxies: &[IpNet],
    files: &mut Files<'_>,
) -> Option<PartyConfig> {
    let name = section.get("name", text);
    let applies_to = section.maybe("applies_to", texts);
    let metadata_file = files.optional_file(section, "metadata_file", Privacy::Public);
    let signature = section.get("signature", text);
    if signature.as_deref() == Some("rsa-sha1") {
        let help = "use rsa-sha256 as soon as the party understands it";
        files.report.warning(&section.path("signature"), "SHA-1 is broken; signatures with it can be forged", help);
    }
    let claims = names.map(|names| (name_identifiers(section, names, files), attributes(section, names, files)));
    let entra = entra(section, proxies, files);
    let certificate_file = files.optional_file(section, "certificate_file", Privacy::Public);
    let encryption = encryption(section, files);
    let applies_to = applies_to?;
    let (names, claims) = (names?, claims?);
    let word = section.maybe("preset", text)?;
    if word.as_deref() != Some("aws") {
        preset::aws::is_idle(section, files);
    }
    let preset = match word.as_deref() {
        Some("aws") => preset::aws(section, &claims.1.clone()?.unwrap_or_default(), files)?,
        Some("openstack") => preset::openstack(),
        Some("edugain") => preset::edugain(section, names, files)?,
        Some(_office365) => preset::office365(applies_to.as_deref(), named),
        None => preset::none(),
    };
    let own = metadata_source(section, files)?.or(metadata_file?.map(PartyMetadata::File));
    let metadata = own.or_else(|| preset.metadata.clone());
    let ecp = ecp(section, &preset, names, &claims, metadata.is_some(), files)?;
    let applies_to = applies_to.unwrap_or_else(|| preset.applies_to.clone());
    if applies_to.is_empty() && ecp.is_none() {
        let help = "add applies_to for WS-Trust, ecp: true and metadata_file for ECP, or preset: office365";
        files.report.warning(section.own_path(), "takes part in no protocol", help);
    }
    if entra.as_ref().is_some_and(|entra| *entra != EntraClaims::default()) && applies_to.is_empty() {
        let help = "remove it, or add applies_to";
        files.report.warning(&section.path("entra"), "is of no use without WS-Trust", help);
    }
    let entra = entra?;
    let mut attributes = preset.with(&preset.attributes, claims.1?);
    attributes.extend(entra::rules(&entra, proxies));
    if encryption.is_some_and(|encryption| encryption.is_some()) && applies_to.is_empty() {
        let help = "add applies_to, or remove it; over ECP it is ecp.encrypt that says";
        files.report.warning(&section.path("encryption"), "is of no use without WS-Trust", help);
    }
    let lifetime = section.get("lifetime", duration)?;
    let party = RelyingParty {
        name: name?,
        applies_to,
        audience: section.maybe("audience", text)?.or(preset.audience),
        required_group: section.maybe("required_group", text)?,
        access: access::rules(section, files)?,
        issuer: match section.get("issuer", text)?.as_str() {
            "by_domain" => IssuerChoice::ByDomain,
            _ => IssuerChoice::EntityId,
        },
        signature: match signature?.as_str() {
            "rsa-sha1" => SignatureAlgorithm::RsaSha1,
            _ => SignatureAlgorithm::RsaSha256,
        },
        encryption: encryption?,
        lifetime,
        longest_lifetime: longest_lifetime(section, lifetime, files)?,
        renewal: renewal(section)?,
        remember_tokens: section.get("remember_tokens", flag)?,
        token_type_spelling: match section.maybe("token_type_spelling", text)?.as_deref() {
            Some("saml-namespace") => TokenTypeSpelling::SamlNamespace,
            Some("token-profile") => TokenTypeSpelling::TokenProfile,
            Some(_) => TokenTypeSpelling::AsAsked,
            None => preset.spelling,
        },
        name_identifier: claims.0?.into_iter().flatten().next().unwrap_or(preset.name_identifier),
        attributes,
        delegation: delegation::rules(section, files)?,
        ecp,
    };
    let (metadata, off) = match &party.ecp {
        Some(_) => (metadata, Off::default()),
        None => (None, off(section, preset.ecp.as_ref(), metadata)?),
    };
    warn_of_renewal(section, &party, files);
    let config = PartyConfig { party, metadata, off, certificate_file: certificate_file?, entra };
    entra::warn_of_others(section, &config, files);
    if config.party.encryption.is_some() && config.is_office365() {
        let help = "remove it: Office 365 takes its tokens through the client, and signed in the clear";
        files.report.warning(&section.path("encryption"), "Office 365 cannot decrypt tokens", help);
    }
    Some(config)
}

/// What a party says of its name identifier and its attributes.
type OwnClaims = (Option<Option<Vec<NameIdentifierRule>>>, Option<Option<Vec<AttributeRelease>>>);

/// What the party gets over ECP; the inner `None`: it may not use it.
fn ecp(
    section: &Section<'_>,
    preset: &Preset,
    names: &Names,
    claims: &OwnClaims,
    metadata: bool,
    files: &mut Files<'_>,
) -> Option<Option<EcpRelease>> {
    let details = section.section("ecp");
    let on = match (&details, section.maybe("ecp", text)) {
        (Some(_), _) => true,
        (None, Some(None)) => preset.ecp.is_some(),
        (None, Some(Some(word))) => word == "true",
        (None, None) => return None,
    };
    if !on {
        for key in ["metadata_file", "metadata_source"].into_iter().filter(|key| section.has(key)) {
            let help = "add ecp: true, or remove it";
            files.report.warning(&section.path(key), "is of no use without ECP", help);
        }
        return Some(None);
    }
    if !metadata {
        let help = "add it: the assertion consumer services of the party are in its metadata";
        files.report.error(&section.path("metadata_file"), "is missing", help);
    }
    let own_names = details.as_ref().map_or(Some(None), |details| name_identifiers(details, names, files));
    let own_attributes = details.as_ref().map_or(Some(None), |details| attributes(details, names, files));
    let party = || Some((claims.0.clone()?, claims.1.clone()?));
    let base = match &preset.ecp {
        // What Entra gets by WS-Trust is nothing to it by ECP.
        Some(ecp) if !preset.adds => ecp.clone(),
        Some(ecp) => {
            let (names, attributes) = party()?;
            EcpRelease {
                entity_id: ecp.entity_id.clone(),
                name_identifiers: names.unwrap_or_else(|| ecp.name_identifiers.clone()),
                attributes: preset.with(&ecp.attributes, attributes),
                switches: ecp.switches,
            }
        }
        None => {
            let (names, attributes) = party()?;
            EcpRelease {
                entity_id: String::new(),
                name_identifiers: names.unwrap_or_else(|| vec![NameIdentifierRule::Transient]),
                attributes: attributes.unwrap_or_default(),
                switches: EcpSwitches::default(),
            }
        }
    };
    let switches = match &details {
        Some(details) => switches::of(details, base.switches, files)?,
        None => base.switches,
    };
    Some(Some(EcpRelease {
        switches,
        entity_id: section.maybe("entity_id", text)?.unwrap_or(base.entity_id),
        name_identifiers: own_names?.unwrap_or(base.name_identifiers),
        attributes: preset.with(&base.attributes, own_attributes?),
    }))
}

/// Which service provider a party without ECP is.
fn off(section: &Section<'_>, preset: Option<&EcpRelease>, metadata: Option<PartyMetadata>) -> Option<Off> {
    let of_preset = preset.map(|ecp| ecp.entity_id.clone());
    let entity_id = section.maybe("entity_id", text)?.or(of_preset).filter(|id| !id.is_empty());
    let metadata_file = match metadata {
        Some(PartyMetadata::File(file)) => Some(file),
        _ => None,
    };
    Some(Off { entity_id, metadata_file })
}

/// The source of a party that has one.
fn metadata_source(section: &Section<'_>, files: &mut Files<'_>) -> Option<Option<PartyMetadata>> {
    let entity_categories = section.maybe("entity_categories", texts)?;
    let Some(name) = section.maybe("metadata_source", text)? else {
        if entity_categories.is_some() {
            let help = "add metadata_source, or remove it";
            files.report.error(&section.path("entity_categories"), "is of no use without metadata_source", help);
        }
        return Some(None);
    };
    if section.has("metadata_file") {
        let message = "is given beside metadata_file";
        files.report.error(&section.path("metadata_source"), message, "remove one of them");
    }
    if entity_categories.as_ref().is_some_and(Vec::is_empty) {
        let help = "list one at least, or remove it: every service provider counts then";
        files.report.error(&section.path("entity_categories"), "is empty", help);
    }
    Some(Some(PartyMetadata::Source { name, entity_categories: entity_categories.unwrap_or_default() }))
}

fn check_unique<'p>(
    section: &Section<'_>,
    party: &RelyingParty,
    others: impl Iterator<Item = &'p RelyingParty>,
    files: &mut Files<'_>,
) {
    for other in others {
        if other.name == party.name {
            let message = format!("`{}` is the name of another party", party.name);
            files.report.error(&section.path("name"), message, "give each its own name");
        }
        let shared = party.applies_to.iter().filter(|address| other.applies_to.contains(address));
        // Two parties with the same preset have all of its addresses in common.
        let all = if section.has("applies_to") { usize::MAX } else { 1 };
        for address in shared.take(all) {
            let message = format!("`{address}` already means the party `{}`", other.name);
            files.report.error(&section.path("applies_to"), message, "an address means one party");
        }
        let entity_id = |party: &RelyingParty| party.ecp.as_ref().map(|ecp| ecp.entity_id.clone());
        if entity_id(party).is_some_and(|id| !id.is_empty() && entity_id(other) == Some(id)) {
            let message = format!("is the one of the party `{}`, too", other.name);
            files.report.error(&section.path("entity_id"), message, "an entityID means one party");
        }
    }
}
