//! Each form of ECP's answer, from the assertion to the envelope, beside a raw RSA-2048 signature.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use fedfront::dsig::{FreshKey, SigningKey, sign};
use fedfront::model::{SignatureAlgorithm, Timestamp};
use fedfront::saml::ecp::{Enclosed, Outcome, ResponseHead, answer, answer_signed, response};
use fedfront::saml::metadata::{EncryptionKey, ServiceProvider};
use fedfront::saml::names::MICROSOFT_ONLINE;
use fedfront::saml::{Assertion, GeneratedKey, Saml20Prefix, saml20};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_priv_bytes;
use openssl::sign::Signer;

const WITH: SignatureAlgorithm = SignatureAlgorithm::RsaSha256;

pub(super) fn answers(criterion: &mut Criterion, key: &PKey<Private>) {
    let certificate = super::certificate(key);
    let signing = SigningKey::new(key.clone(), certificate.clone()).unwrap();
    let encryption_key = EncryptionKey { certificate: certificate.to_der().unwrap(), methods: Vec::new() };
    let provider =
        ServiceProvider { encryption_keys: vec![encryption_key], ..ServiceProvider::office365(MICROSOFT_ONLINE) };
    let mut group = criterion.benchmark_group("ECP");
    group.bench_function("raw RSA-2048 signature", |b| {
        b.iter(|| {
            let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
            signer.sign_oneshot_to_vec(black_box(b"as long as it takes")).unwrap()
        });
    });
    group.bench_function("the provider's key, made ready", |b| b.iter(|| provider.encryption(None).unwrap()));
    for (name, encrypted, signed) in [
        ("answer", false, false),
        ("answer, encrypted", true, false),
        ("answer, Response signed", false, true),
        ("answer, encrypted and Response signed", true, true),
    ] {
        group.bench_function(name, |b| {
            let made = |mut assertion: Assertion| {
                let recipient = if encrypted { provider.encryption(None).unwrap() } else { None };
                if encrypted {
                    let mut octets = [0; GeneratedKey::LENGTH];
                    rand_priv_bytes(&mut octets).unwrap();
                    assertion.advice.generated_key = Some(GeneratedKey::new(&octets));
                }
                let assertion = sign(saml20(assertion, Saml20Prefix::Ecp), &signing, WITH).unwrap();
                let enclosed = match recipient {
                    None => Enclosed::in_the_clear(assertion),
                    Some((recipient, with)) => {
                        let fresh = FreshKey::drawn(rand_priv_bytes).unwrap();
                        Enclosed::encrypted(assertion, &recipient, with, fresh).unwrap()
                    }
                };
                let head = ResponseHead { generated_key: enclosed.assertion().advice.generated_key.as_ref(), ..head() };
                let outcome = Outcome::Success(&enclosed);
                if signed {
                    answer_signed(&head, &sign(response(&head, outcome), &signing, WITH).unwrap())
                } else {
                    answer(&head, outcome)
                }
            };
            b.iter_batched(super::tokens::assertion, made, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn head() -> ResponseHead<'static> {
    ResponseHead {
        id: "_0123456789abcdef0123456789abcdef",
        issue_instant: Timestamp::from_unix_millis(1_767_225_600_000),
        issuer: "https://sts.example.com/oam/fed",
        acs_url: "https://sp.example.org/Shibboleth.sso/SAML2/ECP",
        in_response_to: "_6f3c0000-1111-2222-3333-444455556666",
        request_authenticated: false,
        channel_bindings: None,
        generated_key: None,
    }
}
