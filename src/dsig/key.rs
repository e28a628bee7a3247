//! The key that signs, with the certificate that relying parties know it by.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::sign::Signer;
use openssl::x509::X509;
use zeroize::Zeroizing;

use super::SignError;
use super::algorithm::{KeyKind, Method, VerificationMethod};
use super::verify::check_signature;
use crate::model::SignatureAlgorithm;

/// A private key and the certificate of its public half. Has no `Debug`.
#[derive(Clone)]
pub struct SigningKey {
    holder: Holder,
    kind: KeyKind,
    certificate: X509,
    public: PKey<Public>,
    certificate_base64: String,
}

/// Who has the private key.
#[derive(Clone)]
enum Holder {
    We(PKey<Private>),
    Device(Arc<dyn SigningDevice>),
}

/// A private key that stays in its device, such as a hardware security module. It may take its time.
pub trait SigningDevice: Send + Sync {
    /// Signs `input` as it is: by RSA, with the padding of PKCS#1 v1.5 around it (`input` is a DigestInfo); by ECDSA
    /// (`input` is a digest) as two numbers of the curve's length one after the other.
    ///
    /// # Errors
    /// The device cannot sign now.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, DeviceError>;

    /// Why it does not sign, if it last did not.
    fn outage(&self) -> Option<DeviceError>;
}

const NOTHING: &[u8] = b"fedfront: is this the key of the certificate?";

/// Something of no meaning for a [device](SigningDevice::sign) to sign by a key of this kind.
pub fn trial(kind: KeyKind) -> Vec<u8> {
    Method::of(kind, SignatureAlgorithm::RsaSha256).map(|method| method.for_device(NOTHING)).unwrap_or_default()
}

/// A device that does not sign; why, for logs. It may do so again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeviceError(pub String);

/// A key and a certificate that cannot sign together.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The certificate is another key's.
    #[error("the certificate does not belong to the private key")]
    Mismatch,
    /// Neither RSA nor one of NIST's curves.
    #[error("the signing key is neither RSA nor of P-256, P-384 or P-521")]
    Unfit,
    /// OpenSSL failed.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

impl SigningKey {
    /// Joins a private key and its certificate.
    ///
    /// # Errors
    /// If they do not belong together, or nothing of ours is signed by such a key.
    pub fn new(key: PKey<Private>, certificate: X509) -> Result<Self, SigningKeyError> {
        if !certificate.public_key()?.public_eq(&key) {
            return Err(SigningKeyError::Mismatch);
        }
        Self::held(Holder::We(key), certificate)
    }

    /// The same of a key in a device. Whether they belong together only a signature [tells](Self::is_proved).
    ///
    /// # Errors
    /// If nothing of ours is signed by such a key.
    pub fn in_device(device: Arc<dyn SigningDevice>, certificate: X509) -> Result<Self, SigningKeyError> {
        Self::held(Holder::Device(device), certificate)
    }

    fn held(holder: Holder, certificate: X509) -> Result<Self, SigningKeyError> {
        let public = certificate.public_key()?;
        let kind = KeyKind::of(&public).ok_or(SigningKeyError::Unfit)?;
        let certificate_base64 = STANDARD.encode(certificate.to_der()?);
        Ok(Self { holder, kind, certificate, public, certificate_base64 })
    }

    /// The certificate.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// The certificate as KeyInfo and Entra want it: base64 of the DER, on one line.
    pub fn certificate_base64(&self) -> &str {
        &self.certificate_base64
    }

    /// Its public half.
    pub fn public(&self) -> &PKey<Public> {
        &self.public
    }

    /// What it signs by.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// A secret for a purpose of ours, the same wherever this key is; `None` if it is in a device, which does not make any.
    pub fn derive(&self, purpose: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let Holder::We(key) = &self.holder else { return None };
        let number = match key.rsa() {
            Ok(rsa) => rsa.d().to_vec(),
            Err(_) => key.ec_key().ok()?.private_key().to_vec(),
        };
        derived_secret(&Zeroizing::new(number), purpose)
    }

    /// Signs something of no meaning, and holds it against the certificate.
    ///
    /// # Errors
    /// If nothing is signed.
    pub fn is_proved(&self) -> Result<bool, SignError> {
        let method = self.method(SignatureAlgorithm::RsaSha256)?;
        let signature = self.sign(method, NOTHING)?;
        let verified = VerificationMethod { digest: method.digest(), key: self.public.id() };
        Ok(check_signature(NOTHING, &signature, &verified, &[&self.public]).is_ok())
    }

    /// Why its device did not sign when it was last asked; `None` where it did, or there is none.
    pub fn outage(&self) -> Option<DeviceError> {
        match &self.holder {
            Holder::We(_) => None,
            Holder::Device(device) => device.outage(),
        }
    }

    /// By what it signs, where this is asked for.
    pub(super) fn method(&self, asked: SignatureAlgorithm) -> Result<Method, SignError> {
        Method::of(self.kind, asked).ok_or(SignError::Algorithm)
    }

    /// `ds:SignatureValue` over `data`, before base64.
    pub(super) fn sign(&self, method: Method, data: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.holder {
            Holder::We(key) => {
                let signature = Signer::new(method.digest(), key)?.sign_oneshot_to_vec(data)?;
                if self.kind.is_elliptic() { Ok(self.two_numbers(&signature)?) } else { Ok(signature) }
            }
            Holder::Device(device) => {
                let signature = device.sign(&method.for_device(data))?;
                if signature.len() == self.signature_length() {
                    Ok(signature)
                } else {
                    Err(DeviceError(format!("it gave a signature of {} octets", signature.len())).into())
                }
            }
        }
    }

    /// XML Signature writes the two numbers one after the other, each as long as the order of the curve (RFC 6931, 2.3.6);
    /// OpenSSL gives them in DER.
    fn two_numbers(&self, der: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let each = i32::try_from(self.signature_length() / 2).unwrap_or_default();
        let signature = EcdsaSig::from_der(der)?;
        Ok([signature.r().to_vec_padded(each)?, signature.s().to_vec_padded(each)?].concat())
    }

    fn signature_length(&self) -> usize {
        match self.kind {
            KeyKind::Rsa => self.public.size(),
            KeyKind::P256 => 2 * 32,
            KeyKind::P384 => 2 * 48,
            KeyKind::P521 => 2 * 66,
        }
    }
}

/// A secret for a purpose of ours that tells nothing of the one that it is made of (HKDF-Extract of RFC 5869, 2.2, by SHA-256);
/// `None` if OpenSSL fails.
pub fn derived_secret(secret: &[u8], purpose: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let salt = PKey::hmac(purpose).ok()?;
    let hmac = Signer::new(MessageDigest::sha256(), &salt).ok()?.sign_oneshot_to_vec(secret).ok()?;
    hmac.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
