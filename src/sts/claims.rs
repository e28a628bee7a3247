//! What a relying party is told of a user, and whether the user may sign in to it at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::group::is_member;
use super::party::Issuers;
use crate::model::{AttributeRelease, AttributeValue, Authenticated, Entry, NameIdentifierRule, RelyingParty};
use crate::saml::{AttributeOut, NameIdentifier};
use crate::xml::is_xml_text;

/// What is said of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// By whom.
    pub issuer: String,
    /// The subject's name.
    pub name_identifier: NameIdentifier,
    /// What else.
    pub attributes: Vec<AttributeOut>,
}

/// A user whose password was right, and who may not sign in to the relying party all the same. The client gets the bytes of
/// a wrong password; the reason is for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotEntitled {
    /// Not in the group that the party requires.
    Group(String),
    /// No issuer for the domain of their UPN.
    Issuer(String),
    /// Something that the party needs is not there: a name, an attribute.
    Incomplete(String),
}

/// Decides whether `user` may sign in to `party`, and what it is told: the name by `rule` and what `release` lists.
/// `transient` draws the name of a user who is to have none.
///
/// # Errors
/// [`NotEntitled`]: not in the required group, no issuer for their domain, a value missing that the party needs or that XML
/// cannot hold.
pub fn claims(
    user: &Authenticated,
    party: &RelyingParty,
    issuers: &Issuers,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    transient: impl FnOnce() -> String,
) -> Result<Claims, NotEntitled> {
    decide(user.entry(), party, issuers, rule, release, transient)
}

/// What a user would be told to be, had they proved who they are: for an operator to look at, never for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen(Claims);

impl Foreseen {
    /// By whom.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The subject's name.
    pub fn name_identifier(&self) -> &str {
        &self.0.name_identifier.value
    }

    /// Each attribute's name and values.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.attributes.iter().map(|attribute| (attribute.name.as_str(), attribute.values.as_slice()))
    }
}

/// The same for an entry whose user is not here.
///
/// # Errors
/// As for [`claims`].
pub fn foresee(
    entry: &Entry,
    party: &RelyingParty,
    issuers: &Issuers,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
) -> Result<Foreseen, NotEntitled> {
    decide(entry, party, issuers, rule, release, || "(a new one each time)".to_owned()).map(Foreseen)
}

fn decide(
    entry: &Entry,
    party: &RelyingParty,
    issuers: &Issuers,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    transient: impl FnOnce() -> String,
) -> Result<Claims, NotEntitled> {
    if let Some(group) = party.required_group.as_deref().filter(|group| !is_member(&entry.groups, group)) {
        return Err(NotEntitled::Group(format!("not in the required group {group:?}")));
    }
    let issuer = issuers.issuer_for(party, entry)?.to_owned();
    let name_identifier = name_identifier(entry, rule, transient)?;
    let mut attributes = Vec::with_capacity(release.len());
    for attribute in release {
        let values = values(entry, &attribute.from);
        if let Some(unwritable) = values.iter().find(|value| !is_xml_text(value)) {
            return Err(missing(
                &attribute.from,
                &format!("a value of {} bytes that XML cannot hold", unwritable.len()),
            ));
        }
        if values.is_empty() && attribute.required {
            return Err(missing(&attribute.from, "no value"));
        }
        attributes.push(AttributeOut {
            name: attribute.name.clone(),
            namespace: attribute.namespace.clone(),
            name_format: attribute.name_format.clone(),
            friendly_name: attribute.friendly_name.clone(),
            values,
        });
    }
    Ok(Claims { issuer, name_identifier, attributes })
}

fn name_identifier(
    entry: &Entry,
    rule: &NameIdentifierRule,
    transient: impl FnOnce() -> String,
) -> Result<NameIdentifier, NotEntitled> {
    let (from, format) = match rule {
        NameIdentifierRule::ImmutableId { format } => ("immutable_id", format),
        NameIdentifierRule::Attribute { name, format } => (name.as_str(), format),
        NameIdentifierRule::Upn { format } => ("upn", format),
        NameIdentifierRule::Transient => {
            let format = crate::saml::names::NAMEID_TRANSIENT.to_owned();
            return Ok(NameIdentifier { value: transient(), format });
        }
    };
    match values(entry, from).into_iter().next() {
        Some(value) if !value.is_empty() && is_xml_text(&value) => Ok(NameIdentifier { value, format: format.clone() }),
        _ => Err(missing(from, "no value that can be a name identifier")),
    }
}

/// Every value of an attribute as text; octets as base64. `upn`, `immutable_id` and `groups` are those that the
/// directory's configuration names.
fn values(entry: &Entry, from: &str) -> Vec<String> {
    match from {
        "upn" => entry.upn.iter().cloned().collect(),
        "immutable_id" => entry.immutable_id.iter().cloned().collect(),
        "groups" => entry.groups.clone(),
        name => entry.attributes.all(name).iter().map(as_text).collect(),
    }
}

fn as_text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Binary(bytes) => STANDARD.encode(bytes),
    }
}

fn missing(from: &str, what: &str) -> NotEntitled {
    NotEntitled::Incomplete(format!("{from}: {what}"))
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::{Attributes, EntryId, IssuerChoice, SignatureAlgorithm, Timestamp, TokenTypeSpelling, Username};

    fn release(name: &str, from: &str, required: bool) -> AttributeRelease {
        let name = name.to_owned();
        AttributeRelease {
            name,
            namespace: None,
            name_format: None,
            friendly_name: None,
            from: from.to_owned(),
            required,
        }
    }

    pub fn party(release: Vec<AttributeRelease>) -> RelyingParty {
        RelyingParty {
            name: "office365".to_owned(),
            applies_to: vec!["urn:federation:MicrosoftOnline".to_owned()],
            audience: None,
            required_group: Some("O365-Users".to_owned()),
            issuer: IssuerChoice::ByDomain,
            signature: SignatureAlgorithm::RsaSha256,
            lifetime: Duration::from_secs(3600),
            encryption: None,
            longest_lifetime: Duration::from_secs(3600),
            renewal: None,
            remember_tokens: true,
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
        }
    }

    fn told(entry: Entry, party: &RelyingParty) -> Result<Claims, NotEntitled> {
        let domains = BTreeMap::from([("example.com".to_owned(), "http://example.com/issuer".to_owned())]);
        let issuers = Issuers { entity_id: "https://sts".to_owned(), domains };
        let now = Timestamp::from_unix_millis(0);
        let user = Authenticated::by_bind(Username::new("alice"), Arc::new(entry), now);
        claims(&user, party, &issuers, &party.name_identifier, &party.attributes, || "_t".to_owned())
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
        let foreseen =
            |party: &RelyingParty| foresee(&alice(), party, &issuers, &party.name_identifier, &party.attributes);
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
}
