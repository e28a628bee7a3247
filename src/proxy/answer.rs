//! Writing answers of our own.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use http::{Method, StatusCode, Version};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
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
pub(super) async fn refuse_with_page(session: &mut Session, status: StatusCode, correlation_id: &str) -> Result<()> {
    refuse(session, error(status, correlation_id), correlation_id).await
}

/// Sends a refusal to a client that may still be sending its body. Over HTTP/1 it gets the time to read it: a reset would
/// throw it away with the rest (RFC 9112 9.6). Over HTTP/2 what it sends is taken first: curl drops an answer whose stream
/// is reset, legal as that is (RFC 9113 8.1).
pub(super) async fn refuse(session: &mut Session, refusal: Reply, correlation_id: &str) -> Result<()> {
    let waits = expects_continue(session.req_header()) && session.response_written().is_none();
    let client = session.as_downstream_mut();
    let sends = !client.is_body_done();
    let http2 = client.is_http2();
    if sends && http2 {
        let _ = tokio::time::timeout(LINGER, client.drain_request_body()).await;
    } else if sends {
        client.set_keepalive(None);
    }
    send(session, refusal, correlation_id).await?;
    if sends && !waits && !http2 {
        let _ = tokio::time::timeout(LINGER, session.as_downstream_mut().drain_request_body()).await;
    }
    Ok(())
}

/// The answer to what Pingora takes for no HTTP/1 request at all, as bytes.
pub(super) fn bad_request(correlation_id: &str) -> Vec<u8> {
    let Reply { status, headers, body } = error(StatusCode::BAD_REQUEST, correlation_id);
    let mut out = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in &headers {
        out.extend_from_slice(format!("{name}: ").as_bytes());
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let length = body.len();
    let rest = format!("Content-Length: {length}\r\n{CORRELATION_ID}: {correlation_id}\r\nConnection: close\r\n\r\n");
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(&body);
    out
}

/// Whether the client waits for a 100 before it sends the body.
pub(super) fn expects_continue(header: &RequestHeader) -> bool {
    let expect = header.headers.get(EXPECT).map(|value| value.as_bytes());
    header.version == Version::HTTP_11 && expect.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
}

/// How long what comes after a refusal is thrown away.
pub const LINGER: Duration = Duration::from_secs(2);

/// In seconds.
const RETRY_SOON: http::HeaderValue = http::HeaderValue::from_static("1");

/// What a client is told of a failure: nothing but how to ask about it.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>{status}</title></head>\n\
                    <body><h1>{status}</h1><p>Reference: {reference}</p></body></html>\n";

fn error(status: StatusCode, correlation_id: &str) -> Reply {
    // Neither value is the client's.
    let page = PAGE.replace("{status}", &status.to_string()).replace("{reference}", correlation_id);
    let mut headers = http::HeaderMap::with_capacity(3);
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_SOON);
    }
    Reply { status, headers, body: Bytes::from(page) }
}
