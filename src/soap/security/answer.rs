//! The signature of an answer, for whoever signed the Body of the request and expects the same (WSO2's scenario 2: an
//! AsymmetricBinding that signs Body, Timestamp and addressing headers).

use std::sync::Arc;

use super::{WSSE, WSU};
use crate::dsig::{Part, SignError, SigningKey, sign_parts};
use crate::soap::{AddressingVersion, SoapVersion};
use crate::xml::{
    Attribute, Canonicalization, Document, Element, Limits, Name, Node, ParseError, Writer, canonicalize, parse,
};

const X509: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
/// The `wsu:Id` of our certificate in an answer.
const KEY_ID: &str = "_key";

/// An answer that could not be signed. Ours.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// No signature could be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// It is not XML.
    #[error("the answer: {0}")]
    Parse(#[from] ParseError),
    /// It has no Body, or no header with a Timestamp.
    #[error("the answer has no Body, or no Timestamp")]
    Form,
}

/// The answer with our signature over its Timestamp, its Body and its addressing headers.
///
/// # Errors
/// [`AnswerError`].
pub fn signed_answer(envelope: &str, version: SoapVersion, key: &SigningKey) -> Result<String, AnswerError> {
    let mut document = parse(envelope.as_bytes(), &Limits { bytes: usize::MAX, ..Limits::metadata(0) })?;
    let ids = name_parts(&mut document, version);
    let signature = {
        let parts = ids.iter().map(|id| find(&document.root, id).map(|element| Part { id, element }));
        let parts: Vec<Part<'_>> = parts.collect::<Option<_>>().ok_or(AnswerError::Form)?;
        let signed = |name: &str| parts.iter().any(|part| part.element.name.local == name);
        if !signed("Timestamp") || !signed("Body") {
            return Err(AnswerError::Form);
        }
        sign_parts(&parts, key, reference)?
    };
    let security = child(&mut document.root, version.ns().uri, "Header");
    let security = security.and_then(|header| child(header, WSSE.uri, "Security")).ok_or(AnswerError::Form)?;
    for fragment in [certificate(key), signature] {
        let fragment = parse(fragment.as_bytes(), &Limits::message(fragment.len()))?;
        security.children.push(Node::Element(fragment.root));
    }
    let canonical = canonicalize(&document.root, &Canonicalization::default());
    Ok(String::from_utf8_lossy(&canonical).into_owned())
}

/// Gives each part that is signed an ID of its own; those IDs.
fn name_parts(document: &mut Document, version: SoapVersion) -> Vec<String> {
    let mut ids = Vec::new();
    let mut name = |element: &mut Element| {
        let id = match element.attribute_ns(WSU.uri, "Id") {
            Some(id) => id.to_owned(),
            None => {
                let id = format!("_{}", element.name.local.to_lowercase());
                let (prefix, namespace) = (Arc::from(WSU.prefix), Arc::from(WSU.uri));
                let name = Name { prefix, local: "Id".to_owned(), namespace };
                element.attributes.push(Attribute { name, value: id.clone() });
                id
            }
        };
        ids.push(id);
    };
    let soap = version.ns().uri;
    for part in elements(&mut document.root) {
        if part.is(soap, "Body") {
            name(part);
        } else if part.is(soap, "Header") {
            for block in elements(part) {
                if AddressingVersion::of(&block.name.namespace).is_some() {
                    name(block);
                } else if block.is(WSSE.uri, "Security") {
                    elements(block).filter(|element| element.is(WSU.uri, "Timestamp")).for_each(&mut name);
                }
            }
        }
    }
    ids
}

fn elements(parent: &mut Element) -> impl Iterator<Item = &mut Element> {
    parent.children.iter_mut().filter_map(|node| match node {
        Node::Element(element) => Some(element),
        Node::Text(_) | Node::Comment(_) => None,
    })
}

fn child<'e>(parent: &'e mut Element, namespace: &str, local: &str) -> Option<&'e mut Element> {
    elements(parent).find(|element| element.is(namespace, local))
}

fn find<'e>(root: &'e Element, id: &str) -> Option<&'e Element> {
    root.descendants().find(|element| element.attribute_ns(WSU.uri, "Id") == Some(id))
}

fn certificate(key: &SigningKey) -> String {
    let mut w = Writer::default();
    let attributes = vec![(Some(&WSU), "Id", KEY_ID), (None, "ValueType", X509), (None, "EncodingType", BASE64)];
    w.start_with(&WSSE, "BinarySecurityToken", &[], attributes);
    w.text(key.certificate_base64());
    w.finish()
}

fn reference(w: &mut Writer) {
    w.start(&WSSE, "SecurityTokenReference", &[]);
    w.start(&WSSE, "Reference", &[("URI", &format!("#{KEY_ID}")), ("ValueType", X509)]);
    w.end();
    w.end();
}

#[cfg(test)]
mod tests {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::{PKey, Private};
    use openssl::rsa::Rsa;
    use openssl::x509::X509 as Certificate;

    use super::*;
    use crate::dsig::{DS, KeyReference, MessageSignature};

    fn key() -> SigningKey {
        signing(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
    }

    fn signing(key: PKey<Private>) -> SigningKey {
        let mut builder = Certificate::builder().unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        SigningKey::new(key, builder.build()).unwrap()
    }

    const ANSWER: &str = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
        xmlns:a='http://www.w3.org/2005/08/addressing'><s:Header><a:Action s:mustUnderstand='1'>urn:x</a:Action>\
        <a:RelatesTo>urn:1</a:RelatesTo><o:Security \
        xmlns:o='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'><u:Timestamp \
        xmlns:u='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd' u:Id='_0'>\
        <u:Created>2026-01-01T00:00:00Z</u:Created></u:Timestamp></o:Security></s:Header><s:Body><x/></s:Body></s:Envelope>";

    #[test]
    fn what_we_sign_verifies_part_by_part() {
        let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
        let curve = signing(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap());
        for key in [key(), curve] {
            let signed = signed_answer(ANSWER, SoapVersion::V12, &key).unwrap();
            let document = parse(signed.as_bytes(), &Limits::message(65536)).unwrap();
            let signature = document.root.descendants().find(|element| element.is(DS.uri, "Signature")).unwrap();
            let signature = MessageSignature::read(&document, signature).unwrap();
            assert!(matches!(signature.key(), KeyReference::Token(token) if token.is(WSSE.uri, "BinarySecurityToken")));
            let parts = signature.verify(key.public()).unwrap();
            let names: Vec<&str> = parts.iter().map(|part| part.element().name.local.as_str()).collect();
            assert_eq!(names, ["Action", "RelatesTo", "Timestamp", "Body"]);
        }
    }

    #[test]
    fn an_answer_without_what_must_be_signed_is_none() {
        let key = key();
        let without = ANSWER.replace("u:Timestamp", "u:Other");
        assert!(matches!(signed_answer(&without, SoapVersion::V12, &key), Err(AnswerError::Form)));
        assert!(matches!(signed_answer(ANSWER, SoapVersion::V11, &key), Err(AnswerError::Form)));
        assert!(matches!(signed_answer("<a", SoapVersion::V12, &key), Err(AnswerError::Parse(_))));
    }
}
