//! Writing answers of our own.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, StatusCode};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use crate::handler::Reply;

/// The header that carries the correlation id of an answer.
pub(super) const CORRELATION_ID: &str = "X-Correlation-Id";

/// Sends a reply whole.
pub(super) async fn send(session: &mut Session, reply: Reply, correlation_id: &str) -> Result<()> {
    let mut header = ResponseHeader::build(reply.status, Some(reply.headers.len() + 4))?;
    for (name, value) in &reply.headers {
        header.append_header(name, value)?;
    }
    header.insert_header(CORRELATION_ID, correlation_id)?;
    let bodiless = matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless {
        header.insert_header(CONTENT_LENGTH, reply.body.len())?;
    }
    let ends = bodiless || reply.body.is_empty() || session.req_header().method == Method::HEAD;
    session.write_response_header(Box::new(header), ends).await?;
    session.write_response_body((!ends).then_some(reply.body), true).await
}

/// Sends a short page that says what went wrong, and nothing about what is inside.
pub(super) async fn send_error(session: &mut Session, status: StatusCode, correlation_id: &str) -> Result<()> {
    send(session, error(status, correlation_id), correlation_id).await
}

/// What a client is told of a failure: nothing but how to ask about it.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>{status}</title></head>\n\
                    <body><h1>{status}</h1><p>Reference: {reference}</p></body></html>\n";

fn error(status: StatusCode, correlation_id: &str) -> Reply {
    // Neither value is the client's.
    let page = PAGE.replace("{status}", &status.to_string()).replace("{reference}", correlation_id);
    let mut headers = http::HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    Reply { status, headers, body: Bytes::from(page) }
}
