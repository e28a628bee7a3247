//! Everything about a request that is decided by its headers.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::{Method, StatusCode, Version};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::client::{client_address, is_trusted};
use super::context::{Request, connection_of, correlation_id};
use super::pace::Pace;
use super::route::Routed;
use super::service::Forwarder;
use super::settings::ProxySettings;
use super::streams::Stream;
use super::target::{Target, has_ambiguous_framing, has_bare_line_end, has_fragment, header_size, is_authority};

/// The largest piece of an answer that Pingora gives to a stream of HTTP/2, in bytes. It tells nothing of how much of one
/// is taken.
const PIECE: f64 = 65536.0;

impl Forwarder {
    /// The request, and who answers it or with what status it is refused.
    pub(super) fn understand(
        &self,
        session: &mut Session,
        settings: Arc<ProxySettings>,
    ) -> Result<(Request, Result<Routed, StatusCode>)> {
        let connection = Arc::clone(connection_of(session).ok_or_else(|| Error::new_in(ErrorType::InternalError))?);
        connection.begin();
        let http2 = session.as_downstream().is_http2();
        if http2 {
            // The connection sees that nothing moves, but not that one stream does not.
            let piece = Duration::from_secs_f64(PIECE / f64::from(settings.limits.body_rate.max(1)));
            session.set_write_timeout(Some(settings.limits.body_silence.saturating_add(piece)));
        }
        if session.get_keepalive().is_some() {
            // The connection ends its own idle time, to the millisecond.
            session.set_keepalive(Some(0));
        }
        // So it does of each body, see `ClientConnection::owe_body`.
        session.set_read_timeout(None);
        session.as_downstream_mut().set_total_drain_timeout(Some(settings.limits.body_deadline));
        connection.owe_body(false);
        // Off, a request that comes too early would cut the one that is being answered.
        session.as_downstream_mut().set_pipelining_enabled(true);

        let header = session.req_header();
        let peer = connection.peer.ip();
        let proxies = if connection.unnamed { &[] } else { settings.trusted_proxies.as_slice() };
        let trusted = is_trusted(peer, proxies);
        let target = Target::of(header);
        let routed = if header_size(header) > settings.limits.headers {
            Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        } else if header.method == Method::CONNECT {
            Err(StatusCode::METHOD_NOT_ALLOWED)
        } else if connection.is_garbled() || is_malformed(header, session) {
            Err(StatusCode::BAD_REQUEST)
        } else {
            let routed = target.as_ref().map(Target::parts).map(|(path, query)| settings.routes.route(path, query));
            routed.ok_or(StatusCode::BAD_REQUEST)
        };
        let request = Request {
            client: client_address(peer, &header.headers, proxies),
            trusted,
            target: target.unwrap_or_default(),
            correlation_id: correlation_id(&header.headers, trusted),
            stream: Stream::current(&connection),
            connection,
            in_flight: None,
            trace: None,
            method: header.method.clone(),
            observer: Arc::clone(&self.observer),
            forwarding: None,
            draining: Arc::clone(&self.draining),
            tried: Default::default(),
            attempts: 0,
            server: None,
            asked_upstream: None,
            answered: None,
            pace: Pace::new(settings.limits.body_silence, settings.limits.body_rate),
            last_piece: None,
            shadow: None,
            settings,
        };
        Ok((request, routed))
    }
}

/// Whether it is against the rules of its version in a way that lets two readers disagree about it.
fn is_malformed(header: &RequestHeader, session: &Session) -> bool {
    if header.headers.get_all(HOST).iter().any(|host| !is_authority(host.as_bytes())) {
        return true;
    }
    match header.version {
        Version::HTTP_2 => header.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some(),
        version => {
            let raw = session.to_h1_raw();
            (version == Version::HTTP_11 && !header.headers.contains_key(HOST))
                || has_bare_line_end(&raw)
                || has_fragment(&raw)
                || has_ambiguous_framing(&header.headers, &raw)
        }
    }
}
