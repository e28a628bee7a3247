//! SAML metadata and the signing certificate.

use http::StatusCode;

use super::context::Context;
use super::message::{NativeRequest, Reply};
use crate::model::Endpoint;

/// Answers a GET; there is nothing else to ask.
pub(super) fn answer(request: &NativeRequest, context: &Context) -> Reply {
    if !super::is_get(&request.method) {
        return Reply::method_not_allowed("GET, HEAD");
    }
    let documents = &context.documents;
    match (request.endpoint, &documents.metadata) {
        (Endpoint::Metadata, Some(metadata)) => metadata.load().reply(&request.headers),
        (Endpoint::Certificate, _) => documents.certificate.load().reply(&request.headers),
        _ => Reply::text(StatusCode::NOT_FOUND, "This document is not published here.\n"),
    }
}
