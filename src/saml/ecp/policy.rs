//! Whether we can give what a request asks for: the name identifier, the authentication, the subject, the time.

use super::{AuthnRequest, Comparison, NameIdPolicy, RequestedAuthnContext, RequestedIdentifier, RequestedName};
use super::{RequestedSubject, SecondLevelStatus};
use crate::model::{NameIdentifierRule, Timestamp, quoted};
use crate::saml::{AuthnContextClass, Conditions};

/// How the user was authenticated does not matter to the SP.
const AC_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";

/// What an SP may have, whatever it asks for.
pub struct Offer<'a> {
    /// The name identifiers that it can have.
    pub name_identifiers: &'a [NameIdentifierRule],
    /// The one of them that its NameIDPolicy and its metadata choose; `None`: none is of the Format that the policy names.
    pub chosen: Option<&'a NameIdentifierRule>,
    /// From when its assertion is valid.
    pub not_before: Timestamp,
    /// Until when, exclusive.
    pub not_on_or_after: Timestamp,
}

/// What a request gets, should somebody sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted<'r, 'o> {
    /// Its name identifier.
    pub name_identifier: &'o NameIdentifierRule,
    /// The authentication context class to state.
    pub authn_context: AuthnContextClass,
    /// From when the assertion is valid.
    pub not_before: Timestamp,
    /// Until when, exclusive.
    pub not_on_or_after: Timestamp,
    /// OneTimeUse.
    pub one_time_use: bool,
    /// ProxyRestriction.
    pub not_to_be_proxied: bool,
    /// Whom it has to be about, if the request says.
    pub subject: Option<GrantedSubject<'r, 'o>>,
}

/// Whom an assertion has to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedSubject<'r, 'o> {
    /// The name that they have to have.
    pub name: &'r RequestedName,
    /// What makes it.
    pub rule: &'o NameIdentifierRule,
}

/// What a request asks for and cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The second-level status to answer under [`super::StatusCode::Requester`].
    pub status: SecondLevelStatus,
    /// What it is, for the audit log.
    pub reason: String,
}

/// Whether a request can be met, before anybody signs in, by what its SP may have and a password; `is_us` knows our names.
///
/// # Errors
/// What of it cannot.
pub fn grant<'r, 'o>(
    request: &'r AuthnRequest,
    offer: &Offer<'o>,
    is_us: impl Fn(&str) -> bool,
) -> Result<Granted<'r, 'o>, Unmet> {
    let scoping = request.scoping.as_ref();
    if let Some(scoping) = scoping.filter(|scoping| !scoping.admits(&is_us)) {
        let listed = scoping.identity_providers.first().map(|listed| quoted(listed)).unwrap_or_default();
        let reason = format!("an IDPList without us, that begins with {listed}");
        return Err(unmet(SecondLevelStatus::NoSupportedIdp, reason));
    }
    let policy = request.name_id_policy.as_ref();
    let chosen = name_of(policy, offer, &request.issuer)?;
    let authn_context = authn_context(request.requested_authn_context.as_ref())?;
    let subject = match &request.subject {
        Some(subject) => subject_of(subject, chosen, offer)?,
        None => None,
    };
    // Without a policy, what the answer calls the subject is what the request calls it.
    let free = policy.is_none_or(|policy| policy.format_named().is_none());
    let granted = Granted {
        name_identifier: subject.filter(|_| free).map_or(chosen, |subject| subject.rule),
        authn_context,
        not_before: offer.not_before,
        not_on_or_after: offer.not_on_or_after,
        one_time_use: false,
        not_to_be_proxied: false,
        subject,
    };
    match &request.conditions {
        Some(conditions) => within(granted, conditions, &request.issuer),
        None => Ok(granted),
    }
}

/// The name that the answer gives, of those that the party can have.
fn name_of<'o>(policy: Option<&NameIdPolicy>, offer: &Offer<'o>, sp: &str) -> Result<&'o NameIdentifierRule, Unmet> {
    let invalid = |reason| Err(unmet(SecondLevelStatus::InvalidNameIdPolicy, reason));
    // It would mean an affiliation, of which we know none but the SP.
    let qualifier = policy.and_then(|policy| policy.sp_name_qualifier.as_deref());
    if let Some(other) = qualifier.filter(|qualifier| *qualifier != sp) {
        return invalid(format!("a NameIDPolicy with the SPNameQualifier {}, another's", quoted(other)));
    }
    match offer.chosen {
        Some(chosen) => Ok(chosen),
        None => {
            let asked = policy.and_then(|policy| policy.format.as_deref()).map(quoted).unwrap_or_default();
            let ours: Vec<&str> = offer.name_identifiers.iter().map(NameIdentifierRule::format).collect();
            invalid(format!("a NameIDPolicy with the Format {asked}; the party can have {}", ours.join(", ")))
        }
    }
}

/// The name that the subject has to have, and the rule that makes it: the chosen one, unless the subject is named by another
/// that the party can have. A name of any other format could be somebody's, and nobody is looked up by it.
fn subject_of<'r, 'o>(
    subject: &'r RequestedSubject,
    chosen: &'o NameIdentifierRule,
    offer: &Offer<'o>,
) -> Result<Option<GrantedSubject<'r, 'o>>, Unmet> {
    if !subject.takes_bearer {
        let reason = "a Subject to be confirmed in another way than by bearer".to_owned();
        return Err(unmet(SecondLevelStatus::RequestUnsupported, reason));
    }
    let name = match &subject.identifier {
        None => return Ok(None),
        Some(RequestedIdentifier::Opaque) => {
            let reason = "a Subject by an EncryptedID or a BaseID".to_owned();
            return Err(unmet(SecondLevelStatus::RequestUnsupported, reason));
        }
        Some(RequestedIdentifier::Name(name)) => name,
    };
    let rule = match name.format.as_deref() {
        None => Some(chosen),
        Some(format) => offer.name_identifiers.iter().find(|rule| rule.format() == format),
    };
    match rule {
        Some(rule) => Ok(Some(GrantedSubject { name, rule })),
        None => {
            let format = name.format.as_deref().map(quoted).unwrap_or_default();
            let reason = format!("a Subject by a name of the Format {format}");
            Err(unmet(SecondLevelStatus::UnknownPrincipal, reason))
        }
    }
}

/// What is granted, made to hold only within what the SP asks for (`saml-core-2.0-os`, 3.4.1). For whom it is, is never
/// changed: nobody gets an assertion for another SP.
fn within<'r, 'o>(granted: Granted<'r, 'o>, asked: &Conditions, sp_entity_id: &str) -> Result<Granted<'r, 'o>, Unmet> {
    let unsupported = |reason: &str| Err(unmet(SecondLevelStatus::RequestUnsupported, reason.to_owned()));
    if !asked.audiences.iter().all(|any| any.iter().any(|audience| audience == sp_entity_id)) {
        return unsupported("Conditions with an AudienceRestriction to others than the SP");
    }
    let not_before = asked.not_before.map_or(granted.not_before, |from| from.max(granted.not_before));
    let not_on_or_after =
        asked.not_on_or_after.map_or(granted.not_on_or_after, |until| until.min(granted.not_on_or_after));
    if not_before >= not_on_or_after {
        return unsupported("Conditions that leave the assertion no time");
    }
    Ok(Granted {
        not_before,
        not_on_or_after,
        one_time_use: asked.one_time_use,
        not_to_be_proxied: asked.proxy_restriction,
        ..granted
    })
}

/// The class to state for a password over TLS, given what the SP asks for.
fn authn_context(requested: Option<&RequestedAuthnContext>) -> Result<AuthnContextClass, Unmet> {
    use AuthnContextClass::{Password, PasswordProtectedTransport};
    let Some(requested) = requested else { return Ok(PasswordProtectedTransport) };
    let asks = |class: &str| requested.class_refs.iter().any(|asked| asked == class);
    let transport = asks(PasswordProtectedTransport.uri());
    let password = asks(Password.uri());
    let any = asks(AC_UNSPECIFIED);
    let only_weaker = requested.class_refs.iter().all(|asked| asked == Password.uri() || asked == AC_UNSPECIFIED);
    match requested.comparison {
        Comparison::Exact | Comparison::Maximum if transport || any => Ok(PasswordProtectedTransport),
        Comparison::Exact | Comparison::Maximum if password => Ok(Password),
        Comparison::Minimum if transport || password || any => Ok(PasswordProtectedTransport),
        Comparison::Better if only_weaker && (password || any) => Ok(PasswordProtectedTransport),
        comparison => {
            let classes = match requested.class_refs.first() {
                Some(first) => quoted(first),
                None => "declarations".to_owned(),
            };
            let reason = format!("a RequestedAuthnContext ({comparison:?}) that begins with {classes}");
            Err(unmet(SecondLevelStatus::NoAuthnContext, reason))
        }
    }
}

fn unmet(status: SecondLevelStatus, reason: String) -> Unmet {
    Unmet { status, reason }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
