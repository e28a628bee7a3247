//! WS-MetadataExchange: the bare WSDL to a GET, `mex:Metadata` in an envelope to a SOAP POST.

use http::{Method, StatusCode};

use super::context::Context;
use super::documents::Document;
use super::message::{NativeRequest, Reply};
use super::sts::{Answering, refused};
use crate::soap::{Envelope, understood_by_wstrust};
use crate::wstrust::mex;
use crate::xml::Limits;

/// Answers a request for metadata.
pub(super) fn answer(request: &NativeRequest, context: &Context) -> Reply {
    if super::is_get(&request.method) {
        return get(request, context);
    }
    if request.method != Method::POST {
        return Reply::method_not_allowed("GET, HEAD, POST");
    }
    let mut answering = Answering::to(request);
    let limits = Limits::message(context.config.limits.rst_body);
    let envelope = match Envelope::parse(&request.body, &limits, understood_by_wstrust) {
        Ok(envelope) => envelope,
        Err(refusal) => {
            answering.peek(&request.body, &limits);
            return refused(&refusal, &answering, context);
        }
    };
    answering.learn(&envelope);
    match mex::answered_action(&envelope) {
        Ok(action) => {
            let metadata = &context.documents.mex_metadata;
            let body = mex::envelope(metadata, action, envelope.version, envelope.addressing.as_ref());
            Reply::fresh(StatusCode::OK, envelope.version.content_type(), body)
        }
        Err(refusal) => refused(&refusal, &answering, context),
    }
}

/// The WSDL, whatever the query, as AD FS does; one of its schemas for `?xsd=`.
fn get(request: &NativeRequest, context: &Context) -> Reply {
    schema_asked_for(request, &context.documents.schemas)
        .unwrap_or_else(|| context.documents.mex.reply(&request.headers))
}

/// The one of `schemas` that `?xsd=` names, if the query has that.
pub(super) fn schema_asked_for(request: &NativeRequest, schemas: &[(&str, Document)]) -> Option<Reply> {
    let mut parameters = request.query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, name) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("xsd"))?;
    Some(match schemas.iter().find(|(known, _)| *known == name) {
        Some((_, schema)) => schema.reply(&request.headers),
        None => Reply::text(StatusCode::NOT_FOUND, "There is no such schema.\n"),
    })
}
