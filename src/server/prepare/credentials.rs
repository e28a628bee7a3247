//! Whose certificates users sign in with.

use std::path::Path;
use std::sync::Arc;

use openssl::x509::X509;

use super::Findings;
use crate::config::{CertificateCredentials, Config};
use crate::keys::{self, ClientTrust, KeyError};
use crate::model::Timestamp;

const CERTIFICATE: &str = "credentials.certificate";

/// The CAs and their revocation lists; `None` where no certificate is taken, or its files are wrong.
pub(super) fn client_trust(config: &Config, now: Timestamp, findings: &mut Findings) -> Option<Arc<ClientTrust>> {
    look_at_listeners(config, findings);
    let certificates = config.certificates.as_ref()?;
    match load(certificates, now, findings) {
        Ok(trust) => Some(Arc::new(trust)),
        Err(error) => {
            findings.file(CERTIFICATE, error);
            None
        }
    }
}

fn load(
    certificates: &CertificateCredentials,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<ClientTrust, KeyError> {
    let trust = ClientTrust::load(certificates)?;
    let authorities = keys::authorities(&certificates.ca_file)?;
    look_at_authorities(&format!("{CERTIFICATE}.ca_file"), &certificates.ca_file, &authorities, findings);
    if let Some(file) = &certificates.crl_file {
        let path = format!("{CERTIFICATE}.crl_file");
        let lists = keys::revocation(file, &authorities, now)?;
        let help = "fetch the CA's present one, and reload";
        lists.ended.into_iter().for_each(|ended| findings.warning(&path, ended, help));
        let help = "add it, PEM, to the others: where revocation is checked, every CA must say what it has revoked";
        if let Some(roots) = lists.useless {
            let message = format!("{}: holds no revocation list of {roots}, so nobody signs in", file.display());
            findings.error(&path, message, help);
        }
        for authority in lists.unlisted {
            let message =
                format!("{}: holds no revocation list of {authority}, whose users do not sign in", file.display());
            findings.warning(&path, message, help);
        }
    }
    Ok(trust)
}

/// Whether the listeners that ask clients for certificates can let anybody in.
fn look_at_listeners(config: &Config, findings: &mut Findings) {
    let certified = config.certificates.as_ref().map(|certificates| keys::authorities(&certificates.ca_file));
    for (number, listen) in config.listen.iter().enumerate() {
        let Some(file) = listen.tls.as_ref().and_then(|tls| tls.client_ca_file.as_ref()) else { continue };
        // What cannot be read has been reported.
        let Ok(asked) = keys::authorities(file) else { continue };
        let path = format!("listen[{number}].tls.client_ca_file");
        look_at_authorities(&path, file, &asked, findings);
        if let Some(Ok(certified)) = &certified
            && !keys::in_common(&asked, certified)
        {
            let message =
                format!("has no CA in common with {CERTIFICATE}.ca_file: nobody who connects here signs in by it");
            findings.warning(&path, message, "name the CA that certifies users in both");
        }
    }
}

fn look_at_authorities(path: &str, file: &Path, authorities: &[X509], findings: &mut Findings) {
    let keys::Anchorage { useless, doubts } = keys::anchorage(authorities);
    let told = |what: &str| format!("{}: {what}", file.display());
    if let Some(doubt) = useless {
        findings.error(path, format!("{}, so nobody is believed", told(&doubt.what)), doubt.help);
    }
    for doubt in doubts {
        findings.warning(path, told(&doubt.what), doubt.help);
    }
}
