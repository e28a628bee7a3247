//! The key that signs, with the certificate that relying parties know it by.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

/// An RSA key and the certificate of its public half. Has no `Debug`.
#[derive(Clone)]
pub struct SigningKey {
    key: PKey<Private>,
    certificate: X509,
    certificate_base64: String,
}

/// A key and a certificate that cannot sign together.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The certificate is another key's.
    #[error("the certificate does not belong to the private key")]
    Mismatch,
    /// Not RSA.
    #[error("the signing key is not RSA")]
    NotRsa,
    /// OpenSSL failed.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

impl SigningKey {
    /// Joins a private key and its certificate.
    ///
    /// # Errors
    /// If they do not belong together, or the key is not RSA.
    pub fn new(key: PKey<Private>, certificate: X509) -> Result<Self, SigningKeyError> {
        key.rsa().map_err(|_| SigningKeyError::NotRsa)?;
        if !certificate.public_key()?.public_eq(&key) {
            return Err(SigningKeyError::Mismatch);
        }
        let certificate_base64 = STANDARD.encode(certificate.to_der()?);
        Ok(Self { key, certificate, certificate_base64 })
    }

    /// The certificate.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// The certificate as KeyInfo and Entra want it: base64 of the DER, on one line.
    pub fn certificate_base64(&self) -> &str {
        &self.certificate_base64
    }

    pub(super) fn private(&self) -> &PKey<Private> {
        &self.key
    }
}
