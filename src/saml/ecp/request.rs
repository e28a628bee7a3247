//! What an AuthnRequest asks for (`saml-core-2.0-os`, 3.4.1).

use super::{ChannelBindings, RequestedSubject, Scoping};
use crate::dsig::DS;
use crate::model::{MAX_AGE, MAX_SKEW, Refusal, RefusalKind, Timestamp};
use crate::saml::names::{NAMEID_ENTITY, NAMEID_UNSPECIFIED, NAMEID_UNSPECIFIED_20, SAML20_NS, SAML20_PROTOCOL};
use crate::saml::{Conditions, SamlVersion, read};
use crate::xml::{self, Element};

/// An AuthnRequest, read but not yet believed: [`check`] and `ServiceProvider::choose_acs` come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthnRequest {
    /// `ID`, which the Response repeats. Not an NCName for every client: saml2aws sends a bare UUID.
    pub id: String,
    /// `IssueInstant`.
    pub issue_instant: Timestamp,
    /// The SP's entityID, without the white space that saml2aws and Kent's tester put around it.
    pub issuer: String,
    /// `Destination`; rarely present over SOAP.
    pub destination: Option<String>,
    /// Which assertion consumer service.
    pub acs: AcsRequest,
    /// `NameIDPolicy`.
    pub name_id_policy: Option<NameIdPolicy>,
    /// Whether the password must be checked afresh.
    pub force_authn: bool,
    /// `RequestedAuthnContext`.
    pub requested_authn_context: Option<RequestedAuthnContext>,
    /// `Subject`.
    pub subject: Option<RequestedSubject>,
    /// `Conditions`: what the assertion's are to be within.
    pub conditions: Option<Conditions>,
    /// `Scoping`.
    pub scoping: Option<Scoping>,
    /// The SP's view of its channel to the client, in `Extensions`.
    pub channel_bindings: Vec<ChannelBindings>,
    /// Whether it has a signature. Whether that is good is not known here.
    pub signed: bool,
}

/// Which assertion consumer service the SP wants the answer at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcsRequest {
    /// The one with this index in its metadata: Office 365.
    Index(u16),
    /// The one with this address or binding, or none said: Shibboleth.
    ByValue {
        /// `AssertionConsumerServiceURL`.
        url: Option<String>,
        /// `ProtocolBinding`.
        binding: Option<String>,
    },
}

/// What name identifier the SP wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameIdPolicy {
    /// `Format`.
    pub format: Option<String>,
    /// `SPNameQualifier`.
    pub sp_name_qualifier: Option<String>,
}

impl NameIdPolicy {
    /// `Format`, unless it leaves the choice to us.
    pub fn format_named(&self) -> Option<&str> {
        self.format.as_deref().filter(|format| is_specified(format))
    }
}

/// Whether a Format does not leave the choice to us.
pub(super) fn is_specified(format: &str) -> bool {
    ![NAMEID_UNSPECIFIED, NAMEID_UNSPECIFIED_20].contains(&format)
}

/// How the SP wants the user authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedAuthnContext {
    /// `AuthnContextClassRef`s; empty if it names declarations only.
    pub class_refs: Vec<String>,
    /// `Comparison`.
    pub comparison: Comparison,
}

/// How a context is compared with those requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// One of them.
    #[default]
    Exact,
    /// One of them or a stronger one.
    Minimum,
    /// One of them or a weaker one.
    Maximum,
    /// Stronger than all of them.
    Better,
}

impl AuthnRequest {
    /// Reads the one child of the SOAP Body. What changes nothing for us is passed over: `IsPassive`, since Basic has no
    /// dialogue with the user, so that nobody is ever told NoPassive; `AllowCreate`, since no identifier is kept for an SP.
    ///
    /// # Errors
    /// [`RefusalKind::Unsupported`] for another message, [`RefusalKind::Version`] for another version,
    /// [`RefusalKind::Malformed`] for what the schema or this profile does not allow.
    pub fn parse(element: &Element) -> Result<Self, Refusal> {
        if !element.is(SAML20_PROTOCOL, "AuthnRequest") {
            return Err(Refusal::new(RefusalKind::Unsupported, "the body is not a SAML 2.0 AuthnRequest"));
        }
        match element.attribute("Version") {
            Some("2.0") => {}
            Some(_) => return Err(Refusal::new(RefusalKind::Version, "Version is not 2.0")),
            None => return Err(malformed("no Version")),
        }
        boolean(element, "IsPassive")?;
        let issue_instant = element.attribute("IssueInstant").ok_or_else(|| malformed("no IssueInstant"))?;
        Ok(Self {
            id: id(element)?,
            issue_instant: Timestamp::parse(issue_instant).map_err(|_| malformed("IssueInstant is no instant"))?,
            issuer: issuer(element)?,
            destination: text_attribute(element, "Destination"),
            acs: acs(element)?,
            name_id_policy: only(element, SAML20_PROTOCOL, "NameIDPolicy")?.map(name_id_policy),
            force_authn: boolean(element, "ForceAuthn")?,
            requested_authn_context: only(element, SAML20_PROTOCOL, "RequestedAuthnContext")?
                .map(requested_authn_context)
                .transpose()?,
            subject: only(element, SAML20_NS, "Subject")?.map(RequestedSubject::parse).transpose()?,
            conditions: conditions(element)?,
            scoping: only(element, SAML20_PROTOCOL, "Scoping")?.map(Scoping::parse).transpose()?,
            channel_bindings: only(element, SAML20_PROTOCOL, "Extensions")?
                .map(ChannelBindings::among)
                .unwrap_or_default(),
            signed: element.child(DS.uri, "Signature").is_some(),
        })
    }
}

/// Whether a request is fresh and meant for us; `addresses` are the public ones of our ECP endpoint.
///
/// # Errors
/// [`RefusalKind::Security`] if it is too old, from the future, or for another address.
pub fn check(request: &AuthnRequest, now: Timestamp, addresses: &[String]) -> Result<(), Refusal> {
    if now.since(request.issue_instant) > MAX_AGE + MAX_SKEW {
        return Err(Refusal::new(RefusalKind::Security, "the AuthnRequest is too old"));
    }
    if request.issue_instant.since(now) > MAX_SKEW {
        return Err(Refusal::new(RefusalKind::Security, "the AuthnRequest is from the future"));
    }
    match &request.destination {
        Some(destination) if !addresses.contains(destination) => {
            Err(Refusal::new(RefusalKind::Security, "the AuthnRequest's Destination is not an address of ours"))
        }
        _ => Ok(()),
    }
}

fn id(element: &Element) -> Result<String, Refusal> {
    let id = element.attribute("ID").ok_or_else(|| malformed("no ID"))?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if id.is_empty() || id.len() > 256 || !id.bytes().all(allowed) {
        return Err(malformed("ID is not 1 to 256 letters, digits, `_`, `.`, `-`"));
    }
    Ok(id.to_owned())
}

fn issuer(element: &Element) -> Result<String, Refusal> {
    let issuer = only(element, SAML20_NS, "Issuer")?.ok_or_else(|| malformed("no Issuer"))?;
    if issuer.attribute("Format").is_some_and(|format| format != NAMEID_ENTITY) {
        return Err(malformed("Issuer's Format is not entity"));
    }
    let name = issuer.trimmed_text().ok_or_else(|| malformed("Issuer is not text alone"))?;
    // saml-core-2.0-os, 8.3.6.
    if name.is_empty() || name.chars().count() > 1024 {
        return Err(malformed("Issuer is not 1 to 1024 characters"));
    }
    Ok(name.to_owned())
}

fn acs(element: &Element) -> Result<AcsRequest, Refusal> {
    let url = text_attribute(element, "AssertionConsumerServiceURL");
    let binding = text_attribute(element, "ProtocolBinding");
    match element.attribute("AssertionConsumerServiceIndex") {
        None => Ok(AcsRequest::ByValue { url, binding }),
        Some(_) if url.is_some() || binding.is_some() => {
            Err(malformed("AssertionConsumerServiceIndex together with its URL or ProtocolBinding"))
        }
        Some(index) => {
            let index = index.trim().parse().map_err(|_| malformed("AssertionConsumerServiceIndex is no index"))?;
            Ok(AcsRequest::Index(index))
        }
    }
}

/// `None` where there are none.
fn conditions(element: &Element) -> Result<Option<Conditions>, Refusal> {
    if element.child(SAML20_NS, "Conditions").is_none() {
        return Ok(None);
    }
    read::conditions(element, SamlVersion::V20).map(Some).map_err(|error| malformed(error.to_string()))
}

fn name_id_policy(element: &Element) -> NameIdPolicy {
    NameIdPolicy {
        format: text_attribute(element, "Format"),
        sp_name_qualifier: text_attribute(element, "SPNameQualifier"),
    }
}

fn requested_authn_context(element: &Element) -> Result<RequestedAuthnContext, Refusal> {
    let comparison = match element.attribute("Comparison").map(str::trim) {
        None | Some("exact") => Comparison::Exact,
        Some("minimum") => Comparison::Minimum,
        Some("maximum") => Comparison::Maximum,
        Some("better") => Comparison::Better,
        Some(_) => return Err(malformed("an unknown Comparison")),
    };
    let class_refs = element
        .children_named(SAML20_NS, "AuthnContextClassRef")
        .map(|class| class.trimmed_text().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or_else(|| malformed("AuthnContextClassRef is not text alone"))?;
    Ok(RequestedAuthnContext { class_refs, comparison })
}

/// The one child of that name, if there is one.
pub(super) fn only<'e>(
    element: &'e Element,
    namespace: &str,
    local: &'static str,
) -> Result<Option<&'e Element>, Refusal> {
    element.only_child(namespace, local).map_err(|duplicate| malformed(duplicate.to_string()))
}

/// An attribute's value; an empty one says nothing.
pub(super) fn text_attribute(element: &Element, name: &str) -> Option<String> {
    element.attribute(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// An `xs:boolean`, false if absent.
fn boolean(element: &Element, name: &str) -> Result<bool, Refusal> {
    let Some(value) = element.attribute(name) else { return Ok(false) };
    xml::boolean(value).ok_or_else(|| malformed(format!("{name} is no boolean")))
}

pub(super) fn malformed(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Malformed, reason)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
