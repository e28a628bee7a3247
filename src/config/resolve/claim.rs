//! The rules by which claims are made: one source each, and what becomes of its values.

use super::issuer::Names;
use crate::config::files::Files;
use crate::config::section::{Section, flag, list, text, text_map, texts};
use crate::config::tree::{Node, Value};
use crate::model::{
    AttributeRelease, DirectoryAttribute, Encoding, LetterCase, NameIdentifierRule, PairwiseAlgorithm, PairwiseRule,
    Pattern, PatternError, ReleasedTo, Template, ValueRule, ValueSource, claim_uri,
};
use crate::saml::names::{NAMEID_PERSISTENT, NAMEID_UNSPECIFIED};
use crate::xml::is_xml_text;

/// Where values can come from.
const SOURCES: [&str; 6] = ["from", "value", "template", "first_of", "roles", "pairwise"];
/// Where a name identifier can come from: it is another for each user, and one.
const SOURCES_OF_NAMES: [&str; 4] = ["from", "template", "first_of", "pairwise"];
/// What can become of them, and the sources for which that says something.
const CHANGES: [(&str, &[&str]); 6] = [
    ("algorithm", &["pairwise"]),
    ("encode", &["from", "first_of", "pairwise"]),
    ("match", &["from", "first_of", "template", "pairwise"]),
    ("case", &["from", "first_of", "template", "pairwise"]),
    ("scope", &["from", "first_of", "template", "pairwise"]),
    ("only_first", &["from", "first_of", "roles"]),
];

/// `attributes`, if it is there.
pub(super) fn attributes(
    section: &Section<'_>,
    names: &Names,
    files: &mut Files<'_>,
) -> Option<Option<Vec<AttributeRelease>>> {
    if section.get("attributes", |node| list(node, |_| Some(()))).is_none() {
        return if section.has("attributes") { None } else { Some(None) };
    }
    let sections = section.sections("attributes");
    let attributes: Vec<_> = sections.iter().map(|section| attribute(section, names, files)).collect();
    attributes.into_iter().collect::<Option<_>>().map(Some)
}

/// `name_identifier`, if it is there: one, or several, the one to be preferred first.
pub(super) fn name_identifiers(
    section: &Section<'_>,
    names: &Names,
    files: &mut Files<'_>,
) -> Option<Option<Vec<NameIdentifierRule>>> {
    if !section.has("name_identifier") {
        return Some(None);
    }
    let sections = section.sections("name_identifier");
    if sections.is_empty() {
        if section.get("name_identifier", |node| list(node, |_| Some(()))).is_some_and(|list| list.is_empty()) {
            files.report.error(&section.path("name_identifier"), "is empty", "remove it, or name one");
        }
        return None;
    }
    let rules: Vec<_> = sections.iter().map(|section| name_identifier(section, names, files)).collect();
    let rules: Vec<NameIdentifierRule> = rules.into_iter().collect::<Option<_>>()?;
    for (number, rule) in rules.iter().enumerate() {
        if rules.iter().take(number).any(|earlier| earlier.format() == rule.format()) {
            let path = format!("{}[{number}]", section.path("name_identifier"));
            let message = format!("is the second of the format {}, and the first is given", rule.format());
            files.report.error(&path, message, "remove one of them, or give it another format");
        }
    }
    Some(Some(rules))
}

fn name_identifier(section: &Section<'_>, names: &Names, files: &mut Files<'_>) -> Option<NameIdentifierRule> {
    let format = section.maybe("format", text);
    let rule = value_rule(section, &SOURCES_OF_NAMES, names, files)?;
    let usual = if section.has("pairwise") { NAMEID_PERSISTENT } else { NAMEID_UNSPECIFIED };
    let format = format?.unwrap_or_else(|| usual.to_owned());
    Some(match rule {
        ValueRule { source: ValueSource::Attribute(attribute), .. } if plain(section) => match attribute {
            DirectoryAttribute::Upn => NameIdentifierRule::Upn { format },
            DirectoryAttribute::ImmutableId => NameIdentifierRule::ImmutableId { format },
            DirectoryAttribute::Named(name) if name == "transient" => NameIdentifierRule::Transient,
            other => NameIdentifierRule::Attribute { name: other.name().to_owned(), format },
        },
        ValueRule { source: ValueSource::Attribute(DirectoryAttribute::Named(name)), .. } if name == "transient" => {
            let help = "remove what else is said of it: it is drawn at random";
            files.report.error(&section.path("from"), "a transient name is no value that could become another", help);
            return None;
        }
        rule => NameIdentifierRule::Rule { rule, format },
    })
}

fn attribute(section: &Section<'_>, names: &Names, files: &mut Files<'_>) -> Option<AttributeRelease> {
    let (name, namespace) = (section.get("name", text), section.maybe("namespace", text));
    if let (Some(name), Some(namespace)) = (&name, &namespace) {
        no_second_factor(section, &claim_uri(namespace.as_deref(), name), files);
    }
    let rule = value_rule(section, &SOURCES, names, files);
    let released_to = released_to(section, files);
    Some(AttributeRelease {
        name: name?,
        namespace: namespace?,
        name_format: section.maybe("name_format", text)?,
        friendly_name: section.maybe("friendly_name", text)?,
        rule: rule?,
        required: section.get("required", flag)?,
        released_to: released_to?,
    })
}

/// `released_to`; empty: to all.
fn released_to(section: &Section<'_>, files: &mut Files<'_>) -> Option<Vec<ReleasedTo>> {
    let mut all = Vec::new();
    for section in section.sections("released_to") {
        let to = ReleasedTo { category: section.maybe("category", text)?, requested: section.get("requested", flag)? };
        if to == ReleasedTo::default() {
            let help = "name a category, write requested: true, or remove it";
            files.report.error(section.own_path(), "names no service provider", help);
        }
        all.push(to);
    }
    if section.has("released_to") && all.is_empty() {
        let help = "remove it, which releases it to all, or remove the attribute";
        files.report.error(&section.path("released_to"), "names no service provider", help);
        return None;
    }
    Some(all)
}

/// Claims by which Entra takes it that a second factor was shown. None was: we check passwords.
fn no_second_factor(section: &Section<'_>, uri: &str, files: &mut Files<'_>) {
    const NAMES: [&str; 3] = ["authnmethodsreferences", "authenticationmethod", "multifactorauthenticationinstant"];
    let uri = uri.trim().trim_end_matches('/').to_ascii_lowercase();
    let last = uri.rsplit(['/', '#', ':']).next().unwrap_or_default();
    if NAMES.contains(&last) {
        let message = format!("`{last}` tells a relying party of a second factor, and only a password was checked");
        let help = "remove it, and have the relying party ask for its second factor itself";
        files.report.error(&section.path("name"), message, help);
    }
}

fn value_rule(
    section: &Section<'_>,
    known: &[&'static str],
    names: &Names,
    files: &mut Files<'_>,
) -> Option<ValueRule> {
    let named = one_source(section, known, files)?;
    let mut fits = true;
    for (change, sources) in CHANGES.iter().filter(|(change, _)| is_set(section, change)) {
        if !sources.contains(&named) {
            let help = match named {
                "value" => "write the value as it is to be".to_owned(),
                _ => format!("remove it, or take the values by {}", sources.join(" or ")),
            };
            files.report.error(&section.path(change), format!("does nothing to what `{named}` makes"), help);
            fits = false;
        }
    }
    let source = source(section, named, names, files);
    let pattern = pattern(section, files);
    let encoding = section.maybe("encode", text)?.map(|word| match word.as_str() {
        "base32" => Encoding::Base32,
        "hex" => Encoding::Hex,
        "guid" => Encoding::Guid,
        _ => Encoding::Base64,
    });
    let case = section.maybe("case", text)?;
    let case = case.map(|word| if word == "upper" { LetterCase::Upper } else { LetterCase::Lower });
    let scope = scope(section, files);
    let only_first = section.maybe("only_first", flag)?.unwrap_or(false);
    let rule = ValueRule { source: source?, encoding, pattern: pattern?, case, scope: scope?, only_first };
    fits.then_some(rule)
}

/// The key that says where the values come from. Roles are given by groups, which may be said.
fn one_source(section: &Section<'_>, known: &[&'static str], files: &mut Files<'_>) -> Option<&'static str> {
    let roles_of_groups =
        section.has("roles") && section.get("from", text).as_deref().is_none_or(|from| from == "groups");
    let mut said = known.iter().copied().filter(|key| section.has(key) && !(roles_of_groups && *key == "from"));
    let Some(first) = said.next() else {
        let help = format!("add one of {}", known.join(", "));
        files.report.error(section.own_path(), "does not say where its value comes from", help);
        return None;
    };
    let mut alone = true;
    for other in said {
        let help = match (first, other) {
            ("from", "roles") => "roles are given by groups: remove from, or write from: groups".to_owned(),
            _ => format!("keep one of {first} and {other}; for the first that has a value, use first_of"),
        };
        files.report.error(&section.path(other), format!("cannot stand beside `{first}`"), help);
        alone = false;
    }
    alone.then_some(first)
}

/// `scope`, if it is there.
fn scope(section: &Section<'_>, files: &mut Files<'_>) -> Option<Option<String>> {
    let scope = section.maybe("scope", text)?;
    if let Some(scope) = scope.as_ref().filter(|scope| !is_scope(scope)) {
        files.report.error(
            &section.path("scope"),
            format!("`{scope}` is no scope"),
            "write a domain, such as example.org",
        );
    }
    Some(scope)
}

/// Whether it may stand behind the `@` of a scoped attribute (`saml-subject-id-attr-v1.0-cs01`, 3.3.1).
pub(super) fn is_scope(text: &str) -> bool {
    text.len() <= 127
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|other| other.is_ascii_alphanumeric() || "-.".contains(other))
}

fn source(section: &Section<'_>, named: &str, names: &Names, files: &mut Files<'_>) -> Option<ValueSource> {
    let path = section.path(named);
    let nothing = |files: &mut Files<'_>, help: &str| {
        files.report.error(&path, "is empty", help);
        None
    };
    Some(match named {
        "value" => {
            let values = section.get("value", one_or_many)?;
            for value in &values {
                constant(&path, value, files)?;
            }
            if values.is_empty() {
                return nothing(files, "write the value");
            }
            ValueSource::Constant(values)
        }
        "template" => {
            let text = section.get("template", text)?;
            let template = Template::parse(&text, |name| {
                let spaced = name.contains(char::is_whitespace);
                if spaced {
                    Err(format!("has `{{{name}}}`, and no attribute has a space in its name"))
                } else {
                    Ok(DirectoryAttribute::new(name))
                }
            });
            match template {
                Ok(template) if template.places().next().is_none() => {
                    let help = "write attributes as in \"{givenName} {sn}\", or use value";
                    files.report.error(&path, "names no attribute", help);
                    return None;
                }
                Ok(template) => {
                    constant(&path, &text, files)?;
                    ValueSource::Template(template)
                }
                Err(why) => {
                    files.report.error(&path, why, "write {attribute}, and {{ or }} for a brace");
                    return None;
                }
            }
        }
        "first_of" => {
            let names = section.get("first_of", texts)?;
            if names.is_empty() {
                return nothing(files, "name the attributes, the one to be preferred first");
            }
            ValueSource::FirstOf(names.iter().map(|name| DirectoryAttribute::new(name)).collect())
        }
        "roles" => {
            let roles = section.get("roles", text_map)?;
            for (_, role) in &roles {
                constant(&path, role, files)?;
            }
            if roles.is_empty() {
                return nothing(files, "write group: role");
            }
            ValueSource::Roles(roles)
        }
        "pairwise" => {
            let source = DirectoryAttribute::new(&section.get("pairwise", text)?);
            let algorithm = match section.maybe("algorithm", text)?.as_deref() {
                Some("shibboleth") => PairwiseAlgorithm::Shibboleth,
                _ => PairwiseAlgorithm::HmacSha256,
            };
            match names.salt.clone() {
                Some(salt) => ValueSource::Pairwise(PairwiseRule { source, algorithm, salt }),
                None => {
                    let help =
                        "add it: a file with a secret that is kept for ever, such as openssl rand -base64 36 makes";
                    files.report.error(&path, "needs issuer.name_salt_file", help);
                    return None;
                }
            }
        }
        _ => ValueSource::Attribute(DirectoryAttribute::new(&section.get("from", text)?)),
    })
}

/// What everybody would be told, whole or in part.
fn constant(path: &str, value: &str, files: &mut Files<'_>) -> Option<()> {
    if !is_xml_text(value) {
        files.report.error(path, "has a character that XML cannot hold", "remove the control character");
        return None;
    }
    let lower = value.to_ascii_lowercase();
    if ["multipleauthn", "wiaormultiauthn"].iter().any(|second_factor| lower.contains(second_factor)) {
        let message = format!("`{value}` says that a second factor was shown, and only a password was checked");
        files.report.error(path, message, "remove it");
        return None;
    }
    Some(())
}

fn pattern(section: &Section<'_>, files: &mut Files<'_>) -> Option<Option<Pattern>> {
    if !section.has("match") {
        return Some(None);
    }
    let section = section.section("match")?;
    let (pattern, replace) = (section.get("pattern", text)?, section.maybe("replace", text)?);
    constant(&section.path("replace"), replace.as_deref().unwrap_or_default(), files)?;
    match Pattern::compile(&pattern, replace.as_deref()) {
        Ok(pattern) => Some(Some(pattern)),
        Err(PatternError::Pattern(why)) => {
            let help = "write a regular expression of Rust's regex crate, which the whole value must match";
            files.report.error(&section.path("pattern"), why, help);
            None
        }
        Err(PatternError::Replace(why)) => {
            let help = "write {1} or {name} for a group of the pattern, {0} for the value, {{ or }} for a brace";
            files.report.error(&section.path("replace"), why, help);
            None
        }
    }
}

/// Whether nothing becomes of the values.
fn plain(section: &Section<'_>) -> bool {
    CHANGES.iter().all(|(change, _)| !is_set(section, change))
}

fn is_set(section: &Section<'_>, change: &str) -> bool {
    section.has(change) && section.get(change, flag) != Some(false)
}

fn one_or_many(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::List(_) => texts(node),
        _ => text(node).map(|value| vec![value]),
    }
}
