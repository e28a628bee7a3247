//! Assertions that somebody else brings: read only from the bytes that a trusted issuer signed, and strictly. Whether what
//! they say is enough is for the caller.

mod conditions;
mod confirmation;
mod saml11;
mod saml20;
#[cfg(test)]
mod tests;

use openssl::pkey::{PKey, Public};

pub use self::conditions::{Conditions, Period};
pub use self::confirmation::{ConfirmationMethod, HeldKey, SubjectConfirmation};
use super::assertion::AttributeOut;
use super::names::{SAML11, SAML20_NS};
use crate::dsig::{self, Accepted, Verified, VerifyError};
use crate::model::{Timestamp, is_claim};
use crate::xml::{Document, Duplicate, Element};

/// Which SAML an assertion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamlVersion {
    /// 1.1.
    V11,
    /// 2.0.
    V20,
}

impl SamlVersion {
    /// The version of an `Assertion` element; `None` for anything else.
    pub fn of(element: &Element) -> Option<Self> {
        [Self::V11, Self::V20].into_iter().find(|version| element.is(version.namespace(), "Assertion"))
    }

    /// The namespace of its assertions.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::V11 => SAML11.uri,
            Self::V20 => SAML20_NS,
        }
    }

    /// What it calls an assertion's ID.
    pub const fn id_attribute(self) -> &'static str {
        match self {
            Self::V11 => "AssertionID",
            Self::V20 => "ID",
        }
    }
}

/// The ID of an assertion of either version, as far as it says.
pub fn saml_id(assertion: &Element) -> Option<&str> {
    assertion.attribute(SamlVersion::of(assertion)?.id_attribute())
}

/// Who an assertion of either version says made it.
pub fn saml_issuer(assertion: &Element) -> Option<&str> {
    claimed_issuer(assertion, SamlVersion::of(assertion)?)
}

/// An assertion whose signature was verified; everything here was signed.
///
/// [`ReceivedAssertion::verify`] is the one way to have one. It says that a trusted issuer said this, and no more: the
/// caller still checks [`Conditions`] (times, audience, use), [`SubjectConfirmation`] (who may present it), and whether the
/// name is one that this issuer may speak of.
///
/// Attributes are [`AttributeOut`]s: [`AttributeOut::claim_uri`] tells what they are called in both versions.
#[derive(Clone, Debug)]
pub struct ReceivedAssertion {
    /// Which SAML it is.
    pub version: SamlVersion,
    /// Its ID.
    pub id: String,
    /// Who made it: the name by which its keys were found.
    pub issuer: String,
    /// When it was made.
    pub issue_instant: Timestamp,
    /// When, for whom, how often it is good.
    pub conditions: Conditions,
    /// The subject's name. AD FS leaves it out where no rule issues one; a claim names the user then.
    pub name_identifier: Option<ReceivedName>,
    /// How whoever presents it may show that they are the subject: one of these is enough. Empty: nobody may.
    pub confirmations: Vec<SubjectConfirmation>,
    /// What else is said of the subject, where it is said in text.
    pub attributes: Vec<AttributeOut>,
    /// How and when the subject signed in, if it says so.
    pub authentication: Option<AuthenticationStatement>,
}

/// The subject's name, as somebody else wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedName {
    /// The name, letter for letter; never empty.
    pub value: String,
    /// Its format's URI.
    pub format: Option<String>,
}

/// How and when the subject signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationStatement {
    /// SAML 1.1's AuthenticationMethod or SAML 2.0's AuthnContextClassRef.
    pub method: Option<String>,
    /// When.
    pub instant: Timestamp,
    /// SAML 2.0: until when the session may last, exclusive.
    pub session_not_on_or_after: Option<Timestamp>,
}

/// An assertion is not taken. The reason is for logs; a client is only told that it is not.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No `Assertion` of SAML 1.1 or 2.0.
    #[error("no SAML 1.1 or 2.0 assertion")]
    NoAssertion,
    /// Nobody trusted has its issuer's name.
    #[error("the assertion's issuer is not trusted")]
    Issuer,
    /// Its signature does not hold.
    #[error("the assertion's signature: {0}")]
    Signature(#[from] VerifyError),
    /// It is not what SAML says it must be, or has in it what is not understood.
    #[error("the assertion has {0}")]
    Form(&'static str),
    /// What must be there once is there more often.
    #[error("the assertion has {0}")]
    Duplicate(#[from] Duplicate),
}

impl ReceivedAssertion {
    /// Verifies `element`'s own signature with the keys that `keys_of` has for its issuer, and reads what was signed. A
    /// certificate in the signature counts for nothing.
    ///
    /// # Errors
    /// [`ReadError`], in this order: what it is, its issuer, its signature, its form.
    pub fn verify<'k>(
        document: &Document,
        element: &Element,
        keys_of: impl FnOnce(&str) -> Option<&'k [PKey<Public>]>,
    ) -> Result<Self, ReadError> {
        let version = SamlVersion::of(element).ok_or(ReadError::NoAssertion)?;
        let claimed = claimed_issuer(element, version).ok_or(ReadError::Issuer)?;
        let keys = keys_of(claimed).ok_or(ReadError::Issuer)?;
        let verified = dsig::verify(document, element, version.id_attribute(), keys, Accepted::Modern)?;
        let assertion = Self::read(&verified, version)?;
        // What is not signed has only told which keys to try.
        if assertion.issuer == claimed { Ok(assertion) } else { Err(ReadError::Issuer) }
    }

    fn read(verified: &Verified, version: SamlVersion) -> Result<Self, ReadError> {
        let root = &verified.document().root;
        match version {
            SamlVersion::V11 => saml11::read(root),
            SamlVersion::V20 => saml20::read(root),
        }
    }

    /// Every value of the attribute with that claim URI, however the assertion's version and its statements split it.
    pub fn values<'a>(&'a self, claim_uri: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |claim: &&AttributeOut| is_claim(claim.namespace.as_deref(), &claim.name, claim_uri);
        self.attributes.iter().filter(is_it).flat_map(|claim| claim.values.iter().map(String::as_str))
    }
}

/// Who an assertion says made it, before anything is verified.
fn claimed_issuer(element: &Element, version: SamlVersion) -> Option<&str> {
    match version {
        SamlVersion::V11 => element.attribute("Issuer"),
        SamlVersion::V20 => saml20::issuer(element).ok(),
    }
}

fn form(what: &'static str) -> ReadError {
    ReadError::Form(what)
}

/// An attribute that must be there.
fn required<'e>(element: &'e Element, name: &str, what: &'static str) -> Result<&'e str, ReadError> {
    element.attribute(name).filter(|value| !value.is_empty()).ok_or(ReadError::Form(what))
}

/// An instant in an attribute, if it is there.
fn instant(element: &Element, name: &str) -> Result<Option<Timestamp>, ReadError> {
    let read = |text| Timestamp::parse(text).map_err(|_| form("an instant that is no xs:dateTime"));
    element.attribute(name).map(read).transpose()
}

fn required_instant(element: &Element, name: &str) -> Result<Timestamp, ReadError> {
    instant(element, name)?.ok_or(ReadError::Form("an instant missing"))
}

/// What an attribute says, if it says it in text alone.
fn attribute_values(attribute: &Element, namespace: &str) -> Option<Vec<String>> {
    attribute
        .elements()
        .map(|value| value.text().filter(|_| value.is(namespace, "AttributeValue")).map(str::to_owned))
        .collect()
}
