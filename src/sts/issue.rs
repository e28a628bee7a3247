//! Claims to assertion.

use std::time::Duration;

use super::Claims;
use crate::model::{Authenticated, Ids, Timestamp};
use crate::saml::{Assertion, AuthnContextClass, Confirmation};

/// From when until when a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From.
    pub from: Timestamp,
    /// Until, exclusive.
    pub until: Timestamp,
}

impl Validity {
    /// From `now` for `lifetime`.
    pub fn starting(now: Timestamp, lifetime: Duration) -> Self {
        Self { from: now, until: now.plus(lifetime) }
    }
}

/// The assertion that `user` is who the claims say, for `audience`.
pub fn issue(
    user: &Authenticated,
    claims: Claims,
    audience: &str,
    confirmation: Confirmation,
    validity: Validity,
    ids: &dyn Ids,
) -> Assertion {
    Assertion {
        id: ids.id(),
        issuer: claims.issuer,
        issue_instant: validity.from,
        not_before: validity.from,
        not_on_or_after: validity.until,
        audience: audience.to_owned(),
        name_identifier: claims.name_identifier,
        confirmation,
        attributes: claims.attributes,
        authn_instant: user.instant(),
        method: user.method(),
        authn_context: AuthnContextClass::default(),
        session_index: Some(ids.id()),
    }
}
