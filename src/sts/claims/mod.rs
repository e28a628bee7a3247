//! What a relying party is told of a user, and whether the user may sign in to it at all.

mod sign_in;
mod source;
#[cfg(test)]
pub(super) mod tests;
mod value;

pub use self::sign_in::has_left;
use self::value::{values, why_none};
use super::group::is_member;
use super::party::Issuers;
use crate::model::{
    AttributeRelease, Authenticated, AuthenticationMethod, ClientAddress, DirectoryAttribute, Entry,
    NameIdentifierRule, RelyingParty, Timestamp, ValueRule, ValueSource, quoted,
};
use crate::saml::{AttributeOut, NameIdentifier};
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
    /// Where it came from; `None` where nobody asks.
    pub client: Option<ClientAddress>,
    /// `X-MS-Forwarded-Client-IP`: for whom Exchange Online says that it asks.
    pub relayed_for: Option<&'a str>,
    /// When it is answered.
    pub now: Timestamp,
    /// The claims that it asks for; `None`: all that the party may have.
    pub requested: Option<&'a RequestedClaims>,
}

impl Circumstances<'_> {
    /// The same, of a user who is another than who asks: the asker's address says nothing of where they are.
    #[must_use]
    pub fn of_another(self) -> Self {
        Self { client: None, ..self }
    }
}

/// All that rules look at.
struct Known<'a> {
    entry: &'a Entry,
    issuer: &'a str,
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
    let known = Known { entry, issuer, authenticated: Some((user.instant(), user.method())), circumstances };
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
    now: Timestamp,
) -> Result<Foreseen, NotEntitled> {
    let issuer = entitled(entry, party, issuers)?;
    decide(&nobody_there(entry, issuer, now), rule, release, || "(a new one each time)".to_owned()).map(Foreseen)
}

/// What one rule makes of an entry whose user is not here: for an operator to look at, whoever is entitled.
///
/// # Errors
/// Why it makes nothing.
pub fn evaluate(
    attribute: &AttributeRelease,
    entry: &Entry,
    party: &RelyingParty,
    issuers: &Issuers,
    now: Timestamp,
) -> Result<Vec<String>, String> {
    let known = nobody_there(entry, issuers.issuer_for(party, entry).unwrap_or(&issuers.entity_id), now);
    let values = values(&attribute.rule, &known);
    if values.is_empty() { Err(why_none(&attribute.rule, &known)) } else { Ok(values) }
}

fn nobody_there<'a>(entry: &'a Entry, issuer: &'a str, now: Timestamp) -> Known<'a> {
    let circumstances = Circumstances { client: None, relayed_for: None, now, requested: None };
    Known { entry, issuer, authenticated: None, circumstances }
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
    let (rule, format) = match rule {
        NameIdentifierRule::ImmutableId { format } => (&plain(DirectoryAttribute::ImmutableId), format),
        NameIdentifierRule::Attribute { name, format } => (&ValueRule::attribute(name), format),
        NameIdentifierRule::Upn { format } => (&plain(DirectoryAttribute::Upn), format),
        NameIdentifierRule::Rule { rule, format } => (rule, format),
        NameIdentifierRule::Transient => {
            let format = crate::saml::names::NAMEID_TRANSIENT.to_owned();
            return Ok(NameIdentifier { value: transient(), format });
        }
    };
    match values(rule, known).into_iter().next() {
        Some(value) if !value.is_empty() && is_xml_text(&value) => Ok(NameIdentifier { value, format: format.clone() }),
        Some(_) => Err(missing("the name identifier", "a value that cannot be one")),
        None => Err(missing("the name identifier", &why_none(rule, known))),
    }
}

fn missing(name: &str, what: &str) -> NotEntitled {
    NotEntitled::Incomplete(format!("{name}: {what}"))
}
