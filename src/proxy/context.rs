//! What is known of a request while it is being answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use tokio::sync::OwnedSemaphorePermit;

use super::ATTEMPTS;
use super::connection::ClientConnection;
use super::observe::{Access, InFlight, Observer};
use super::pace::Pace;
use super::settings::ProxySettings;
use super::streams::Stream;
use super::target::Target;
use super::upstream::Tried;
use crate::model::ClientAddress;
use crate::runtime::random_bits;
use crate::shadow::Capture;
use crate::traces::{Asked, RequestTrace};

/// Filled once the request is understood.
#[derive(Default)]
pub struct Context(pub(super) Option<Box<Request>>);

/// A request that is understood.
pub(super) struct Request {
    pub settings: Arc<ProxySettings>,
    pub connection: Arc<ClientConnection>,
    pub client: ClientAddress,
    pub trusted: bool,
    pub target: Target,
    pub correlation_id: String,
    pub in_flight: Option<InFlight>,
    pub trace: Option<RequestTrace>,
    pub method: Method,
    pub observer: Arc<Observer>,
    /// That it may be forwarded; given back at its end.
    pub forwarding: Option<OwnedSemaphorePermit>,
    pub draining: Arc<AtomicBool>,
    pub tried: Tried,
    pub attempts: usize,
    pub server: Option<usize>,
    pub asked_upstream: Option<Instant>,
    /// The status that a server has answered with.
    pub answered: Option<StatusCode>,
    /// That of HTTP/2 which it came on.
    pub stream: Option<Arc<Stream>>,
    /// Of a body that comes on one.
    pub pace: Pace,
    /// When the last piece of it came.
    pub last_piece: Option<Instant>,
    /// The copy of it, and of its answer, with which ours is compared.
    pub shadow: Option<Box<Capture>>,
}

impl Request {
    /// Whether a server was asked and has sent no headers yet.
    pub fn is_unanswered(&self) -> bool {
        self.asked_upstream.is_some()
    }

    /// Whether a server is left that could not be found to be unreachable.
    pub fn may_ask_another(&self) -> bool {
        self.may_ask_again() && self.settings.servers.has_untried(self.tried)
    }

    /// Whether one more attempt is due: each server is worth one, and an idle connection that turns out to be closed, too.
    pub fn may_ask_again(&self) -> bool {
        self.attempts < ATTEMPTS.max(self.settings.servers.len())
    }

    /// So many bytes of the body came, or its end. False if it comes too slowly: of HTTP/1, the connection itself sees
    /// that.
    pub fn body_came(&mut self, bytes: usize, ended: bool) -> bool {
        if self.stream.is_none() {
            self.owe_body(!ended);
            return true;
        }
        let now = Instant::now();
        let waited = self.last_piece.replace(now).map_or_else(Default::default, |last| now - last);
        let in_time = ended || self.pace.came(bytes, waited);
        self.owe_body(!ended);
        in_time
    }

    /// Whether the client owes more of a body that is forwarded.
    pub fn owe_body(&self, owes: bool) {
        match &self.stream {
            Some(stream) => stream.owe(owes.then(|| self.pace.left())),
            None => self.connection.owe_body(owes),
        }
    }

    /// The trace that it is part of, if it is to be: that of a trusted proxy, or a new one.
    pub fn begin_trace(&mut self, header: &RequestHeader, route: &'static str) {
        let Some(traces) = self.settings.traces() else { return };
        // What is ours has a path that is ours; any other may name somebody.
        let path = !matches!(route, "forward" | "refused");
        let asked = Asked {
            method: self.method.as_str(),
            route,
            path: path.then(|| String::from_utf8_lossy(self.target.path()).into_owned()),
            tls: self.connection.tls,
            version: header.version,
            correlation_id: &self.correlation_id,
        };
        self.trace = Some(traces.request(&asked, self.trusted.then_some(&header.headers)));
    }

    /// Ends the connection after this answer if the process is about to end.
    pub fn close_if_draining(&self, session: &mut Session) {
        if self.draining.load(Ordering::Relaxed) {
            session.set_keepalive(None);
        }
    }
}

/// A request that is cut short is logged like any other: a server may have seen it.
impl Drop for Request {
    fn drop(&mut self) {
        let Some(in_flight) = self.in_flight.take() else { return };
        let is_silent = self.stream.as_ref().is_some_and(|stream| stream.is_silent());
        let access = Access {
            method: self.method.as_str(),
            path: &self.target.path_without_parameters(),
            status: self.answered.or(is_silent.then_some(StatusCode::REQUEST_TIMEOUT)),
            client: self.client,
            correlation_id: &self.correlation_id,
            sent: 0,
            trace_id: self.trace.as_ref().and_then(RequestTrace::id),
        };
        let status = access.status;
        self.observer.end(&in_flight, &access);
        if let Some(trace) = self.trace.take() {
            trace.ends(status);
        }
    }
}

/// 128 random bits in hexadecimal; or what a trusted proxy calls the request in `X-Request-Id`, if that is harmless to
/// write into logs and headers.
pub(super) fn correlation_id(headers: &HeaderMap, trusted: bool) -> String {
    let given = headers.get("x-request-id").filter(|_| trusted).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(harmless).map_or_else(random_id, str::to_owned)
}

/// 128 random bits in hexadecimal.
pub(super) fn random_id() -> String {
    let bits = random_bits().unwrap_or_else(|error| {
        tracing::error!(%error, "OpenSSL has no randomness");
        0
    });
    format!("{bits:032x}")
}

/// The connection that a request came on.
pub(super) fn connection_of(session: &Session) -> Option<&Arc<ClientConnection>> {
    session.as_downstream().digest()?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_over_only_harmless_ids_of_trusted_proxies() {
        for (given, trusted, expected) in [
            ("0a1b2c3d-4e5f", true, true),
            ("0a1b2c3d-4e5f", false, false),
            ("short", true, false),
            ("0a1b2c3d\"<script>", true, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", given.parse().unwrap());
            let id = correlation_id(&headers, trusted);
            assert_eq!(id == given, expected, "{given} {trusted}");
            assert!(expected || id.len() == 32, "{id}");
        }
    }
}
