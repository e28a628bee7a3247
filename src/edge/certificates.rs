//! TLS certificates that can be replaced while connections are open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, NameType, SniError, Ssl, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslMode, SslOptions,
    SslSessionCacheMode, SslVersion, select_next_proto,
};
use openssl::x509::X509;

use crate::config::TlsFiles;

/// In ALPN's wire format, the preferred protocol first.
const ALPN: &[u8] = b"\x02h2\x08http/1.1";

/// Certificates of one listener, ready for handshakes. To rotate, load a new set and store it in the listener's
/// `ArcSwap`; connections that are open keep what they have.
pub struct TlsCertificates {
    default: SslContext,
    not_after: i64,
}

/// A certificate or key that cannot be served, and the file that is to blame.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("{file}: {source}", file = .file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{file}: {what}", file = .file.display())]
    Content {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is no certificate at all.
    #[error("no TLS certificate is configured")]
    Empty,
    /// OpenSSL refused what should have worked.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

struct Loaded {
    chain: Vec<X509>,
    key: PKey<Private>,
    names: Vec<String>,
}

impl TlsCertificates {
    /// Reads the PEM files. The first pair is served to clients that name no host, or one that no certificate has.
    ///
    /// # Errors
    /// Any file that cannot be read, is not PEM, or does not belong to its key; the error names the file.
    pub fn load(files: &[TlsFiles]) -> Result<Self, CertificateError> {
        let loaded = files.iter().map(Loaded::read).collect::<Result<Vec<_>, _>>()?;
        let (first, others) = loaded.split_first().ok_or(CertificateError::Empty)?;
        let not_after = loaded.iter().filter_map(Loaded::not_after).min().unwrap_or_default();
        let mut builder = first.context()?;
        if !others.is_empty() {
            let mut contexts = vec![(first.names.clone(), None)];
            for certificate in others {
                contexts.push((certificate.names.clone(), Some(certificate.context()?.build().into_context())));
            }
            let contexts: Arc<[(Vec<String>, Option<SslContext>)]> = contexts.into();
            builder.set_servername_callback(move |ssl, _| {
                let chosen = ssl.servername(NameType::HOST_NAME).and_then(|host| {
                    let host = host.to_ascii_lowercase();
                    let exact = contexts.iter().find(|(names, _)| names.contains(&host));
                    exact.or_else(|| contexts.iter().find(|(names, _)| names.iter().any(|name| covers(name, &host))))
                });
                match chosen.and_then(|(_, context)| context.as_ref()).map(|context| ssl.set_ssl_context(context)) {
                    Some(Err(_)) => Err(SniError::ALERT_FATAL),
                    Some(Ok(())) | None => Ok(()),
                }
            });
        }
        Ok(Self { default: builder.build().into_context(), not_after })
    }

    /// When the first of the certificates ends, Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    pub(super) fn session(&self) -> Result<Ssl, ErrorStack> {
        Ssl::new(&self.default)
    }
}

impl Loaded {
    fn read(files: &TlsFiles) -> Result<Self, CertificateError> {
        let at = |file: &Path, what: &str| CertificateError::Content { file: file.into(), what: what.into() };
        let (certificates, private_key) = (&files.certificate_file, &files.private_key_file);
        let chain = X509::stack_from_pem(&read(certificates)?)
            .map_err(|_| at(certificates, "is not a chain of PEM certificates"))?;
        let leaf = chain.first().ok_or_else(|| at(certificates, "holds no certificate"))?;
        let names = names_of(leaf);
        let public_key = leaf.public_key()?;
        let key = PKey::private_key_from_pem_callback(&read(private_key)?, |_| Ok(0))
            .map_err(|_| at(private_key, "is not a PEM private key without a password"))?;
        if !public_key.public_eq(&key) {
            let what = format!("is not the key of the first certificate in {}", certificates.display());
            return Err(at(private_key, &what));
        }
        Ok(Self { chain, key, names })
    }

    fn context(&self) -> Result<SslAcceptorBuilder, CertificateError> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        // Without these buffers an idle connection is 34 KiB smaller.
        builder.set_mode(SslMode::RELEASE_BUFFERS);
        // A record's header and body come with one system call.
        builder.set_read_ahead(true);
        builder.set_options(SslOptions::NO_RENEGOTIATION);
        // Tickets resume sessions; a cache would keep each client's state for hours.
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        builder.set_num_tickets(1)?;
        builder.set_alpn_select_callback(|_, offered| select_next_proto(ALPN, offered).ok_or(AlpnError::NOACK));
        if let Some((leaf, rest)) = self.chain.split_first() {
            builder.set_certificate(leaf)?;
            for certificate in rest {
                builder.add_extra_chain_cert(certificate.clone())?;
            }
        }
        builder.set_private_key(&self.key)?;
        builder.check_private_key()?;
        Ok(builder)
    }

    fn not_after(&self) -> Option<i64> {
        let epoch = Asn1Time::from_unix(0).ok()?;
        let leaf = self.chain.first()?;
        let left = epoch.diff(leaf.not_after()).ok()?;
        Some(i64::from(left.days) * 86_400 + i64::from(left.secs))
    }
}

/// The DNS names of a certificate, lower case; its common name where it has none.
fn names_of(leaf: &X509) -> Vec<String> {
    let alternatives = leaf.subject_alt_names();
    let names: Vec<String> =
        alternatives.iter().flatten().filter_map(|name| name.dnsname()).map(str::to_ascii_lowercase).collect();
    if !names.is_empty() {
        return names;
    }
    let common = leaf.subject_name().entries_by_nid(openssl::nid::Nid::COMMONNAME);
    common.filter_map(|entry| entry.data().to_string().ok()).map(|name| name.to_ascii_lowercase()).collect()
}

/// Whether the wildcard `name` covers `host`: exactly one label in place of the `*` (RFC 6125 6.4.3).
fn covers(name: &str, host: &str) -> bool {
    let domain = name.strip_prefix("*.");
    domain.is_some_and(|domain| host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain))
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(file).map_err(|source| CertificateError::Read { file: file.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_one_label() {
        for (name, host, expected) in [
            ("*.example.com", "sts.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", ".example.com", false),
            ("sts.example.com", "sts.example.com", false),
        ] {
            assert_eq!(covers(name, host), expected, "{name} {host}");
        }
    }

    #[test]
    fn errors_name_the_file() {
        let missing =
            TlsFiles { certificate_file: "/nowhere/tls.crt".into(), private_key_file: "/nowhere/tls.key".into() };
        let error = TlsCertificates::load(&[missing]).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere/tls.crt: "), "{error}");
        assert!(matches!(TlsCertificates::load(&[]), Err(CertificateError::Empty)));
    }
}
