//! Who is entitled to what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{
    AttributeValue, Attributes, EntryId, IssuerChoice, SignatureAlgorithm, Timestamp, TokenTypeSpelling, Username,
};

fn release(name: &str, from: &str, required: bool) -> AttributeRelease {
    let name = name.to_owned();
    AttributeRelease {
        name,
        namespace: None,
        name_format: None,
        friendly_name: None,
        rule: ValueRule::attribute(from),
        required,
        released_to: Vec::new(),
    }
}

pub fn party(release: Vec<AttributeRelease>) -> RelyingParty {
    RelyingParty {
        name: "office365".to_owned(),
        applies_to: vec!["urn:federation:MicrosoftOnline".to_owned()],
        audience: None,
        required_group: Some("O365-Users".to_owned()),
        access: Vec::new(),
        issuer: IssuerChoice::ByDomain,
        signature: SignatureAlgorithm::RsaSha256,
        lifetime: Duration::from_secs(3600),
        longest_lifetime: Duration::from_secs(3600),
        renewal: None,
        remember_tokens: true,
        encryption: None,
        token_type_spelling: TokenTypeSpelling::SamlNamespace,
        name_identifier: NameIdentifierRule::ImmutableId { format: "urn:f".to_owned() },
        attributes: release,
        delegation: Vec::new(),
        ecp: None,
    }
}

fn alice() -> Entry {
    let mut attributes = Attributes::default();
    attributes.add("mail", AttributeValue::Text("a@x".to_owned()));
    attributes.add("mail", AttributeValue::Text("b@x".to_owned()));
    attributes.add("objectSid", AttributeValue::Binary(vec![0, 1, 255]));
    attributes.add("bell", AttributeValue::Text("\u{7}".to_owned()));
    Entry {
        id: EntryId { directory: "d".into(), entry: "alice".into() },
        bind_name: "alice".into(),
        upn: Some("alice@Example.COM".to_owned()),
        immutable_id: Some("AAEC".to_owned()),
        groups: vec!["CN=O365-Users,DC=x".to_owned()],
        attributes,
        own_count: None,
    }
}

fn circumstances() -> Circumstances<'static> {
    Circumstances {
        clients: None,
        relayed_for: None,
        now: Timestamp::from_unix_millis(0),
        requested: None,
        provider: None,
    }
}

fn told(entry: Entry, party: &RelyingParty) -> Result<Claims, NotEntitled> {
    let domains = BTreeMap::from([("example.com".to_owned(), "http://example.com/issuer".to_owned())]);
    let issuers = Issuers { entity_id: "https://sts".to_owned(), domains };
    let now = Timestamp::from_unix_millis(0);
    let user = Authenticated::by_bind(Username::new("alice"), Arc::new(entry), now);
    claims(&user, party, &issuers, &party.name_identifier, &party.attributes, circumstances(), || "_t".to_owned())
}

#[test]
fn says_what_the_party_may_have() {
    let party = party(vec![
        release("mail", "MAIL", true),
        release("sid", "objectsid", true),
        release("upn", "upn", true),
        release("phone", "telephoneNumber", false),
    ]);
    let claims = told(alice(), &party).unwrap();
    assert_eq!(claims.issuer, "http://example.com/issuer");
    assert_eq!(claims.name_identifier.value, "AAEC");
    let values: Vec<Vec<&str>> =
        claims.attributes.iter().map(|a| a.values.iter().map(String::as_str).collect()).collect();
    assert_eq!(values, [vec!["a@x", "b@x"], vec!["AAH/"], vec!["alice@Example.COM"], vec![]]);
}

#[test]
fn refuses_whoever_lacks_what_the_party_needs() {
    let changed = |change: fn(&mut Entry)| {
        let mut entry = alice();
        change(&mut entry);
        told(entry, &party(vec![])).unwrap_err()
    };
    assert!(matches!(changed(|entry| entry.groups.clear()), NotEntitled::Group(_)));
    let no_issuer = |change, says: &str| match changed(change) {
        NotEntitled::Issuer(reason) => assert_eq!(reason, says),
        other => panic!("{other:?}"),
    };
    no_issuer(|entry| entry.upn = None, "no UPN, by whose domain issuer.domains chooses the issuer");
    no_issuer(
        |entry| entry.upn = Some("alice".to_owned()),
        "the UPN \"alice\" has no domain to choose the issuer by in issuer.domains",
    );
    no_issuer(
        |entry| entry.upn = Some("alice@Example.org".to_owned()),
        "issuer.domains has no issuer for \"Example.org\", the domain of the UPN",
    );
    assert!(matches!(changed(|entry| entry.immutable_id = None), NotEntitled::Incomplete(_)));
    for needs in [release("phone", "telephoneNumber", true), release("bell", "bell", false)] {
        assert!(matches!(told(alice(), &party(vec![needs])), Err(NotEntitled::Incomplete(_))));
    }
}

#[test]
fn what_is_foreseen_is_what_is_said() {
    let mut party = party(vec![release("upn", "upn", true)]);
    let domains = BTreeMap::from([("example.com".to_owned(), "http://example.com/issuer".to_owned())]);
    let issuers = Issuers { entity_id: "https://sts".to_owned(), domains };
    let foreseen = |party: &RelyingParty| {
        foresee(&alice(), party, &issuers, &party.name_identifier, &party.attributes, None, circumstances().now)
    };
    assert_eq!(foreseen(&party).unwrap(), Foreseen(told(alice(), &party).unwrap()));
    party.required_group = Some("Others".to_owned());
    assert_eq!(foreseen(&party).unwrap_err(), told(alice(), &party).unwrap_err());
}

#[test]
fn a_transient_name_is_the_one_drawn_for_it() {
    let mut party = party(vec![]);
    party.name_identifier = NameIdentifierRule::Transient;
    assert_eq!(told(alice(), &party).unwrap().name_identifier.value, "_t");
}
