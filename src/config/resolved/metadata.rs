//! How SAML metadata is published, resolved.

use std::path::PathBuf;

/// How SAML metadata is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataMode {
    /// Ours, signed.
    Own(OwnMetadata),
    /// The identity provider's.
    Forward {
        /// Where it publishes documents that are kept; `endpoints` leaves these paths to it.
        paths: Vec<String>,
    },
}

/// What our metadata says besides our name, key and ECP endpoint. Addresses are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnMetadata {
    /// The identity provider's browser sign-on, by redirect.
    pub sso_redirect: Option<String>,
    /// The same by POST.
    pub sso_post: Option<String>,
    /// Its logout, by redirect.
    pub slo_redirect: Option<String>,
    /// The same by POST.
    pub slo_post: Option<String>,
    /// Files with the certificates that it signs with, PEM.
    pub idp_certificates: Vec<PathBuf>,
    /// Name identifier formats that are given.
    pub name_id_formats: Vec<String>,
}
