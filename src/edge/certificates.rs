//! TLS certificates that can be replaced while connections are open.

use std::sync::{Arc, OnceLock};

use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, NameType, SniError, Ssl, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslMode, SslOptions,
    SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::stack::Stack;
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use crate::config::TlsFiles;
use crate::keys::{self, Description, KeyError, ShownCertificate, TlsKey};

/// In ALPN's wire format, the preferred protocol first.
const ALPN: &[u8] = b"\x02h2\x08http/1.1";

/// Mozilla's intermediate ones without finite-field DHE, which costs us far more than a client and brings nothing.
const TLS_1_2_CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
                               ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
                               ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// Certificates of one listener, ready for handshakes. To rotate, load a new set and store it in the listener's
/// `ArcSwap`; connections that are open keep what they have.
pub struct TlsCertificates {
    default: SslContext,
    not_after: i64,
    /// Each certificate that is sent, the one for clients that name no host first.
    sent: Vec<Description>,
    /// Those of them that are a server's, in the same order, each with the DNS names that it has.
    leaves: Vec<(X509, Vec<String>)>,
    /// Whether every client must show one, too.
    asks_clients: bool,
}

/// A client's certificate that is refused: known once the handshake has failed for it.
pub(super) struct RefusedCertificate {
    /// Whose it says it is.
    pub subject: String,
    /// What OpenSSL has against it.
    pub reason: &'static str,
}

/// Where the handshake leaves it.
pub(super) type Objection = Arc<OnceLock<RefusedCertificate>>;

/// No handshake succeeds without a certificate of the client's that is believed.
const WITH_CERTIFICATE: SslVerifyMode = SslVerifyMode::PEER.union(SslVerifyMode::FAIL_IF_NO_PEER_CERT);

/// A certificate or key that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file that is not what it should be.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no certificate at all.
    #[error("no TLS certificate is configured")]
    Empty,
    /// OpenSSL does not serve it.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl TlsCertificates {
    /// Reads the PEM files. The first pair is served to clients that name no host, or one that no certificate has.
    ///
    /// # Errors
    /// Any file that cannot be read, is not PEM, or does not belong to its key; the error names the file.
    pub fn load(files: &[TlsFiles]) -> Result<Self, CertificateError> {
        Self::new(&files.iter().map(keys::load_tls).collect::<Result<Vec<_>, _>>()?)
    }

    /// The same for what has been read.
    ///
    /// # Errors
    /// None at all, or one that OpenSSL holds for too weak to be served.
    pub fn new(keys: &[TlsKey]) -> Result<Self, CertificateError> {
        let (first, others) = keys.split_first().ok_or(CertificateError::Empty)?;
        let not_after = keys.iter().filter_map(TlsKey::not_after_unix).min().unwrap_or_default();
        let mut builder = context(first)?;
        if !others.is_empty() {
            let mut contexts = vec![(first.names().to_vec(), None)];
            for certificate in others {
                contexts.push((certificate.names().to_vec(), Some(context(certificate)?.build().into_context())));
            }
            let contexts: Arc<[(Vec<String>, Option<SslContext>)]> = contexts.into();
            builder.set_servername_callback(move |ssl, _| {
                let chosen = ssl.servername(NameType::HOST_NAME).and_then(|host| {
                    let host = host.to_ascii_lowercase();
                    let exact = contexts.iter().find(|(names, _)| names.contains(&host));
                    exact.or_else(|| {
                        contexts.iter().find(|(names, _)| names.iter().any(|name| keys::covers(name, &host)))
                    })
                });
                match chosen.and_then(|(_, context)| context.as_ref()).map(|context| ssl.set_ssl_context(context)) {
                    Some(Err(_)) => Err(SniError::ALERT_FATAL),
                    Some(Ok(())) | None => Ok(()),
                }
            });
        }
        let sent = keys.iter().flat_map(|key| std::iter::once(&key.leaf).chain(&key.chain));
        let sent = sent.map(|certificate| Description::of(certificate)).collect();
        let leaves = keys.iter().map(|key| (key.leaf.clone(), key.names().to_vec())).collect();
        let asks_clients = !first.client_authorities.is_empty();
        Ok(Self { default: builder.build().into_context(), not_after, sent, leaves, asks_clients })
    }

    /// When the first of the certificates ends, Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The certificate for clients that name no host.
    pub fn description(&self) -> Option<&Description> {
        self.sent.first()
    }

    /// The server's certificates, the one for clients that name no host first, each with the DNS names that it has.
    pub fn leaves(&self) -> &[(X509, Vec<String>)] {
        &self.leaves
    }

    /// Whether clients are sent the same certificates, chains included.
    pub fn sends_the_same(&self, other: &Self) -> bool {
        self.sent == other.sent
    }

    /// Whether a handshake succeeds only with a certificate of the client's.
    pub(super) fn asks_clients(&self) -> bool {
        self.asks_clients
    }

    /// The TLS of one connection; where clients show a certificate, with the place for what is found against it.
    pub(super) fn session(&self) -> Result<(Ssl, Option<Objection>), ErrorStack> {
        let mut ssl = Ssl::new(&self.default)?;
        if !self.asks_clients {
            return Ok((ssl, None));
        }
        let objection = Objection::default();
        let found = objection.clone();
        ssl.set_verify_callback(WITH_CERTIFICATE, move |good, context| {
            if !good && let Some(leaf) = context.chain().and_then(|chain| chain.get(0)).or(context.current_cert()) {
                let shown = ShownCertificate { leaf: leaf.to_owned(), chain: Vec::new() };
                // Of several, the first ends the handshake.
                let _ =
                    found.set(RefusedCertificate { subject: shown.subject(), reason: context.error().error_string() });
            }
            good
        });
        Ok((ssl, Some(objection)))
    }
}

fn context(key: &TlsKey) -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(TLS_1_2_CIPHERS)?;
    // Without these buffers an idle connection is 34 KiB smaller.
    builder.set_mode(SslMode::RELEASE_BUFFERS);
    // A record's header and body come with one system call.
    builder.set_read_ahead(true);
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    // Tickets resume sessions; a cache would keep each client's state for hours.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(1)?;
    builder.set_alpn_select_callback(|_, offered| select_next_proto(ALPN, offered).ok_or(AlpnError::NOACK));
    builder.set_certificate(&key.leaf)?;
    for certificate in &key.chain {
        builder.add_extra_chain_cert(certificate.clone())?;
    }
    builder.set_private_key(&key.key)?;
    builder.check_private_key()?;
    if !key.client_authorities.is_empty() {
        ask_clients(&mut builder, &key.client_authorities)?;
    }
    Ok(builder)
}

/// Has every client show a certificate of one of these CAs. No session is resumed: each handshake proves the key anew, and
/// with the CAs that are configured now.
fn ask_clients(builder: &mut SslAcceptorBuilder, authorities: &[X509]) -> Result<(), ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    let mut names = Stack::new()?;
    for authority in authorities {
        store.add_cert(authority.clone())?;
        names.push(authority.subject_name().to_owned()?)?;
    }
    builder.set_verify_cert_store(store.build())?;
    builder.set_client_ca_list(names);
    builder.set_verify(WITH_CERTIFICATE);
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_num_tickets(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file() {
        let missing = TlsFiles {
            certificate_file: "/nowhere/tls.crt".into(),
            private_key_file: "/nowhere/tls.key".into(),
            client_ca_file: None,
        };
        let error = TlsCertificates::load(&[missing]).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere/tls.crt: "), "{error}");
        assert!(matches!(TlsCertificates::load(&[]), Err(CertificateError::Empty)));
    }
}
