//! `wst:Lifetime` and `wst:Renewing`: how long a token is wanted, and whether it is to go on.

use serde::{Deserialize, Serialize};

use super::{malformed, only};
use crate::model::{Refusal, Timestamp};
use crate::soap::WSU;
use crate::wstrust::TrustVersion;
use crate::xml::{Element, boolean};

/// What a client wants of a token's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestedLifetime {
    /// From.
    pub created: Option<Timestamp>,
    /// Until, exclusive.
    pub expires: Option<Timestamp>,
}

impl RequestedLifetime {
    /// Reads `wst:Lifetime`; without one, nothing is wanted.
    pub(super) fn read(body: &Element, version: TrustVersion) -> Result<Self, Refusal> {
        let Some(lifetime) = only(body, version.ns().uri, "Lifetime")? else { return Ok(Self::default()) };
        let instant = |name| {
            let Some(element) = only(lifetime, WSU.uri, name)? else { return Ok(None) };
            let parsed = element.trimmed_text().and_then(|text| Timestamp::parse(text).ok());
            parsed.map(Some).ok_or_else(|| malformed(format!("a Lifetime whose {name} is no instant")))
        };
        Ok(Self { created: instant("Created")?, expires: instant("Expires")? })
    }
}

/// What a client wants of a token's renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewing {
    /// `Allow`: whether it may be renewed at all.
    pub allowed: bool,
    /// `OK`: also after its end. What a client does not speak of is left to the relying party's policy; where it does, the
    /// specification's default is no.
    pub after_end: bool,
}

impl Renewing {
    /// Reads `wst:Renewing`.
    pub(super) fn read(body: &Element, version: TrustVersion) -> Result<Self, Refusal> {
        let Some(renewing) = only(body, version.ns().uri, "Renewing")? else {
            return Ok(Self { allowed: true, after_end: true });
        };
        let flag = |name, default| match renewing.attribute(name) {
            None => Ok(default),
            Some(text) => boolean(text).ok_or_else(|| malformed(format!("Renewing whose {name} is no boolean"))),
        };
        Ok(Self { allowed: flag("Allow", true)?, after_end: flag("OK", false)? })
    }
}
