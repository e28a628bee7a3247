//! What a relying party is told of a user, and whether the user may sign in to it at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::group::is_member;
use super::party::Issuers;
use crate::model::{
    AttributeRelease, AttributeValue, Authenticated, Entry, NameIdentifierRule, Refusal, RefusalKind, RelyingParty,
};
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

/// Decides whether `user` may sign in to `party`, and what it is told: the name by `rule` and what `release` lists.
/// `transient` is the name of a user who is to have none.
///
/// # Errors
/// [`RefusalKind::Authentication`], for the same bytes as a wrong password: not in the required group, no issuer for their
/// domain, a value missing that the party needs or that XML cannot hold.
pub fn claims(
    user: &Authenticated,
    party: &RelyingParty,
    issuers: &Issuers,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    transient: &str,
) -> Result<Claims, Refusal> {
    let entry = user.entry();
    if let Some(group) = party.required_group.as_deref().filter(|group| !is_member(&entry.groups, group)) {
        return Err(Refusal::new(RefusalKind::Authentication, format!("not in the required group {group:?}")));
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

fn name_identifier(entry: &Entry, rule: &NameIdentifierRule, transient: &str) -> Result<NameIdentifier, Refusal> {
    let (from, format) = match rule {
        NameIdentifierRule::ImmutableId { format } => ("immutable_id", format),
        NameIdentifierRule::Attribute { name, format } => (name.as_str(), format),
        NameIdentifierRule::Upn { format } => ("upn", format),
        NameIdentifierRule::Transient => {
            let format = crate::saml::names::NAMEID_TRANSIENT.to_owned();
            return Ok(NameIdentifier { value: transient.to_owned(), format });
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

fn missing(from: &str, what: &str) -> Refusal {
    Refusal::new(RefusalKind::Authentication, format!("{from}: {what}"))
}
