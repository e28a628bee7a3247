//! Conditions of both versions: an assertion is good only if every one of them is understood and holds.

use super::{ReadError, SamlVersion, form, instant};
use crate::model::{MAX_SKEW, Timestamp};
use crate::xml::Element;

/// When, for whom, and how often an assertion is good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// From.
    pub not_before: Option<Timestamp>,
    /// Until, exclusive.
    pub not_on_or_after: Option<Timestamp>,
    /// For whom: every restriction must name whoever reads it (SAML 2.0 Core 2.5.1.4), each by one of its audiences.
    pub audiences: Vec<Vec<String>>,
    /// OneTimeUse, in SAML 1.1 DoNotCacheCondition.
    pub one_time_use: bool,
    /// ProxyRestriction: other assertions may not follow from this one, or only some that would have to carry the
    /// restriction on, which ours do not.
    pub proxy_restriction: bool,
}

/// Where an instant lies in an assertion's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Not yet.
    Before,
    /// Now.
    Within,
    /// No longer, or nobody says until when.
    After,
}

impl Conditions {
    /// Where `now` lies, another's clock being off by [`MAX_SKEW`] at most.
    pub fn period(&self, now: Timestamp) -> Period {
        if self.not_before.is_some_and(|from| now.plus(MAX_SKEW) < from) {
            return Period::Before;
        }
        if self.not_on_or_after.is_some_and(|until| now.minus(MAX_SKEW) < until) {
            Period::Within
        } else {
            Period::After
        }
    }

    /// Whether it is for whoever `is_meant` knows: at least one restriction, and each names them.
    pub fn is_for(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        !self.audiences.is_empty() && self.audiences.iter().all(|any| any.iter().any(|audience| is_meant(audience)))
    }
}

/// The conditions of an assertion, or of a request for one; none if it has no such element.
pub(in crate::saml) fn conditions(assertion: &Element, version: SamlVersion) -> Result<Conditions, ReadError> {
    let namespace = version.namespace();
    let Some(element) = assertion.only_child(namespace, "Conditions")? else { return Ok(Conditions::default()) };
    let mut read = Conditions {
        not_before: instant(element, "NotBefore")?,
        not_on_or_after: instant(element, "NotOnOrAfter")?,
        ..Conditions::default()
    };
    if read.not_before.zip(read.not_on_or_after).is_some_and(|(from, until)| from >= until) {
        return Err(form("conditions that end before they begin"));
    }
    for condition in element.elements() {
        let name = condition.name.local.as_str();
        match (version, name) {
            _ if &*condition.name.namespace != namespace => return Err(UNKNOWN),
            (SamlVersion::V11, "AudienceRestrictionCondition") | (SamlVersion::V20, "AudienceRestriction") => {
                read.audiences.push(audiences(condition, namespace)?);
            }
            (SamlVersion::V11, "DoNotCacheCondition") | (SamlVersion::V20, "OneTimeUse") => read.one_time_use = true,
            (SamlVersion::V20, "ProxyRestriction") => read.proxy_restriction = true,
            _ => return Err(UNKNOWN),
        }
    }
    Ok(read)
}

/// With a condition that is not understood, nobody can say that an assertion is valid (SAML 1.1 Core 2.3.2.1, SAML 2.0 Core
/// 2.5.1.1).
const UNKNOWN: ReadError = ReadError::Form("a condition that is not understood");

fn audiences(restriction: &Element, namespace: &str) -> Result<Vec<String>, ReadError> {
    let audience = |element: &Element| {
        let text = element.trimmed_text().filter(|text| element.is(namespace, "Audience") && !text.is_empty());
        text.map(str::to_owned).ok_or(ReadError::Form("an audience that is no text"))
    };
    let audiences: Vec<String> = restriction.elements().map(audience).collect::<Result<_, _>>()?;
    if audiences.is_empty() { Err(form("an audience restriction without an audience")) } else { Ok(audiences) }
}
