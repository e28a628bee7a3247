//! Pingora's callbacks, in the order in which it makes them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use http::{StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use tokio::sync::Semaphore;

use super::connection::unique;
use super::context::{Context, Request};
use super::failure::{client_stalls, failure_of, is_of_server, status_of};
use super::headers::{self, Hop};
use super::identity::is_stranger;
use super::observe::{Access, Observer, Rejection, UpstreamFailure};
use super::route::{Routed, may_be_below};
use super::{Snapshots, answer, hop, native, shadow};
use crate::model::Endpoint;
use crate::traces::RequestTrace;

/// How long the server of a WebSocket may be silent. Pingora fixes this with the request, so it holds for the answer to an
/// upgrade, too; a client that does not wait so long ends that.
const UPGRADED_SILENCE: Duration = Duration::from_secs(4 * 60 * 60);

/// The proxy as Pingora sees it.
pub struct Forwarder {
    pub(super) snapshots: Arc<dyn Snapshots>,
    pub(super) observer: Arc<Observer>,
    pub(super) draining: Arc<AtomicBool>,
    pub(super) forwarding: Arc<Semaphore>,
}

#[async_trait]
impl ProxyHttp for Forwarder {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::default()
    }

    /// None: the default adds compression, which is not ours to add.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        let snapshot = self.snapshots.current();
        let (request, mut routed) = self.understand(session, snapshot.settings())?;
        let request = context.0.insert(Box::new(request));
        if routed == Ok(Routed::Native(Endpoint::Certificate))
            && native::asks_for_anothers_certificate(session, request)
        {
            let (path, query) = request.target.parts();
            routed = Ok(request.settings.routes.route_beside(Some(Endpoint::Certificate), path, query));
        }
        let known = if routed == Ok(Routed::Forward) { native::known(session, request) } else { None };
        if routed == Ok(Routed::Forward) && known.is_none() {
            request.forwarding = Arc::clone(&self.forwarding).try_acquire_owned().ok();
            if request.forwarding.is_none() {
                self.observer.rejected(Rejection::Requests);
                routed = Err(StatusCode::SERVICE_UNAVAILABLE);
            }
        }
        let route = match routed {
            Ok(Routed::Forward) if known.is_some() => Endpoint::Metadata.label(),
            Ok(Routed::Forward) => "forward",
            Ok(Routed::Native(endpoint)) => endpoint.label(),
            Ok(Routed::Ambiguous) | Err(_) => "refused",
        };
        request.in_flight = self.observer.begin(route);
        request.begin_trace(session.req_header(), route);
        let answered = match routed {
            // What is forwarded may take hours, and needs no more of the snapshot than its settings.
            Ok(Routed::Forward) => match known {
                None => {
                    request.shadow = shadow::begin(session.req_header(), request);
                    let waits = answer::expects_continue(session.req_header());
                    request.owe_body(!waits && !session.as_downstream_mut().is_body_done());
                    return Ok(false);
                }
                Some(reply) => native::send(session, request, reply).await,
            },
            Ok(Routed::Native(endpoint)) => native::answer(snapshot.as_ref(), session, request, endpoint).await,
            Ok(Routed::Ambiguous) => {
                request.close_if_draining(session);
                answer::refuse_with_page(session, StatusCode::NOT_FOUND, &request.correlation_id).await
            }
            Err(status) => {
                session.set_keepalive(None);
                answer::refuse_with_page(session, status, &request.correlation_id).await
            }
        };
        // Only the client's side was spoken to.
        answered.map(|()| true).map_err(Error::into_down)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        piece: &mut Option<Bytes>,
        ended: bool,
        context: &mut Context,
    ) -> Result<()> {
        let request = understood(context)?;
        if let (Some(shadow), Some(piece)) = (&mut request.shadow, &*piece) {
            shadow.asks(piece);
        }
        if request.body_came(piece.as_ref().map_or(0, Bytes::len), ended) {
            return Ok(());
        }
        self.observer.rejected(Rejection::SlowBody);
        Err(Error::new_down(ErrorType::ReadTimedout))
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Context) -> Result<Box<HttpPeer>> {
        let request = understood(context)?;
        request.attempts += 1;
        request.asked_upstream.get_or_insert_with(Instant::now);
        let headers = &session.req_header().headers;
        let http2 = session.req_header().version == Version::HTTP_2;
        let signs_in = headers::names_connection_scheme(headers, AUTHORIZATION);
        if signs_in && !http2 {
            request.connection.pin();
        }
        // Streams of one HTTP/2 connection may be different users'; none of them gets a connection to share.
        let group = if http2 { signs_in.then(unique) } else { request.connection.own_group(request.client) };
        let servers = Arc::clone(&request.settings.servers);
        let known = |index: &usize| request.server.is_none() && *index < servers.len();
        let mut own_server = group.and_then(|_| request.connection.server()).filter(known);
        loop {
            let Some(index) = own_server.take().or_else(|| servers.choose(request.tried)) else {
                return Err(Error::new_up(ErrorType::ConnectNoRoute));
            };
            request.server = Some(index);
            let Some(mut peer) = servers.peer(index).await else {
                self.unreachable(request, "its name cannot be resolved");
                if servers.has_untried(request.tried) {
                    continue;
                }
                return Err(Error::new_up(ErrorType::ConnectNoRoute));
            };
            if let Some(group) = group {
                peer.group_key = group;
                request.connection.use_server(index);
                if http2 {
                    peer.options.idle_timeout = Some(Duration::from_millis(1));
                }
            }
            if let Some(trace) = &mut request.trace {
                let (host, port) = servers.place(index);
                trace.goes_to(host, port, request.method.as_str(), request.attempts);
            }
            if hop::is_upgrade(session.req_header()) {
                peer.options.read_timeout = Some(UPGRADED_SILENCE);
            }
            return Ok(peer);
        }
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        context: &mut Context,
        mut error: Box<Error>,
    ) -> Box<Error> {
        if let Some(request) = &mut context.0 {
            self.unreachable(request, error.etype().as_str());
            // Nothing was sent, so any request may go elsewhere.
            error.set_retry(request.may_ask_another());
        }
        error
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        peer: &HttpPeer,
        _fd: std::os::unix::io::RawFd,
        digest: Option<&pingora::protocols::Digest>,
        context: &mut Context,
    ) -> Result<()> {
        let request = understood(context)?;
        if let Some(shadow) = &mut request.shadow {
            // What it had before, it gets again.
            shadow.asks_anew();
        }
        if let Some(stream) = &request.stream {
            stream.goes_to(digest.and_then(|digest| digest.socket_digest.clone()));
        }
        if is_stranger(peer, digest) {
            return Err(Error::new_up(ErrorType::InvalidCert));
        }
        Ok(())
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        context: &mut Context,
        reused: bool,
    ) -> Box<Error> {
        let Some(request) = &mut context.0 else { return error };
        if let Some(stream) = &request.stream {
            stream.goes_to(None);
        }
        if *error.etype() == ErrorType::InvalidCert {
            self.unreachable(request, "its certificate is not for its address");
            error.set_retry(request.may_ask_another());
            return error;
        }
        if request.is_unanswered() && client_stalls(&error, session) {
            self.observer.rejected(Rejection::SlowBody);
            return Error::new_down(ErrorType::ReadTimedout);
        }
        if request.is_unanswered()
            && is_of_server(&error, reused)
            && let Some(index) = request.server
        {
            request.settings.servers.failed(index);
        }
        if session.req_header().method.is_idempotent()
            && request.may_ask_again()
            && !session.as_ref().retry_buffer_truncated()
        {
            error.retry.decide_reuse(reused);
        } else {
            error.set_retry(false);
        }
        error
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        context: &mut Context,
    ) -> Result<()> {
        let request = understood(context)?;
        let settings = &request.settings;
        if let Some(origin_form) = request.target.rewritten() {
            upstream.set_raw_path(origin_form)?;
        }
        if !request.trusted {
            settings.removals.apply(upstream);
        }
        let host = headers::host_of(session.req_header());
        let (peer, tls) = (request.connection.peer.ip(), request.connection.tls);
        headers::say_who_asked(upstream, Hop { peer, trusted: request.trusted, tls, host: host.as_ref() })?;
        upstream.insert_header("X-Request-Id", request.correlation_id.as_str())?;
        if let Some(trace) = &request.trace {
            headers::say_trace(upstream, trace)?;
        }
        if session.req_header().version == Version::HTTP_2 {
            headers::join_cookies(upstream)?;
        }
        let path = request.target.path();
        if upstream.headers.get_all(AUTHORIZATION).iter().any(headers::is_basic)
            && settings.strip_basic.iter().any(|prefix| may_be_below(path, prefix))
        {
            upstream.remove_header(&AUTHORIZATION);
        }
        settings.lookalikes.apply(upstream);
        for (name, value) in &settings.set_headers {
            upstream.insert_header(name.clone(), value)?;
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        upstream: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        let request = understood(context)?;
        if !ends_the_answer(upstream) {
            if upstream.status == StatusCode::CONTINUE {
                request.owe_body(!session.as_downstream_mut().is_body_done());
            }
            return Ok(());
        }
        request.answered = Some(upstream.status);
        if let Some(trace) = &mut request.trace {
            trace.hop_ends(Some(upstream.status));
        }
        if let Some(asked) = request.asked_upstream.take() {
            self.observer.upstream_answered(asked.elapsed());
        }
        if let Some(index) = request.server {
            request.settings.servers.answered(index);
        }
        if upstream.status == StatusCode::SWITCHING_PROTOCOLS {
            request.connection.upgrade();
        }
        if upstream.status == StatusCode::UNAUTHORIZED
            && session.req_header().version != Version::HTTP_2
            && headers::names_connection_scheme(&upstream.headers, WWW_AUTHENTICATE)
        {
            request.connection.pin();
        }
        if let Some(relocation) = &request.settings.relocation
            && let Some(moved) = upstream.headers.get(LOCATION).and_then(|value| relocation.moved(value.to_str().ok()?))
        {
            upstream.insert_header(LOCATION, moved)?;
        }
        if let Some(shadow) = &mut request.shadow {
            shadow.answers(upstream.status, &upstream.headers);
        }
        hop::strip_response(upstream);
        upstream.insert_header(answer::CORRELATION_ID, request.correlation_id.as_str())?;
        request.close_if_draining(session);
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        piece: &mut Option<Bytes>,
        ended: bool,
        context: &mut Context,
    ) -> Result<Option<Duration>> {
        if let Some(shadow) = context.0.as_mut().and_then(|request| request.shadow.as_mut()) {
            shadow.answers_with(piece.as_deref().unwrap_or_default(), ended);
        }
        Ok(None)
    }

    /// Runs after Pingora has framed the answer. Chunks are beyond a client that speaks HTTP/1.0; it gets the body to the
    /// end of the connection (RFC 9112 6.1).
    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        _context: &mut Context,
    ) -> Result<()> {
        if session.req_header().version < Version::HTTP_11 && response.remove_header(&TRANSFER_ENCODING).is_some() {
            session.set_keepalive(None);
        }
        Ok(())
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, context: &mut Context) -> FailToProxy {
        let is_slow = context.0.as_ref().is_some_and(|request| request.connection.is_slow());
        let status = if is_slow { Some(StatusCode::REQUEST_TIMEOUT) } else { status_of(error) };
        if (error.esource(), error.etype()) == (&ErrorSource::Downstream, &ErrorType::WriteTimedout) {
            self.observer.rejected(Rejection::SlowReader);
        }
        if *error.esource() == ErrorSource::Upstream {
            self.observer.upstream_failed(failure_of(error.etype()));
        }
        let error_code = status.map_or(0, |status| status.as_u16());
        if let Some(status) = status
            && !session.response_written().is_some_and(ends_the_answer)
        {
            session.set_keepalive(None);
            let correlation_id = context.0.as_ref().map_or("", |request| &request.correlation_id);
            if let Err(error) = answer::refuse_with_page(session, status, correlation_id).await {
                tracing::debug!(%error, "the client did not take an error");
            }
        }
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Context) {
        let Some(mut request) = context.0.take() else { return };
        if let Some(shadow) = request.shadow.take() {
            shadow.end(shadow::end_of(error));
        }
        if let Some(error) = error.filter(|error| *error.esource() != ErrorSource::Downstream) {
            let server = request.server.map_or("", |index| request.settings.servers.name(index));
            let correlation_id = request.correlation_id.as_str();
            tracing::warn!(server, correlation_id, error = error.etype().as_str(), "a request could not be forwarded");
        }
        let Some(in_flight) = request.in_flight.take() else { return };
        let access = Access {
            method: session.req_header().method.as_str(),
            path: &request.target.path_without_parameters(),
            status: session.response_written().map(|written| written.status),
            client: request.client,
            correlation_id: &request.correlation_id,
            sent: session.body_bytes_sent(),
            trace_id: request.trace.as_ref().and_then(RequestTrace::id),
        };
        let status = access.status;
        self.observer.end(&in_flight, &access);
        if let Some(trace) = request.trace.take() {
            trace.ends(status);
        }
    }

    /// The line in `logging` says it, without the path's query.
    fn suppress_error_log(&self, _session: &Session, _context: &Context, _error: &Error) -> bool {
        true
    }

    /// Each failed attempt is logged where its server is marked.
    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _context: &Context,
        _error: &Error,
        _kind: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

impl Forwarder {
    /// The server that the request was to go to cannot be reached.
    fn unreachable(&self, request: &mut Request, why: &str) {
        let Some(index) = request.server else { return };
        let servers = &request.settings.servers;
        request.tried.add(index);
        servers.failed(index);
        if servers.has_untried(request.tried) {
            self.observer.upstream_failed(UpstreamFailure::Connect);
        }
        tracing::warn!(server = servers.name(index), why, "an upstream server cannot be reached");
    }
}

/// Whether nothing but this response's own body may follow it: after 101 the bytes are another protocol's.
fn ends_the_answer(response: &ResponseHeader) -> bool {
    !response.status.is_informational() || response.status == StatusCode::SWITCHING_PROTOCOLS
}

fn understood(context: &mut Context) -> Result<&mut Request> {
    context.0.as_deref_mut().ok_or_else(|| Error::new_in(ErrorType::InternalError))
}
