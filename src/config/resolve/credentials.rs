//! What the STS takes besides a user name and a password.

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, text};
use crate::config::{CertificateCredentials, CertificateName};

/// `credentials.certificate`
pub(super) fn certificates(root: &Section<'_>, files: &mut Files<'_>) -> Option<Option<CertificateCredentials>> {
    let credentials = root.section("credentials")?;
    if !credentials.has("certificate") {
        return Some(None);
    }
    let section = credentials.section("certificate")?;
    let ca_file = files.file(&section, "ca_file", Privacy::Public);
    let crl_file = files.optional_file(&section, "crl_file", Privacy::Public);
    let name = match section.get("name", text)?.as_str() {
        "email" => CertificateName::Email,
        "common_name" => CertificateName::CommonName,
        "subject" => CertificateName::Subject,
        _ => CertificateName::Upn,
    };
    Some(Some(CertificateCredentials { ca_file: ca_file?, crl_file: crl_file?, name }))
}
