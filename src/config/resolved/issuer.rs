//! Who we say we are, resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{Password, Timestamp};

/// Who we say we are.
#[derive(Clone)]
pub struct Issuer {
    /// SAML entityID, and the issuer of tokens for parties that do not choose by domain.
    pub entity_id: String,
    /// The signing keys.
    pub signing: Signing,
    /// UPN domain (lower case) to issuer.
    pub domains: BTreeMap<String, String>,
    /// The domain that stands behind the `@` of scoped attributes; absent: presets have none.
    pub scope: Option<String>,
    /// The file with the secret that pairwise names are computed with; absent: there are none.
    pub name_salt_file: Option<PathBuf>,
}

/// The signing keys over time.
#[derive(Clone)]
pub struct Signing {
    /// What signs, until the next one does.
    pub current: SigningFiles,
    /// What is published ahead, and signs then.
    pub next: Option<NextKey>,
    /// Certificates whose tokens still count as ours.
    pub previous: Vec<PathBuf>,
}

/// The key that comes next.
#[derive(Clone)]
pub struct NextKey {
    /// Where it is.
    pub files: SigningFiles,
    /// From when it signs; `None`: when told to.
    pub from: Option<Timestamp>,
}

/// Where a signing key and certificate are.
#[derive(Clone)]
pub enum SigningFiles {
    /// Two PEM files.
    Pem {
        /// Certificate.
        certificate_file: PathBuf,
        /// Key.
        private_key_file: PathBuf,
        /// The key's pass phrase, where it is encrypted.
        password: Option<Password>,
    },
    /// One PKCS#12 file, such as the IdP's own keystore converted.
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// Its password.
        password: Password,
    },
    /// A certificate, PEM, whose key is in a hardware security module.
    Pkcs11 {
        /// Certificate.
        certificate_file: PathBuf,
        /// Where its key is.
        key: Pkcs11Key,
    },
}

/// A private key that PKCS#11 leads to.
#[derive(Clone)]
pub struct Pkcs11Key {
    /// The library of the device's vendor.
    pub module: PathBuf,
    /// The token's label, or its serial number.
    pub token: String,
    /// The private key's label.
    pub key: String,
    /// The user's PIN.
    pub pin: Password,
}
