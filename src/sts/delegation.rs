//! Who may have whose token: the policy for OnBehalfOf and ActAs. Without a rule, nobody.

use super::dn;
use super::group::is_member;
use crate::model::{AttributeValue, DelegationKind, DelegationRule, Entry, RelyingParty};
use crate::saml::AttributeOut;

/// The attributes of an entry that hold its login, where a directory has them.
pub const LOGIN_ATTRIBUTES: [&str; 2] = ["sAMAccountName", "uid"];

/// The claim that names who acts for the subject of a token, as Windows Identity Foundation reads it.
pub const ACTOR: &str = "http://schemas.xmlsoap.org/ws/2009/09/identity/claims/actor";

/// What an asker shows of another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A token that says that they signed in.
    Token,
    /// Their name.
    Name,
}

/// The rules of a party under which `asker` may ask at all: what is decided before anybody is looked up, so that whoever may
/// not ask learns nothing about anybody.
pub fn rules_for<'p>(
    party: &'p RelyingParty,
    asker: &Entry,
    kind: DelegationKind,
    shown: Shown,
) -> Vec<&'p DelegationRule> {
    let applies = |rule: &&DelegationRule| {
        rule.kinds.contains(&kind) && (shown == Shown::Token || rule.by_name) && is_one_of(asker, &rule.askers)
    };
    party.delegation.iter().filter(applies).collect()
}

/// Whether one of the rules lets their askers have tokens of `subject`.
pub fn covers(rules: &[&DelegationRule], subject: &Entry) -> bool {
    rules.iter().any(|rule| is_one_of(subject, &rule.subjects))
}

/// The attribute that says who acts. `None` for an entry without a name.
pub fn actor(asker: &Entry) -> Option<AttributeOut> {
    let name = asker.upn.as_deref().or_else(|| logins(asker).next())?;
    Some(AttributeOut {
        name: ACTOR.to_owned(),
        namespace: None,
        name_format: None,
        friendly_name: None,
        values: vec![name.to_owned()],
    })
}

/// Whether one of the attributes says who acts.
pub fn names_actor(attributes: &[AttributeOut]) -> bool {
    attributes.iter().any(|attribute| attribute.claim_uri() == ACTOR && !attribute.values.is_empty())
}

/// Whether an entry, or a group that it is in, is listed. Only what the directory says of the entry counts, never a name as
/// typed.
fn is_one_of(entry: &Entry, listed: &[String]) -> bool {
    listed.iter().any(|name| is_named(entry, name) || is_member(&entry.groups, name))
}

/// Whether that is the entry's UPN, login or DN.
pub fn is_named(entry: &Entry, name: &str) -> bool {
    let folded = name.trim().to_lowercase();
    if folded.is_empty() {
        return false;
    }
    let named = entry.upn.as_deref().into_iter().chain(logins(entry)).any(|own| own.trim().to_lowercase() == folded);
    named || dn::parse(name).is_some_and(|name| dn::parse(&entry.bind_name).is_some_and(|own| own == name))
}

/// The login: in a file the entry's own name, in LDAP an attribute's only value.
fn logins(entry: &Entry) -> impl Iterator<Item = &str> {
    let only = |name: &&str| match entry.attributes.all(name) {
        [AttributeValue::Text(only)] => Some(only.as_str()),
        _ => None,
    };
    LOGIN_ATTRIBUTES.iter().filter_map(only).chain(Some(&*entry.id.entry).filter(|own| dn::parse(own).is_none()))
}

#[cfg(test)]
mod tests {
    use super::super::claims::tests::party as party_with;
    use super::*;
    use crate::model::{Attributes, EntryId};

    fn entry(dn: &str, upn: Option<&str>, uid: &[&str], groups: &[&str]) -> Entry {
        let mut attributes = Attributes::default();
        uid.iter().for_each(|uid| attributes.add("uid", AttributeValue::Text((*uid).to_owned())));
        Entry {
            id: EntryId { directory: "d".into(), entry: dn.to_lowercase().into() },
            bind_name: dn.into(),
            upn: upn.map(str::to_owned),
            immutable_id: None,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            attributes,
            own_count: None,
        }
    }

    fn portal() -> Entry {
        entry("CN=Portal,DC=x", Some("svc-portal@example.com"), &["svc-portal"], &["CN=Services,DC=x"])
    }

    fn rule(askers: &[&str], subjects: &[&str], kinds: &[DelegationKind], by_name: bool) -> DelegationRule {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        DelegationRule {
            askers: owned(askers),
            subjects: owned(subjects),
            kinds: kinds.to_vec(),
            by_name,
            audiences: Vec::new(),
        }
    }

    #[test]
    fn users_and_groups_are_known_by_what_the_directory_calls_them() {
        for (listed, is) in [
            ("svc-portal@example.com", true),
            (" SVC-Portal@EXAMPLE.com ", true),
            ("svc-portal", true),
            ("cn=portal, dc=x", true),
            ("Services", true),
            ("cn=services,dc=x", true),
            ("Portal", false),
            ("svc", false),
            ("example.com", false),
            ("", false),
            ("*", false),
            ("cn=portal", false),
        ] {
            assert_eq!(is_one_of(&portal(), &[listed.to_owned()]), is, "{listed}");
        }
        let bare = entry("bob", None, &[], &[]);
        assert!(is_one_of(&bare, &["BOB".to_owned()]) && !is_one_of(&bare, &[]));
    }

    /// More than one login may be a user's own to add.
    #[test]
    fn of_two_logins_none_counts() {
        let two = entry("cn=a,dc=x", None, &["alice", "svc-portal"], &[]);
        assert!(!is_one_of(&two, &["alice".to_owned(), "svc-portal".to_owned()]));
    }

    #[test]
    fn a_rule_says_who_how_and_by_what() {
        use DelegationKind::{ActAs, OnBehalfOf};
        let alice = entry("alice", Some("alice@example.com"), &[], &["Staff"]);
        let bob = entry("bob", Some("bob@example.com"), &[], &[]);
        let one = rule(&["svc-portal"], &["Staff"], &[OnBehalfOf], false);
        let named = rule(&["Services"], &["bob"], &[OnBehalfOf, ActAs], true);
        let party = |delegation: Vec<DelegationRule>| RelyingParty { delegation, ..party_with(Vec::new()) };
        for (rules, kind, shown, subject, may) in [
            (vec![], OnBehalfOf, Shown::Token, &alice, false),
            (vec![one.clone()], OnBehalfOf, Shown::Token, &alice, true),
            (vec![one.clone()], ActAs, Shown::Token, &alice, false),
            (vec![one.clone()], OnBehalfOf, Shown::Name, &alice, false),
            (vec![one.clone()], OnBehalfOf, Shown::Token, &bob, false),
            (vec![named.clone()], ActAs, Shown::Name, &bob, true),
            (vec![named.clone()], ActAs, Shown::Name, &alice, false),
            // No rule lends another what it lacks.
            (vec![one.clone(), named.clone()], OnBehalfOf, Shown::Name, &alice, false),
            (vec![one.clone(), named.clone()], ActAs, Shown::Token, &alice, false),
            (vec![one, named], OnBehalfOf, Shown::Token, &bob, true),
        ] {
            let party = party(rules);
            assert_eq!(covers(&rules_for(&party, &portal(), kind, shown), subject), may, "{kind:?} {shown:?}");
            assert!(rules_for(&party, &alice, kind, shown).is_empty());
        }
    }

    #[test]
    fn the_actor_is_named_by_upn_or_login() {
        assert_eq!(actor(&portal()).unwrap().values, ["svc-portal@example.com"]);
        assert_eq!(actor(&entry("cn=a,dc=x", None, &["svc"], &[])).unwrap().values, ["svc"]);
        assert_eq!(actor(&entry("cn=a,dc=x", None, &[], &[])), None);
        assert!(names_actor(&[actor(&portal()).unwrap()]) && !names_actor(&[]));
    }
}
