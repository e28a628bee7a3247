//! What belongs to one connection and goes no further (RFC 9110 7.6.1). Pingora sees to requests.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};

/// Whether the request asks for a WebSocket.
pub fn is_upgrade(request: &RequestHeader) -> bool {
    let asks =
        |name, token: &str| request.headers.get_all(name).iter().any(|value| tokens(value).any(|each| each == token));
    request.version == Version::HTTP_11 && asks(UPGRADE, "websocket") && asks(CONNECTION, "upgrade")
}

/// Removes what a server says to us alone, and a length where there is no body (RFC 9110 8.6). The headers that frame the
/// body stay: Pingora reads them after this.
pub fn strip_response(response: &mut ResponseHeader) {
    let switches = response.status == StatusCode::SWITCHING_PROTOCOLS;
    let nominated = response.headers.get_all(CONNECTION).iter().flat_map(tokens);
    let nominated: Vec<HeaderName> = nominated.filter_map(|token| token.parse().ok()).collect();
    let always = [TE, TRAILER, HeaderName::from_static("keep-alive"), HeaderName::from_static("proxy-connection")];
    for name in nominated.into_iter().chain(always) {
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING && name != UPGRADE {
            response.remove_header(&name);
        }
    }
    if !switches {
        response.remove_header(&CONNECTION);
        response.remove_header(&UPGRADE);
    }
    if response.status == StatusCode::NO_CONTENT {
        response.remove_header(&CONTENT_LENGTH);
    }
}

/// The members of a list, lower case.
fn tokens(value: &HeaderValue) -> impl Iterator<Item = String> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(|each| String::from_utf8_lossy(each.trim_ascii()).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_what_is_not_for_the_client() {
        for (status, lines, kept) in [
            (200, "connection: close, X-Hop\nx-hop: 1\nx-end: 2\nkeep-alive: timeout=5", "x-end"),
            (200, "upgrade: h2c\nte: trailers\ntrailer: x\nproxy-connection: close\netag: 1", "etag"),
            (200, "connection: content-length, transfer-encoding\ncontent-length: 1", "content-length"),
            (101, "connection: Upgrade\nupgrade: websocket", "connection upgrade"),
            (204, "content-length: 0\netag: 1", "etag"),
        ] {
            let mut response = ResponseHeader::build(status, None).unwrap();
            for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
                response.append_header(name.to_owned(), value).unwrap();
            }
            strip_response(&mut response);
            let mut names: Vec<_> = response.headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names.join(" "), kept, "{lines}");
        }
    }

    #[test]
    fn knows_who_asks_for_a_websocket() {
        for (connection, upgrade, expected) in [
            ("Upgrade", "websocket", true),
            ("keep-alive, upgrade", "WebSocket", true),
            ("keep-alive", "websocket", false),
            ("Upgrade", "h2c", false),
        ] {
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            request.append_header(CONNECTION, connection).unwrap();
            request.append_header(UPGRADE, upgrade).unwrap();
            assert_eq!(is_upgrade(&request), expected, "{connection} {upgrade}");
        }
    }
}
