//! Our own endpoints: the body, the answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{StatusCode, Version};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::answer;
use super::context::Request;
use crate::handler::NativeRequest;
use crate::model::Endpoint;
use crate::proxy::Native;

/// After a refusal the client may still be sending; what it sends is thrown away for this long, because a reset would
/// also throw away the refusal (RFC 9112 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// Reads the body, has the request answered, and sends the answer.
pub(super) async fn answer(
    native: &dyn Native,
    session: &mut Session,
    request: &Request,
    endpoint: Endpoint,
) -> Result<()> {
    let limit = request.settings.body_limit(endpoint);
    let body = match tokio::time::timeout(request.settings.limits.body_deadline, read_body(session, limit)).await {
        Ok(Ok(body)) => body?,
        Ok(Err(TooLarge)) => return refuse(session, request, StatusCode::PAYLOAD_TOO_LARGE).await,
        Err(_) => {
            session.set_keepalive(None);
            return answer::send_error(session, StatusCode::REQUEST_TIMEOUT, &request.correlation_id).await;
        }
    };
    let header = session.req_header();
    let (path, query) = request.target.parts();
    let asked = NativeRequest {
        endpoint,
        method: header.method.clone(),
        path: String::from_utf8_lossy(path).into_owned(),
        query: String::from_utf8_lossy(query).into_owned(),
        headers: header.headers.clone(),
        body,
        client: request.client,
        correlation_id: request.correlation_id.clone(),
    };
    let reply = native.answer(asked).await;
    request.close_if_draining(session);
    answer::send(session, reply, &request.correlation_id).await
}

/// The body is over the limit.
struct TooLarge;

async fn read_body(session: &mut Session, limit: usize) -> Result<Result<Bytes>, TooLarge> {
    if declared_length(session.req_header()).is_some_and(|length| length > limit as u64) {
        return Err(TooLarge);
    }
    if expects_continue(session.req_header())
        && !session.is_body_empty()
        && let Err(error) = session.write_continue_response().await
    {
        return Ok(Err(error));
    }
    let mut body = Bytes::new();
    let mut gathered = BytesMut::new();
    loop {
        let piece = match session.read_request_body().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(Ok(if gathered.is_empty() { body } else { gathered.freeze() })),
            Err(error) => return Ok(Err(error)),
        };
        if body.len().max(gathered.len()) + piece.len() > limit {
            return Err(TooLarge);
        }
        if body.is_empty() {
            body = piece;
            continue;
        }
        if gathered.is_empty() {
            gathered.extend_from_slice(&body);
        }
        gathered.extend_from_slice(&piece);
    }
}

async fn refuse(session: &mut Session, request: &Request, status: StatusCode) -> Result<()> {
    let waits = expects_continue(session.req_header());
    session.set_keepalive(None);
    answer::send_error(session, status, &request.correlation_id).await?;
    if !waits && !session.as_downstream().is_http2() {
        let _ = tokio::time::timeout(LINGER, session.as_downstream_mut().drain_request_body()).await;
    }
    Ok(())
}

fn declared_length(header: &RequestHeader) -> Option<u64> {
    header.headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn expects_continue(header: &RequestHeader) -> bool {
    let expect = header.headers.get(EXPECT).map(|value| value.as_bytes());
    header.version == Version::HTTP_11 && expect.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
}
