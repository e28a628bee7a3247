//! What is believed of a document, and what is not.

use openssl::pkey::Private;

use super::*;
use crate::dsig::{SigningKey, Unsigned, sign, testing};
use crate::model::SignatureAlgorithm;

const NS: &str = "xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"";

/// An element in canonical form with its signature.
fn signed(name: &str, attributes: &str, inner: &str, key: &PKey<Private>, with: SignatureAlgorithm) -> String {
    let start = ["<md:", name, " ", NS, attributes, ">"].concat();
    let xml = [start.as_str(), inner, "</md:", name, ">"].concat();
    let id = attributes.split("ID=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let key = SigningKey::new(key.clone(), testing::certificate(key)).unwrap();
    sign(Unsigned { value: (), xml, id, signature_at: start.len() }, &key, with).unwrap().xml().to_owned()
}

fn entity(more: &str, inner: &str) -> String {
    [" ID=\"_e\"", more, " entityID=\"urn:idp\">", inner].concat()
}

fn unsigned(more: &str, inner: &str) -> String {
    ["<md:EntityDescriptor ", NS, &entity(more, inner), "</md:EntityDescriptor>"].concat()
}

fn read(xml: &str, keys: &[&PKey<Private>], accepted: Accepted) -> Result<ReceivedMetadata, ReceivedError> {
    let public = |key: &&PKey<Private>| testing::certificate(key).public_key().unwrap();
    let keys = PinnedKeys { keys: keys.iter().map(public).collect(), accepted };
    ReceivedMetadata::read(xml.as_bytes(), 1 << 20, "urn:idp", &DocumentTrust::Signed(keys))
}

#[test]
fn a_signature_by_a_pinned_key_is_believed_and_nothing_else() {
    let (key, other) = (testing::rsa(), testing::rsa());
    let sha256 = SignatureAlgorithm::RsaSha256;
    let good = signed("EntityDescriptor", " ID=\"_e\" entityID=\"urn:idp\"", "<md:a></md:a>", &key, sha256);
    let modern = Accepted::Modern;
    assert_eq!(read(&good, &[&key], modern).unwrap().entity_id(), "urn:idp");
    assert!(read(&good, &[&other, &key], modern).is_ok(), "the one before, during a rollover");
    assert!(matches!(read(&good, &[&other], modern), Err(ReceivedError::Signature(_))), "its own KeyInfo is no proof");
    assert!(matches!(read(&good, &[], modern), Err(ReceivedError::Signature(_))));
    let changed = good.replace("<md:a></md:a>", "<md:b></md:b>");
    assert!(matches!(read(&changed, &[&key], modern), Err(ReceivedError::Signature(_))));
    assert!(matches!(read(&unsigned("", ""), &[&key], modern), Err(ReceivedError::Unsigned)));
    let renamed = signed("EntityDescriptor", " ID=\"_e\" entityID=\"urn:other\"", "", &key, sha256);
    let error = read(&renamed, &[&key], modern).unwrap_err().to_string();
    assert!(error.contains("urn:idp") && error.contains("urn:other"), "{error}");
    assert!(matches!(read("<html/>", &[&key], modern), Err(ReceivedError::Unreadable(_))));
}

#[test]
fn sha1_is_believed_where_it_is_allowed() {
    let key = testing::rsa();
    let old = signed("EntityDescriptor", " ID=\"_e\" entityID=\"urn:idp\"", "", &key, SignatureAlgorithm::RsaSha1);
    assert!(matches!(read(&old, &[&key], Accepted::Modern), Err(ReceivedError::Signature(_))));
    assert!(read(&old, &[&key], Accepted::Sha1Too).is_ok());
}

/// The document's signature, or the entity's own; never one for another element.
#[test]
fn the_signature_is_of_what_is_read() {
    let key = testing::rsa();
    let sha256 = SignatureAlgorithm::RsaSha256;
    let real = signed("EntityDescriptor", " ID=\"_e\" entityID=\"urn:idp\"", "<md:real></md:real>", &key, sha256);
    let around = |before: &str, after: &str| {
        ["<md:EntitiesDescriptor ", NS, ">", before, &real, after, "</md:EntitiesDescriptor>"].concat()
    };
    let of = |xml: &str| read(xml, &[&key], Accepted::Modern);
    assert!(of(&around("", "")).unwrap().entity.child(MD.uri, "real").is_some());
    // Another entity of that name before it is the one that would be read, and is not signed.
    let forged = "<md:EntityDescriptor ID=\"_f\" entityID=\"urn:idp\"><md:forged/></md:EntityDescriptor>";
    assert!(matches!(of(&around(forged, "")), Err(ReceivedError::Unsigned)));
    assert!(of(&around("", forged)).unwrap().entity.child(MD.uri, "forged").is_none());
    // What is inside the signed one, and what wraps it, is no identity provider of ours.
    let wrapping =
        ["<md:EntityDescriptor ", NS, &entity("", &real).replace("_e\" ", "_g\" "), "</md:EntityDescriptor>"];
    assert!(of(&wrapping.concat()).is_err());
    // The signature of the real one, moved to the root.
    let (_, behind) = real.split_once("<ds:Signature ").unwrap();
    let (inside, _) = behind.split_once("</ds:Signature>").unwrap();
    let signature = ["<ds:Signature ", inside, "</ds:Signature>"].concat();
    let moved = ["<md:EntityDescriptor ", NS, " ID=\"_r\" entityID=\"urn:idp\">", &signature, "</md:EntityDescriptor>"];
    assert!(matches!(of(&moved.concat()), Err(ReceivedError::Signature(_))));
    // A root with a signature that does not hold is not saved by a good one inside.
    let bad_root = around(&signature, "").replace("<md:EntitiesDescriptor ", "<md:EntitiesDescriptor ID=\"_root\" ");
    assert!(matches!(of(&bad_root), Err(ReceivedError::Signature(_))));
}

#[test]
fn a_signed_federation_is_read_by_name() {
    let key = testing::rsa();
    let inner = "<md:EntityDescriptor entityID=\"urn:other\"></md:EntityDescriptor><md:EntitiesDescriptor \
                 cacheDuration=\"PT1H\"><md:EntityDescriptor entityID=\"urn:idp\"><md:x></md:x></md:EntityDescriptor>\
                 </md:EntitiesDescriptor>";
    let all = signed("EntitiesDescriptor", " ID=\"_all\"", inner, &key, SignatureAlgorithm::RsaSha256);
    let found = read(&all, &[&key], Accepted::Modern).unwrap();
    assert_eq!(found.cache_duration, Some(Duration::from_secs(3600)));
    assert!(found.entity.child(MD.uri, "x").is_some());
}

#[test]
fn everything_around_and_inside_bounds_its_time() {
    let early = " validUntil=\"2026-01-01T00:00:00Z\"";
    let late = " validUntil=\"2027-01-01T00:00:00Z\"";
    let at = |text: &str| Timestamp::parse(text).ok();
    let group = |attributes: &str, inner: &str, other: &str| {
        let other = ["<md:EntityDescriptor entityID=\"urn:other\"", other, "/>"].concat();
        ["<md:EntitiesDescriptor ", NS, attributes, ">", inner, &other, "</md:EntitiesDescriptor>"].concat()
    };
    for (xml, until) in [
        (unsigned("", ""), None),
        (unsigned(early, ""), at("2026-01-01T00:00:00Z")),
        (unsigned(late, "<md:r validUntil=\"2026-01-01T00:00:00Z\"/>"), at("2026-01-01T00:00:00Z")),
        (group(early, &unsigned(late, ""), ""), at("2026-01-01T00:00:00Z")),
        (group("", &unsigned(late, ""), early), at("2027-01-01T00:00:00Z")),
    ] {
        let read = ReceivedMetadata::read(xml.as_bytes(), 1 << 20, "urn:idp", &DocumentTrust::Transport).unwrap();
        assert_eq!(read.valid_until, until, "{xml}");
    }
    let soon = ReceivedMetadata::read(
        unsigned(" validUntil=\"soon\"", "").as_bytes(),
        1 << 20,
        "urn:idp",
        &DocumentTrust::Transport,
    );
    assert!(soon.is_err());
}
