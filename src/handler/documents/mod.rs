//! What is published, rendered once.

mod document;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;

use crate::config::{Config, MetadataMode, OwnMetadata};
use crate::dsig::{SignError, SigningKey, SigningKeys, sign};
use crate::model::{Ids, SignatureAlgorithm, Timestamp};
use crate::saml::metadata::{IdentityProvider, entity_descriptor};
use crate::wstrust::{mex, wsdl};

use super::addresses::{Offers, ecp_address, mex_addresses, wsdl_addresses};
pub use document::Document;

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
    /// Published beside the one that signs: base64 of the DER of each.
    other_certificates: Vec<String>,
}

impl Documents {
    /// Renders everything that `config` publishes, the identity provider's own certificates among it.
    ///
    /// # Errors
    /// If the metadata cannot be signed.
    pub fn render(
        config: &Config,
        keys: &SigningKeys,
        idp_certificates: &[X509],
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Self, SignError> {
        let key = keys.at(now);
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
            other_certificates: base64_once(keys.others(now).chain(idp_certificates), key)?,
        };
        documents.metadata = documents.own_metadata(config, key, now, ids)?.map(ArcSwap::from_pointee);
        Ok(documents)
    }

    /// Signs the metadata again, so that it is valid for another fortnight.
    ///
    /// # Errors
    /// If it cannot be signed; what was signed before stays.
    pub fn renew(&self, config: &Config, keys: &SigningKeys, now: Timestamp, ids: &dyn Ids) -> Result<(), SignError> {
        if let (Some(published), Some(renewed)) = (&self.metadata, self.own_metadata(config, keys.at(now), now, ids)?) {
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
        signing_certificates.extend(self.other_certificates.iter().cloned());
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
fn base64_once<'c>(certificates: impl Iterator<Item = &'c X509>, key: &SigningKey) -> Result<Vec<String>, SignError> {
    let mut once = Vec::new();
    for certificate in certificates {
        let base64 = STANDARD.encode(certificate.to_der()?);
        if base64 != key.certificate_base64() && !once.contains(&base64) {
            once.push(base64);
        }
    }
    Ok(once)
}
