//! What goes by is believed as a tree is, and not before its end.

use std::sync::LazyLock;

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Signer;

use super::super::forgery::{KEY, RSA_SHA256, SHA256, rsa_sha256, signature, signed_info};
use super::super::testing::rsa;
use super::super::{Accepted, DS, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, verify};
use super::*;
use crate::xml::{ParseError, parse};

const LIMITS: Limits = Limits::aggregate(1 << 20);

static PUBLIC: LazyLock<PKey<Public>> =
    LazyLock::new(|| PKey::public_key_from_der(&KEY.public_key_to_der().unwrap()).unwrap());

/// A group of entities about `name`; `signature` stands where one does.
fn group(id: &str, name: &str, signature: &str) -> String {
    format!(
        "<md:Group xmlns:md=\"urn:md\" ID=\"{id}\">\n{signature}<md:Entity ID=\"_e\" name=\"{name}\">{name}</md:Entity>\
         \n</md:Group>"
    )
}

fn signed(name: &str) -> String {
    group("_a", name, &signature_with("", ""))
}

/// Alice's signature, its SignedInfo changed before it is signed.
fn signature_with(from: &str, to: &str) -> String {
    let info = signed_info("_a", &group("_a", "alice", ""));
    let changed = info.replace(from, to);
    assert!(from.is_empty() || info != changed, "nothing to change");
    let info = if from.is_empty() { info } else { changed };
    signature(&info, &rsa_sha256(&info), "")
}

struct Text(String);

impl Content for Text {
    type Error = VerifyError;

    fn take(&mut self, canonical: &[u8]) -> Result<(), VerifyError> {
        self.0.push_str(std::str::from_utf8(canonical).unwrap());
        Ok(())
    }
}

fn stream(xml: &str, keys: &[PKey<Public>], accepted: Accepted, step: usize) -> Result<String, VerifyError> {
    let trusted = Arc::new(Trusted { keys: keys.to_vec(), accepted, id_attribute: "ID" });
    let mut stream = SignedStream::new(&LIMITS, trusted, Text(String::new()));
    for piece in xml.as_bytes().chunks(step) {
        stream.push(piece)?;
    }
    Ok(stream.finish()?.0)
}

/// The same of the tree, and however it is cut.
#[track_caller]
fn check(xml: &str) -> Result<String, String> {
    let keys = [PUBLIC.clone()];
    let whole = parse(xml.as_bytes(), &LIMITS).map_err(VerifyError::from).and_then(|document| {
        let verified = verify(&document, &document.root, "ID", &keys, Accepted::Modern)?;
        Ok(String::from_utf8(verified.canonical().to_vec()).unwrap())
    });
    let whole = whole.map_err(|error| error.to_string());
    for step in [7, 1024, usize::MAX] {
        let streamed = stream(xml, &keys, Accepted::Modern, step).map_err(|error| error.to_string());
        assert_eq!(streamed, whole, "{xml}");
    }
    whole
}

#[track_caller]
fn refused(xml: &str, expected: &Reason) {
    assert_eq!(check(xml), Err(expected.to_string()), "{xml}");
}

#[test]
fn what_was_signed_comes_out() {
    let canonical = group("_a", "alice", "");
    for honest in [
        signed("alice"),
        signed("alice").replace("<md:Entity ", "<!-- -->\n<md:Entity ").replace("\n<md:Entity", "<md:Entity"),
        signed("alice").replace(">alice<", ">al<!-- mallory -->i<![CDATA[c]]>&#101;<"),
        signed("alice").replace("ID=\"_a\"", "\n ID = '_a' xmlns:other='urn:other' "),
        signed("alice").replace("</ds:Signature>", "<ds:KeyInfo><evil>mallory</evil></ds:KeyInfo></ds:Signature>"),
    ] {
        assert_eq!(check(&honest).as_deref(), Ok(canonical.as_str()), "{honest}");
    }
}

#[test]
fn what_was_not_signed_never_comes_out() {
    for changed in [
        signed("mallory"),
        signed("alice").replace("\n</md:Group>", "<md:Entity name=\"mallory\"></md:Entity>\n</md:Group>"),
        signed("alice").replace("\n</md:Group>", "</md:Group>"),
        signed("alice").replace("name=\"alice\"", "name=\"alice\" more=\"\""),
        signed("alice").replace("\n<ds:Signature", "mallory\n<ds:Signature"),
        signed("alice").replace("</ds:Signature>", "</ds:Signature>mallory"),
        signed("alice").replace("</md:Entity>", "</md:Entity><md:Entity/>"),
    ] {
        refused(&changed, &Reason::Digest);
    }
    let twice = group("_a", "alice", &signature_with("", "").repeat(2));
    refused(&twice, &Reason::Form("element"));
    refused(&signed("alice").replace("ID=\"_e\"", "ID=\"_a\""), &ParseError::Forbidden("an ID twice").into());
    refused(&signed("alice").replace("ID=\"_a\"", "ID=\"_b\""), &Reason::Reference);
    refused(&signed("alice").replace("ID=\"_a\"", "Id=\"_a\""), &Reason::NoId);
    refused(&group("_a", "alice", ""), &Reason::Unsigned);
}

/// All that is wrong is the SignedInfo that the right key has signed.
#[test]
fn a_signature_of_another_form_is_refused() {
    let with = |from: &str, to: &str| group("_a", "alice", &signature_with(from, to));
    let enveloped = format!("<ds:Transform Algorithm=\"{ENVELOPED_SIGNATURE}\"></ds:Transform>");
    for (from, to, reason) in [
        ("URI=\"#_a\"", "URI=\"\"", Reason::Reference),
        ("URI=\"#_a\"", "URI=\"#_e\"", Reason::Reference),
        (&*enveloped, "", Reason::Transforms),
        (ENVELOPED_SIGNATURE, "http://www.w3.org/TR/1999/REC-xpath-19991116", Reason::Transforms),
        (RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", Reason::Algorithm),
        (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", Reason::Algorithm),
        (SHA256, "http://www.w3.org/2000/09/xmldsig#sha1", Reason::Algorithm),
        (
            "Method Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "Method Algorithm=\"urn:none\"",
            Reason::Canonicalization,
        ),
        ("<ds:Reference ", "<ds:Reference URI=\"#_a\"></ds:Reference><ds:Reference ", Reason::Form("signature")),
    ] {
        refused(&with(from, to), &reason);
    }
    let info = signed_info("_a", &group("_a", "alice", ""));
    let changed = |from: &str, to: &str| signed("alice").replacen(from, to, 1);
    refused(&changed("<ds:SignedInfo ", &format!("{info}<ds:SignedInfo ")), &Reason::Form("signature"));
    refused(&changed("</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>"), &Reason::Form("signature"));
    refused(&changed("<ds:DigestValue>", "<ds:DigestValue><!-- -->"), &Reason::Base64);
    refused(&changed("<ds:SignatureValue>", "<ds:SignatureValue>AA"), &Reason::Base64);
    refused(&changed("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"), &Reason::Signature);
}

#[test]
fn a_prefix_list_is_obeyed() {
    let list = |prefixes: &str| {
        format!(
            "\"{EXCLUSIVE_C14N}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE_C14N}\" PrefixList=\"{prefixes}\">\
             </ec:InclusiveNamespaces></ds:Transform>"
        )
    };
    let plain = format!("\"{EXCLUSIVE_C14N}\"></ds:Transform>");
    let declared = |xml: String| xml.replace("xmlns:md=\"urn:md\" ", "xmlns:md=\"urn:md\" xmlns:xs=\"urn:xs\" ");
    let canonical = declared(group("_a", "alice", ""));
    let info = signed_info("_a", &canonical).replace(&plain, &list("xs #default"));
    let xml = declared(group("_a", "alice", &signature(&info, &rsa_sha256(&info), "")));
    assert_eq!(check(&xml).as_deref(), Ok(canonical.as_str()));
    refused(&xml.replace("urn:xs", "urn:other"), &Reason::Digest);
    let many = list(&"a ".repeat(17));
    refused(&group("_a", "alice", &signature_with(&plain, &many)), &Reason::Transforms);
}

#[test]
fn only_the_keys_at_hand_count_and_sha1_only_where_it_may() {
    let (other, sha1) = (rsa(), "http://www.w3.org/2000/09/xmldsig#rsa-sha1");
    let other = PKey::public_key_from_der(&other.public_key_to_der().unwrap()).unwrap();
    let of = |xml: &str, keys: &[_], accepted| stream(xml, keys, accepted, 64).map_err(|error| error.to_string());
    let xml = signed("alice");
    assert_eq!(of(&xml, &[], Accepted::Modern), Err(Reason::KeyType.to_string()));
    assert_eq!(of(&xml, std::slice::from_ref(&other), Accepted::Modern), Err(Reason::Signature.to_string()));
    assert!(of(&xml, &[other, PUBLIC.clone()], Accepted::Modern).is_ok());

    let info = signed_info("_a", &group("_a", "alice", "")).replace(RSA_SHA256, sha1);
    let value = Signer::new(MessageDigest::sha1(), &KEY).unwrap().sign_oneshot_to_vec(info.as_bytes()).unwrap();
    let xml = group("_a", "alice", &signature(&info, &value, ""));
    assert_eq!(of(&xml, std::slice::from_ref(&*PUBLIC), Accepted::Modern), Err(Reason::Algorithm.to_string()));
    assert!(of(&xml, std::slice::from_ref(&*PUBLIC), Accepted::Sha1Too).is_ok());
}

#[test]
fn a_signature_comes_first_or_is_none() {
    let before = signed("alice").replacen("<ds:Signature", "<md:Extensions></md:Extensions><ds:Signature", 1);
    let wrapped = format!("<md:Extensions>{}</md:Extensions>", signed("alice"));
    let wrapped = group("_b", "mallory", &wrapped.replace("ID=\"_e\"", ""));
    for (xml, reason) in [(before, Reason::NotFirst), (wrapped, Reason::Unsigned)] {
        let refusal =
            stream(&xml, std::slice::from_ref(&*PUBLIC), Accepted::Modern, 64).map_err(|error| error.to_string());
        assert_eq!(refusal, Err(reason.to_string()));
    }
}

/// Nothing that follows is read for a stranger.
#[test]
fn a_document_is_given_up_where_it_cannot_be_believed_any_more() {
    let trusted = Arc::new(Trusted { keys: vec![PUBLIC.clone()], accepted: Accepted::Modern, id_attribute: "ID" });
    let filler = format!("<md:Filler>{}</md:Filler>", "x".repeat(64 * 1024));
    let (unsigned, forged) =
        (group("_a", "alice", &filler), signed("alice").replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"));
    let forged = forged.replace("<md:Entity", &format!("{filler}<md:Entity"));
    let many = "<ds:X509Certificate>AAAA</ds:X509Certificate>".repeat(8000);
    let endless =
        signed("alice").replace("</ds:Signature>", &format!("<ds:KeyInfo>{many}</ds:KeyInfo></ds:Signature>"));
    for (xml, reason) in [(unsigned, Reason::NotFirst), (forged, Reason::Signature), (endless, Reason::TooLong)] {
        let mut stream = SignedStream::new(&LIMITS, trusted.clone(), Text(String::new()));
        let (beginning, rest) = xml.split_at(xml.len() - 100);
        let refusal = stream.push(beginning.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(refusal, Err(reason.to_string()));
        assert!(stream.push(rest.as_bytes()).is_err() && stream.finish().is_err());
    }
}

#[test]
fn a_document_that_is_cut_off_is_not_believed() {
    let xml = signed("alice");
    for end in 0..xml.len() {
        let (beginning, _) = xml.split_at(end);
        assert!(stream(beginning, std::slice::from_ref(&*PUBLIC), Accepted::Modern, 64).is_err(), "{beginning}");
    }
    assert!(xml.contains(DS.uri) && check(&xml).is_ok());
}
