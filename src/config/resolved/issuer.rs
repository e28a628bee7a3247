//! Who we say we are, resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::Password;

/// Who we say we are.
#[derive(Clone)]
pub struct Issuer {
    /// SAML entityID, and the issuer of tokens for parties that do not choose by domain.
    pub entity_id: String,
    /// The signing key.
    pub signing: SigningFiles,
    /// UPN domain (lower case) to issuer.
    pub domains: BTreeMap<String, String>,
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
    },
    /// One PKCS#12 file, such as the IdP's own keystore converted.
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// Its password.
        password: Password,
    },
}
