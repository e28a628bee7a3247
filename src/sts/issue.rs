//! Claims to assertion.

use super::{Claims, Validity};
use crate::model::{Authenticated, Ids};
use crate::saml::{Advice, Assertion, AuthnContextClass, Confirmation};

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
        one_time_use: false,
        not_to_be_proxied: false,
        advice: Advice::default(),
    }
}
