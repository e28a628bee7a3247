//! Certificates that OpenSSL's verification must tell apart, and files that hold none.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::Private;
use openssl::rsa::Rsa;
use openssl::x509::X509NameBuilder;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, SubjectAlternativeName};

use super::*;
use crate::keys::testing::{Scratch, elliptic, rsa};

struct Authority {
    key: PKey<Private>,
    certificate: X509,
}

/// What is particular about a certificate.
#[derive(Clone, Copy)]
struct Wanted {
    name: &'static str,
    days: (i64, i64),
    authority: bool,
    server_only: bool,
    digest: fn() -> MessageDigest,
}

const ALICE: Wanted =
    Wanted { name: "alice", days: (-1, 30), authority: false, server_only: false, digest: MessageDigest::sha256 };
const CA: Wanted = Wanted { name: "ca", authority: true, ..ALICE };

fn sign(wanted: Wanted, key: &PKey<Private>, issuer: Option<&Authority>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", wanted.name).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.map_or(&*name, |issuer| issuer.certificate.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    let now = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let day = |days: i64| Asn1Time::from_unix(now + days * 86_400).unwrap();
    builder.set_not_before(&day(wanted.days.0)).unwrap();
    builder.set_not_after(&day(wanted.days.1)).unwrap();
    if wanted.authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    } else {
        let mut names = SubjectAlternativeName::new();
        names.email(&format!("{}@example.com", wanted.name));
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    if wanted.server_only {
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build().unwrap()).unwrap();
    }
    builder.sign(issuer.map_or(key, |issuer| &issuer.key), (wanted.digest)()).unwrap();
    builder.build()
}

fn authority(name: &'static str, issuer: Option<&Authority>) -> Authority {
    let key = elliptic();
    let certificate = sign(Wanted { name, ..CA }, &key, issuer);
    Authority { key, certificate }
}

fn trust(authorities: &[&Authority]) -> ClientTrust {
    let scratch = Scratch::new();
    let pem: Vec<u8> = authorities.iter().flat_map(|authority| authority.certificate.to_pem().unwrap()).collect();
    let ca_file = scratch.write("ca.pem", &pem);
    ClientTrust::load(&CertificateCredentials { ca_file, crl_file: None, name: CertificateName::Email }).unwrap()
}

fn alone(leaf: X509) -> ShownCertificate {
    ShownCertificate { leaf, chain: Vec::new() }
}

#[test]
fn only_certificates_of_the_authorities_are_users() {
    let (root, stranger, key) = (authority("root", None), authority("root", None), elliptic());
    let between = authority("between", Some(&root));
    let not_an_authority =
        Authority { certificate: sign(Wanted { name: "bob", ..ALICE }, &key, Some(&root)), key: key.clone() };
    let trust = trust(&[&root]);
    let user = |wanted: Wanted, issuer: Option<&Authority>| trust.user_of(&alone(sign(wanted, &key, issuer)));
    assert_eq!(user(ALICE, Some(&root)).as_deref(), Ok("alice@example.com"));
    for (wanted, issuer, reason) in [
        (ALICE, None, "self-signed certificate"),
        (ALICE, Some(&stranger), "certificate signature failure"),
        (ALICE, Some(&between), "unable to get local issuer"),
        (Wanted { days: (-30, -1), ..ALICE }, Some(&root), "expired"),
        (Wanted { days: (1, 30), ..ALICE }, Some(&root), "not yet valid"),
        (Wanted { server_only: true, ..ALICE }, Some(&root), "purpose"),
        (Wanted { digest: MessageDigest::sha1, ..ALICE }, Some(&root), "digest algorithm too weak"),
    ] {
        let found = user(wanted, issuer).unwrap_err();
        assert!(found.contains(reason), "{found} and not {reason}");
    }
    let with = |issuer: &Authority| {
        let chain = vec![issuer.certificate.clone()];
        trust.user_of(&ShownCertificate { leaf: sign(ALICE, &key, Some(issuer)), chain })
    };
    assert_eq!(with(&between).as_deref(), Ok("alice@example.com"));
    let found = with(&not_an_authority).unwrap_err();
    assert!(found.contains("CA certificate"), "{found}");
}

#[test]
fn a_short_key_is_no_users() {
    let root = authority("root", None);
    let found = trust(&[&root]).user_of(&alone(sign(ALICE, &rsa(1024), Some(&root)))).unwrap_err();
    assert!(found.contains("key too weak"), "{found}");
}

#[test]
fn wrong_files_are_told_by_their_keys() {
    let scratch = Scratch::new();
    let root = authority("root", None);
    let ca_file = scratch.write("ca.pem", &root.certificate.to_pem().unwrap());
    let nothing = scratch.write("nothing.pem", b"nothing");
    for (ca_file, crl_file, field) in [
        (nothing.clone(), None, KeyField::Authorities),
        (ca_file.clone(), Some(nothing), KeyField::RevocationLists),
        (ca_file.clone(), Some(scratch.path("absent")), KeyField::RevocationLists),
        (ca_file.clone(), Some(ca_file), KeyField::RevocationLists),
    ] {
        let config = CertificateCredentials { ca_file, crl_file, name: CertificateName::Upn };
        let error = ClientTrust::load(&config).err().unwrap();
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn what_follows_a_certificate_is_not_passed_over() {
    let root = authority("root", None);
    let leaf = sign(ALICE, &elliptic(), Some(&root)).to_der().unwrap();
    assert!(ShownCertificate::from_der(&leaf).is_some());
    assert!(ShownCertificate::from_der(&[leaf.clone(), vec![0]].concat()).is_none());
    assert!(ShownCertificate::from_der(b"").is_none());

    let between = authority("between", Some(&root));
    let own = sign(ALICE, &elliptic(), Some(&between));
    let inside = [between.certificate.to_der().unwrap(), own.to_der().unwrap()].concat();
    let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
    let path = [&[0x30, 0x82][..], &length, &inside].concat();
    let shown = ShownCertificate::from_pki_path(&path).unwrap();
    assert_eq!(trust(&[&root]).user_of(&shown).as_deref(), Ok("alice@example.com"));
    assert!(ShownCertificate::from_pki_path(&[path, vec![0]].concat()).is_none());
    assert!(ShownCertificate::from_pki_path(&[0x30, 0]).is_none());
}

#[test]
fn keys_that_verify_are_neither_weak_nor_slow() {
    let root = authority("root", None);
    let huge_exponent = {
        let e = BigNum::from_dec_str("18446744073709551629").unwrap();
        PKey::from_rsa(Rsa::generate_with_e(2048, &e).unwrap()).unwrap()
    };
    for (key, usable) in [
        (elliptic(), true),
        (rsa(2048), true),
        (rsa(1024), false),
        (huge_exponent, false),
        (PKey::generate_ed25519().unwrap(), false),
    ] {
        let issuer = &root;
        let shown = alone(sign(ALICE, &issuer.key, None));
        assert!(shown.public_key().is_some());
        let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
        assert_eq!(is_fit(&public), usable, "{:?} {}", key.id(), key.bits());
    }
}
