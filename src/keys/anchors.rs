//! Files of the CAs of which users' certificates come, as an operator sees them: a certificate is believed only if a path
//! leads from it to a root in the file, however much else is there.

use openssl::x509::{X509, X509Ref, X509VerifyResult};

use super::chain::{Doubt, name};
use super::der::{self, BOOLEAN, SEQUENCE};
use super::extension::{extension, is_first_version};

/// 2.5.29.19, basicConstraints.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
/// 2.5.29.15, keyUsage.
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];

/// What the certificates of such a file are good for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Anchorage {
    /// Why it vouches for nobody at all.
    pub useless: Option<Doubt>,
    /// What is in it to no purpose.
    pub doubts: Vec<Doubt>,
}

/// What an operator should know of the certificates of a `ca_file` or `client_ca_file`.
pub fn anchorage(authorities: &[X509]) -> Anchorage {
    let mut doubts = Vec::new();
    for certificate in authorities {
        let subject = name(certificate.subject_name());
        if !is_authority(certificate) {
            let what = format!("holds the certificate of {subject}, which is no CA's and vouches for nobody else's");
            doubts.push(Doubt { what, help: "name the certificate of the CA that issued it".to_owned() });
        } else if !is_rooted(certificate, authorities) {
            let issuer = name(certificate.issuer_name());
            let what = format!("holds the CA {subject}, but not the root that it comes from: {issuer} issued it");
            let help = "add the certificate of its issuer, and so on up to the root, which is its own issuer";
            doubts.push(Doubt { what, help: help.to_owned() });
        }
    }
    // One that is its own issuer is believed at least itself.
    let useless = if authorities.iter().any(|certificate| is_own_issuer(certificate)) { None } else { doubts.pop() };
    Anchorage { useless, doubts }
}

/// Whether one of the CAs of `some` may be met on a path to one of `others`.
pub fn in_common(some: &[X509], others: &[X509]) -> bool {
    let is_same = |a: &X509, b: &X509| {
        let same_key = a.public_key().ok().zip(b.public_key().ok()).is_some_and(|(a, b)| a.public_eq(&b));
        same_key && a.subject_name().try_cmp(b.subject_name()).is_ok_and(std::cmp::Ordering::is_eq)
    };
    some.iter().any(|a| others.iter().any(|b| is_same(a, b) || has_issued(a, b) || has_issued(b, a)))
}

/// Whether others may be issued by it, as OpenSSL sees it.
pub(super) fn is_authority(certificate: &X509Ref) -> bool {
    let Ok(der) = certificate.to_der() else { return false };
    match extension(&der, BASIC_CONSTRAINTS) {
        Some(Some(constraints)) => {
            let first = der::only(constraints, SEQUENCE).and_then(der::first);
            first.is_some_and(|(first, _)| first.tag == BOOLEAN && first.contents != [0])
        }
        // Before the extension was there; or it may be read from what the key is for.
        Some(None) => is_first_version(certificate) || matches!(extension(&der, KEY_USAGE), Some(Some(_))),
        None => false,
    }
}

/// Whether it needs nobody else to be believed.
pub(super) fn is_own_issuer(certificate: &X509Ref) -> bool {
    has_issued(certificate, certificate)
}

fn is_rooted(certificate: &X509Ref, authorities: &[X509]) -> bool {
    let mut reached = vec![certificate];
    let mut next = 0;
    while let Some(current) = reached.get(next).copied() {
        if is_own_issuer(current) {
            return true;
        }
        let issuers = authorities.iter().filter(|other| is_authority(other) && has_issued(other, current));
        let new: Vec<&X509Ref> = issuers
            .map(|issuer| &**issuer)
            .filter(|issuer| !reached.iter().any(|seen| std::ptr::eq(*seen, *issuer)))
            .collect();
        reached.extend(new);
        next += 1;
    }
    false
}

fn has_issued(by: &X509Ref, other: &X509Ref) -> bool {
    by.issued(other) == X509VerifyResult::OK && by.public_key().is_ok_and(|key| other.verify(&key).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use openssl::pkey::{PKey, Private};

    use super::*;
    use crate::keys::testing::{Certificate, elliptic};

    fn issued(wanted: Certificate<'_>, by: Option<(&X509, &PKey<Private>)>) -> (X509, PKey<Private>) {
        let key = elliptic();
        (wanted.sign(&key, by), key)
    }

    /// A file of a user's certificate, or of a CA in between alone, was called fine, and let nobody in.
    #[test]
    fn a_file_without_a_root_vouches_for_nobody() {
        let (root, root_key) = issued(Certificate::authority("root"), None);
        let (between, between_key) = issued(Certificate::authority("between"), Some((&root, &root_key)));
        let (leaf, _) = issued(Certificate::of("alice"), Some((&between, &between_key)));
        let (own, _) = issued(Certificate::of("bob"), None);
        let (namesake, _) = issued(Certificate::authority("root"), None);
        for (file, useless, doubts) in [
            (vec![&root], None, vec![]),
            (vec![&between, &root], None, vec![]),
            (vec![&leaf], Some("alice, which is no CA's"), vec![]),
            (vec![&between], Some("not the root that it comes from: root issued it"), vec![]),
            (vec![&between, &leaf], Some("alice"), vec!["between"]),
            (vec![&root, &leaf], None, vec!["alice"]),
            (vec![&own], None, vec!["bob"]),
            // The name alone makes no issuer.
            (vec![&namesake, &between], None, vec!["the CA between"]),
        ] {
            let file: Vec<X509> = file.into_iter().cloned().collect();
            let found = anchorage(&file);
            let told = found.useless.as_ref().map(|doubt| doubt.what.as_str());
            assert!(told.is_some() == useless.is_some(), "{found:?}");
            assert!(told.zip(useless).is_none_or(|(told, part)| told.contains(part)), "{found:?}");
            assert_eq!(found.doubts.len(), doubts.len(), "{found:?}");
            assert!(found.doubts.iter().zip(doubts).all(|(doubt, part)| doubt.what.contains(part)), "{found:?}");
        }
    }

    #[test]
    fn a_ca_is_in_common_by_its_key_or_its_issuer() {
        let (root, root_key) = issued(Certificate::authority("root"), None);
        let again = Certificate { days: 10, ..Certificate::authority("root") }.sign(&root_key, None);
        let (between, _) = issued(Certificate::authority("between"), Some((&root, &root_key)));
        let (other, _) = issued(Certificate::authority("root"), None);
        for (one, another, common) in [
            (&root, &root, true),
            (&root, &again, true),
            (&between, &root, true),
            (&root, &between, true),
            (&other, &root, false),
            (&other, &between, false),
        ] {
            assert_eq!(in_common(std::slice::from_ref(one), std::slice::from_ref(another)), common);
        }
    }
}
