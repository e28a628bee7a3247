//! Whose fault it was when a request could not be forwarded, and what is said about it.

use http::StatusCode;
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
