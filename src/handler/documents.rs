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
        let etag = HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        let gzip = gzip(&plain).filter(|smaller| smaller.len() < plain.len()).map(Bytes::from);
        Self { content_type, etag, plain, gzip }
    }

    /// The document for a GET: 304 to who has it, gzip to who takes it.
    pub fn reply(&self, request: &NativeRequest) -> Reply {
        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if self.is_known_to(request) {
            return Reply { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new() };
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let body = match &self.gzip {
            Some(gzip) if takes_gzip(request) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip.clone()
            }
            _ => self.plain.clone(),
        };
        Reply { status: StatusCode::OK, headers, body }
    }

    /// If-None-Match, compared weakly (RFC 9110, 13.1.2).
    fn is_known_to(&self, request: &NativeRequest) -> bool {
        let ours = self.etag.to_str().unwrap_or_default();
        list(request, IF_NONE_MATCH).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == ours)
    }
}

fn takes_gzip(request: &NativeRequest) -> bool {
    list(request, ACCEPT_ENCODING).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = |quality: f32| quality == 0.0;
        let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|quality| quality.parse().ok());
        named && !quality.is_some_and(refused)
    })
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
