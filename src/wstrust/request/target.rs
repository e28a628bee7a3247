//! The token that Renew, Validate and Cancel are about.

use super::{malformed, only, unsupported};
use crate::model::{Refusal, quoted};
use crate::saml::{SamlVersion, saml_id};
use crate::soap::WSSE;
use crate::wstrust::TrustVersion;
use crate::xml::Element;

/// A token, named or shown. Nothing of it is proved yet.
#[derive(Clone, Copy, Debug)]
pub enum Target<'e> {
    /// By its ID, in a `wsse:SecurityTokenReference`.
    Reference(&'e str),
    /// Whole: a SAML assertion.
    Whole(&'e Element),
}

/// A token shown is itself alone, not another that says the same.
impl PartialEq for Target<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Reference(one), Self::Reference(other)) => one == other,
            (Self::Whole(one), Self::Whole(other)) => std::ptr::eq(*one, *other),
            (Self::Reference(_), Self::Whole(_)) | (Self::Whole(_), Self::Reference(_)) => false,
        }
    }
}

impl Eq for Target<'_> {}

impl<'e> Target<'e> {
    /// Reads what stands in `RenewTarget`, `ValidateTarget` or `CancelTarget`; in its absence in `Base`, which is what the
    /// drafts before 2005/02 call it.
    pub(super) fn read(body: &'e Element, version: TrustVersion, name: &'static str) -> Result<Self, Refusal> {
        let uri = version.ns().uri;
        let target = match only(body, uri, name)? {
            Some(target) => target,
            None => only(body, uri, "Base")?.ok_or_else(|| malformed(format!("no {name}")))?,
        };
        Self::within(target)
    }

    /// Reads the one element of `container`: a token, or a reference to one.
    pub(super) fn within(container: &'e Element) -> Result<Self, Refusal> {
        let name = &container.name.local;
        let shown =
            only_element(container).ok_or_else(|| malformed(format!("a {name} without exactly one element")))?;
        if shown.is(WSSE.uri, "SecurityTokenReference") { Self::of_reference(shown) } else { Self::shown(shown) }
    }

    /// Its ID, as far as it says.
    pub fn claimed_id(&self) -> Option<&'e str> {
        match self {
            Self::Reference(id) => Some(id),
            Self::Whole(assertion) => saml_id(assertion),
        }
    }

    fn of_reference(reference: &'e Element) -> Result<Self, Refusal> {
        let inside = only_element(reference)
            .filter(|inside| &*inside.name.namespace == WSSE.uri)
            .ok_or_else(|| malformed("a SecurityTokenReference without exactly one reference"))?;
        let id = match inside.name.local.as_str() {
            // Rampart, and with it WSO2, writes the ID with and without the sign of a fragment.
            "Reference" => {
                inside.attribute("URI").map(|uri| uri.trim()).map(|uri| uri.strip_prefix('#').unwrap_or(uri))
            }
            "KeyIdentifier" => {
                let kind = inside.attribute("ValueType").unwrap_or_default();
                if !KEY_IDENTIFIERS.contains(&kind) {
                    let told = "A KeyIdentifier names a token of this service by its ID, with the ValueType SAMLAssertionID or SAMLID.";
                    return Err(unsupported(format!("a KeyIdentifier of type {}", quoted(kind))).telling(told));
                }
                inside.trimmed_text()
            }
            "Embedded" => {
                let embedded = only_element(inside).ok_or_else(|| malformed("Embedded without exactly one element"))?;
                return Self::shown(embedded);
            }
            other => return Err(unsupported(format!("a SecurityTokenReference by {}", quoted(other)))),
        };
        let id = id.filter(|id| !id.is_empty()).ok_or_else(|| malformed("a SecurityTokenReference to nothing"))?;
        Ok(Self::Reference(id))
    }

    fn shown(token: &'e Element) -> Result<Self, Refusal> {
        match SamlVersion::of(token) {
            Some(_) => Ok(Self::Whole(token)),
            None => {
                let told = "A token is a SAML assertion, or named by the SecurityTokenReference that came with it, as an encrypted one has \
                            to be: only its relying party can read it.";
                Err(unsupported(format!("a token that is {}", quoted(&token.name.local))).telling(told))
            }
        }
    }
}

/// The WSS SAML Token Profile's names of an assertion's ID, in each of its versions.
const KEY_IDENTIFIERS: [&str; 4] = [
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID",
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLAssertionID",
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID",
    "http://docs.oasis-open.org/wss/2004/01/oasis-2004-01-saml-token-profile-1.0#SAMLAssertionID",
];

fn only_element(parent: &Element) -> Option<&Element> {
    let mut elements = parent.elements();
    match (elements.next(), elements.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
