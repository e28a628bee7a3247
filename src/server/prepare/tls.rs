//! What TLS is served with.

use openssl::x509::X509;

use super::Findings;
use crate::config::{Config, PartyConfig, TlsFiles};
use crate::edge::{CertificateError, TlsCertificates};
use crate::keys::{self, Service};
use crate::model::Timestamp;

/// One for each listener; `None` where it is plain HTTP. Short of those that cannot be served.
pub(super) fn certificates(config: &Config, now: Timestamp, findings: &mut Findings) -> Vec<Option<TlsCertificates>> {
    let authorities =
        if config.listen.iter().any(|listen| listen.tls.is_some()) { keys::system_authorities() } else { Vec::new() };
    let mut all = Vec::new();
    for (number, listen) in config.listen.iter().enumerate() {
        match &listen.tls {
            None => all.push(None),
            Some(files) => {
                let section = format!("listen[{number}].tls");
                all.extend(served(config, files, &section, &authorities, now, findings).map(Some));
            }
        }
    }
    all
}

fn served(
    config: &Config,
    files: &TlsFiles,
    section: &str,
    authorities: &[X509],
    now: Timestamp,
    findings: &mut Findings,
) -> Option<TlsCertificates> {
    let key = match keys::load_tls(files) {
        Ok(key) => key,
        Err(error) => {
            findings.file(section, error);
            return None;
        }
    };
    let certificate_file = format!("{section}.certificate_file");
    let office365 = config.relying_parties.iter().any(PartyConfig::is_office365);
    let service = Service { host: config.public_host(), office365, authorities };
    for doubt in key.doubts(&service, now) {
        let message = format!("{}: {}", files.certificate_file.display(), doubt.what);
        findings.warning(&certificate_file, message, doubt.help);
    }
    match TlsCertificates::new(&[key]) {
        Ok(certificates) => Some(certificates),
        Err(CertificateError::Key(error)) => {
            findings.file(section, error);
            None
        }
        Err(error) => {
            let message = format!("{}: cannot be served: {error}", files.certificate_file.display());
            let help = "get a certificate of RSA with 2048 bits or more, or ECDSA, signed with SHA-256";
            findings.error(&certificate_file, message, help);
            None
        }
    }
}
