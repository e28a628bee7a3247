//! The rules of claims, as they would be typed.

use serde_json::{Map, Value, json};

use super::object;
use crate::config::EntraClaims;
use crate::model::{
    AttributeRelease, DirectoryAttribute, Encoding, LetterCase, NameIdentifierRule, PairwiseAlgorithm, PairwiseRule,
    ReleasedTo, ValueRule, ValueSource,
};

/// `name_identifier`
pub(super) fn name_identifier(rule: &NameIdentifierRule) -> Value {
    match rule {
        NameIdentifierRule::ImmutableId { format } => json!({ "from": "immutable_id", "format": format }),
        NameIdentifierRule::Attribute { name, format } => json!({ "from": name, "format": format }),
        NameIdentifierRule::Upn { format } => json!({ "from": "upn", "format": format }),
        NameIdentifierRule::Rule { rule, format } => {
            let mut keys = Map::from_iter(value_rule(rule));
            keys.insert("format".to_owned(), json!(format));
            keys.into()
        }
        NameIdentifierRule::Transient => json!({ "from": "transient" }),
    }
}

/// The same, of several.
pub(super) fn name_identifiers(rules: &[NameIdentifierRule]) -> Value {
    match rules {
        [only] => name_identifier(only),
        several => several.iter().map(name_identifier).collect(),
    }
}

/// `attributes`; what `entra` stands for is left to it.
pub(super) fn attributes(attributes: &[AttributeRelease]) -> Value {
    let attribute = |attribute: &AttributeRelease| {
        let mut keys = Map::new();
        keys.insert("name".to_owned(), json!(attribute.name));
        keys.extend(value_rule(&attribute.rule));
        let others = object([
            ("namespace", attribute.namespace.as_ref().map(|namespace| json!(namespace))),
            ("name_format", attribute.name_format.as_ref().map(|format| json!(format))),
            ("friendly_name", attribute.friendly_name.as_ref().map(|name| json!(name))),
            ("required", Some(json!(attribute.required))),
            ("released_to", (!attribute.released_to.is_empty()).then(|| released_to(&attribute.released_to))),
        ]);
        keys.extend(others.as_object().cloned().unwrap_or_default());
        Value::from(keys)
    };
    attributes.iter().map(attribute).collect()
}

fn released_to(all: &[ReleasedTo]) -> Value {
    let one = |to: &ReleasedTo| {
        let category = to.category.as_ref().map(|category| json!(category));
        object([("category", category), ("requested", Some(json!(to.requested)))])
    };
    all.iter().map(one).collect()
}

/// The keys of a rule.
fn value_rule(rule: &ValueRule) -> impl Iterator<Item = (String, Value)> {
    let names =
        |attributes: &[DirectoryAttribute]| json!(attributes.iter().map(DirectoryAttribute::name).collect::<Vec<_>>());
    let source = match &rule.source {
        ValueSource::Attribute(attribute) => Some(("from", json!(attribute.name()))),
        ValueSource::Constant(values) => Some(("value", json!(values))),
        ValueSource::Template(template) => Some(("template", json!(template.text()))),
        ValueSource::FirstOf(attributes) => Some(("first_of", names(attributes))),
        ValueSource::Roles(roles) => {
            let roles: Map<_, _> = roles.iter().map(|(group, role)| (group.clone(), json!(role))).collect();
            Some(("roles", roles.into()))
        }
        ValueSource::Pairwise(rule) => Some(("pairwise", json!(rule.source.name()))),
        ValueSource::SignIn(_) => None,
    };
    let algorithm = match &rule.source {
        ValueSource::Pairwise(PairwiseRule { algorithm: PairwiseAlgorithm::Shibboleth, .. }) => Some("shibboleth"),
        _ => None,
    };
    let encoding = rule.encoding.map(|encoding| match encoding {
        Encoding::Base64 => "base64",
        Encoding::Base32 => "base32",
        Encoding::Hex => "hex",
        Encoding::Guid => "guid",
    });
    let pattern = rule.pattern.as_ref().map(|pattern| {
        let replace = pattern.replacement().map(|replace| json!(replace));
        object([("pattern", Some(json!(pattern.text()))), ("replace", replace)])
    });
    let case = rule.case.map(|case| match case {
        LetterCase::Lower => "lower",
        LetterCase::Upper => "upper",
    });
    let changes = [
        algorithm.map(|algorithm| ("algorithm", json!(algorithm))),
        encoding.map(|encoding| ("encode", json!(encoding))),
        pattern.map(|pattern| ("match", pattern)),
        case.map(|case| ("case", json!(case))),
        rule.scope.as_ref().map(|scope| ("scope", json!(scope))),
        rule.only_first.then(|| ("only_first", json!(true))),
    ];
    source.into_iter().chain(changes.into_iter().flatten()).map(|(key, value)| (key.to_owned(), value))
}

/// `entra`, where anything of it is on.
pub(super) fn entra(entra: &EntraClaims) -> Option<Value> {
    if *entra == EntraClaims::default() {
        return None;
    }
    let networks: Vec<_> = entra.inside_corporate_network.iter().map(ToString::to_string).collect();
    Some(object([
        ("inside_corporate_network", (!networks.is_empty()).then(|| json!(networks))),
        (
            "password_expiry",
            entra.password_expiry.as_ref().map(|expiry| {
                let change_url = expiry.change_url.as_ref().map(|url| json!(url));
                object([("attribute", Some(json!(expiry.attribute))), ("change_url", change_url)])
            }),
        ),
        ("account_type", Some(json!(entra.account_type))),
        ("issuer_id", Some(json!(entra.issuer_id))),
        ("authentication_instant", Some(json!(entra.authentication_instant))),
    ]))
}
