//! Revocation lists as an operator sees them: one that has ended keeps everybody out.

use std::path::Path;

use openssl::x509::{X509Crl, X509CrlRef};

use super::chain::name;
use super::error::{KeyError, KeyField, Source};
use super::validity::instant;
use crate::model::Timestamp;

const END: &str = "-----END X509 CRL-----";

/// What is wrong at `now` with the lists of a `crl_file` that [`ClientTrust`](super::ClientTrust) could read: each that has
/// ended.
///
/// # Errors
/// A file that cannot be read.
pub fn revocation_doubts(file: &Path, now: Timestamp) -> Result<Vec<String>, KeyError> {
    let bytes = Source { file, field: KeyField::RevocationLists }.read()?;
    let text = String::from_utf8_lossy(&bytes);
    let lists = text.split_inclusive(END).filter_map(|block| X509Crl::from_pem(block.as_bytes()).ok());
    Ok(lists.filter_map(|list| doubt(&list, now)).collect())
}

fn doubt(list: &X509CrlRef, now: Timestamp) -> Option<String> {
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
    use openssl::x509::{X509CrlBuilder, X509Extension};

    use super::*;
    use crate::keys::testing::{Certificate, Scratch, elliptic};

    #[test]
    fn each_list_that_has_ended_is_told() {
        let key = elliptic();
        let list = |name, end: i64| {
            let issuer = Certificate::authority(name).sign(&key, None);
            let mut builder = X509CrlBuilder::new().unwrap();
            builder.set_issuer_name(issuer.subject_name()).unwrap();
            builder.set_last_update(&Asn1Time::from_unix(0).unwrap()).unwrap();
            builder.set_next_update(&Asn1Time::from_unix(end).unwrap()).unwrap();
            // OpenSSL's binding makes none without these two.
            for (kind, value) in [("2.5.29.35", &[0x30, 0x00][..]), ("2.5.29.20", &[0x02, 0x01, 0x01])] {
                let (kind, value) =
                    (Asn1Object::from_str(kind).unwrap(), Asn1OctetString::new_from_bytes(value).unwrap());
                builder.append_extension(X509Extension::new_from_der(&kind, false, &value).unwrap()).unwrap();
            }
            builder.sign(&key, MessageDigest::sha256()).unwrap();
            String::from_utf8(builder.build().unwrap().to_pem().unwrap()).unwrap()
        };
        let scratch = Scratch::new();
        let file =
            scratch.write("crl.pem", [list("one", 1000), list("two", 3000), list("three", 2000)].concat().as_bytes());
        let told = revocation_doubts(&file, Timestamp::from_unix_millis(2_000_000)).unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("of one ended at 1970-01-01T00:16:40"), "{told:?}");
        assert!(told[1].contains("of three"), "{told:?}");
        assert!(revocation_doubts(&scratch.path("absent"), Timestamp::from_unix_millis(0)).is_err());
    }
}
