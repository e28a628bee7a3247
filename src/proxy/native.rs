//! What we answer: our own endpoints, and what is known of the identity provider's.

use std::pin::pin;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, StatusCode};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use zeroize::{Zeroize, Zeroizing};

use super::answer::{self, expects_continue, refuse};
use super::context::Request;
use crate::handler::{NativeRequest, Reply};
use crate::model::Endpoint;
use crate::proxy::Native;
use crate::traces::{self, RequestTrace};

/// Reads the body, has the request answered, and sends the answer.
pub(super) async fn answer(
    native: &dyn Native,
    session: &mut Session,
    request: &Request,
    endpoint: Endpoint,
) -> Result<()> {
    let answering = pin!(answer_untraced(native, session, request, endpoint));
    match &request.trace {
        None => answering.await,
        Some(trace) => trace.of(answering).await,
    }
}

async fn answer_untraced(
    native: &dyn Native,
    session: &mut Session,
    request: &Request,
    endpoint: Endpoint,
) -> Result<()> {
    let limit = request.settings.body_limit(endpoint);
    let body = {
        let read = pin!(read_body(session, limit));
        match tokio::time::timeout(request.settings.limits.body_deadline, traces::step("body", read)).await {
            Ok(Ok(body)) => Ok(body?),
            Ok(Err(TooLarge)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        }
    };
    let asked = asked(session.req_header(), request, endpoint);
    match body {
        Ok(body) => send(session, request, native.answer(NativeRequest { body, ..asked }).await).await,
        Err(status) => {
            let refusal = native.refuse(asked, status).await;
            refuse(session, refusal, &request.correlation_id).await
        }
    }
}

/// What an endpoint of ours is asked, without the body.
pub(super) fn asked(header: &RequestHeader, request: &Request, endpoint: Endpoint) -> NativeRequest {
    let (path, query) = request.target.parts();
    NativeRequest {
        endpoint,
        method: header.method.clone(),
        path: String::from_utf8_lossy(path).into_owned(),
        query: String::from_utf8_lossy(query).into_owned(),
        headers: header.headers.clone(),
        body: Bytes::new(),
        client: request.client,
        // A proxy's own certificate says nothing of whom it speaks for.
        certificate: request
            .connection
            .certificate
            .clone()
            .filter(|_| request.client.0 == request.connection.peer.ip()),
        correlation_id: request.correlation_id.clone(),
        trace_id: request.trace.as_ref().and_then(RequestTrace::id).map(str::to_owned),
    }
}

/// The answer to a request that would be forwarded, where it is already known. What has a body is not known.
pub(super) fn known(session: &mut Session, request: &Request) -> Option<Reply> {
    let documents = request.settings.documents()?;
    let (path, query) = request.target.parts();
    let header = session.req_header();
    let reply = documents.reply(&header.method, path, query, &header.headers)?;
    let ours = documents.are_for(hosts(header, request.trusted));
    (ours && session.is_body_empty()).then_some(reply)
}

/// Whether it is a GET for a certificate by an id that is none of ours, and nothing else.
pub(super) fn asks_for_anothers_certificate(session: &mut Session, request: &Request) -> bool {
    let (_, query) = request.target.parts();
    let query = String::from_utf8_lossy(query);
    matches!(session.req_header().method, Method::GET | Method::HEAD)
        && request.settings.certificate_ids.are_anothers(&query)
        && session.is_body_empty()
}

/// All that may tell the identity provider which of its hosts is asked.
fn hosts(header: &RequestHeader, trusted: bool) -> impl Iterator<Item = &[u8]> {
    let authority = header.uri.authority().map(|authority| authority.as_str().as_bytes());
    let forwarded = header.headers.get_all("x-forwarded-host").into_iter().filter(move |_| trusted);
    authority.into_iter().chain(header.headers.get_all(HOST).iter().chain(forwarded).map(HeaderValue::as_bytes))
}

/// Sends an answer.
pub(super) async fn send(session: &mut Session, request: &Request, reply: Reply) -> Result<()> {
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
    let mut body = Gathered::default();
    loop {
        let piece = match session.read_request_body().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(Ok(body.whole())),
            Err(error) => return Ok(Err(error)),
        };
        if body.0.len() + piece.len() > limit {
            return Err(TooLarge);
        }
        body.add(piece);
    }
}

/// A body that may hold a password: wiped from memory with its last copy, and so are its pieces, where they are nobody else's.
#[derive(Default)]
struct Gathered(Zeroizing<Vec<u8>>);

impl Gathered {
    fn add(&mut self, piece: Bytes) {
        let length = self.0.len() + piece.len();
        if length > self.0.capacity() {
            // A vector that grows by itself leaves what it had behind.
            let mut roomier = Zeroizing::new(Vec::with_capacity(length.max(2 * self.0.capacity())));
            roomier.extend_from_slice(&self.0);
            self.0 = roomier;
        }
        self.0.extend_from_slice(&piece);
        if let Ok(mut own) = piece.try_into_mut() {
            own.as_mut().zeroize();
        }
    }

    fn whole(self) -> Bytes {
        if self.0.is_empty() { Bytes::new() } else { Bytes::from_owner(self.0) }
    }
}

fn declared_length(header: &RequestHeader) -> Option<u64> {
    header.headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_its_pieces_in_order() {
        let mut body = Gathered::default();
        let shared = Bytes::from_static(b"shared");
        for piece in [Bytes::from(b"one ".to_vec()), shared.clone(), Bytes::new(), Bytes::from(vec![b'x'; 1000])] {
            body.add(piece);
        }
        assert_eq!(shared, "shared", "what somebody else holds stays as it is");
        assert_eq!(body.whole(), [b"one shared".as_slice(), &[b'x'; 1000]].concat());
        assert!(Gathered::default().whole().is_empty());
    }
}
