//! How SAML metadata is published, resolved.

use std::path::PathBuf;

use crate::saml::metadata::Moves;

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
    /// The identity provider's with our ECP endpoint and keys in it, signed by us.
    Merge(MergedMetadataConfig),
}

/// How the identity provider's own metadata becomes ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedMetadataConfig {
    /// Where it has it: a path.
    pub path: String,
    /// The certificates of the keys that sign it, PEM; absent: it is believed as its connection is.
    pub certificate_file: Option<PathBuf>,
    /// Whether signatures by SHA-1 are believed.
    pub allow_sha1: bool,
    /// Its addresses that are found on `public_url`.
    pub moves: Moves,
}

/// What is published besides SAML metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Where browsers sign in by WS-Federation.
    pub passive: Option<String>,
    /// Where they sign in by SAML, as Entra sends them: by POST if that is known.
    pub sso: Option<String>,
    /// Where they sign out by SAML.
    pub slo: Option<String>,
    /// Files with the certificates that the identity provider signs with, PEM.
    pub idp_certificates: Vec<PathBuf>,
    /// What `issuer.signing`'s certificate is asked for by.
    pub current_ids: Vec<String>,
    /// The same of `issuer.signing.next`.
    pub next_ids: Vec<String>,
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
    /// Name identifier formats that are given.
    pub name_id_formats: Vec<String>,
}
