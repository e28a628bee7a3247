//! What is published, rendered once.

mod certificates;
mod document;
mod published;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use openssl::x509::X509;

use crate::config::Config;
use crate::dsig::{SignError, SigningKeys};
use crate::federation::BelievedMetadata;
use crate::model::{Clock, Timestamp};
use crate::saml::metadata::MergeError;
use crate::wstrust::{mex, wsdl};

use super::addresses::{Offers, mex_addresses, wsdl_addresses};
pub use certificates::{CertificateIds, Certificates};
pub use document::Document;
pub use published::Published;
pub(super) use published::check_merge;

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
    /// What is signed, and lasts no longer than a fortnight.
    pub published: ArcSwap<Published>,
    /// Our certificates, PEM.
    pub certificates: Certificates,
    /// The identity provider's metadata, where ours is made of it.
    idp_metadata: ArcSwapOption<BelievedMetadata>,
    idp_certificates: Vec<X509>,
    /// Whoever signs anew.
    renewing: Mutex<()>,
}

/// Why something cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The identity provider's metadata is not fit for it.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// OpenSSL failed.
    #[error(transparent)]
    OpenSsl(#[from] openssl::error::ErrorStack),
    /// The system has no thread or random key to give for what is answered beside the identity provider.
    #[error(transparent)]
    System(std::io::Error),
}

impl Documents {
    /// Renders everything that `config` publishes, the identity provider's own certificates among it. What is signed may be
    /// left to [`Documents::renew`] if the key's device does not sign now and that `may_wait`.
    ///
    /// # Errors
    /// If the metadata cannot be signed.
    pub fn render(
        config: &Config,
        keys: &SigningKeys,
        idp_certificates: &[X509],
        idp_metadata: Option<BelievedMetadata>,
        now: Timestamp,
        may_wait: bool,
    ) -> Result<Self, PublishError> {
        const XML: &str = "text/xml; charset=utf-8";
        let addresses = mex_addresses(config, &Offers::of(config));
        let schema = |name| Some((name, Document::new(XML, mex::schema(name)?)));
        let idp_metadata = idp_metadata.map(Arc::new);
        // A device that has just been asked in vain hangs, perhaps.
        let is_away = keys.at(now).outage().is_some();
        let published = if may_wait && is_away {
            Published::NOTHING
        } else {
            match Published::render(config, keys, idp_certificates, idp_metadata.as_ref(), now) {
                Err(PublishError::Sign(SignError::Device(_))) if may_wait => Published::NOTHING,
                rendered => rendered?,
            }
        };
        Ok(Self {
            mex: Document::new(XML, mex::definitions(&addresses)),
            mex_metadata: mex::metadata(&addresses),
            schemas: ["xsd0", "xsd1", "xsd2"].into_iter().filter_map(schema).collect(),
            wsdl: Document::new(XML, wsdl::definitions(&wsdl_addresses(config))),
            wsdl_schemas: wsdl::SCHEMAS.map(|(name, version)| (name, Document::new(XML, wsdl::schema(version)))).into(),
            published: ArcSwap::from_pointee(published),
            certificates: Certificates::new(config, keys)?,
            idp_metadata: ArcSwapOption::new(idp_metadata),
            idp_certificates: idp_certificates.to_vec(),
            renewing: Mutex::default(),
        })
    }

    /// The identity provider's own, which are published with ours.
    pub fn idp_certificates(&self) -> &[X509] {
        &self.idp_certificates
    }

    /// Takes what the identity provider publishes now, to be published with ours by [`Documents::renew`].
    pub fn learn(&self, metadata: BelievedMetadata) {
        self.idp_metadata.store(Some(Arc::new(metadata)));
    }

    /// What the identity provider published last, where ours is made of it.
    pub fn idp_metadata(&self) -> Option<Arc<BelievedMetadata>> {
        self.idp_metadata.load_full()
    }

    /// Signs anew what is not as it would be signed now: a day is over, another key signs, or the identity provider
    /// publishes something else.
    ///
    /// # Errors
    /// If it cannot be signed; what was signed before stays.
    pub fn renew(&self, config: &Config, keys: &SigningKeys, clock: &dyn Clock) -> Result<(), PublishError> {
        // In turn: what somebody began to sign before another document or key came must not be the last.
        let _turn = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let (metadata, now) = (self.idp_metadata.load(), clock.now());
        if !self.published.load().is_as_signed(keys, metadata.as_ref(), now) {
            let renewed = Published::render(config, keys, &self.idp_certificates, metadata.as_ref(), now)?;
            self.published.store(Arc::new(renewed));
        }
        Ok(())
    }
}
