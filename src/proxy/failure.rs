//! Whose fault it was when a request could not be forwarded, and what is said about it.

use http::StatusCode;
use http::header::EXPECT;
use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType};

use super::observe::UpstreamFailure;

/// What the client is told; `None` if it is gone.
pub(super) fn status_of(error: &Error) -> Option<StatusCode> {
    use ErrorType::{ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError, ReadTimedout, TLSHandshakeTimedout};
    use ErrorType::{WriteError, WriteTimedout};
    match (error.esource(), error.etype()) {
        (_, HTTPStatus(code)) => StatusCode::from_u16(*code).ok(),
        (ErrorSource::Upstream, ConnectTimedout | TLSHandshakeTimedout | ReadTimedout | WriteTimedout) => {
            Some(StatusCode::GATEWAY_TIMEOUT)
        }
        (ErrorSource::Upstream, _) => Some(StatusCode::BAD_GATEWAY),
        (ErrorSource::Downstream, ReadError | WriteError | ConnectionClosed | WriteTimedout) => None,
        (ErrorSource::Downstream, ReadTimedout) => Some(StatusCode::REQUEST_TIMEOUT),
        (ErrorSource::Downstream, _) => Some(StatusCode::BAD_REQUEST),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The label of metrics.
pub(super) fn failure_of(error: &ErrorType) -> UpstreamFailure {
    use ErrorType::{ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, ConnectionClosed, InvalidCert};
    use ErrorType::{ReadError, ReadTimedout, TLSHandshakeFailure, TLSHandshakeTimedout, WriteError, WriteTimedout};
    match error {
        ConnectTimedout | TLSHandshakeTimedout | ReadTimedout | WriteTimedout => UpstreamFailure::Timeout,
        ConnectError | ConnectNoRoute | ConnectRefused | InvalidCert | TLSHandshakeFailure => UpstreamFailure::Connect,
        ConnectionClosed | ReadError | WriteError => UpstreamFailure::Reset,
        _ => UpstreamFailure::Other,
    }
}

/// Whether it was the client that everybody waited for: all that came of its body is with the server, and more is owed.
pub(super) fn client_stalls(error: &Error, session: &mut Session) -> bool {
    let is_timeout = *error.esource() == ErrorSource::Upstream && *error.etype() == ErrorType::ReadTimedout;
    let client = session.as_downstream_mut();
    let (owes, received) = (!client.is_body_done(), client.body_bytes_read());
    // Until it is told to continue, the client may wait for the server.
    let may_wait = received == 0 && session.req_header().headers.contains_key(EXPECT);
    is_timeout && owes && !may_wait && session.upstream_body_bytes_sent().is_some_and(|sent| sent >= received)
}

/// Whether a failure before the answer speaks against the server. That it closes a connection which was kept idle does
/// not.
pub(super) fn is_of_server(error: &Error, reused: bool) -> bool {
    *error.esource() == ErrorSource::Upstream
        && match failure_of(error.etype()) {
            UpstreamFailure::Timeout => true,
            UpstreamFailure::Reset => !reused,
            UpstreamFailure::Connect | UpstreamFailure::Other => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_servers_from_clients() {
        for (error, expected) in [
            (Error::new_up(ErrorType::ConnectRefused), Some(502)),
            (Error::new_up(ErrorType::ConnectTimedout), Some(504)),
            (Error::new_up(ErrorType::ReadTimedout), Some(504)),
            (Error::new_up(ErrorType::ConnectionClosed), Some(502)),
            (Error::new_down(ErrorType::ConnectionClosed), None),
            (Error::new_down(ErrorType::ReadTimedout), Some(408)),
            (Error::new_down(ErrorType::InvalidHTTPHeader), Some(400)),
            (Error::new_in(ErrorType::InternalError), Some(500)),
        ] {
            assert_eq!(status_of(&error).map(|status| status.as_u16()), expected, "{error}");
        }
    }
}
