//! What is forwarded, and copied to be compared with what we would answer.

use http::Method;
use pingora::http::RequestHeader;
use pingora::{Error, ErrorSource};

use super::context::Request;
use super::hop::is_upgrade;
use super::native::asked;
use super::route::Shadowed;
use crate::shadow::{Capture, End, Known};

/// The copy of a request that is forwarded, if it is one for an endpoint in shadow. Nothing else is looked at.
pub(super) fn begin(header: &RequestHeader, request: &Request) -> Option<Box<Capture>> {
    let shadow = request.settings.shadow.as_ref()?;
    let (path, query) = request.target.parts();
    let Shadowed { endpoint, answered } = request.settings.routes.shadowed(path, query)?;
    // What has no answer to compare.
    if !matches!(header.method, Method::GET | Method::POST) || is_upgrade(header) {
        return None;
    }
    let vouched = request.settings.vouchers.name_one_of(&header.headers);
    shadow.begin(asked(header, request, endpoint), Known { answered, vouched }).map(Box::new)
}

/// How it ended, as Pingora has it.
pub(super) fn end_of(error: Option<&Error>) -> End {
    match error {
        None => End::Well,
        Some(error) if *error.esource() == ErrorSource::Downstream => End::ByClient,
        Some(_) => End::ByServer,
    }
}
