//! Access rules.

use serde_json::{Value, json};

use super::object;
use crate::model::{AccessRule, Protocol};

/// The rules of a party that has some.
pub(super) fn rules(rules: &[AccessRule]) -> Option<Value> {
    (!rules.is_empty()).then(|| rules.iter().map(rule).collect())
}

fn rule(rule: &AccessRule) -> Value {
    let some = |values: Vec<String>| (!values.is_empty()).then(|| json!(values));
    let whom = if rule.is_for_everybody() {
        json!("everybody")
    } else {
        object([
            ("networks", some(rule.networks.iter().map(ToString::to_string).collect())),
            ("forwarded", rule.forwarded.map(|forwarded| json!(forwarded))),
            ("protocols", some(rule.protocols.iter().map(|protocol| Protocol::label(*protocol).to_owned()).collect())),
            ("applications", some(rule.applications.clone())),
            ("groups", some(rule.groups.clone())),
        ])
    };
    object([(if rule.allows { "allow" } else { "deny" }, Some(whom))])
}
