//! What is published, rendered once: bytes, their gzip and an ETag. A request for them costs a comparison.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, StatusCode};
use openssl::sha::sha256;

use crate::config::{Config, MetadataMode};
use crate::dsig::{SignError, SigningKey, sign};
use crate::model::{Endpoint, Ids, SignatureAlgorithm, Timestamp};
use crate::saml::metadata::{IdentityProvider, entity_descriptor};
use crate::saml::names::{NAMEID_PERSISTENT, NAMEID_TRANSIENT};
use crate::wstrust::mex;

use super::addresses::{addresses, mex_addresses};
use super::message::{NativeRequest, Reply};

/// A document, ready to be sent.
#[derive(Clone, Debug)]
pub struct Document {
    content_type: &'static str,
    etag: HeaderValue,
    /// Another representation, so another strong ETag (RFC 9110, 8.8.3).
    etag_gzip: HeaderValue,
    plain: Bytes,
    gzip: Option<Bytes>,
}

/// Everything published.
pub struct Documents {
    /// `wsdl:definitions`.
    pub mex: Document,
    /// `mex:Metadata`, for SOAP answers.
    pub mex_metadata: String,
    /// The schemas that the WSDL imports, by the name in `?xsd=`.
    pub schemas: Vec<(&'static str, Document)>,
    /// SAML metadata, if it is ours; signed again every day.
    pub metadata: Option<ArcSwap<Document>>,
    /// The signing certificate, PEM.
    pub certificate: Document,
}

impl Documents {
    /// Renders everything that `config` publishes.
    ///
    /// # Errors
    /// If the metadata cannot be signed.
    pub fn render(config: &Config, key: &SigningKey, now: Timestamp, ids: &dyn Ids) -> Result<Self, SignError> {
        const XML: &str = "text/xml; charset=utf-8";
        let addresses = mex_addresses(config);
        let schema = |name| Some((name, Document::new(XML, mex::schema(name)?)));
        let metadata = match config.metadata {
            MetadataMode::Own => Some(ArcSwap::from_pointee(metadata(config, key, now, ids)?)),
            MetadataMode::Forward => None,
        };
        Ok(Self {
            mex: Document::new(XML, mex::definitions(&addresses)),
            mex_metadata: mex::metadata(&addresses),
            schemas: ["xsd0", "xsd1", "xsd2"].into_iter().filter_map(schema).collect(),
            metadata,
            certificate: Document::new("application/x-pem-file", key.certificate().to_pem()?),
        })
    }

    /// Signs the metadata again, so that it is valid for another fortnight.
    ///
    /// # Errors
    /// If it cannot be signed; what was signed before stays.
    pub fn renew(&self, config: &Config, key: &SigningKey, now: Timestamp, ids: &dyn Ids) -> Result<(), SignError> {
        if let Some(published) = &self.metadata {
            published.store(Arc::new(metadata(config, key, now, ids)?));
        }
        Ok(())
    }
}

/// Our SAML metadata. Consumers refuse a validity of more than 14 days.
fn metadata(config: &Config, key: &SigningKey, now: Timestamp, ids: &dyn Ids) -> Result<Document, SignError> {
    let idp = IdentityProvider {
        entity_id: config.issuer.entity_id.clone(),
        id: ids.id(),
        valid_until: now.plus(Duration::from_secs(14 * 24 * 3600)),
        cache_duration: Duration::from_secs(6 * 3600),
        signing_certificates: vec![key.certificate_base64().to_owned()],
        sso_soap: addresses(config, Endpoint::Ecp).into_iter().next().unwrap_or_default(),
        sso_redirect: None,
        sso_post: None,
        slo_redirect: None,
        name_id_formats: vec![NAMEID_PERSISTENT.to_owned(), NAMEID_TRANSIENT.to_owned()],
    };
    let signed = sign(entity_descriptor(idp), key, SignatureAlgorithm::RsaSha256)?;
    Ok(Document::new("application/samlmetadata+xml", signed.xml().to_owned()))
}

impl Document {
    /// Renders a document.
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let plain = body.into();
        let digest: String = sha256(&plain).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let gzip = gzip(&plain).filter(|smaller| smaller.len() < plain.len()).map(Bytes::from);
        Self { content_type, etag: etag(&digest), etag_gzip: etag(&format!("{digest}-gzip")), plain, gzip }
    }

    /// The document for a GET: 304 to who has it, gzip to who takes it.
    pub fn reply(&self, request: &NativeRequest) -> Reply {
        let gzip = self.gzip.as_ref().filter(|_| takes_gzip(request));
        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(ETAG, if gzip.is_some() { self.etag_gzip.clone() } else { self.etag.clone() });
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if self.is_known_to(request) {
            return Reply { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new() };
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Reply { status: StatusCode::OK, headers, body: gzip.unwrap_or(&self.plain).clone() }
    }

    /// If-None-Match, compared weakly (RFC 9110, 13.1.2): whichever representation it was, it says the same.
    fn is_known_to(&self, request: &NativeRequest) -> bool {
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
fn takes_gzip(request: &NativeRequest) -> bool {
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
fn list(request: &NativeRequest, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
