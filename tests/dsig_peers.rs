//! Signatures against another implementation: what xmlsec1 signs verifies here, and what is signed here verifies there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fedfront::dsig::{Accepted, SigningKey, Unsigned, Verified, VerifyError, sign, verify};
use fedfront::model::SignatureAlgorithm;
use fedfront::xml::{Element, Limits, Ns, Writer, parse};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Name};

const SAML11: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
const SAML20: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// A template under `tests/data/dsig`, and what its vocabulary calls the ID.
struct Template {
    file: &'static str,
    namespace: &'static str,
    id_attribute: &'static str,
    key: fn() -> PKey<Private>,
}

const TEMPLATES: [Template; 4] = [
    Template { file: "default-namespaces.xml", namespace: SAML20, id_attribute: "ID", key: rsa },
    Template { file: "prefix-list.xml", namespace: SAML20, id_attribute: "ID", key: rsa },
    Template { file: "nested-prefixes.xml", namespace: SAML11, id_attribute: "AssertionID", key: ec },
    Template { file: "text-and-attributes.xml", namespace: SAML20, id_attribute: "ID", key: rsa },
];

#[test]
fn what_xmlsec1_signs_verifies_here() {
    if !xmlsec1_is_here() {
        return;
    }
    for template in &TEMPLATES {
        let text = fs::read_to_string(data(template.file)).unwrap();
        for (line_ends, text) in [("lf", text.clone()), ("crlf", text.replace('\n', "\r\n"))] {
            let name = format!("{line_ends}-{}", template.file);
            let key = (template.key)();
            let signed = sign_with_xmlsec1(&name, &text, template, &key);
            let verified = verify_here(&signed, template, &key).unwrap_or_else(|error| panic!("{name}: {error}"));
            let root = &verified.document().root;
            assert_eq!(root.attribute(template.id_attribute), Some("_signed"), "{name}");
            assert!(root.elements().all(|child| child.name.local != "Signature"), "{name}");

            let changed = signed.replacen("_signed\"", "_signed\" changed=\"\"", 1);
            assert!(verify_here(&changed, template, &key).is_err(), "{name}, changed, still verifies");
        }
    }
}

#[test]
fn what_is_signed_here_verifies_with_xmlsec1() {
    if !xmlsec1_is_here() {
        return;
    }
    let key = rsa();
    for with in [SignatureAlgorithm::RsaSha256, SignatureAlgorithm::RsaSha1] {
        let signing = SigningKey::new(key.clone(), certificate(&key)).unwrap();
        let certificate = signing.certificate();
        let signed = sign(unsigned(), &signing, with).unwrap();
        let name = format!("ours-{with:?}.xml");
        assert!(xmlsec1_verifies(&name, signed.xml(), certificate), "{with:?}");
        let wrapped = format!("<r xmlns='urn:r' xmlns:saml='urn:other'>\n{}\n</r>", signed.xml());
        assert!(xmlsec1_verifies(&name, &wrapped, certificate), "{with:?}, in another document");
        let changed = signed.xml().replace("alice", "mallory");
        assert!(!xmlsec1_verifies(&name, &changed, certificate), "{with:?}, changed, still verifies");
    }
}

/// An assertion with all that makes canonicalisation hard for a peer.
fn unsigned() -> Unsigned<()> {
    static SAML: Ns = Ns { prefix: "saml", uri: SAML20 };
    static XSI: Ns = Ns { prefix: "xsi", uri: "http://www.w3.org/2001/XMLSchema-instance" };
    static B: Ns = Ns { prefix: "b", uri: "urn:b" };
    let mut w = Writer::default();
    w.start(&SAML, "Assertion", &[("Version", "2.0"), ("ID", "_signed"), ("Note", "tab\t, line\r\n, \"<&>'")]);
    w.leaf(&SAML, "Issuer", "https://idp.example/?a=1&b=2");
    let signature_at = w.position();
    w.start_with(&SAML, "NameID", &[], vec![(Some(&XSI), "nil", "false"), (None, "a", ""), (Some(&B), "z", "é")]);
    w.text("alice\r\n]]> \u{1F600}");
    w.end();
    w.leaf(&B, "Empty", "");
    Unsigned { value: (), xml: w.finish(), id: "_signed".into(), signature_at }
}

fn verify_here(signed: &str, template: &Template, key: &PKey<Private>) -> Result<Verified, VerifyError> {
    let document = parse(signed.as_bytes(), &Limits::message(65536)).unwrap();
    let is_signed = |element: &&Element| element.attribute(template.id_attribute) == Some("_signed");
    let element = document.root.descendants().find(is_signed).unwrap();
    let key = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    verify(&document, element, template.id_attribute, &[key], Accepted::Modern)
}

fn sign_with_xmlsec1(name: &str, text: &str, template: &Template, key: &PKey<Private>) -> String {
    let private = scratch(&format!("{name}.key"), &key.private_key_to_pem_pkcs8().unwrap());
    let input = scratch(&format!("{name}.template.xml"), text.as_bytes());
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.signed.xml"));
    let ran = Command::new("xmlsec1")
        .args(["--sign", "--privkey-pem"])
        .arg(private)
        .args([
            &format!("--id-attr:{}", template.id_attribute),
            &format!("{}:Assertion", template.namespace),
            "--output",
        ])
        .args([&output, &input])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    fs::read_to_string(output).unwrap()
}

/// It takes the key from `ds:KeyInfo`, whose certificate it trusts.
fn xmlsec1_verifies(name: &str, xml: &str, certificate: &X509) -> bool {
    let certificate = scratch(&format!("{name}.crt"), &certificate.to_pem().unwrap());
    let input = scratch(name, xml.as_bytes());
    let ran = Command::new("xmlsec1")
        .args(["--verify", "--trusted-pem"])
        .arg(certificate)
        .args(["--id-attr:ID", &format!("{SAML20}:Assertion")])
        .arg(input)
        .output()
        .unwrap();
    ran.status.success()
}

/// Without xmlsec1 there is nothing to compare with; where CI runs that must not go unnoticed.
#[expect(clippy::disallowed_methods, reason = "CI says so in the environment")]
fn xmlsec1_is_here() -> bool {
    let here = Command::new("xmlsec1").arg("--version").output().is_ok();
    if !here {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "xmlsec1 is not installed");
        eprintln!("skipped: xmlsec1 is not installed");
    }
    here
}

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dsig").join(file)
}

fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// On P-521, whose numbers are no whole count of bytes.
fn ec() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::SECP521R1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(key: &PKey<Private>) -> X509 {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "idp.example").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}
