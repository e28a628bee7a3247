//! What is published, rendered once: bytes, their gzip and an ETag. A request for them costs a comparison.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, StatusCode};
use openssl::sha::sha256;
use openssl::x509::X509;

use crate::config::{Config, MetadataMode, OwnMetadata};
use crate::dsig::{SignError, SigningKey, sign};
use crate::model::{Ids, SignatureAlgorithm, Timestamp};
use crate::saml::metadata::{IdentityProvider, entity_descriptor};
use crate::wstrust::{mex, wsdl};

use super::addresses::{Offers, ecp_address, mex_addresses, wsdl_addresses};
use super::message::Reply;

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

/// Everything published.
pub struct Documents {
    /// `wsdl:definitions`.
    pub mex: Document,
    /// `mex:Metadata`, for SOAP answers.
    pub mex_metadata: String,
    /// The schemas that MEX imports, by the name in `?xsd=`.
    pub schemas: Vec<(&'static str, Document)>,
    /// The description of the STS, with all that it does.
    pub wsdl: Document,
    /// The schemas that it imports, likewise.
    pub wsdl_schemas: Vec<(&'static str, Document)>,
    /// SAML metadata, if it is ours; signed again every day.
    pub metadata: Option<ArcSwap<Document>>,
    /// The signing certificate, PEM.
    pub certificate: Document,
    /// Base64 of the DER of each.
    idp_certificates: Vec<String>,
}

impl Documents {
    /// Renders everything that `config` publishes, the identity provider's own certificates among it.
    ///
    /// # Errors
    /// If the metadata cannot be signed.
    pub fn render(
        config: &Config,
        key: &SigningKey,
        idp_certificates: &[X509],
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Self, SignError> {
        const XML: &str = "text/xml; charset=utf-8";
        let addresses = mex_addresses(config, &Offers::of(config));
        let schema = |name| Some((name, Document::new(XML, mex::schema(name)?)));
        let mut documents = Self {
            mex: Document::new(XML, mex::definitions(&addresses)),
            mex_metadata: mex::metadata(&addresses),
            schemas: ["xsd0", "xsd1", "xsd2"].into_iter().filter_map(schema).collect(),
            wsdl: Document::new(XML, wsdl::definitions(&wsdl_addresses(config))),
            wsdl_schemas: wsdl::SCHEMAS.map(|(name, version)| (name, Document::new(XML, wsdl::schema(version)))).into(),
            metadata: None,
            certificate: Document::new("application/x-pem-file", key.certificate().to_pem()?),
            idp_certificates: base64_once(key, idp_certificates)?,
        };
        documents.metadata = documents.own_metadata(config, key, now, ids)?.map(ArcSwap::from_pointee);
        Ok(documents)
    }

    /// Signs the metadata again, so that it is valid for another fortnight.
    ///
    /// # Errors
    /// If it cannot be signed; what was signed before stays.
    pub fn renew(&self, config: &Config, key: &SigningKey, now: Timestamp, ids: &dyn Ids) -> Result<(), SignError> {
        if let (Some(published), Some(renewed)) = (&self.metadata, self.own_metadata(config, key, now, ids)?) {
            published.store(Arc::new(renewed));
        }
        Ok(())
    }

    /// Our SAML metadata, if ours is published. Consumers refuse a validity of more than 14 days.
    fn own_metadata(
        &self,
        config: &Config,
        key: &SigningKey,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Option<Document>, SignError> {
        let MetadataMode::Own(own) = &config.metadata else { return Ok(None) };
        let OwnMetadata { sso_redirect, sso_post, slo_redirect, slo_post, name_id_formats, .. } = own.clone();
        let mut signing_certificates = vec![key.certificate_base64().to_owned()];
        signing_certificates.extend(self.idp_certificates.iter().cloned());
        let idp = IdentityProvider {
            entity_id: config.issuer.entity_id.clone(),
            id: ids.id(),
            valid_until: now.plus(Duration::from_secs(14 * 24 * 3600)),
            cache_duration: Duration::from_secs(6 * 3600),
            signing_certificates,
            sso_soap: ecp_address(config),
            sso_redirect,
            sso_post,
            slo_redirect,
            slo_post,
            name_id_formats,
        };
        let signed = sign(entity_descriptor(idp), key, SignatureAlgorithm::RsaSha256)?;
        Ok(Some(Document::new("application/samlmetadata+xml", signed.xml().to_owned())))
    }
}

/// The certificates, each once, and not our own again.
fn base64_once(key: &SigningKey, certificates: &[X509]) -> Result<Vec<String>, SignError> {
    let mut once = Vec::new();
    for certificate in certificates {
        let base64 = STANDARD.encode(certificate.to_der()?);
        if base64 != key.certificate_base64() && !once.contains(&base64) {
            once.push(base64);
        }
    }
    Ok(once)
}

impl Document {
    /// Renders a document.
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::typed(HeaderValue::from_static(content_type), body)
    }

    /// Renders a document of somebody else's type.
    pub(super) fn typed(content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        let plain = body.into();
        let digest: String = sha256(&plain).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
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
