//! What TLS is served with.

use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Ref};

use super::error::{KeyError, KeyField, Source};
use super::pem;
use super::validity::Validity;
use crate::config::TlsFiles;

/// A server's certificate chain and the key of its first certificate.
pub struct TlsKey {
    /// The private key.
    pub key: PKey<Private>,
    /// Its certificate.
    pub leaf: X509,
    /// The other certificates of the file, in its order.
    pub chain: Vec<X509>,
    /// The CAs of which every client must show a certificate; none where none is asked for.
    pub client_authorities: Vec<X509>,
    names: Vec<String>,
}

/// Reads a TLS server's certificate chain and key.
///
/// # Errors
/// A file that cannot be read or is not PEM, a key that is not the first certificate's.
pub fn load_tls(files: &TlsFiles) -> Result<TlsKey, KeyError> {
    let certificate_source = Source { file: &files.certificate_file, field: KeyField::Certificate };
    let key_source = Source { file: &files.private_key_file, field: KeyField::PrivateKey };
    let mut chain = pem::certificates(certificate_source)?;
    let client_authorities = match &files.client_ca_file {
        Some(file) => pem::certificates(Source { file, field: KeyField::ClientAuthorities })?,
        None => Vec::new(),
    };
    let key = pem::private_key(key_source, pem::PassPhrase::Never)?;
    let own = |certificate: &X509| certificate.public_key().is_ok_and(|public| public.public_eq(&key));
    match chain.iter().position(own) {
        Some(0) => {}
        Some(place) => {
            let message = format!("begins with another certificate than its own: that is number {}", place + 1);
            return Err(certificate_source.error(message, "put the server's certificate first, then its issuer's"));
        }
        None => {
            return Err(key_source.strangers(certificate_source));
        }
    }
    let leaf = chain.remove(0);
    Ok(TlsKey { names: names_of(&leaf), key, leaf, chain, client_authorities })
}

impl TlsKey {
    /// The DNS names of the certificate, lower case; its common name where it has none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When the certificate ends, Unix seconds.
    pub fn not_after_unix(&self) -> Option<i64> {
        Validity::of(&self.leaf).ok().map(Validity::not_after_unix)
    }

    /// Whether the certificate is for this host: a DNS name, or an address without brackets.
    pub fn is_for(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<std::net::IpAddr>() {
            let octets = match address {
                std::net::IpAddr::V4(address) => address.octets().to_vec(),
                std::net::IpAddr::V6(address) => address.octets().to_vec(),
            };
            let alternatives = self.leaf.subject_alt_names();
            return alternatives.iter().flatten().any(|name| name.ipaddress() == Some(&octets));
        }
        let host = host.to_ascii_lowercase();
        self.names.iter().any(|name| *name == host || covers(name, &host))
    }
}

/// Whether the wildcard `name` covers `host`: exactly one label in place of the `*` (RFC 6125 6.4.3).
pub fn covers(name: &str, host: &str) -> bool {
    let domain = name.strip_prefix("*.");
    domain.is_some_and(|domain| host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain))
}

fn names_of(leaf: &X509Ref) -> Vec<String> {
    let alternatives = leaf.subject_alt_names();
    let names: Vec<String> =
        alternatives.iter().flatten().filter_map(|name| name.dnsname()).map(str::to_ascii_lowercase).collect();
    if !names.is_empty() {
        return names;
    }
    let common = leaf.subject_name().entries_by_nid(openssl::nid::Nid::COMMONNAME);
    common.filter_map(|entry| entry.data().to_string().ok()).map(|name| name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::{Scratch, certificate, rsa};

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
    fn errors_name_the_key_of_the_configuration() {
        let (key, other) = (rsa(2048), rsa(2048));
        let pem = |certificate: X509| certificate.to_pem().unwrap();
        let (own, ca) = (pem(certificate(&key, 365)), pem(certificate(&other, 365)));
        let private = key.private_key_to_pem_pkcs8().unwrap();
        for (certificates, private, field, message) in [
            ([own.clone(), ca.clone()].concat(), private.as_slice(), None, ""),
            ([ca.clone(), own.clone()].concat(), &private, Some(KeyField::Certificate), "number 2"),
            (ca.clone(), &private, Some(KeyField::PrivateKey), "/tls.crt"),
            (own.clone(), b"hello", Some(KeyField::PrivateKey), "holds no private key"),
            (private.clone(), &private, Some(KeyField::Certificate), "but a block of type PRIVATE KEY"),
        ] {
            let scratch = Scratch::new();
            let loaded = load_tls(&TlsFiles {
                certificate_file: scratch.write("tls.crt", &certificates),
                private_key_file: scratch.write("tls.key", private),
                client_ca_file: None,
            });
            let error = loaded.err();
            assert_eq!(error.as_ref().map(|error| error.field), field, "{error:?}");
            assert!(error.is_none_or(|error| error.message.contains(message) && !error.help.is_empty()), "{message}");
        }
    }
}
