//! What the STS takes besides a user name and a password.

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, list, text};
use crate::config::{CertificateCredentials, CertificateName, IssuedTokenCredentials, Listen, TokenIssuer};

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

/// Who shows a certificate and is not signed in by it may wonder why.
pub(super) fn warn_of_idle_certificates(listen: &[Listen], files: &mut Files<'_>) {
    let asks = |listen: &Listen| listen.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
    for (number, _) in listen.iter().enumerate().filter(|(_, listen)| asks(listen)) {
        let path = format!("listen[{number}].tls.client_ca_file");
        let message =
            "lets only clients with a certificate connect, and without credentials.certificate it signs nobody in";
        let help = "add credentials.certificate with the ca_file of the users' certificates; a listener that is only to be \
                    shut for others is fine as it is";
        files.report.warning(&path, message, help);
    }
}

/// `credentials.issued_token`
pub(super) fn issued_tokens(root: &Section<'_>, files: &mut Files<'_>) -> Option<Option<IssuedTokenCredentials>> {
    let credentials = root.section("credentials")?;
    if !credentials.has("issued_token") {
        return Some(None);
    }
    let section = credentials.section("issued_token")?;
    section.get("issuers", |node| list(node, |_| Some(())))?;
    let mut issuers: Vec<Option<TokenIssuer>> = Vec::new();
    for section in section.sections("issuers") {
        let issuer = token_issuer(&section, files);
        let entity_id = issuer.as_ref().map(|issuer| &issuer.entity_id);
        if entity_id.is_some_and(|id| issuers.iter().flatten().any(|other| other.entity_id == *id)) {
            let help = "list each issuer once, with all of its certificates";
            files.report.error(&section.path("entity_id"), "is listed twice", help);
        }
        issuers.push(issuer);
    }
    Some(Some(IssuedTokenCredentials { issuers: issuers.into_iter().collect::<Option<_>>()? }))
}

fn token_issuer(section: &Section<'_>, files: &mut Files<'_>) -> Option<TokenIssuer> {
    let certificate_files = files.list(section, "certificate_files", Privacy::Public);
    if certificate_files.as_ref().is_some_and(Vec::is_empty) {
        let help = "name the file of the certificate that it signs with, as its metadata has it";
        files.report.error(
            &section.path("certificate_files"),
            "is empty, so none of its tokens could be believed",
            help,
        );
    }
    let name = section.get("name", text)?;
    if name != "name_identifier" && !name.contains([':', '/']) {
        let help = "write name_identifier, or the URI of a claim such as http://schemas.xmlsoap.org/claims/UPN";
        files.report.warning(&section.path("name"), format!("`{name}` is not a URI, as claims have it"), help);
    }
    Some(TokenIssuer {
        entity_id: section.get("entity_id", text)?,
        certificate_files: certificate_files?,
        name_claim: Some(name).filter(|name| name != "name_identifier"),
    })
}
