//! What access rules say of sign-ins, through the configuration that operators write: every file in `tests/data/access` and the
//! `.expected` beside it (`UPDATE_EXPECT=1 cargo test --test access` writes them anew).

mod cases;

use std::fmt::Write as _;
use std::path::Path;

use cases::{cases, compare, configuration};
use fedfront::model::{AccessRule, Origin, Protocol};
use fedfront::sts::{Access, Approach, access, prospects, why_denied};
use serde_json::Value;

#[test]
fn every_rule_says_what_is_said() {
    for (case, document) in cases("access") {
        let rules = rules(&case, &document);
        let mut told = String::new();
        for attempt in list(&document["attempts"]) {
            writeln!(told, "{}", serde_json::to_string(attempt).unwrap()).unwrap();
            let (origin, forwarded, protocol) = approach(attempt);
            let before = Approach { origin: &origin, forwarded, protocol: Some(protocol), groups: None };
            let of_all = said(&rules, &before);
            writeln!(told, "  {of_all}").unwrap();
            for user in list(&document["users"]) {
                let groups = texts(user);
                let of_user = said(&rules, &Approach { groups: Some(&groups), ..before });
                if of_user != of_all {
                    writeln!(told, "    {user}: {of_user}").unwrap();
                }
            }
        }
        for (user, protocol) in list(&document["users"]).flat_map(|user| Protocol::ALL.map(|protocol| (user, protocol)))
        {
            let numbers: Vec<usize> =
                prospects(&rules, protocol, &texts(user)).into_iter().map(|(number, _)| number).collect();
            writeln!(told, "{user} by {}: {numbers:?}", protocol.label()).unwrap();
        }
        compare(&case, &told);
    }
}

/// What is decided before anybody is asked holds for everybody, and what cannot be decided then does not.
#[test]
fn what_is_decided_without_groups_holds_for_every_group() {
    let (mut decided, mut open) = (0, 0);
    for (case, document) in cases("access") {
        let rules = rules(&case, &document);
        let mut everyone: Vec<Vec<String>> = vec![Vec::new()];
        for group in rules.iter().flat_map(|rule| rule.groups.clone()) {
            let with: Vec<Vec<String>> =
                everyone.iter().map(|groups| groups.iter().cloned().chain([group.clone()]).collect()).collect();
            everyone.extend(with);
        }
        for attempt in list(&document["attempts"]) {
            let (origin, forwarded, protocol) = approach(attempt);
            let before = Approach { origin: &origin, forwarded, protocol: Some(protocol), groups: None };
            let allowed =
                |groups: &Vec<String>| access(&rules, &Approach { groups: Some(groups), ..before }) == Access::Allowed;
            let (some, all) = (everyone.iter().any(allowed), everyone.iter().all(allowed));
            match access(&rules, &before) {
                Access::Allowed => assert!(all, "{attempt}"),
                Access::Denied(_) => assert!(!some, "{attempt}"),
                Access::NeedsGroups => assert!(some && !all, "{attempt}"),
            }
            if some == all { decided += 1 } else { open += 1 }
        }
    }
    assert!(decided > 10 && open > 5, "{decided} decided, {open} not");
}

/// Were a list to end without a rule for everybody, nobody would be let in by its end.
#[test]
fn whom_no_rule_fits_is_denied() {
    let rules = [AccessRule { allows: true, groups: vec!["Staff".to_owned()], ..AccessRule::default() }];
    let origin = Origin { clients: vec![[203, 0, 113, 7].into()], application: None };
    let approach = Approach { origin: &origin, forwarded: false, protocol: Some(Protocol::Ecp), groups: Some(&[]) };
    assert_eq!(access(&rules, &approach), Access::Denied(None));
    assert_eq!(why_denied(None, &approach), "no rule of access allows ecp from 203.0.113.7");
    assert_eq!(access(&rules, &Approach { groups: None, ..approach }), Access::NeedsGroups);
    let denying = [AccessRule { allows: false, ..rules[0].clone() }];
    assert_eq!(access(&denying, &Approach { groups: None, ..approach }), Access::Denied(None));
}

fn said(rules: &[AccessRule], approach: &Approach<'_>) -> String {
    match access(rules, approach) {
        Access::Allowed => "allowed".to_owned(),
        Access::Denied(rule) => why_denied(rule, approach),
        Access::NeedsGroups => "depends on groups".to_owned(),
    }
}

fn approach(attempt: &Value) -> (Origin, bool, Protocol) {
    let clients = texts(&attempt["clients"]).iter().map(|address| address.parse().unwrap()).collect();
    let application = attempt["application"].as_str().map(str::to_owned);
    let protocol = Protocol::ALL.into_iter().find(|protocol| attempt["protocol"] == protocol.label()).unwrap();
    (Origin { clients, application }, attempt["forwarded"].as_bool().unwrap_or_default(), protocol)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The rules of a configuration that has them in its one party.
fn rules(case: &Path, document: &Value) -> Vec<AccessRule> {
    let mut party = serde_json::json!({ "name": "office365", "preset": "office365" });
    if !document["access"].is_null() {
        party["access"] = document["access"].clone();
    }
    let forwarders = &document["forwarders"];
    let guard = if forwarders.is_null() { Value::Null } else { serde_json::json!({ "forwarders": forwarders }) };
    configuration(case, &party, &[("guard", &guard)]).relying_parties.remove(0).party.access
}
