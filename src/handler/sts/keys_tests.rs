//! Keys of tokens: whose they are, and that both sides come to know the same.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::encrypt::Decrypter;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::x509::X509;
use zeroize::Zeroizing;

use super::asker::ProvenKey;
use super::keys::*;
use crate::dsig::testing::{certificate, rsa};
use crate::dsig::{KeyInfo, Recipient};
use crate::model::RefusalKind;
use crate::saml::Confirmation;
use crate::wstrust::{ClientEntropy, IssuedKey, KeyRequest, Proof, UseKey, p_sha1};
use crate::xml::{Limits, Writer, parse};

fn pair() -> (PKey<Private>, X509) {
    let key = rsa();
    let certificate = certificate(&key);
    (key, certificate)
}

/// What the party finds in the confirmation.
fn received(confirmation: &Confirmation, key: &PKey<Private>) -> Vec<u8> {
    let Confirmation::HolderOfKey(info @ KeyInfo::EncryptedKey(_)) = confirmation else { panic!("{confirmation:?}") };
    let mut w = Writer::default();
    info.write(&mut w);
    let tree = parse(w.finish().as_bytes(), &Limits::message(65536)).unwrap();
    let value = tree.root.descendants().find(|element| element.name.local == "CipherValue").unwrap();
    let wrapped = STANDARD.decode(value.text().unwrap()).unwrap();
    let mut decrypter = Decrypter::new(key).unwrap();
    decrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    let mut out = vec![0; decrypter.decrypt_len(&wrapped).unwrap()];
    let length = decrypter.decrypt(&wrapped, &mut out).unwrap();
    out.truncate(length);
    out
}

#[test]
fn asker_and_party_come_to_the_same_key() {
    let (key, certificate) = pair();
    let recipient = Arc::new(Recipient::new(&certificate).unwrap());
    let theirs = Zeroizing::new(vec![9; 32]);
    for entropy in [None, Some(ClientEntropy::Nonce(theirs.clone())), Some(ClientEntropy::Key(theirs.clone()))] {
        let mut keys = Vec::new();
        for _ in 0..2 {
            let asked = KeyRequest::Symmetric { bits: 256, entropy: entropy.clone() };
            let binding = Binding::of(asked, "app", Some(&recipient), None).unwrap();
            let (confirmation, issued) = binding.make().unwrap();
            let IssuedKey::Symmetric { bits: 256, proof } = issued else { panic!("{issued:?}") };
            let known = match proof {
                Proof::Secret(key) => key,
                Proof::Computed(ours) => p_sha1(&theirs, &ours, 32).unwrap(),
                Proof::Given => theirs.clone(),
            };
            assert_eq!(received(&confirmation, &key), *known);
            assert_eq!(known.len(), 32);
            keys.push(known);
        }
        assert_eq!(keys[0] == keys[1], matches!(entropy, Some(ClientEntropy::Key(_))), "ours is fresh each time");
    }
}

#[test]
fn a_shared_key_needs_somebody_to_share_it_with() {
    let refused = Binding::of(KeyRequest::Symmetric { bits: 256, entropy: None }, "app", None, None).err().unwrap();
    assert_eq!(refused.kind, RefusalKind::Unsupported);
    assert!(refused.told.unwrap().contains("certificate_file"));
}

#[test]
fn a_public_key_is_the_one_that_is_proved() {
    let ((_, own), (_, other)) = (pair(), pair());
    let info = |certificate: &X509| KeyInfo::of_certificate(certificate).unwrap();
    let numbers = |certificate: &X509| KeyInfo::of_key(&certificate.public_key().unwrap()).unwrap();
    let use_key = |certificate: Option<&X509>, signed| Some(UseKey { key: certificate.map(info), signed });
    for (asked, proven, expected) in [
        (None, Some((&own, true)), Some(info(&own))),
        // Nobody vouches for what the certificate says.
        (None, Some((&own, false)), Some(numbers(&own))),
        (None, None, None),
        (use_key(None, true), Some((&own, true)), Some(info(&own))),
        (use_key(None, true), None, None),
        (use_key(Some(&own), false), Some((&own, true)), Some(info(&own))),
        (use_key(Some(&own), true), Some((&own, false)), Some(info(&own))),
        (use_key(Some(&own), false), None, Some(info(&own))),
        (use_key(Some(&own), true), None, None),
        (use_key(Some(&own), false), Some((&other, true)), None),
        (use_key(Some(&own), true), Some((&other, false)), None),
    ] {
        let what = format!("{asked:?} {}", proven.is_some());
        let proven = proven.map(|(certificate, believed)| ProvenKey {
            public: certificate.public_key().unwrap(),
            certificate: believed.then(|| certificate.clone()),
        });
        match Binding::of(KeyRequest::Public(asked), "app", None, proven.as_ref()) {
            Ok(binding) => {
                let (confirmation, issued) = binding.make().unwrap();
                assert_eq!(issued, IssuedKey::Public);
                assert_eq!(expected.map(Confirmation::HolderOfKey), Some(confirmation), "{what}");
            }
            Err(refused) => {
                assert_eq!((refused.kind, expected), (RefusalKind::AuthenticationBadElements, None), "{what}");
                assert!(refused.told.is_some());
            }
        }
    }
}
