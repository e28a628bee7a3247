//! The file's text, and what it means.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::hashing;
use crate::config::{AttributeNames, DirectoryConfig};
use crate::model::{AttributeValue, Attributes, Entry, EntryId, Username};

/// What is wrong with the file, and what to do.
pub(super) struct Wrong {
    pub(super) problem: String,
    pub(super) remedy: &'static str,
}

/// What stands in the file.
pub(super) const A_USER: &str = "below users: each has a name and a password_hash (argon2id as a PHC string: echo -n PASSWORD | \
    argon2 SALT -id -e), and may have a upn, an immutable_id, aliases: […], groups: […], attributes: { name: value } and \
    disabled: true; `make demo` writes an example to target/demo/users.yaml";

/// A user as looked up.
pub(super) struct User {
    /// Folded, each once.
    names: Vec<String>,
    pub(super) entry: Arc<Entry>,
    pub(super) password_hash: Arc<str>,
    pub(super) disabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    users: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    upn: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    password_hash: String,
    immutable_id: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    disabled: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Reads the users.
pub(super) fn parse(text: &str, config: &DirectoryConfig) -> Result<Vec<User>, Wrong> {
    let file: File =
        serde_yaml::from_str(text).map_err(|error| Wrong { problem: without_values(&error), remedy: A_USER })?;
    file.users.into_iter().map(|record| user(record, config)).collect()
}

/// What is wrong and where. What the parser quotes may be a hash, or a key where another file was named by mistake.
fn without_values(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    if !["invalid type", "invalid value"].iter().any(|quoting| text.contains(quoting)) {
        return text;
    }
    let place = error.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
    format!("what stands{} is not what belongs there", place.unwrap_or_default())
}

/// Every name, folded, and whose it is.
pub(super) fn index(users: &[User]) -> Result<HashMap<String, usize>, Wrong> {
    let mut index = HashMap::new();
    for (at, user) in users.iter().enumerate() {
        for name in &user.names {
            if index.insert(name.clone(), at).is_some() {
                return Err(Wrong {
                    problem: format!("two users have the name {name}"),
                    remedy: "give each name, UPN and alias to one user",
                });
            }
        }
    }
    Ok(index)
}

fn user(record: Record, config: &DirectoryConfig) -> Result<User, Wrong> {
    let login = Username::new(record.name.as_str()).folded();
    if login.is_empty() {
        return Err(Wrong { problem: "a user's name is empty".to_owned(), remedy: "give every user a name" });
    }
    if !hashing::is_usable(&record.password_hash) {
        return Err(Wrong {
            problem: format!("the password_hash of user {} is not an argon2id PHC string", record.name),
            remedy: "make one: echo -n PASSWORD | argon2 SALT -id -e; it begins with $argon2id$v=19$",
        });
    }
    let mut names = vec![login.clone()];
    for name in record.upn.iter().chain(&record.aliases).map(|name| Username::new(name.as_str()).folded()) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let attributes = attributes(&record, &config.attributes);
    let entry = Entry {
        id: EntryId { directory: config.name.as_str().into(), entry: login.as_str().into() },
        bind_name: login.into(),
        upn: record.upn,
        immutable_id: record.immutable_id,
        groups: record.groups,
        attributes,
        own_count: None,
    };
    let (entry, password_hash) = (Arc::new(entry), record.password_hash.into());
    Ok(User { names, entry, password_hash, disabled: record.disabled })
}

/// Those in the file, and UPN, ImmutableID and groups under the names by which the configuration knows them, as LDAP has.
fn attributes(record: &Record, names: &AttributeNames) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, values) in &record.attributes {
        let values = match values {
            OneOrMany::One(value) => std::slice::from_ref(value),
            OneOrMany::Many(values) => values.as_slice(),
        };
        values.iter().for_each(|value| attributes.add(name, AttributeValue::Text(value.clone())));
    }
    let mut derive = |name: &str, values: Vec<AttributeValue>| {
        if attributes.all(name).is_empty() {
            values.into_iter().for_each(|value| attributes.add(name, value));
        }
    };
    let text = |value: &String| AttributeValue::Text(value.clone());
    derive(&names.upn, record.upn.iter().map(text).collect());
    derive(&names.groups, record.groups.iter().map(text).collect());
    let octets = |value: &String| match STANDARD.decode(value) {
        Ok(octets) if names.immutable_id.first().is_some_and(|name| names.is_octets(name)) => {
            AttributeValue::Binary(octets)
        }
        _ => text(value),
    };
    for name in &names.immutable_id {
        derive(name, record.immutable_id.iter().map(octets).collect());
    }
    attributes
}
