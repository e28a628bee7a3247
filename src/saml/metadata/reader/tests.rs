//! What comes of documents: signed, spoiled, nested, and larger than they may be.

use std::sync::LazyLock;
use std::time::Duration;

use openssl::pkey::{PKey, Private, Public};

use super::super::ServiceProvider;
use super::super::sp::service_provider;
use super::*;
use crate::dsig::testing::{certificate, rsa};
use crate::dsig::{Accepted, SigningKey, Unsigned, sign};
use crate::model::{SignatureAlgorithm, Timestamp};
use crate::saml::names::{MICROSOFT_ONLINE, SAML20_PROTOCOL};
use crate::xml::{Canonicalization, ParseError, canonicalize, parse};

static KEY: LazyLock<PKey<Private>> = LazyLock::new(rsa);
static OTHER: LazyLock<PKey<Private>> = LazyLock::new(rsa);

const MICROSOFT: &str = include_str!("../../../../tests/data/saml/metadata_microsoft.xml");
const FEDERATION: &str = include_str!("../../../../tests/data/saml/metadata_federation.xml");
const LIMITS: MetadataLimits = MetadataLimits::document(1 << 20);

fn public(key: &PKey<Private>) -> PKey<Public> {
    PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()
}

fn pinned(accepted: Accepted) -> MetadataTrust {
    MetadataTrust::SignedBy { keys: vec![public(&KEY)], accepted }
}

/// By way of small pieces.
fn read_within(limits: MetadataLimits, xml: &str, trust: MetadataTrust) -> Result<Aggregate, MetadataError> {
    let mut reader = MetadataReader::new(trust, limits);
    for piece in xml.as_bytes().chunks(1000) {
        reader.push(piece)?;
    }
    reader.finish()
}

fn believed(xml: &str) -> Result<Aggregate, MetadataError> {
    read_within(LIMITS, xml, pinned(Accepted::Modern))
}

fn operators(xml: &str) -> Result<Aggregate, MetadataError> {
    read_within(LIMITS, xml, MetadataTrust::Operator)
}

#[track_caller]
fn refused(outcome: Result<Aggregate, MetadataError>, expected: &str) {
    let refusal = outcome.map(|read| ids(&read).join(" ")).unwrap_err().to_string();
    assert!(refusal.contains(expected), "{refusal}");
}

fn ids(read: &Aggregate) -> Vec<&str> {
    read.providers.iter().map(|provider| provider.entity_id.as_str()).collect()
}

fn left_out(read: &Aggregate) -> Vec<String> {
    assert_eq!(read.left_out.len(), read.left_out_count);
    read.left_out.iter().map(|left_out| format!("{}: {}", left_out.name, left_out.why)).collect()
}

/// An element of metadata in canonical form; `xmlns` where it is the outermost that is signed.
fn element(name: &str, attributes: &str, content: &str) -> String {
    ["<md:", name, XMLNS, attributes, ">", content, "</md:", name, ">"].concat()
}

/// Within another.
fn inner(name: &str, attributes: &str, content: &str) -> String {
    element(name, attributes, content).replacen(XMLNS, "", 1)
}

const XMLNS: &str = " xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"";

fn role(attributes: &str, content: &str) -> String {
    let attributes = format!("{attributes} protocolSupportEnumeration=\"{SAML20_PROTOCOL}\"");
    let service = "<md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:PAOS\" \
                   Location=\"https://sp.example/ECP\" index=\"1\"></md:AssertionConsumerService>";
    inner("SPSSODescriptor", &attributes, &format!("{content}{service}"))
}

fn entity(id: &str) -> String {
    inner("EntityDescriptor", &format!(" entityID=\"{id}\""), &role("", ""))
}

fn signed_as(xml: &str, id: &str, key: &PKey<Private>, with: SignatureAlgorithm) -> String {
    let key = SigningKey::new(key.clone(), certificate(key)).unwrap();
    let signature_at = xml.find('>').unwrap() + 1;
    let unsigned = Unsigned { value: (), xml: xml.to_owned(), id: id.to_owned(), signature_at };
    sign(unsigned, &key, with).unwrap().xml().to_owned()
}

fn signed(xml: &str, id: &str) -> String {
    signed_as(xml, id, &KEY, SignatureAlgorithm::RsaSha256)
}

fn federation(content: &str) -> String {
    signed(&element("EntitiesDescriptor", " ID=\"_f\"", content), "_f")
}

#[test]
fn nothing_is_believed_that_the_pinned_key_has_not_signed() {
    let honest = federation(&[entity("a"), entity("b")].concat());
    assert_eq!(ids(&believed(&honest).unwrap()), ["a", "b"]);
    let unsigned = element("EntitiesDescriptor", " ID=\"_f\"", &entity("a"));
    let foreign = signed_as(&unsigned, "_f", &OTHER, SignatureAlgorithm::RsaSha256);
    let old = signed_as(&unsigned, "_f", &KEY, SignatureAlgorithm::RsaSha1);
    for (xml, expected) in [
        (honest.replace("=\"b\"", "=\"c\""), "not what was signed"),
        (honest.replace("https://sp.example/", "https://evil.example/"), "not what was signed"),
        (honest.replace("</md:EntitiesDescriptor>", "<md:Evil/></md:EntitiesDescriptor>"), "not what was signed"),
        (honest.replace("</md:EntitiesDescriptor>", ""), "it ends inside an element"),
        (unsigned, "signature"),
        (foreign, "no key verifies"),
        (old.clone(), "algorithm"),
        (element("EntitiesDescriptor", "", &honest), "signature"),
    ] {
        refused(believed(&xml), expected);
    }
    assert_eq!(ids(&read_within(LIMITS, &old, pinned(Accepted::Sha1Too)).unwrap()), ["a"]);
    let nobodys = MetadataTrust::SignedBy { keys: Vec::new(), accepted: Accepted::Modern };
    refused(read_within(LIMITS, &honest, nobodys), "no key");
    assert_eq!(ids(&operators(&honest.replace("=\"b\"", "=\"c\"")).unwrap()), ["a", "c"]);
}

#[test]
fn a_document_says_when_it_was_made() {
    let info = |instant: &str| {
        let rpi = "urn:oasis:names:tc:SAML:metadata:rpi";
        [&format!("<r:PublicationInfo xmlns:r=\"{rpi}\" creationInstant=\""), instant, "\"></r:PublicationInfo>"]
            .concat()
    };
    let (first, other) = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z");
    let extensions = |content: &str| inner("Extensions", "", content);
    let within = entity("b").replacen("<md:SPSSO", &[&extensions(&info(other)), "<md:SPSSO"].concat(), 1);
    for (content, expected) in [
        ([extensions(&info(first)), entity("a")].concat(), Some(first)),
        ([entity("a"), extensions(&info(first))].concat(), Some(first)),
        (extensions(&[info(first), info(other)].concat()), Some(first)),
        (extensions(&info("yesterday")), None),
        // Of an entity, of a group within, of something else.
        (within, None),
        (inner("EntitiesDescriptor", "", &extensions(&info(other))), None),
        (extensions(&inner("Extensions", "", &info(other))), None),
        (info(other), None),
    ] {
        let read = believed(&federation(&content)).unwrap();
        assert_eq!(read.created, expected.map(|instant| Timestamp::parse(instant).unwrap()), "{content}");
    }
    let alone =
        element("EntityDescriptor", " ID=\"_f\" entityID=\"a\"", &[extensions(&info(first)), role("", "")].concat());
    assert_eq!(believed(&signed(&alone, "_f")).unwrap().created, Timestamp::parse(first).ok());
}

/// Its Extensions come last, it has no end, and SHA-1 is all that it is signed with.
#[test]
fn microsofts_own_is_read_where_sha1_is_allowed() {
    let root = parse(MICROSOFT.as_bytes(), &Limits::metadata(1 << 20)).unwrap().root;
    let canonical = String::from_utf8(canonicalize(&root, &Canonicalization::default())).unwrap();
    let signed = signed_as(&canonical, root.attribute("ID").unwrap(), &KEY, SignatureAlgorithm::RsaSha1);
    refused(believed(&signed), "algorithm");
    let read = read_within(LIMITS, &signed, pinned(Accepted::Sha1Too)).unwrap();
    assert_eq!((ids(&read), read.entities, read.valid_until), (vec![MICROSOFT_ONLINE], 1, None));
    let built_in = ServiceProvider::office365(MICROSOFT_ONLINE);
    assert_eq!(read.providers[0].assertion_consumer_services, built_in.assertion_consumer_services);
}

#[test]
fn what_is_kept_of_an_entity_is_all_that_is_read() {
    for xml in [MICROSOFT, FEDERATION] {
        let root = parse(xml.as_bytes(), &Limits::metadata(1 << 20)).unwrap().root;
        let read = operators(xml).unwrap();
        for provider in &read.providers {
            let known = root.descendants().find(|below| below.attribute("entityID") == Some(&provider.entity_id));
            let mut whole = service_provider(known.unwrap(), None).unwrap().unwrap();
            whole.valid_until = provider.valid_until;
            assert_eq!(format!("{provider:?}"), format!("{whole:?}"));
        }
        assert!(!read.providers.is_empty());
    }
    let more = "<md:Extensions><ui:UIInfo xmlns:ui=\"urn:oasis:names:tc:SAML:metadata:ui\"><ui:Logo>x</ui:Logo>\
                <md:NameIDFormat>urn:no</md:NameIDFormat></ui:UIInfo></md:Extensions><md:NameIDFormat>urn:yes\
                </md:NameIDFormat><md:Organization><md:NameIDFormat>urn:no</md:NameIDFormat></md:Organization>";
    let read = operators(&element("EntityDescriptor", " entityID=\"a\"", &role("", more))).unwrap();
    assert_eq!(read.providers[0].name_id_formats, ["urn:yes"]);
}

#[test]
fn what_only_looks_like_an_entity_is_none() {
    let hidden = entity("hidden");
    let other = inner("IDPSSODescriptor", "", &role("", ""));
    let saml1 = entity("saml1").replace(SAML20_PROTOCOL, "urn:oasis:names:tc:SAML:1.1:protocol");
    for (content, entities) in [
        (inner("Extensions", "", &hidden), 0),
        (inner("Extensions", "", &inner("EntitiesDescriptor", "", &hidden)), 0),
        (format!("<x:EntityDescriptor xmlns:x=\"urn:x\">{hidden}</x:EntityDescriptor>"), 0),
        (inner("EntityDescriptor", " entityID=\"idp\"", &other), 1),
        (inner("EntityDescriptor", " entityID=\"idp\"", &inner("Extensions", "", &hidden)), 1),
        (inner("EntityDescriptor", "", &role("", "")), 1),
        (saml1, 1),
    ] {
        let read = believed(&federation(&[content.as_str(), &entity("a")].concat())).unwrap();
        assert_eq!((ids(&read), read.entities), (vec!["a"], entities + 1), "{content}");
        assert!(read.left_out.is_empty());
    }
    for xml in ["<a/>", &inner("Extensions", "", ""), &element("SPSSODescriptor", "", "")] {
        assert!(operators(xml).is_err(), "{xml}");
    }
}

#[test]
fn the_first_of_two_with_one_name_counts_whatever_becomes_of_it() {
    let first = entity("a").replace("ECP", "first");
    let spoiled = entity("b").replace("=\"b\"", "=\"b\" validUntil=\"soon\"");
    let read = believed(&federation(&[&*first, &entity("a"), &spoiled, &entity("b"), &entity("c")].concat())).unwrap();
    assert_eq!(ids(&read), ["a", "c"]);
    assert_eq!(read.providers[0].assertion_consumer_services[0].location, "https://sp.example/first");
    assert_eq!(
        left_out(&read),
        [
            "a: an earlier one has the same entityID",
            "b: its validUntil cannot be read",
            "b: an earlier one has the same entityID"
        ]
    );
}

/// What the federation signed is believed, but what is signed once more has to be believed twice.
#[test]
fn what_is_signed_within_is_left_out_unless_that_signature_holds() {
    let whole = |id: &str| {
        let attributes = format!(" ID=\"_{id}\" entityID=\"{id}\"");
        element("EntityDescriptor", &attributes, &role("", ""))
    };
    let group =
        |id: &str, content: &str| element("EntitiesDescriptor", &format!(" ID=\"_{id}\" Name=\"{id}\""), content);
    // In the federation's canonical form the namespace is declared once, above.
    let within = |xml: String| xml.replacen(XMLNS, "", 1);
    let good = within(signed(&whole("good"), "_good"));
    let changed = within(signed(&whole("changed"), "_changed")).replace("ECP", "evil");
    let foreign = within(signed_as(&whole("foreign"), "_foreign", &OTHER, SignatureAlgorithm::RsaSha256));
    let late = within(signed(&whole("late"), "_late"))
        .replace("<ds:Signature", "<md:Extensions></md:Extensions><ds:Signature");
    let fine_group = within(signed(&group("fine", &entity("f")), "_fine"));
    let bad_group = within(signed(&group("bad", &entity("g")), "_bad")).replace("ECP", "evil");
    let wrong_role = entity("h").replace(
        "<md:AssertionConsumerService",
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></ds:Signature><md:AssertionConsumerService",
    );
    let all = [&good, &changed, &entity("a"), &foreign, &late, &fine_group, &bad_group, &wrong_role, &entity("z")];
    let xml = federation(&all.map(String::as_str).concat());
    let read = believed(&xml).unwrap();
    assert_eq!(ids(&read), ["good", "a", "f", "z"]);
    let why = "its own signature does not hold";
    let expected = [
        format!("changed: {why}: the element is not what was signed"),
        format!("foreign: {why}: no key verifies the signature"),
        format!("late: {why}: it is not the first in the element"),
        format!("bad: {why}: the element is not what was signed"),
        format!("h: {why}: "),
    ];
    for (told, expected) in left_out(&read).iter().zip(&expected) {
        assert!(told.starts_with(expected), "{told}");
    }
    assert_eq!(read.left_out_count, expected.len());
    assert_eq!(operators(&xml).unwrap().providers.len(), 9);
}

#[test]
fn nothing_holds_longer_than_what_it_stands_in() {
    let until = |at: &str| format!(" validUntil=\"2026-01-{at}T00:00:00Z\"");
    let deep = |group: &str, own: &str, role_ends: &str| {
        let role = role(role_ends, "");
        let entity = inner("EntityDescriptor", &format!(" entityID=\"e\"{own}"), &role);
        element("EntitiesDescriptor", &until("20"), &inner("EntitiesDescriptor", group, &entity))
    };
    for (group, own, role, expected) in [
        (String::new(), String::new(), String::new(), "20"),
        (until("10"), String::new(), String::new(), "10"),
        (until("30"), until("12"), String::new(), "12"),
        (until("15"), until("12"), until("11"), "11"),
    ] {
        let read = operators(&deep(&group, &own, &role)).unwrap();
        let instant = |day: &str| Timestamp::parse(&format!("2026-01-{day}T00:00:00Z")).ok();
        assert_eq!(read.providers[0].valid_until, instant(expected));
        assert_eq!(read.valid_until, instant("20"));
    }
    refused(operators(&deep(" validUntil=\"soon\"", "", "")), "validUntil");
    for (group, own, expected) in [
        ("", "", None),
        (" cacheDuration=\"PT6H\"", "", Some(6 * 3600)),
        (" cacheDuration=\"PT6H\"", " cacheDuration=\"PT1H\"", Some(3600)),
        (" cacheDuration=\"soon\"", " cacheDuration=\"P1D\"", Some(24 * 3600)),
    ] {
        let read = operators(&deep(group, own, "")).unwrap();
        assert_eq!(read.cache_duration, expected.map(Duration::from_secs));
    }
}

#[test]
fn what_is_too_large_is_refused_and_one_entity_left_out() {
    let many = federation(&["a", "b", "c"].map(entity).concat());
    let nested = |depth: usize| {
        let inside = (1..depth).fold(entity("a"), |inside, _| inner("EntitiesDescriptor", "", &inside));
        element("EntitiesDescriptor", "", &inside)
    };
    let within = |limits, xml: &str| read_within(limits, xml, MetadataTrust::Operator);
    assert!(within(MetadataLimits { entities: 3, ..LIMITS }, &many).is_ok());
    refused(within(MetadataLimits { entities: 2, ..LIMITS }, &many), "entities");
    refused(within(MetadataLimits { bytes: many.len() - 1, ..LIMITS }, &many), "bytes");
    assert!(within(LIMITS, &nested(8)).is_ok());
    refused(within(LIMITS, &nested(9)), "groups within groups");
    refused(within(LIMITS, &"<md:EntitiesDescriptor>".repeat(9).replacen('>', &format!("{XMLNS}>"), 1)), "groups");

    let logo = "x".repeat(4000);
    let limits = MetadataLimits { entity_bytes: 3000, ..LIMITS };
    let idp = inner("EntityDescriptor", " entityID=\"idp\"", &inner("IDPSSODescriptor", "", &logo));
    let large = inner("EntityDescriptor", " entityID=\"large\"", &role("", &logo));
    let read = within(limits, &element("EntitiesDescriptor", "", &[idp, large, entity("a")].concat())).unwrap();
    assert_eq!(
        (ids(&read), left_out(&read)),
        (vec!["a"], vec!["large: it says more than is kept of one entity".into()])
    );
}

/// Each element declares again what its parent does not use: the canonical form is many times as long.
#[test]
fn a_canonical_form_that_grows_is_refused() {
    let uri = format!("urn:{}", "x".repeat(500));
    let many = "<x:a></x:a>".repeat(10_000);
    let short = element("EntitiesDescriptor", " ID=\"_f\"", &many)
        .replace("<md:EntitiesDescriptor", &format!("<md:EntitiesDescriptor xmlns:x=\"{uri}\""));
    let root = parse(short.as_bytes(), &Limits::metadata(1 << 20)).unwrap().root;
    let canonical = String::from_utf8(canonicalize(&root, &Canonicalization::default())).unwrap();
    assert!(canonical.len() > 5 << 20);
    let long = signed(&canonical, "_f");
    let signature = |xml: &str| {
        let (start, end) = (xml.find("<ds:Signature ").unwrap(), xml.find("</ds:Signature>").unwrap() + 15);
        xml[start..end].to_owned()
    };
    let xml = short.replacen("<x:a>", &format!("{}<x:a>", signature(&long)), 1);
    refused(believed(&xml), "bytes");
}

#[test]
fn a_comment_breaks_a_value_only_where_it_was_not_signed_away() {
    let format = role("", "<md:NameIDFormat>urn:a<!-- -->b</md:NameIDFormat>");
    let entity = element("EntityDescriptor", " ID=\"_e\" entityID=\"e\"", &format);
    let bare = signed(&entity.replace("<!-- -->", ""), "_e");
    let formats = |read: Result<Aggregate, MetadataError>| read.unwrap().providers[0].name_id_formats.clone();
    assert!(formats(operators(&entity)).is_empty());
    assert_eq!(formats(believed(&bare.replace("urn:ab", "urn:a<!-- -->b"))), ["urn:ab"]);
}

#[test]
fn a_refusal_is_for_good() {
    let mut reader = MetadataReader::new(MetadataTrust::Operator, LIMITS);
    let spoiled = format!("<a/>{}", " ".repeat(40_000));
    assert!(matches!(reader.push(spoiled.as_bytes()), Err(MetadataError::NotMetadata)));
    assert!(matches!(reader.push(entity("a").as_bytes()), Err(MetadataError::Xml(ParseError::Forbidden(_)))));
    assert!(reader.finish().is_err());
}

#[test]
fn no_changed_byte_changes_what_is_believed() {
    let more = "<md:NameIDFormat>urn:a</md:NameIDFormat>";
    let honest = federation(&[entity("a"), inner("EntityDescriptor", " entityID=\"b\"", &role("", more))].concat());
    let expected = format!("{:?}", believed(&honest).unwrap());
    let mut believed_still = 0;
    for at in 0..honest.len() {
        let mut changed = honest.clone().into_bytes();
        changed[at] ^= 1;
        let Ok(changed) = String::from_utf8(changed) else { continue };
        if let Ok(read) = believed(&changed) {
            assert_eq!(format!("{read:?}"), expected, "{changed}");
            believed_still += 1;
        }
    }
    // What is in KeyInfo is nobody's concern.
    let key_info = honest.find("</ds:X509Certificate>").unwrap() - honest.find("<ds:X509Certificate>").unwrap();
    assert!((key_info / 2..key_info + 100).contains(&believed_still), "{believed_still} of {key_info}");
}
