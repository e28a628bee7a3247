//! What a relying party is told of a user, and whether the user may sign in to it at all.

mod release;
mod sign_in;
mod source;
#[cfg(test)]
pub(super) mod tests;
mod value;

use std::net::IpAddr;

pub use self::release::may_have;
pub use self::sign_in::has_left;
use self::value::{values, why_none};
use super::group::is_member;
use super::party::Issuers;
use crate::model::{
    AttributeRelease, Authenticated, AuthenticationMethod, DirectoryAttribute, Entry, NameIdentifierRule, RelyingParty,
    Timestamp, ValueRule, ValueSource, quoted,
};
use crate::saml::metadata::ServiceProvider;
use crate::saml::names::NAMEID_PERSISTENT;
use crate::saml::{AttributeOut, NameIdentifier, NameQualifiers};
use crate::wstrust::RequestedClaims;
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

/// A user whose password was right, and who gets no token all the same. Unless it is for a claim that the client insists on,
/// it gets the bytes of a wrong password; the reason is for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotEntitled {
    /// Not in the group that the party requires.
    Group(String),
    /// No issuer for the domain of their UPN.
    Issuer(String),
    /// Something that the party needs is not there: a name, an attribute.
    Incomplete(String),
    /// A claim that the request insists on cannot be given.
    Claim(String),
}

/// A request for a token, besides who asks.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Where it came from, all of it ([`Origin::clients`](crate::model::Origin::clients)); `None` where nobody asks.
    pub clients: Option<&'a [IpAddr]>,
    /// `X-MS-Forwarded-Client-IP`, whoever says it: for whom Exchange Online says that it asks.
    pub relayed_for: Option<&'a str>,
    /// When it is answered.
    pub now: Timestamp,
    /// The claims that it asks for; `None`: all that the party may have.
    pub requested: Option<&'a RequestedClaims>,
    /// The service provider that it comes from, over SAML.
    pub provider: Option<&'a ServiceProvider>,
}

impl Circumstances<'_> {
    /// The same, of a user who is another than who asks: the asker's address says nothing of where they are.
    #[must_use]
    pub fn of_another(self) -> Self {
        Self { clients: None, ..self }
    }
}

/// Characters of a persistent name at most.
const LONGEST_NAME: usize = 256;

/// All that rules look at.
struct Known<'a> {
    entry: &'a Entry,
    issuer: &'a str,
    /// Whom pairwise names are for.
    service_provider: &'a str,
    /// When and how they proved who they are; `None` where nobody is there.
    authenticated: Option<(Timestamp, AuthenticationMethod)>,
    circumstances: Circumstances<'a>,
}

/// Decides whether `user` may sign in to `party`, and what it is told: the name by `rule` and what `release` lists, of
/// that what the request asks for and what is required. `transient` draws the name of a user who is to have none.
///
/// # Errors
/// [`NotEntitled`]: not in the required group, no issuer for their domain, a value missing that the party needs or the
/// request insists on, or that XML cannot hold.
pub fn claims(
    user: &Authenticated,
    party: &RelyingParty,
    issuers: &Issuers,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    circumstances: Circumstances<'_>,
    transient: impl FnOnce() -> String,
) -> Result<Claims, NotEntitled> {
    let entry = user.entry();
    let issuer = entitled(entry, party, issuers)?;
    let service_provider = service_provider(party, circumstances.provider);
    let authenticated = Some((user.instant(), user.method()));
    let known = Known { entry, issuer, service_provider, authenticated, circumstances };
    decide(&known, rule, release, transient)
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

    /// The format that it has.
    pub fn name_format(&self) -> &str {
        &self.0.name_identifier.format
    }
}

/// The same for an entry whose user is not here, and a service provider that may ask over SAML.
///
/// # Errors
/// As for [`claims`].
pub fn foresee(
    entry: &Entry,
    party: &RelyingParty,
    issuers: &Issuers,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    provider: Option<&ServiceProvider>,
    now: Timestamp,
) -> Result<Foreseen, NotEntitled> {
    let issuer = entitled(entry, party, issuers)?;
    decide(&nobody_there(entry, party, issuer, provider, now), rule, release, || "(a new one each time)".to_owned())
        .map(Foreseen)
}

/// What one rule makes of an entry whose user is not here: for an operator to look at, whoever is entitled and whomever it is
/// released to.
///
/// # Errors
/// Why it makes nothing.
pub fn evaluate(
    attribute: &AttributeRelease,
    entry: &Entry,
    party: &RelyingParty,
    issuers: &Issuers,
    provider: Option<&ServiceProvider>,
    now: Timestamp,
) -> Result<Vec<String>, String> {
    let issuer = issuers.issuer_for(party, entry).unwrap_or(&issuers.entity_id);
    let known = nobody_there(entry, party, issuer, provider, now);
    let values = values(&attribute.rule, &known);
    if values.is_empty() { Err(why_none(&attribute.rule, &known)) } else { Ok(values) }
}

fn nobody_there<'a>(
    entry: &'a Entry,
    party: &'a RelyingParty,
    issuer: &'a str,
    provider: Option<&'a ServiceProvider>,
    now: Timestamp,
) -> Known<'a> {
    let circumstances = Circumstances { clients: None, relayed_for: None, now, requested: None, provider };
    let service_provider = service_provider(party, provider);
    Known { entry, issuer, service_provider, authenticated: None, circumstances }
}

/// By what name a party is known, whichever of its addresses asks and over whichever protocol.
fn service_provider<'a>(party: &'a RelyingParty, provider: Option<&'a ServiceProvider>) -> &'a str {
    let own = || party.ecp.as_ref().map(|ecp| ecp.entity_id.as_str()).filter(|entity_id| !entity_id.is_empty());
    let trust = || party.audience.as_ref().or(party.applies_to.first()).map(String::as_str);
    provider.map(|provider| provider.entity_id.as_str()).or_else(own).or_else(trust).unwrap_or(&party.name)
}

/// The issuer by which `party` knows us for a user who may sign in to it.
fn entitled<'i>(entry: &Entry, party: &RelyingParty, issuers: &'i Issuers) -> Result<&'i str, NotEntitled> {
    if let Some(group) = party.required_group.as_deref().filter(|group| !is_member(&entry.groups, group)) {
        return Err(NotEntitled::Group(format!("not in the required group {group:?}")));
    }
    issuers.issuer_for(party, entry)
}

fn decide(
    known: &Known<'_>,
    rule: &NameIdentifierRule,
    release: &[AttributeRelease],
    transient: impl FnOnce() -> String,
) -> Result<Claims, NotEntitled> {
    let name_identifier = name_identifier(known, rule, transient)?;
    let requested = known.circumstances.requested;
    let mut attributes = Vec::with_capacity(release.len());
    for attribute in release {
        if !attribute.required && requested.is_some_and(|requested| !requested.has(attribute)) {
            continue;
        }
        if !may_have(attribute, known.circumstances.provider) {
            continue;
        }
        let values = values(&attribute.rule, known);
        if let Some(unwritable) = values.iter().find(|value| !is_xml_text(value)) {
            let what = format!("a value of {} bytes that XML cannot hold", unwritable.len());
            return Err(missing(&attribute.name, &what));
        }
        if values.is_empty() && attribute.required {
            return Err(missing(&attribute.name, &why_none(&attribute.rule, known)));
        }
        attributes.push(AttributeOut {
            name: attribute.name.clone(),
            namespace: attribute.namespace.clone(),
            name_format: attribute.name_format.clone(),
            friendly_name: attribute.friendly_name.clone(),
            values,
        });
    }
    if let Some(uri) = requested.and_then(|requested| requested.missing(&attributes)) {
        return Err(NotEntitled::Claim(format!("the request insists on the claim {}", quoted(uri))));
    }
    Ok(Claims { issuer: known.issuer.to_owned(), name_identifier, attributes })
}

fn name_identifier(
    known: &Known<'_>,
    rule: &NameIdentifierRule,
    transient: impl FnOnce() -> String,
) -> Result<NameIdentifier, NotEntitled> {
    let plain = |attribute| ValueRule::plain(ValueSource::Attribute(attribute));
    let format = rule.format().to_owned();
    let made_by = match rule {
        NameIdentifierRule::ImmutableId { .. } => &plain(DirectoryAttribute::ImmutableId),
        NameIdentifierRule::Attribute { name, .. } => &ValueRule::attribute(name),
        NameIdentifierRule::Upn { .. } => &plain(DirectoryAttribute::Upn),
        NameIdentifierRule::Rule { rule, .. } => rule,
        NameIdentifierRule::Transient => return Ok(NameIdentifier::plain(transient(), format)),
    };
    let qualifiers = rule.is_pairwise().then(|| NameQualifiers {
        identity_provider: known.issuer.to_owned(),
        service_provider: known.service_provider.to_owned(),
    });
    match values(made_by, known).into_iter().next() {
        Some(value) if value.is_empty() || is_too_long(&value, &format) || !is_xml_text(&value) => {
            Err(missing("the name identifier", "a value that cannot be one"))
        }
        Some(value) => Ok(NameIdentifier { value, format, qualifiers }),
        None => Err(missing("the name identifier", &why_none(made_by, known))),
    }
}

/// `saml-core-2.0-os`, 8.3.7.
fn is_too_long(value: &str, format: &str) -> bool {
    format == NAMEID_PERSISTENT && value.chars().count() > LONGEST_NAME
}

fn missing(name: &str, what: &str) -> NotEntitled {
    NotEntitled::Incomplete(format!("{name}: {what}"))
}
