//! What is read of others' assertions, and what is not.

use std::sync::LazyLock;

use openssl::pkey::{PKey, Public};

use super::super::assertion::tests::{alice, at, attribute, mallory};
use super::super::{Assertion, Saml20Prefix, saml11, saml20};
use super::*;
use crate::dsig::{SigningKey, Unsigned, sign, testing};
use crate::model::SignatureAlgorithm;
use crate::xml::{Canonicalization, Limits, canonicalize, parse};

const ISSUER: &str = "urn:idp";

fn key() -> SigningKey {
    let key = testing::rsa();
    let certificate = testing::certificate(&key);
    SigningKey::new(key, certificate).unwrap()
}

static IDP: LazyLock<SigningKey> = LazyLock::new(key);
static STRANGER: LazyLock<SigningKey> = LazyLock::new(key);

fn public(key: &SigningKey) -> PKey<Public> {
    key.certificate().public_key().unwrap()
}

/// An assertion as somebody writes it, with its signature.
fn signed(xml: &str, key: &SigningKey) -> String {
    let document = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
    let xml = String::from_utf8(canonicalize(&document.root, &Canonicalization::default())).unwrap();
    let id = ["ID", "AssertionID"].into_iter().find_map(|name| document.root.attribute(name)).unwrap().to_owned();
    let signature_at = xml.rfind("</").unwrap();
    sign(Unsigned { value: (), xml, id, signature_at }, key, SignatureAlgorithm::RsaSha256).unwrap().xml().to_owned()
}

/// Reads the assertion that an application would find: the first in the document.
fn read(xml: &str) -> Result<ReceivedAssertion, ReadError> {
    let document = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
    let element = document.root.descendants().find(|element| element.name.local == "Assertion").unwrap();
    let keys = [public(&IDP)];
    ReceivedAssertion::verify(&document, element, |issuer| (issuer == ISSUER).then_some(&keys))
}

fn reason(xml: &str) -> String {
    read(xml).map(|read| panic!("read: {read:?}")).unwrap_err().to_string()
}

const CONFIRMED: &str = "<SubjectConfirmation Method='urn:oasis:names:tc:SAML:2.0:cm:bearer'><SubjectConfirmationData Recipient='urn:r' \
     InResponseTo='_q' NotBefore='2026-01-01T00:00:00Z' NotOnOrAfter='2026-01-01T00:05:00Z'/></SubjectConfirmation>";

fn two(subject: &str, more: &str) -> String {
    two_of(ISSUER, "_a", subject, more)
}

fn two_of(issuer: &str, id: &str, subject: &str, more: &str) -> String {
    format!(
        "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion' ID='{id}' Version='2.0' IssueInstant='2026-01-01T00:00:00Z'>\
         <Issuer>{issuer}</Issuer>{subject}{more}</Assertion>"
    )
}

fn named(name: &str) -> String {
    format!("<Subject><NameID>{name}</NameID>{CONFIRMED}</Subject>")
}

fn one(statements: &str) -> String {
    format!(
        "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion' AssertionID='_a' MajorVersion='1' MinorVersion='1' \
         Issuer='{ISSUER}' IssueInstant='2026-01-01T00:00:00Z'>{statements}</Assertion>"
    )
}

fn about(name: &str, method: &str) -> String {
    format!(
        "<Subject><NameIdentifier Format='urn:f'>{name}</NameIdentifier><SubjectConfirmation><ConfirmationMethod>\
         urn:oasis:names:tc:SAML:1.0:cm:{method}</ConfirmationMethod></SubjectConfirmation></Subject>"
    )
}

fn attributed(subject: &str) -> String {
    format!(
        "<AttributeStatement>{subject}<Attribute AttributeName='upn' AttributeNamespace='http://c'><AttributeValue>a@x\
         </AttributeValue><AttributeValue>b@x</AttributeValue></Attribute></AttributeStatement>"
    )
}

#[test]
fn reads_saml_20_whole() {
    let more = "<Conditions NotBefore='2026-01-01T00:00:00Z' NotOnOrAfter='2026-01-01T01:00:00Z'><AudienceRestriction>\
        <Audience>urn:a</Audience><Audience> urn:b\n</Audience></AudienceRestriction><AudienceRestriction><Audience>urn:c\
        </Audience></AudienceRestriction><OneTimeUse/></Conditions><Advice><x xmlns=''/></Advice><AuthnStatement \
        AuthnInstant='2026-01-01T00:00:01Z' SessionIndex='_s' SessionNotOnOrAfter='2026-01-01T08:00:00Z'><AuthnContext>\
        <AuthnContextClassRef>urn:m</AuthnContextClassRef></AuthnContext></AuthnStatement><AttributeStatement>\
        <Attribute Name='urn:n' NameFormat='urn:nf' FriendlyName='n'><AttributeValue>1</AttributeValue></Attribute>\
        <Attribute Name='urn:deep'><AttributeValue><b/></AttributeValue></Attribute></AttributeStatement>\
        <AttributeStatement><Attribute Name='urn:n'><AttributeValue>2</AttributeValue></Attribute></AttributeStatement>";
    let assertion = read(&signed(&two(&named(" alice"), more), &IDP)).unwrap();
    assert_eq!((assertion.version, assertion.id.as_str(), assertion.issuer.as_str()), (SamlVersion::V20, "_a", ISSUER));
    assert_eq!(assertion.issue_instant, at(0));
    assert_eq!(assertion.name_identifier, Some(ReceivedName { value: " alice".to_owned(), format: None }));
    assert_eq!(
        assertion.conditions,
        Conditions {
            not_before: Some(at(0)),
            not_on_or_after: Some(at(3600)),
            audiences: vec![vec!["urn:a".to_owned(), "urn:b".to_owned()], vec!["urn:c".to_owned()]],
            one_time_use: true,
            proxy_restriction: false,
        }
    );
    let [confirmation] = assertion.confirmations.as_slice() else { panic!("{assertion:?}") };
    assert!(matches!(confirmation.method, ConfirmationMethod::Bearer));
    assert_eq!(
        (confirmation.recipient.as_deref(), confirmation.in_response_to.as_deref()),
        (Some("urn:r"), Some("_q"))
    );
    assert_eq!((confirmation.not_before, confirmation.not_on_or_after), (Some(at(0)), Some(at(300))));
    assert_eq!(assertion.values("urn:n").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(assertion.values("urn:deep").count(), 0);
    let expected = AuthenticationStatement {
        method: Some("urn:m".to_owned()),
        instant: at(1),
        session_not_on_or_after: Some(at(8 * 3600)),
    };
    assert_eq!(assertion.authentication, Some(expected));
}

#[test]
fn reads_saml_11_whole() {
    let subject = about("alice", "bearer");
    let conditions = "<Conditions NotOnOrAfter='2026-01-01T01:00:00Z'><AudienceRestrictionCondition><Audience>urn:a\
        </Audience></AudienceRestrictionCondition><DoNotCacheCondition/></Conditions>";
    let authentication = format!(
        "<AuthenticationStatement AuthenticationMethod='urn:m' AuthenticationInstant='2026-01-01T00:00:01Z'>{subject}\
         </AuthenticationStatement>"
    );
    let xml = one(&format!("{conditions}{authentication}{}", attributed(&subject)));
    let assertion = read(&signed(&xml, &IDP)).unwrap();
    assert_eq!((assertion.version, assertion.id.as_str(), assertion.issuer.as_str()), (SamlVersion::V11, "_a", ISSUER));
    let name = ReceivedName { value: "alice".to_owned(), format: Some("urn:f".to_owned()) };
    assert_eq!(assertion.name_identifier, Some(name));
    assert!(assertion.conditions.one_time_use && assertion.conditions.is_for(|audience| audience == "urn:a"));
    assert!(matches!(
        assertion.confirmations.as_slice(),
        [SubjectConfirmation { method: ConfirmationMethod::Bearer, .. }]
    ));
    assert_eq!(assertion.values("http://c/upn").collect::<Vec<_>>(), ["a@x", "b@x"]);
    assert_eq!(assertion.authentication.map(|statement| statement.instant), Some(at(1)));
}

/// Whatever we issue can be read again and written in either version.
#[test]
fn our_own_tokens_come_back() {
    let ours = Assertion { issuer: ISSUER.to_owned(), ..alice() };
    let hostile = Assertion { id: "_m".to_owned(), issuer: ISSUER.to_owned(), ..mallory() };
    for assertion in [ours, hostile] {
        for unsigned in [saml11(assertion.clone()), saml20(assertion.clone(), Saml20Prefix::Rstr)] {
            let xml = sign(unsigned, &IDP, SignatureAlgorithm::RsaSha256).unwrap().xml().to_owned();
            let read = read(&xml).unwrap();
            let (name, own) = (read.name_identifier.as_ref().unwrap(), &assertion.name_identifier);
            assert_eq!((&name.value, name.format.as_ref()), (&own.value, Some(&own.format)));
            assert_eq!(read.conditions.audiences, [[assertion.audience.trim().to_owned()]]);
            assert_eq!(read.authentication.as_ref().map(|statement| statement.instant), Some(assertion.authn_instant));
            let [written] = assertion.attributes.as_slice() else { panic!() };
            assert_eq!(read.values(&written.claim_uri()).collect::<Vec<_>>(), written.values);
            let again = Assertion { attributes: read.attributes.clone(), ..assertion.clone() };
            let written = match read.version {
                SamlVersion::V11 => (saml11(again).xml, saml11(assertion.clone()).xml),
                SamlVersion::V20 => {
                    (saml20(again, Saml20Prefix::Rstr).xml, saml20(assertion.clone(), Saml20Prefix::Rstr).xml)
                }
            };
            assert_eq!(written.0, written.1);
        }
    }
}

#[test]
fn attributes_are_called_the_same_in_both_versions() {
    for name in ["http://schemas.xmlsoap.org/claims/UPN", "urn:oid:0.9", "x/"] {
        let assertion = Assertion { issuer: ISSUER.to_owned(), attributes: vec![attribute(name, &["v"])], ..alice() };
        let xml = sign(saml11(assertion), &IDP, SignatureAlgorithm::RsaSha256).unwrap().xml().to_owned();
        assert_eq!(read(&xml).unwrap().values(name).collect::<Vec<_>>(), ["v"], "{name}");
    }
}

#[test]
fn only_the_issuers_own_key_counts() {
    let xml = two(&named("alice"), "");
    assert!(read(&signed(&xml, &IDP)).is_ok());
    // The stranger's certificate is in KeyInfo.
    assert!(reason(&signed(&xml, &STRANGER)).contains("no key verifies"));
    assert!(reason(&xml).contains("no signature"));
    let other = two_of("urn:other", "_a", &named("alice"), "");
    assert!(matches!(read(&signed(&other, &IDP)), Err(ReadError::Issuer)));
}

/// The keys are looked up by a name that is not signed yet: it must be the signed one.
#[test]
fn the_issuer_that_keys_were_taken_for_is_the_signed_one() {
    let xml = signed(&two(&named("alice"), ""), &IDP);
    for (from, to) in [(ISSUER, "urn:idp2"), ("urn:idp<", "urn:id<!---->p<")] {
        assert!(read(&xml.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn wrapped_assertions_say_what_was_signed_or_nothing() {
    let good = signed(&two(&named("alice"), ""), &IDP);
    let (start, end) = (good.find("<ds:Signature").unwrap(), good.rfind("</ds:Signature>").unwrap() + 15);
    let signature = good.get(start..end).unwrap();
    let bare = two(&named("alice"), "");
    let evil = |more: &str| two_of(ISSUER, "_evil", &named("mallory"), more);
    let object =
        |inside: &str| signature.replace("</ds:Signature>", &format!("<ds:Object>{inside}</ds:Object></ds:Signature>"));
    for wrapped in [
        format!("<w>{}{good}</w>", evil("")),
        format!("<w>{good}{}</w>", evil("")),
        format!("<w>{}</w>", evil(&good)),
        format!("<w>{}</w>", evil(&format!("<Advice>{good}</Advice>"))),
        format!("<w>{}{bare}</w>", evil(signature)),
        format!("<w>{}</w>", evil(&object(&bare))),
        format!("<w><e>{}</e>{good}</w>", evil("")),
        format!("<w>{}</w>", evil(&signature.replace("</ds:Signature>", &format!("{bare}</ds:Signature>")))),
        evil(signature),
    ] {
        assert!(wrapped.contains("mallory"));
        if let Ok(read) = read(&wrapped) {
            assert_eq!(read.name_identifier.unwrap().value, "alice", "{wrapped}");
            assert!(wrapped.starts_with("<w><Assertion") && wrapped.find("alice") < wrapped.find("mallory"));
        }
    }
}

#[test]
fn a_comment_cuts_no_name_short() {
    let xml = signed(&two(&named("alice.mallory"), ""), &IDP);
    let read = read(&xml.replace("alice.mallory", "alice<!-- -->.mallory")).unwrap();
    assert_eq!(read.name_identifier.unwrap().value, "alice.mallory");
}

#[test]
fn refuses_what_it_does_not_understand() {
    let subject = named("alice");
    let conditions = |inside: &str| format!("<Conditions>{inside}</Conditions>");
    for (subject, more, why) in [
        ("", "", "no subject"),
        (&*format!("{subject}{subject}"), "", "more than one Subject"),
        ("<Subject><NameID/></Subject>", "", "no text"),
        ("<Subject><NameID>a</NameID><NameID>b</NameID></Subject>", "", "more than one NameID"),
        ("<Subject><EncryptedID/></Subject>", "", "encrypted"),
        ("<Subject><NameID>a</NameID><BaseID/></Subject>", "", "no NameID"),
        (&subject, &conditions("<Condition/>"), "condition that is not"),
        (&subject, &conditions("<AudienceRestrictionCondition/>"), "condition that is not"),
        (&subject, &conditions("<x:OneTimeUse xmlns:x='urn:x'/>"), "condition that is not"),
        (&subject, &conditions("<AudienceRestriction/>"), "without an audience"),
        (&subject, &conditions("<AudienceRestriction><Audience/></AudienceRestriction>"), "no text"),
        (&subject, "<Conditions/><Conditions/>", "more than one Conditions"),
        (&subject, "<Conditions NotOnOrAfter='tomorrow'/>", "no xs:dateTime"),
        (&subject, "<Conditions NotBefore='2026-01-01T00:00:00Z' NotOnOrAfter='2026-01-01T00:00:00Z'/>", "end before"),
        (&subject, "<AuthnStatement/>", "an instant missing"),
        (&subject, "<Statement/>", "statement that is not"),
        (&subject, "<x xmlns='urn:x'/>", "element that is not"),
        (&subject, "<Issuer>urn:idp</Issuer>", "not trusted"),
        (&subject, "<AttributeStatement><EncryptedAttribute/></AttributeStatement>", "encrypted"),
    ] {
        let reason = reason(&signed(&two(subject, more), &IDP));
        assert!(reason.contains(why), "{subject}{more}: {reason}");
    }
    for xml in [two(&subject, "").replace("2.0' I", "2.1' I"), one("").replace("MinorVersion='1'", "MinorVersion='0'")]
    {
        assert!(reason(&signed(&xml, &IDP)).contains("another version"));
    }
}

#[test]
fn saml_11_is_about_one_subject() {
    let (alice, mallory) = (about("alice", "bearer"), about("mallory", "bearer"));
    for (statements, why) in [
        (String::new(), "no subject"),
        (format!("{}{}", attributed(&alice), attributed(&mallory)), "two subjects"),
        (attributed(&format!("{alice}{mallory}")), "more than one Subject"),
        (format!("{}<SubjectStatement/>", attributed(&alice)), "statement that is not"),
        (format!("{}<Conditions><Condition/></Conditions>", attributed(&alice)), "condition that is not"),
        (format!("{}<AuthorizationDecisionStatement/>", attributed(&alice)), "without a subject"),
    ] {
        let reason = reason(&signed(&one(&statements), &IDP));
        assert!(reason.contains(why), "{statements}: {reason}");
    }
}

fn holding(key_info: &str) -> String {
    let data = format!(
        "<SubjectConfirmationData><ds:KeyInfo xmlns:ds='{}'>{key_info}</ds:KeyInfo></SubjectConfirmationData>",
        crate::dsig::DS.uri
    );
    two(
        &format!(
            "<Subject><NameID>a</NameID><SubjectConfirmation Method='urn:oasis:names:tc:SAML:2.0:cm:holder-of-key'>{data}\
             </SubjectConfirmation></Subject>"
        ),
        "",
    )
}

fn certificate(key: &SigningKey) -> String {
    format!("<ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>", key.certificate_base64())
}

fn key_value(key: &SigningKey) -> String {
    use base64::Engine as _;
    let encode = |number: &openssl::bn::BigNumRef| base64::engine::general_purpose::STANDARD.encode(number.to_vec());
    let rsa = public(key).rsa().unwrap();
    format!(
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
        encode(rsa.n()),
        encode(rsa.e())
    )
}

#[test]
fn holder_of_key_names_one_key() {
    for key_info in [certificate(&STRANGER), key_value(&STRANGER), certificate(&STRANGER) + &key_value(&STRANGER)] {
        let read = read(&signed(&holding(&key_info), &IDP)).unwrap();
        let [SubjectConfirmation { method: ConfirmationMethod::HolderOfKey(held), .. }] = read.confirmations.as_slice()
        else {
            panic!("{read:?}")
        };
        assert!(held.is(&public(&STRANGER)) && !held.is(&public(&IDP)));
    }
    let two_keys = certificate(&STRANGER) + &key_value(&IDP);
    for (key_info, why) in [
        (two_keys.as_str(), "two keys"),
        ("<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>", "cannot be read"),
        ("<ds:KeyValue/>", "cannot be read"),
    ] {
        assert!(reason(&signed(&holding(key_info), &IDP)).contains(why), "{key_info}");
    }
    let secret = read(&signed(&holding("<ds:KeyName>k</ds:KeyName>"), &IDP)).unwrap();
    assert!(matches!(&secret.confirmations[0].method, ConfirmationMethod::HolderOfKey(held) if held.keys.is_empty()));
}

#[test]
fn other_confirmations_confirm_nothing() {
    let other = |xml: &str| {
        let read = read(&signed(xml, &IDP)).unwrap();
        assert!(read.confirmations.iter().all(|by| matches!(by.method, ConfirmationMethod::Other)), "{xml}");
    };
    other(&one(&attributed(&about("alice", "sender-vouches"))));
    other(&two(&named("alice").replace("cm:bearer", "cm:sender-vouches"), ""));
    other(&two(&named("alice").replace("<SubjectConfirmationData", "<NameID>b</NameID><SubjectConfirmationData"), ""));
    other(&two("<Subject><NameID>alice</NameID></Subject>", ""));
    let bare = "<SubjectConfirmation Method='urn:oasis:names:tc:SAML:2.0:cm:holder-of-key'/>";
    let bare = signed(&two(&format!("<Subject><NameID>a</NameID>{bare}</Subject>"), ""), &IDP);
    assert!(reason(&bare).contains("exactly one KeyInfo"));
}

#[test]
fn times_have_an_end_and_five_minutes_of_doubt() {
    let conditions = |from: Option<i64>, until: Option<i64>| Conditions {
        not_before: from.map(at),
        not_on_or_after: until.map(at),
        ..Conditions::default()
    };
    for (from, until, now, expected) in [
        (Some(0), Some(600), -301, Period::Before),
        (Some(0), Some(600), -300, Period::Within),
        (Some(0), Some(600), 899, Period::Within),
        (Some(0), Some(600), 900, Period::After),
        (None, Some(600), -9999, Period::Within),
        (Some(0), None, 1, Period::After),
        (None, None, 1, Period::After),
    ] {
        assert_eq!(conditions(from, until).period(at(now)), expected, "{from:?} {until:?} {now}");
    }
}

#[test]
fn every_restriction_must_name_us() {
    let of = |audiences: &[&[&str]]| Conditions {
        audiences: audiences.iter().map(|any| any.iter().map(|audience| (*audience).to_owned()).collect()).collect(),
        ..Conditions::default()
    };
    for (audiences, ours) in [
        (&[][..], false),
        (&[&["us"][..]][..], true),
        (&[&["them", "us"][..]][..], true),
        (&[&["us"][..], &["them"][..]][..], false),
        (&[&["us"][..], &["them", "us"][..]][..], true),
    ] {
        assert_eq!(of(audiences).is_for(|audience| audience == "us"), ours, "{audiences:?}");
    }
}
