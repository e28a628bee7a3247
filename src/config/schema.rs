//! The JSON Schema of `proxy.yaml`, for editors: `config schema`.

use serde_json::{Map, Value, json};

use super::keys::{Key, Kind, Need, ROOT, Spec};
use super::tree;

/// A variable in place of a value that is no text.
const VARIABLE: &str = r"\$\{[A-Za-z0-9_]+\}";

/// The schema, draft 2020-12.
pub fn schema() -> String {
    let mut schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "proxy.yaml" });
    if let (Some(schema), Value::Object(root)) = (schema.as_object_mut(), section(&ROOT)) {
        schema.extend(root);
    }
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

fn section(spec: &'static Spec) -> Value {
    let required: Vec<_> =
        spec.keys.iter().filter(|key| matches!(key.need, Need::Required)).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": spec.doc,
        "properties": spec.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect::<Map<_, _>>(),
        "additionalProperties": false,
    });
    if !required.is_empty() {
        insert(&mut schema, "required", json!(required));
    } else {
        // A section of which nothing is said is the same as none.
        insert(&mut schema, "type", json!(["object", "null"]));
    }
    schema
}

fn property(key: &'static Key) -> Value {
    let mut schema = kind(&key.kind);
    insert(&mut schema, "description", json!(key.doc));
    if let Need::Default(text) = key.need {
        insert(&mut schema, "default", default(text, &key.kind));
    }
    schema
}

fn kind(of: &'static Kind) -> Value {
    match of {
        Kind::Text | Kind::File | Kind::NewFile => json!({ "type": ["string", "number", "boolean"], "minLength": 1 }),
        Kind::Secret => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Flag => or_variable(json!({ "type": "boolean" })),
        Kind::Ratio => or_variable(json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        Kind::Count(least, most) => or_variable(json!({ "type": "integer", "minimum": least, "maximum": most })),
        Kind::Duration | Kind::Delay => pattern("[0-9]+(ms|s|m|h|d)"),
        Kind::Instant => pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[+-][0-9:]+)"),
        Kind::Size => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, pattern("[0-9]+(B|KiB|MiB|GiB)?")] })
        }
        Kind::Address => pattern(r"([0-9.]+|\[[0-9A-Fa-f:.%]+\]):[0-9]+"),
        Kind::Network => pattern("[0-9A-Fa-f:.]+(/[0-9]+)?"),
        Kind::Server(schemes) => pattern(&format!("({})://[^/?#@]+/?", schemes.join("|"))),
        Kind::HttpPath => pattern(r"/[^\s#]*"),
        Kind::Word(words) => {
            or_variable(json!({ "enum": words.iter().flat_map(|word| scalars(word)).collect::<Vec<_>>() }))
        }
        Kind::List(item) => json!({ "type": "array", "items": kind(item) }),
        Kind::OneOrMany(item) => json!({ "anyOf": [kind(item), { "type": "array", "items": kind(item) }] }),
        Kind::Map(item) => json!({ "type": "object", "additionalProperties": kind(item) }),
        Kind::Section(spec) => section(spec),
        Kind::ListOrSection(item, spec) => {
            json!({ "anyOf": [{ "type": "array", "items": kind(item) }, section(spec)] })
        }
        Kind::WordOr(words, other) => {
            let words: Vec<_> = words.iter().flat_map(|word| scalars(word)).collect();
            json!({ "anyOf": [{ "enum": words }, kind(other)] })
        }
    }
}

fn pattern(value: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^({value}|.*{VARIABLE}.*)$") })
}

fn or_variable(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "pattern": VARIABLE }] })
}

/// A word as text and, where YAML would read it so, as a number or boolean.
fn scalars(word: &str) -> Vec<Value> {
    let other = serde_json::from_str(word).ok().filter(|value: &Value| value.is_number() || value.is_boolean());
    other.into_iter().chain([json!(word)]).collect()
}

/// A default as JSON. That of a section is made of the defaults of its keys.
fn default(text: &str, of: &Kind) -> Value {
    match tree::parse(text) {
        Ok(node) => json_value(&node.value, of),
        Err(_) => Value::Null,
    }
}

fn json_value(value: &tree::Value, of: &Kind) -> Value {
    match value {
        tree::Value::Scalar(text) => match of {
            Kind::Flag | Kind::Ratio | Kind::Count(..) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Kind::Word(words) if words.contains(&text.as_str()) => {
                scalars(text).into_iter().next().unwrap_or(Value::Null)
            }
            _ => json!(text),
        },
        tree::Value::List(items) => items.iter().map(|item| json_value(&item.value, of)).collect(),
        tree::Value::Map(_) => json!({}),
        tree::Value::Null | tree::Value::Invalid => Value::Null,
    }
}

fn insert(schema: &mut Value, key: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
}
