//! What another's signature costs, beside the one thing that cannot be had for less: a raw RSA-2048 verification. What is sent by
//! somebody who cannot sign must cost no more.

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use fedfront::dsig::{Accepted, DS, SigningKey, VerifyError, sign, verify};
use fedfront::model::SignatureAlgorithm;
use fedfront::saml::ecp::AuthnRequest;
use fedfront::soap::Envelope;
use fedfront::xml::{Canonicalization, Document, Limits, canonicalize, parse};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::sign::{Signer, Verifier};
use openssl::x509::X509;

use crate::{LIMITS, assertion, certificate};

const SIGNER: &[u8] = include_bytes!("../../tests/data/attacks/signer.crt");
const HONEST: &[u8] = include_bytes!("../../tests/data/attacks/authn-request/honest.xml");
/// A signature that somebody has seen, with other content.
const LONG: &[u8] = include_bytes!("../../tests/data/attacks/authn-request/namespaces_that_are_written_again.xml");
/// A signature that is none.
const FORGED: &[u8] = include_bytes!("../../tests/data/attacks/authn-request/value_of_one.xml");

pub fn by_key(criterion: &mut Criterion, key: &PKey<Private>) {
    let document = signed_assertion(key);
    let how = Canonicalization { without: document.root.child(DS.uri, "Signature"), ..Canonicalization::default() };
    criterion
        .bench_function("xml/canonicalize assertion", |b| b.iter(|| canonicalize(black_box(&document.root), &how)));

    let mut group = criterion.benchmark_group("rsa-2048 verification");
    let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    raw(&mut group, key, &public);
    let keys = [public];
    group.bench_function("signed assertion", |b| {
        b.iter(|| verify(&document, &document.root, "AssertionID", &keys, Accepted::Modern).unwrap());
    });
    let keys = [X509::from_pem(SIGNER).unwrap().public_key().unwrap()];
    group.bench_function("signed AuthnRequest, from its bytes", |b| {
        b.iter(|| request(black_box(HONEST), &keys).unwrap())
    });
    for (name, bytes) in [("forged AuthnRequest", FORGED), ("AuthnRequest that grows", LONG)] {
        group.bench_function(name, |b| b.iter(|| request(black_box(bytes), &keys).unwrap_err()));
    }
    group.finish();
}

fn raw(group: &mut BenchmarkGroup<'_, WallTime>, key: &PKey<Private>, public: &PKey<Public>) {
    let text = assertion("alice@example.com").xml;
    let value = Signer::new(MessageDigest::sha256(), key).unwrap().sign_oneshot_to_vec(text.as_bytes()).unwrap();
    group.bench_function("raw", |b| {
        b.iter(|| {
            let mut verifier = Verifier::new(MessageDigest::sha256(), public).unwrap();
            assert!(verifier.verify_oneshot(&value, black_box(text.as_bytes())).unwrap());
        });
    });
}

/// As the ECP endpoint reads it.
fn request(bytes: &[u8], keys: &[PKey<Public>]) -> Result<AuthnRequest, VerifyError> {
    let envelope = Envelope::parse(bytes, &Limits::message(65536), |_| true).unwrap();
    let content = envelope.content().unwrap();
    AuthnRequest::parse(content).unwrap();
    let verified = verify(envelope.document(), content, "ID", keys, Accepted::Modern)?;
    Ok(AuthnRequest::parse(&verified.document().root).unwrap())
}

fn signed_assertion(key: &PKey<Private>) -> Document {
    let signing = SigningKey::new(key.clone(), certificate(key)).unwrap();
    let signed = sign(assertion("alice@example.com"), &signing, SignatureAlgorithm::RsaSha256).unwrap();
    parse(signed.xml().as_bytes(), &LIMITS).unwrap()
}
