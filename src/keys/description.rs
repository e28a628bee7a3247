//! A certificate as the log tells of it.

use std::net::IpAddr;

use openssl::hash::MessageDigest;
use openssl::x509::{GeneralNameRef, X509Ref};

use super::chain::name;
use super::validity::Validity;
use crate::model::Timestamp;

/// What tells a certificate from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Whose it is.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
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
        let [subject, issuer] = [certificate.subject_name(), certificate.issuer_name()].map(name);
        Self { subject, issuer, ends, sha256: octets.join(":") }
    }
}

/// The hosts that a certificate is for: DNS names and addresses, or without any what it is called.
pub fn hosts(certificate: &X509Ref) -> Vec<String> {
    let address = |octets: &[u8]| {
        let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
    };
    let alternatives = certificate.subject_alt_names();
    let named = |name: &GeneralNameRef| {
        name.dnsname().map(str::to_owned).or_else(|| Some(address(name.ipaddress()?)?.to_string()))
    };
    let hosts: Vec<String> = alternatives.iter().flatten().filter_map(named).collect();
    if hosts.is_empty() { vec![name(certificate.subject_name())] } else { hosts }
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
