//! Our certificates, as Oracle Access Manager gives its: PEM, by the id of a key.

use openssl::hash::{MessageDigest, hash};
use openssl::x509::X509;

use super::{Document, PublishError};
use crate::config::Config;
use crate::dsig::SigningKeys;
use crate::model::{Timestamp, hex};

/// Which certificates are ours to give, each by all of its ids.
pub struct Certificates(Vec<(X509, Document, Vec<String>)>);

/// The ids by which our certificates are asked for; every other is the identity provider's.
#[derive(Clone, Debug, Default)]
pub struct CertificateIds(Vec<String>);

impl Certificates {
    /// All that are published, by what is configured and by their fingerprints.
    pub(super) fn new(config: &Config, keys: &SigningKeys) -> Result<Self, PublishError> {
        let (current, next) = keys.configured();
        let mut all: Vec<(X509, Document, Vec<String>)> = Vec::new();
        // Whenever that is, the same certificates are published.
        let at = Timestamp::from_unix_millis(0);
        for certificate in std::iter::once(keys.at(at).certificate()).chain(keys.others(at)) {
            let mut ids = Vec::new();
            for digest in [MessageDigest::sha1(), MessageDigest::sha256()] {
                ids.push(hex(&hash(digest, &certificate.to_der()?)?));
            }
            if certificate == current {
                ids.extend(config.published.current_ids.iter().cloned());
            }
            if Some(certificate) == next {
                ids.extend(config.published.next_ids.iter().cloned());
            }
            let document = Document::new("application/x-pem-file", certificate.to_pem()?);
            all.push((certificate.clone(), document, ids));
        }
        Ok(Self(all))
    }

    /// The one that is asked for: without an id, the one of the key that signs at `now`. `None`: it is not ours.
    pub fn asked(&self, query: &str, keys: &SigningKeys, now: Timestamp) -> Option<&Document> {
        let mut asked = ids(query).peekable();
        let found = if asked.peek().is_none() {
            self.0.iter().find(|(certificate, ..)| certificate == keys.at(now).certificate())
        } else {
            asked.find_map(|id| self.0.iter().find(|(.., ids)| is_one_of(&id, ids)))
        };
        found.map(|(_, document, _)| document)
    }

    /// The ids of all of them.
    pub fn ids(&self) -> CertificateIds {
        CertificateIds(self.0.iter().flat_map(|(.., ids)| ids.iter().cloned()).collect())
    }
}

impl CertificateIds {
    /// Whether a query asks for a certificate by ids none of which is ours.
    pub fn are_anothers(&self, query: &str) -> bool {
        let mut asked = ids(query).peekable();
        asked.peek().is_some() && asked.all(|id| !is_one_of(&id, &self.0))
    }
}

/// Every `id` of a query that says something.
fn ids(query: &str) -> impl Iterator<Item = String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(name, id)| name == "id" && !id.is_empty()).map(|(_, id)| id.into_owned())
}

/// Fingerprints are written with colons or without, in either case.
fn is_one_of(asked: &str, ids: &[String]) -> bool {
    let digits = asked.replace(':', "").to_ascii_lowercase();
    let fingerprint = [40, 64].contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    ids.iter().any(|id| id == asked || (fingerprint && *id == digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_ours_or_somebody_elses() {
        let fingerprint = "ab01".repeat(10);
        let ids = CertificateIds(vec!["osts signing".to_owned(), fingerprint.clone()]);
        for (query, anothers) in [
            ("", false),
            ("id", false),
            ("id=", false),
            ("ID=x", false),
            ("id=osts%20signing", false),
            ("id=osts+signing", false),
            (&format!("i%64={}", "AB:01:".repeat(10)), false),
            (&format!("id={fingerprint}&id=x"), false),
            (&format!("id=x&id={fingerprint}"), false),
            (&format!("id={fingerprint}0"), true),
            ("id=x", true),
            ("a=b&id=x", true),
            ("id=Osts+Signing", true),
            ("id=%ff", true),
        ] {
            assert_eq!(ids.are_anothers(query), anothers, "{query}");
        }
    }
}
