//! Each form of token, from the assertion to what stands in the answer, beside a raw RSA-2048 signature.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use fedfront::dsig::{FreshKey, KeyInfo, Recipient, SigningKey, encrypt, encrypt_key, sign};
use fedfront::model::{AuthenticationMethod, ContentEncryption, SignatureAlgorithm, Timestamp};
use fedfront::saml::{
    Advice, Assertion, AttributeOut, AuthnContextClass, Confirmation, NameIdentifier, Saml20Prefix, encrypted20,
    saml11, saml20,
};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_priv_bytes;
use openssl::sign::Signer;

/// What the token is bound to.
#[derive(Clone, Copy)]
enum Bound {
    Bearer,
    Symmetric,
    Public,
}

type Form = (&'static str, Bound, Option<ContentEncryption>);

const FORMS: [Form; 7] = [
    ("bearer", Bound::Bearer, None),
    ("holder of a shared key", Bound::Symmetric, None),
    ("holder of a public key", Bound::Public, None),
    ("bearer, AES-256-GCM", Bound::Bearer, Some(ContentEncryption::Aes256Gcm)),
    ("bearer, AES-128-GCM", Bound::Bearer, Some(ContentEncryption::Aes128Gcm)),
    ("bearer, AES-256-CBC", Bound::Bearer, Some(ContentEncryption::Aes256Cbc)),
    ("holder of a shared key, AES-256-GCM", Bound::Symmetric, Some(ContentEncryption::Aes256Gcm)),
];

pub(super) fn forms(criterion: &mut Criterion, key: &PKey<Private>) {
    let certificate = super::certificate(key);
    let signing = SigningKey::new(key.clone(), certificate.clone()).unwrap();
    let recipient = Recipient::new(&certificate).unwrap();
    let public = KeyInfo::of_certificate(&certificate).unwrap();
    let mut group = criterion.benchmark_group("token");
    group.bench_function("raw RSA-2048 signature", |b| {
        b.iter(|| {
            let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
            signer.sign_oneshot_to_vec(black_box(b"as long as it takes")).unwrap()
        });
    });
    for saml_20 in [false, true] {
        let version = if saml_20 { "SAML 2.0" } else { "SAML 1.1" };
        for (name, bound, encryption) in FORMS {
            group.bench_function(format!("{version} {name}"), |b| {
                let token = |mut assertion: Assertion| {
                    assertion.confirmation = match bound {
                        Bound::Bearer => Confirmation::Bearer,
                        Bound::Public => Confirmation::HolderOfKey(public.clone()),
                        Bound::Symmetric => {
                            let mut shared = [0; 32];
                            rand_priv_bytes(&mut shared).unwrap();
                            let encrypted = encrypt_key(&shared, &recipient).unwrap();
                            Confirmation::HolderOfKey(KeyInfo::EncryptedKey(encrypted))
                        }
                    };
                    let unsigned = if saml_20 { saml20(assertion, Saml20Prefix::Rstr) } else { saml11(assertion) };
                    let signed = sign(unsigned, &signing, SignatureAlgorithm::RsaSha256).unwrap();
                    let Some(with) = encryption else { return signed.xml().to_owned() };
                    let fresh = FreshKey::drawn(rand_priv_bytes).unwrap();
                    let data = encrypt(signed.xml(), &recipient, with, fresh).unwrap();
                    if saml_20 { encrypted20(&data, Saml20Prefix::Rstr) } else { data }
                };
                b.iter_batched(assertion, token, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

/// About what Office 365 gets.
pub(super) fn assertion() -> Assertion {
    let now = Timestamp::from_unix_millis(1_767_225_600_000);
    let attribute = |name: &str, value: &str| AttributeOut {
        name: name.to_owned(),
        namespace: None,
        name_format: None,
        friendly_name: None,
        values: vec![value.to_owned()],
    };
    Assertion {
        id: "_0123456789abcdef0123456789abcdef".to_owned(),
        issuer: "http://example.com/adfs/services/trust/".to_owned(),
        issue_instant: now,
        not_before: now,
        not_on_or_after: now.plus(std::time::Duration::from_secs(3600)),
        audience: "urn:federation:MicrosoftOnline".to_owned(),
        name_identifier: NameIdentifier {
            value: "AAECAwQFBgcICQoLDA0ODw==".to_owned(),
            format: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified".to_owned(),
            qualifiers: None,
        },
        confirmation: Confirmation::Bearer,
        attributes: vec![
            attribute("http://schemas.xmlsoap.org/claims/UPN", "alice@example.com"),
            attribute("http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID", "AAECAwQFBgcICQoLDA0ODw=="),
        ],
        authn_instant: now,
        method: AuthenticationMethod::Password,
        authn_context: AuthnContextClass::default(),
        session_index: Some("_s".to_owned()),
        one_time_use: false,
        not_to_be_proxied: false,
        advice: Advice::default(),
    }
}
