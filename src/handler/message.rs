//! A request to an endpoint of ours and the answer, free of any HTTP library's types but `http`'s own.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use crate::keys::ShownCertificate;
use crate::model::{ClientAddress, Endpoint};

/// A request to one of our endpoints, its body read whole and within bounds.
pub struct NativeRequest {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// HTTP method.
    pub method: Method,
    /// The path as received.
    pub path: String,
    /// The query, without `?`; empty if there is none.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Who asks.
    pub client: ClientAddress,
    /// The certificate of the TLS client at the other end, which has proved to have its key.
    pub certificate: Option<ShownCertificate>,
    /// Ties the answer, the audit record and the access line together.
    pub correlation_id: String,
    /// The trace that it is part of, if that is sampled or was begun by somebody else.
    pub trace_id: Option<String>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers, without those that frame the body.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl NativeRequest {
    /// A header's value, if it is there once or more and is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Reply {
    /// An answer that nobody may keep.
    pub fn fresh(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
        Self { status, headers, body: body.into() }
    }

    /// 405, with what is allowed instead.
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        Self::text(StatusCode::METHOD_NOT_ALLOWED, "This address does not answer that method.\n")
            .with(ALLOW, HeaderValue::from_static(allowed))
    }

    /// A sentence for whoever looks.
    pub fn text(status: StatusCode, sentence: &'static str) -> Self {
        Self::fresh(status, "text/plain; charset=utf-8", sentence)
    }

    /// This answer with one more header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}
