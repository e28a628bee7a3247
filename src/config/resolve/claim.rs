//! The rules by which claims are made: one source each, and what becomes of its values.

use crate::config::files::Files;
use crate::config::section::{Section, flag, list, text, text_map, texts};
use crate::config::tree::{Node, Value};
use crate::model::{
    AttributeRelease, DirectoryAttribute, Encoding, LetterCase, NameIdentifierRule, Pattern, PatternError, Template,
    ValueRule, ValueSource, claim_uri,
};
use crate::xml::is_xml_text;

/// Where values can come from.
const SOURCES: [&str; 5] = ["from", "value", "template", "first_of", "roles"];
/// Where a name identifier can come from: it is another for each user, and one.
const SOURCES_OF_NAMES: [&str; 3] = ["from", "template", "first_of"];
/// What can become of them, and the sources for which that says something.
const CHANGES: [(&str, &[&str]); 4] = [
    ("encode", &["from", "first_of"]),
    ("match", &["from", "first_of", "template"]),
    ("case", &["from", "first_of", "template"]),
    ("only_first", &["from", "first_of", "roles"]),
];

/// `attributes`, if it is there.
pub(super) fn attributes(section: &Section<'_>, files: &mut Files<'_>) -> Option<Option<Vec<AttributeRelease>>> {
    if section.get("attributes", |node| list(node, |_| Some(()))).is_none() {
        return if section.has("attributes") { None } else { Some(None) };
    }
    let attributes: Vec<_> = section.sections("attributes").iter().map(|section| attribute(section, files)).collect();
    attributes.into_iter().collect::<Option<_>>().map(Some)
}

/// `name_identifier`, if it is there.
pub(super) fn name_identifier(section: &Section<'_>, files: &mut Files<'_>) -> Option<Option<NameIdentifierRule>> {
    if !section.has("name_identifier") {
        return Some(None);
    }
    let section = section.section("name_identifier")?;
    let format = section.get("format", text);
    let rule = value_rule(&section, &SOURCES_OF_NAMES, files)?;
    let format = format?;
    Some(Some(match rule {
        ValueRule { source: ValueSource::Attribute(attribute), .. } if plain(&section) => match attribute {
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
    }))
}

fn attribute(section: &Section<'_>, files: &mut Files<'_>) -> Option<AttributeRelease> {
    let (name, namespace) = (section.get("name", text), section.maybe("namespace", text));
    if let (Some(name), Some(namespace)) = (&name, &namespace) {
        no_second_factor(section, &claim_uri(namespace.as_deref(), name), files);
    }
    let rule = value_rule(section, &SOURCES, files);
    Some(AttributeRelease {
        name: name?,
        namespace: namespace?,
        name_format: section.maybe("name_format", text)?,
        friendly_name: section.maybe("friendly_name", text)?,
        rule: rule?,
        required: section.get("required", flag)?,
    })
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

fn value_rule(section: &Section<'_>, known: &[&'static str], files: &mut Files<'_>) -> Option<ValueRule> {
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
    let source = source(section, named, files);
    let pattern = pattern(section, files);
    let encoding = section.maybe("encode", text)?.map(|word| match word.as_str() {
        "hex" => Encoding::Hex,
        "guid" => Encoding::Guid,
        _ => Encoding::Base64,
    });
    let case = section.maybe("case", text)?;
    let case = case.map(|word| if word == "upper" { LetterCase::Upper } else { LetterCase::Lower });
    let only_first = section.maybe("only_first", flag)?.unwrap_or(false);
    let rule = ValueRule { source: source?, encoding, pattern: pattern?, case, only_first };
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

fn source(section: &Section<'_>, named: &str, files: &mut Files<'_>) -> Option<ValueSource> {
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
