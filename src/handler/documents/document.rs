//! A document as it is sent: bytes, their gzip and an ETag. A request for it costs a comparison.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, StatusCode};
use openssl::sha::sha256;

use crate::handler::message::Reply;
use crate::model::hex;

/// A document, ready to be sent.
#[derive(Clone, Debug)]
pub struct Document {
    content_type: HeaderValue,
    etag: HeaderValue,
    /// Another representation, so another strong ETag (RFC 9110, 8.8.3).
    etag_gzip: HeaderValue,
    plain: Bytes,
    gzip: Option<Bytes>,
}

impl Document {
    /// Renders a document.
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::typed(HeaderValue::from_static(content_type), body)
    }

    /// Renders a document of somebody else's type.
    pub(in crate::handler) fn typed(content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        let plain = body.into();
        let digest = hex(sha256(&plain).get(..16).unwrap_or_default());
        let gzip = gzip(&plain).filter(|smaller| smaller.len() < plain.len()).map(Bytes::from);
        Self { content_type, etag: etag(&digest), etag_gzip: etag(&format!("{digest}-gzip")), plain, gzip }
    }

    /// The document for a GET with these headers: 304 to who has it, gzip to who takes it.
    pub fn reply(&self, request: &HeaderMap) -> Reply {
        let gzip = self.gzip.as_ref().filter(|_| takes_gzip(request));
        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(ETAG, if gzip.is_some() { self.etag_gzip.clone() } else { self.etag.clone() });
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if self.is_known_to(request) {
            return Reply { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new() };
        }
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Reply { status: StatusCode::OK, headers, body: gzip.unwrap_or(&self.plain).clone() }
    }

    /// If-None-Match, compared weakly (RFC 9110, 13.1.2): whichever representation it was, it says the same.
    fn is_known_to(&self, request: &HeaderMap) -> bool {
        list(request, IF_NONE_MATCH).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag).as_bytes();
            tag == b"*" || tag == self.etag.as_bytes() || tag == self.etag_gzip.as_bytes()
        })
    }
}

fn etag(text: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether `Accept-Encoding` has gzip, or everything, with a quality above 0 (RFC 9110, 12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let quality = |name: &str| {
        list(request, ACCEPT_ENCODING).find_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next().filter(|coding| coding.eq_ignore_ascii_case(name))?;
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some(weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0_f32))
        })
    };
    quality("gzip").or_else(|| quality("*")).is_some_and(|quality| quality > 0.0)
}

/// The members of a header that is a list, over all its lines.
fn list(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
