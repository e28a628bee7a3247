//! What the STS takes besides a user name and a password, resolved.

use std::path::PathBuf;

/// Certificates that users sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateCredentials {
    /// The CAs that they come from.
    pub ca_file: PathBuf,
    /// Their revocation lists.
    pub crl_file: Option<PathBuf>,
    /// What is looked up in the directory.
    pub name: CertificateName,
}

/// What of a certificate names its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// The user principal name in the subjectAltName.
    Upn,
    /// The e-mail address in the subjectAltName.
    Email,
    /// The subject's common name.
    CommonName,
    /// The whole subject, as RFC 4514 writes it.
    Subject,
}

/// Tokens that users sign in with: ours, and those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedTokenCredentials {
    /// Whose, besides ours.
    pub issuers: Vec<TokenIssuer>,
}

/// Somebody whose tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIssuer {
    /// Its name, as its tokens have it.
    pub entity_id: String,
    /// Files with the certificates that it signs with, PEM.
    pub certificate_files: Vec<PathBuf>,
    /// The claim with the name that the directory knows the user by; absent: the name identifier.
    pub name_claim: Option<String>,
}
