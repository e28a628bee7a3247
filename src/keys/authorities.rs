//! Whom we trust to vouch for servers.

use std::path::Path;

use openssl::x509::X509;

use super::error::{KeyError, KeyField, Source};
use super::pem;

/// The certificates of a `ca_file`; at least one.
///
/// # Errors
/// A file that cannot be read, or holds no PEM certificate.
pub fn authorities(file: &Path) -> Result<Vec<X509>, KeyError> {
    pem::certificates(Source { file, field: KeyField::Authorities })
}

/// The certificates that this system trusts; none where it has no file of them, as in a bare container.
pub fn system_authorities() -> Vec<X509> {
    let read = |file| std::fs::read(file).ok().and_then(|pem| X509::stack_from_pem(&pem).ok());
    openssl_probe::probe().cert_file.and_then(read).unwrap_or_default()
}
