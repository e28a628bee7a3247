//! A request to an endpoint of ours and the answer, free of any HTTP library's types but `http`'s own.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::model::{ClientAddress, Endpoint, Timestamp};

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
    /// When the headers were complete.
    pub arrived: Timestamp,
    /// Ties the answer, the audit record and the access line together.
    pub correlation_id: String,
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
