//! What a token costs, step by step, beside the one thing that cannot be had for less: a raw RSA-2048 signature.

mod claims;
mod ecp;
mod metadata;
mod tokens;
mod verifying;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use fedfront::dsig::{SigningKey, Unsigned, sign};
use fedfront::model::SignatureAlgorithm;
use fedfront::xml::{Limits, Ns, Writer, parse};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::X509;

static SAML: Ns = Ns { prefix: "saml", uri: "urn:oasis:names:tc:SAML:1.0:assertion" };

const RST: &[u8] = include_bytes!("../data/rst13.xml");
const LIMITS: Limits = Limits::message(65536);

fn main() {
    let (warm_up, measurement) = (Duration::from_millis(500), Duration::from_secs(2));
    let criterion = Criterion::default().sample_size(40).warm_up_time(warm_up).measurement_time(measurement);
    let mut criterion = criterion.configure_from_args();
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    reading_and_writing(&mut criterion);
    signing(&mut criterion, &key);
    tokens::forms(&mut criterion, &key);
    ecp::answers(&mut criterion, &key);
    verifying::by_key(&mut criterion, &key);
    claims::of_parties(&mut criterion);
    metadata::reading(&mut criterion);
    criterion.final_summary();
}

fn reading_and_writing(criterion: &mut Criterion) {
    criterion.bench_function("xml/parse RST", |b| b.iter(|| parse(black_box(RST), &LIMITS).unwrap()));
    criterion.bench_function("xml/write assertion", |b| b.iter(|| assertion(black_box("alice@example.com"))));
}

fn signing(criterion: &mut Criterion, key: &PKey<Private>) {
    let signing = SigningKey::new(key.clone(), certificate(key)).unwrap();
    let mut group = criterion.benchmark_group("rsa-2048");
    let text = assertion("alice@example.com").xml;
    group.bench_function("raw signature", |b| {
        b.iter(|| {
            let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
            signer.sign_oneshot_to_vec(black_box(text.as_bytes())).unwrap()
        });
    });
    group.bench_function("signed assertion", |b| {
        b.iter_batched(
            || assertion("alice@example.com"),
            |unsigned| sign(unsigned, &signing, SignatureAlgorithm::RsaSha256).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// About what Office 365 gets: conditions, three attributes, an authentication statement.
fn assertion(name: &str) -> Unsigned<()> {
    const ID: &str = "_0123456789abcdef0123456789abcdef";
    const NOW: &str = "2026-01-01T00:00:00.000Z";
    let mut w = Writer::with_capacity(4096);
    w.start(
        &SAML,
        "Assertion",
        &[
            ("AssertionID", ID),
            ("IssueInstant", NOW),
            ("Issuer", "http://example.com/adfs/services/trust/"),
            ("MajorVersion", "1"),
            ("MinorVersion", "1"),
        ],
    );
    w.start(&SAML, "Conditions", &[("NotBefore", NOW), ("NotOnOrAfter", "2026-01-01T01:00:00.000Z")]);
    w.start(&SAML, "AudienceRestrictionCondition", &[]);
    w.leaf(&SAML, "Audience", "urn:federation:MicrosoftOnline");
    w.end();
    w.end();
    w.start(&SAML, "AttributeStatement", &[]);
    subject(&mut w);
    for (attribute, value) in [("UPN", name), ("ImmutableID", "AAECAwQFBgcICQoLDA0ODw=="), ("Note", "a & b <c>")] {
        let namespace = "http://schemas.xmlsoap.org/claims";
        w.start(&SAML, "Attribute", &[("AttributeName", attribute), ("AttributeNamespace", namespace)]);
        w.leaf(&SAML, "AttributeValue", value);
        w.end();
    }
    w.end();
    w.start(
        &SAML,
        "AuthenticationStatement",
        &[("AuthenticationInstant", NOW), ("AuthenticationMethod", "urn:oasis:names:tc:SAML:1.0:am:password")],
    );
    subject(&mut w);
    w.end();
    let signature_at = w.position();
    Unsigned { value: (), xml: w.finish(), id: ID.to_owned(), signature_at }
}

fn subject(w: &mut Writer) {
    w.start(&SAML, "Subject", &[]);
    let format = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
    w.start(&SAML, "NameIdentifier", &[("Format", format)]);
    w.text("AAECAwQFBgcICQoLDA0ODw==");
    w.end();
    w.start(&SAML, "SubjectConfirmation", &[]);
    w.leaf(&SAML, "ConfirmationMethod", "urn:oasis:names:tc:SAML:1.0:cm:bearer");
    w.end();
    w.end();
}

fn certificate(key: &PKey<Private>) -> X509 {
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}
