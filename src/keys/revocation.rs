//! Revocation lists as an operator sees them: one that has ended, or is missing, keeps everybody out.

use std::path::Path;

use openssl::x509::{X509, X509Crl, X509CrlRef, X509Ref};

use super::anchors::{is_authority, is_own_issuer};
use super::chain::name;
use super::error::{KeyError, KeyField, Source};
use super::validity::instant;
use crate::model::Timestamp;

const END: &str = "-----END X509 CRL-----";

/// What an operator should know of a `crl_file`.
#[derive(Debug, Default)]
pub struct Revocation {
    /// The lists that have ended.
    pub ended: Vec<String>,
    /// The roots of which there is no list, where there is none of any: nobody signs in.
    pub useless: Option<String>,
    /// The CAs of which there is no list, where there is one of a root: nobody of theirs signs in.
    pub unlisted: Vec<String>,
}

/// What is wrong at `now` with the lists of a `crl_file` that [`ClientTrust`](super::ClientTrust) could read, which asks for
/// one of each CA on a certificate's path, its root too.
///
/// # Errors
/// A file that cannot be read.
pub fn revocation(file: &Path, authorities: &[X509], now: Timestamp) -> Result<Revocation, KeyError> {
    let bytes = Source { file, field: KeyField::RevocationLists }.read()?;
    let text = String::from_utf8_lossy(&bytes);
    let lists: Vec<X509Crl> =
        text.split_inclusive(END).filter_map(|block| X509Crl::from_pem(block.as_bytes()).ok()).collect();
    let is_unlisted = |authority: &&X509| is_authority(authority) && !lists.iter().any(|list| is_of(list, authority));
    let unlisted: Vec<&X509> = authorities.iter().filter(is_unlisted).collect();
    let mut roots = authorities.iter().filter(|authority| is_own_issuer(authority)).peekable();
    let all = roots.peek().is_some() && roots.all(|root| unlisted.contains(&root));
    let names: Vec<String> = unlisted.into_iter().map(|authority| name(authority.subject_name())).collect();
    let ended = lists.iter().filter_map(|list| ended(list, now)).collect();
    Ok(match all {
        true => Revocation { ended, useless: Some(names.join(" and of ")), unlisted: Vec::new() },
        false => Revocation { ended, useless: None, unlisted: names },
    })
}

/// Whether the CA made the list: another that is called the same did not.
fn is_of(list: &X509CrlRef, authority: &X509Ref) -> bool {
    list.issuer_name().try_cmp(authority.subject_name()).is_ok_and(std::cmp::Ordering::is_eq)
        && authority.public_key().is_ok_and(|key| list.verify(&key).unwrap_or(false))
}

fn ended(list: &X509CrlRef, now: Timestamp) -> Option<String> {
    let end = list.next_update().and_then(|end| instant(end).ok()).filter(|end| *end <= now)?;
    Some(format!(
        "the revocation list of {} ended at {end}, so that nobody it could tell of signs in",
        name(list.issuer_name())
    ))
}

#[cfg(test)]
mod tests {
    use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
    use openssl::hash::MessageDigest;
    use openssl::pkey::{PKey, Private};
    use openssl::x509::{X509CrlBuilder, X509Extension};

    use super::*;
    use crate::keys::testing::{Certificate, Scratch, elliptic};

    fn list(issuer: &X509, key: &PKey<Private>, end: i64) -> String {
        let mut builder = X509CrlBuilder::new().unwrap();
        builder.set_issuer_name(issuer.subject_name()).unwrap();
        builder.set_last_update(&Asn1Time::from_unix(0).unwrap()).unwrap();
        builder.set_next_update(&Asn1Time::from_unix(end).unwrap()).unwrap();
        // OpenSSL's binding makes none without these two.
        for (kind, value) in [("2.5.29.35", &[0x30, 0x00][..]), ("2.5.29.20", &[0x02, 0x01, 0x01])] {
            let (kind, value) = (Asn1Object::from_str(kind).unwrap(), Asn1OctetString::new_from_bytes(value).unwrap());
            builder.append_extension(X509Extension::new_from_der(&kind, false, &value).unwrap()).unwrap();
        }
        builder.sign(key, MessageDigest::sha256()).unwrap();
        String::from_utf8(builder.build().unwrap().to_pem().unwrap()).unwrap()
    }

    #[test]
    fn each_list_that_has_ended_is_told() {
        let key = elliptic();
        let of = |name, end| list(&Certificate::authority(name).sign(&key, None), &key, end);
        let scratch = Scratch::new();
        let lists = [of("one", 1000), of("two", 3000), of("three", 2000)].concat();
        let file = scratch.write("crl.pem", lists.as_bytes());
        let told = revocation(&file, &[], Timestamp::from_unix_millis(2_000_000)).unwrap().ended;
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("of one ended at 1970-01-01T00:16:40"), "{told:?}");
        assert!(told[1].contains("of three"), "{told:?}");
        assert!(revocation(&scratch.path("absent"), &[], Timestamp::from_unix_millis(0)).is_err());
    }

    /// A list of another CA was called fine, and let nobody in.
    #[test]
    fn each_ca_without_a_list_of_its_own_is_told() {
        let (key, other_key) = (elliptic(), elliptic());
        let root = Certificate::authority("root").sign(&key, None);
        let namesake = Certificate::authority("root").sign(&other_key, None);
        let between = Certificate::authority("between").sign(&other_key, Some((&root, &key)));
        let other = Certificate::authority("other").sign(&other_key, None);
        let (of_root, of_between) = (list(&root, &key, 1), list(&between, &other_key, 1));
        let of_namesake = list(&namesake, &other_key, 1);
        let scratch = Scratch::new();
        for (authorities, lists, useless, unlisted) in [
            (vec![&root], of_root.clone(), None, vec![]),
            (vec![&root], of_namesake, Some("root"), vec![]),
            (vec![&root, &between], of_between.clone(), Some("root"), vec![]),
            (vec![&root, &between], of_root.clone(), None, vec!["between"]),
            (vec![&root, &between], of_root.clone() + &of_between, None, vec![]),
            (vec![&root, &other], of_root, None, vec!["other"]),
            (vec![&root, &other], of_between, Some("root and of other"), vec![]),
        ] {
            let file = scratch.write("crl.pem", lists.as_bytes());
            let authorities: Vec<X509> = authorities.into_iter().cloned().collect();
            let found = revocation(&file, &authorities, Timestamp::from_unix_millis(0)).unwrap();
            assert_eq!(
                (found.useless.as_deref(), found.unlisted),
                (useless, unlisted.iter().map(|name: &&str| (*name).to_owned()).collect())
            );
        }
    }
}
