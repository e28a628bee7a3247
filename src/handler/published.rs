//! SAML metadata, WS-Federation's, and our certificates.

use http::StatusCode;

use super::context::Context;
use super::message::{NativeRequest, Reply};
use crate::model::Endpoint;

/// Answers a GET; there is nothing else to ask.
pub(super) fn answer(request: &NativeRequest, context: &Context) -> Reply {
    if !super::is_get(&request.method) {
        return Reply::method_not_allowed("GET, HEAD");
    }
    let (documents, now) = (&context.documents, context.clock.now());
    let published = documents.published.load();
    match request.endpoint {
        Endpoint::Metadata => published.metadata(&request.headers, now).unwrap_or_else(|| published.missing()),
        Endpoint::FederationMetadata => {
            published.federation(&request.headers, now).unwrap_or_else(|| published.missing())
        }
        _ => match documents.certificates.asked(&request.query, &context.signing_keys, now) {
            Some(certificate) => certificate.reply(&request.headers),
            None => Reply::text(StatusCode::NOT_FOUND, "There is no such certificate.\n"),
        },
    }
}
