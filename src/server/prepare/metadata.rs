//! What our metadata says of the identity provider, and who fetches its own.

use std::path::Path;

use openssl::x509::X509;

use super::Findings;
use crate::config::{Config, MetadataMode};
use crate::dsig::Accepted;
use crate::federation::{MetadataVerifier, UpstreamClient};
use crate::handler::MergedSource;
use crate::http_client::ClientError;
use crate::keys;
use crate::saml::metadata::{DocumentTrust, PinnedKeys};

/// The certificates that the identity provider signs with.
pub(super) fn idp_certificates(config: &Config, findings: &mut Findings) -> Vec<X509> {
    let mut all = Vec::new();
    for (number, file) in config.published.idp_certificates.iter().enumerate() {
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
    match &config.metadata {
        MetadataMode::Forward { paths } if !paths.is_empty() => {}
        _ => return None,
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

/// Who fetches the metadata that is published with ours in it, and what is believed of it.
pub(super) fn merged(config: &Config, findings: &mut Findings) -> Option<MergedSource> {
    let MetadataMode::Merge(merged) = &config.metadata else { return None };
    if merged.certificate_file.is_some() && config.cache_folder.is_none() {
        let message = "keeps nothing for a start while the identity provider is down: there is no metadata then";
        findings.warning("metadata.mode", message, "set cache.folder, where its last good document is kept");
    }
    let trust = match &merged.certificate_file {
        None => Some(DocumentTrust::Transport),
        Some(file) => pinned(file, merged.allow_sha1, findings),
    };
    let client = match UpstreamClient::new(&config.upstream) {
        Ok(client) => Some(client),
        // What forwarding needs as well has been reported.
        Err(ClientError::Authorities { .. }) => None,
        Err(error @ (ClientError::ServerName(_) | ClientError::Library(_))) => {
            let help = "write a name; without a client for its metadata there is nothing to merge with";
            findings.error("upstream.tls.server_name", error.to_string(), help);
            None
        }
    };
    let verifier = MetadataVerifier { entity_id: config.issuer.entity_id.clone(), trust: trust? };
    Some(MergedSource::new(client?, verifier, config))
}

fn pinned(file: &Path, allow_sha1: bool, findings: &mut Findings) -> Option<DocumentTrust> {
    const KEY: &str = "metadata.idp_certificate_file";
    match keys::certificates(file) {
        Err(error) => {
            findings.error(KEY, format!("{}: {}", error.file.display(), error.message), error.help);
            None
        }
        Ok(certificates) => {
            let keys: Vec<_> = certificates.iter().filter_map(|certificate| certificate.public_key().ok()).collect();
            if keys.len() < certificates.len() {
                let help = "name the certificates of RSA or elliptic curve keys";
                findings.error(KEY, "holds a certificate with a key that cannot be read", help);
            }
            let accepted = if allow_sha1 { Accepted::Sha1Too } else { Accepted::Modern };
            Some(DocumentTrust::Signed(PinnedKeys { keys, accepted }))
        }
    }
}
