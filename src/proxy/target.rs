//! A request's target and framing: what is unclear about them is refused before anything is decided by them.

use std::ops::Range;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method};
use pingora::http::RequestHeader;

/// The path and query of a request, as received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    bytes: Vec<u8>,
    path: Range<usize>,
    absolute: bool,
}

impl Target {
    /// The target of a request in origin form, absolute form (RFC 9112 3.2.2), or `*`. `None` for anything else.
    pub fn of(request: &RequestHeader) -> Option<Self> {
        Self::parse(request.raw_path(), &request.method)
    }

    fn parse(raw: &[u8], method: &Method) -> Option<Self> {
        let absolute = match raw {
            [b'/', ..] => None,
            b"*" if method == Method::OPTIONS => None,
            _ => Some(behind_authority(raw)?),
        };
        let bytes = absolute.clone().unwrap_or_else(|| raw.to_vec());
        let end = bytes.iter().position(|byte| *byte == b'?').unwrap_or(bytes.len());
        Some(Self { bytes, path: 0..end, absolute: absolute.is_some() })
    }

    /// The path and the query.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        let query = self.bytes.get(self.path.end + 1..).unwrap_or_default();
        (self.path(), query)
    }

    /// The path.
    pub fn path(&self) -> &[u8] {
        self.bytes.get(self.path.clone()).unwrap_or_default()
    }

    /// The path for a log: without what is in its parameters, session ids among them.
    pub fn path_without_parameters(&self) -> Vec<u8> {
        let segments = self.path().split(|byte| *byte == b'/');
        let kept = segments.map(|segment| segment.split_inclusive(|byte| *byte == b';').next().unwrap_or_default());
        kept.collect::<Vec<_>>().join(&b'/')
    }

    /// The origin form, if the request came in absolute form.
    pub fn rewritten(&self) -> Option<&[u8]> {
        self.absolute.then_some(&self.bytes)
    }
}

fn behind_authority(raw: &[u8]) -> Option<Vec<u8>> {
    let scheme_end = raw.windows(3).position(|three| three == b"://")?;
    let (scheme, rest) = raw.split_at_checked(scheme_end)?;
    let rest = rest.get(3..)?;
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    if authority.is_empty() || !is_authority(authority) {
        return None;
    }
    Some(if path.first() == Some(&b'/') { path.to_vec() } else { [b"/", path].concat() })
}

/// Whether it can be a host, or a host and a port: not a path, a user's name, or a list.
pub(super) fn is_authority(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~[]:".contains(byte))
}

/// Whether a line of a header section ends by LF alone, which Pingora takes for an end and others for a part of the line
/// (RFC 9112 2.2).
pub(super) fn has_bare_line_end(raw: &[u8]) -> bool {
    // Counted rather than searched for: that takes many bytes at a time.
    let pairs = raw.iter().zip(raw.get(1..).unwrap_or_default());
    raw.first() == Some(&b'\n') || pairs.filter(|(before, byte)| **byte == b'\n' && **before != b'\r').count() > 0
}

/// Whether two readers of an HTTP/1 request could disagree on where its body ends (RFC 9112 6.3). `raw` is the header
/// section as received: Pingora removes a Content-Length that stands beside a Transfer-Encoding.
pub(super) fn has_ambiguous_framing(headers: &HeaderMap, raw: &[u8]) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next()
        && (lengths.next().is_some() || length.is_empty() || !length.as_bytes().iter().all(u8::is_ascii_digit))
    {
        return true;
    }
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return false };
    encodings.next().is_some()
        || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked")
        || raw.split(|byte| *byte == b'\n').any(|line| {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"content-length")
        })
}

/// Whether the target has a fragment, which is nobody's to send (RFC 9112 3.2) and which Pingora leaves out.
pub(super) fn has_fragment(raw: &[u8]) -> bool {
    raw.split(|byte| *byte == b'\n').next().unwrap_or_default().contains(&b'#')
}

/// What a request's line and headers take, in bytes.
pub(super) fn header_size(request: &RequestHeader) -> usize {
    let line = request.method.as_str().len() + request.raw_path().len() + 12;
    request.headers.iter().fold(line, |size, (name, value)| size + name.as_str().len() + value.len() + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_targets() {
        for (raw, expected) in [
            ("/a?b?c", Some(("/a", "b?c"))),
            ("/", Some(("/", ""))),
            ("//a", Some(("//a", ""))),
            ("http://host/a?b", Some(("/a", "b"))),
            ("HTTPS://host:8443", Some(("/", ""))),
            ("http://[::1]:80?b", Some(("/", "b"))),
            ("http://user@host/a", None),
            ("http://host\\x/a", None),
            ("http:///a", None),
            ("ftp://host/a", None),
            ("a/b", None),
            ("*", None),
            ("", None),
        ] {
            let target = Target::parse(raw.as_bytes(), &Method::GET);
            let parts = target.as_ref().map(Target::parts);
            assert_eq!(parts, expected.map(|(path, query)| (path.as_bytes(), query.as_bytes())), "{raw}");
        }
        assert!(Target::parse(b"*", &Method::OPTIONS).is_some());
    }

    #[test]
    fn session_ids_in_paths_are_not_logged() {
        for (raw, expected) in [
            ("/a/b", "/a/b"),
            ("/", "/"),
            ("//a/", "//a/"),
            ("/a;jsessionid=1/b;x;y?z", "/a;/b;"),
            ("/x/..;/a", "/x/..;/a"),
        ] {
            let target = Target::parse(raw.as_bytes(), &Method::GET).unwrap();
            assert_eq!(target.path_without_parameters(), expected.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn knows_what_ends_a_line() {
        for (raw, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", false),
            ("\n", true),
            ("", false),
        ] {
            assert_eq!(has_bare_line_end(raw.as_bytes()), expected, "{raw:?}");
        }
    }

    #[test]
    fn finds_ambiguous_framing() {
        for (lines, expected) in [
            ("Content-Length: 1", false),
            ("Transfer-Encoding: chunked", false),
            ("Transfer-Encoding: Chunked", false),
            ("Content-Length: 1\r\nContent-Length: 1", true),
            ("Content-Length: 1, 1", true),
            ("Content-Length: +1", true),
            ("Transfer-Encoding: gzip, chunked", true),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", true),
            ("Transfer-Encoding: identity", true),
            ("Transfer-Encoding: chunked\r\ncontent-length: 1", true),
        ] {
            let mut headers = HeaderMap::new();
            let pairs = lines.split("\r\n").filter_map(|line| line.split_once(": "));
            for (name, value) in pairs.filter(|(name, _)| *name != "content-length") {
                headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            assert_eq!(has_ambiguous_framing(&headers, lines.as_bytes()), expected, "{lines}");
        }
    }
}
