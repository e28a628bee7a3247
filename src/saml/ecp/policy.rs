//! Whether we can give what a request asks for: the name identifier, the authentication, the subject, the time.

use super::{AuthnRequest, Comparison, NameIdPolicy, RequestedAuthnContext, RequestedIdentifier, RequestedName};
use super::{RequestedSubject, SecondLevelStatus};
use crate::model::{NameIdentifierRule, Timestamp, quoted};
use crate::saml::names::{NAMEID_TRANSIENT, NAMEID_UNSPECIFIED, NAMEID_UNSPECIFIED_20};
use crate::saml::{AuthnContextClass, Conditions};

/// How the user was authenticated does not matter to the SP.
const AC_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";

/// What an SP may have, whatever it asks for.
pub struct Offer<'a> {
    /// Its name identifier.
    pub name_identifier: &'a NameIdentifierRule,
    /// From when its assertion is valid.
    pub not_before: Timestamp,
    /// Until when, exclusive.
    pub not_on_or_after: Timestamp,
    /// Whether a name is one of ours.
    pub is_us: &'a dyn Fn(&str) -> bool,
}

/// What a request gets, should somebody sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted<'r> {
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
    pub subject: Option<&'r RequestedName>,
}

/// What a request asks for and cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The second-level status to answer under [`super::StatusCode::Requester`].
    pub status: SecondLevelStatus,
    /// What it is, for the audit log.
    pub reason: String,
}

/// Whether a request can be met, before anybody signs in, by what its SP may have and a password.
///
/// # Errors
/// What of it cannot.
pub fn grant<'r>(request: &'r AuthnRequest, offer: &Offer<'_>) -> Result<Granted<'r>, Unmet> {
    let scoping = request.scoping.as_ref();
    if let Some(scoping) = scoping.filter(|scoping| !scoping.admits(offer.is_us)) {
        let listed = scoping.identity_providers.first().map(|listed| quoted(listed)).unwrap_or_default();
        return Err(unmet(
            SecondLevelStatus::NoSupportedIdp,
            format!("an IDPList without us, that begins with {listed}"),
        ));
    }
    if let Some(policy) = &request.name_id_policy {
        can_name(policy, offer.name_identifier, &request.issuer)?;
    }
    let authn_context = authn_context(request.requested_authn_context.as_ref())?;
    let subject = match &request.subject {
        Some(subject) => subject_of(subject, offer.name_identifier)?,
        None => None,
    };
    let granted = Granted {
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

/// Whether `configured` is what an SP asks for. A party has one name identifier, so anything that is not that one is
/// refused; a qualifier would mean an affiliation, of which we know none but the SP.
fn can_name(policy: &NameIdPolicy, configured: &NameIdentifierRule, sp_entity_id: &str) -> Result<(), Unmet> {
    let invalid = |reason| Err(unmet(SecondLevelStatus::InvalidNameIdPolicy, reason));
    if let Some(other) = policy.sp_name_qualifier.as_deref().filter(|qualifier| *qualifier != sp_entity_id) {
        return invalid(format!("a NameIDPolicy with the SPNameQualifier {}, another's", quoted(other)));
    }
    let ours = format_of(configured);
    match policy.format.as_deref() {
        None | Some(NAMEID_UNSPECIFIED | NAMEID_UNSPECIFIED_20) => Ok(()),
        Some(format) if format == ours => Ok(()),
        Some(format) => invalid(format!("a NameIDPolicy with the Format {}; the party gets {ours}", quoted(format))),
    }
}

fn format_of(rule: &NameIdentifierRule) -> &str {
    match rule {
        NameIdentifierRule::ImmutableId { format }
        | NameIdentifierRule::Attribute { format, .. }
        | NameIdentifierRule::Rule { format, .. }
        | NameIdentifierRule::Upn { format } => format,
        NameIdentifierRule::Transient => NAMEID_TRANSIENT,
    }
}

/// The name that the subject has to have. A name of another format could be somebody's, and nobody is looked up by it.
fn subject_of<'r>(
    subject: &'r RequestedSubject,
    configured: &NameIdentifierRule,
) -> Result<Option<&'r RequestedName>, Unmet> {
    if !subject.takes_bearer {
        let reason = "a Subject to be confirmed in another way than by bearer".to_owned();
        return Err(unmet(SecondLevelStatus::RequestUnsupported, reason));
    }
    match &subject.identifier {
        None => Ok(None),
        Some(RequestedIdentifier::Opaque) => {
            let reason = "a Subject by an EncryptedID or a BaseID".to_owned();
            Err(unmet(SecondLevelStatus::RequestUnsupported, reason))
        }
        Some(RequestedIdentifier::Name(name)) => {
            match name.format.as_deref().filter(|format| *format != format_of(configured)) {
                None => Ok(Some(name)),
                Some(other) => {
                    let reason = format!("a Subject by a name of the Format {}", quoted(other));
                    Err(unmet(SecondLevelStatus::UnknownPrincipal, reason))
                }
            }
        }
    }
}

/// What is granted, made to hold only within what the SP asks for (`saml-core-2.0-os`, 3.4.1). For whom it is, is never
/// changed: nobody gets an assertion for another SP.
fn within<'r>(granted: Granted<'r>, asked: &Conditions, sp_entity_id: &str) -> Result<Granted<'r>, Unmet> {
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
