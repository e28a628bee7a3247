//! What a stranger could have us do before anybody is known.

use openssl::bn::BigNum;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

use super::attacks::{EC_KEY, check, public, read, refused};
use super::forgery::{alice_signature, assertion, signed_with};
use super::verify::Reason;
use super::*;

#[test]
fn a_prefix_list_that_makes_work() {
    let listing = |prefixes: &str, inside: &str| {
        format!(
            " Algorithm=\"{EXCLUSIVE_C14N}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE_C14N}\" PrefixList=\"{prefixes}\">\
             {inside}</ec:InclusiveNamespaces></ds:"
        )
    };
    let sixteen = "a ".repeat(16);
    for (element, reason) in [("Transform", Reason::Transforms), ("CanonicalizationMethod", Reason::Canonicalization)] {
        let plain = format!("{element} Algorithm=\"{EXCLUSIVE_C14N}\"></ds:{element}");
        let with = |prefixes: &str, inside: &str| format!("{element}{}{element}", listing(prefixes, inside));
        for (prefixes, inside) in [
            ("a ".repeat(17), String::new()),
            ("a".to_owned(), "<e></e>".repeat(4000)),
            (sixteen.clone(), "x".to_owned()),
        ] {
            refused(&signed_with(&plain, &with(&prefixes, &inside)), &reason);
        }
        check(&signed_with(&plain, &with(&sixteen, ""))).map(|_| ()).expect("a list like others");
    }
}

/// Canonicalising is what finds that an element is foreign.
#[test]
fn nothing_is_canonicalised_for_a_stranger_without_a_key() {
    let document = read(&assertion("_a", "alice", &alice_signature()));
    let foreign = read(&assertion("_a", "alice", &alice_signature()));
    let VerifyError(reason) = verify(&document, &foreign.root, "ID", &[public(&EC_KEY)], Accepted::Modern).unwrap_err();
    assert_eq!(reason.to_string(), Reason::KeyType.to_string());
}

/// Its own signature would cost more than all else.
#[test]
fn a_key_larger_than_anybody_needs() {
    let document = read(&assertion("_a", "alice", &alice_signature()));
    for (bits, expected) in [(8192, Reason::Signature), (8200, Reason::KeyType), (16384, Reason::KeyType)] {
        let mut modulus = BigNum::new().unwrap();
        modulus.set_bit(bits - 1).unwrap();
        modulus.set_bit(0).unwrap();
        let key = Rsa::from_public_components(modulus, BigNum::from_u32(65537).unwrap()).unwrap();
        let keys = [PKey::from_rsa(key).unwrap()];
        let VerifyError(reason) = verify(&document, &document.root, "ID", &keys, Accepted::Modern).unwrap_err();
        assert_eq!(reason.to_string(), expected.to_string(), "{bits}");
    }
}

/// Whoever has seen a signed element can send its signature with other content: what that costs us has an end.
#[test]
fn namespaces_written_again_after_the_signature_was_seen() {
    let signed = assertion("_a", "alice", &alice_signature());
    let declared = signed.replacen(" ID=", &format!(" xmlns:e=\"urn:{}\" ID=", "e".repeat(500)), 1);
    for (elements, expected) in [(10, Reason::Digest), (2000, Reason::TooLong)] {
        refused(
            &declared.replacen("<saml:NameID>", &format!("{}<saml:NameID>", "<e:e/>".repeat(elements)), 1),
            &expected,
        );
    }
}
