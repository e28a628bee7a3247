//! A certificate as the log tells of it.

use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;

use super::chain::name;
use super::validity::Validity;
use crate::model::Timestamp;

/// What tells a certificate from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Whose it is.
    pub subject: String,
    /// Its last instant; `None` where that is damaged.
    pub ends: Option<Timestamp>,
    /// Its SHA-256, as `openssl x509 -fingerprint -sha256` prints it.
    pub sha256: String,
}

impl Description {
    /// The certificate's.
    pub fn of(certificate: &X509Ref) -> Self {
        let digest = certificate.digest(MessageDigest::sha256()).map(|digest| digest.to_vec()).unwrap_or_default();
        let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        let ends = Validity::of(certificate).ok().map(Validity::not_after);
        Self { subject: name(certificate.subject_name()), ends, sha256: octets.join(":") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::{certificate, rsa};

    #[test]
    fn two_certificates_of_one_name_differ_by_their_fingerprints() {
        let [first, second] = [rsa(2048), rsa(2048)].map(|key| Description::of(&certificate(&key, 365)));
        assert_eq!(first.subject, second.subject);
        assert_ne!(first.sha256, second.sha256);
        assert_eq!((first.sha256.len(), first.sha256.matches(':').count()), (95, 31));
        assert!(first.ends.is_some());
    }
}
