//! What our metadata says of the identity provider, and who fetches its own.

use openssl::x509::X509;

use super::Findings;
use crate::config::{Config, MetadataMode};
use crate::federation::{ClientError, UpstreamClient};
use crate::keys;

/// The certificates that the identity provider signs with.
pub(super) fn idp_certificates(config: &Config, findings: &mut Findings) -> Vec<X509> {
    let MetadataMode::Own(own) = &config.metadata else { return Vec::new() };
    let mut all = Vec::new();
    for (number, file) in own.idp_certificates.iter().enumerate() {
        match keys::certificates(file) {
            Ok(mut certificates) => all.append(&mut certificates),
            Err(error) => {
                let message = format!("{}: {}", error.file.display(), error.message);
                findings.error(&format!("metadata.idp_certificates[{number}]"), message, error.help);
            }
        }
    }
    all
}

/// Who fetches the metadata that is forwarded. Without, it is forwarded all the same, but not kept.
pub(super) fn client(config: &Config, findings: &mut Findings) -> Option<UpstreamClient> {
    let MetadataMode::Forward { paths } = &config.metadata else { return None };
    if paths.is_empty() {
        return None;
    }
    match UpstreamClient::new(&config.upstream) {
        Ok(client) => return Some(client),
        // What forwarding needs as well has been reported.
        Err(ClientError::Authorities { .. }) => {}
        Err(error @ (ClientError::ServerName(_) | ClientError::Library(_))) => {
            let help = "write a name, or endpoints: { metadata: forward }; what cannot be fetched is not kept";
            findings.warning("upstream.tls.server_name", error.to_string(), help);
        }
    }
    None
}
