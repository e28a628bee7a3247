//! A key, and the tools that judge what it signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use fedfront::dsig::SigningKey;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};

pub fn key() -> SigningKey {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "sts.example.com").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(365).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    SigningKey::new(key, certificate.build()).unwrap()
}

/// A program of the machine's.
pub struct Tool(&'static str);

impl Tool {
    pub fn find(name: &'static str) -> Option<Self> {
        if Command::new(name).arg("--version").output().is_ok() {
            return Some(Self(name));
        }
        skip(&format!("{name} is not installed"));
        None
    }

    /// `id` is the attribute and the element that it is of, `ATTRIBUTE:NAMESPACE:ELEMENT`.
    pub fn verify(&self, name: &str, id: &str, xml: &str, key: &SigningKey, good: bool) {
        let (attribute, element) = id.split_once(':').unwrap();
        let certificate = file(&format!("{name}.crt"), &key.certificate().to_pem().unwrap());
        let mut command = Command::new(self.0);
        command.args(["--verify", &format!("--id-attr:{attribute}"), element, "--trusted-pem"]);
        expect(command.arg(certificate).arg(file(&format!("{name}.xml"), xml.as_bytes())), good);
    }

    pub fn validate(&self, schema: &str, files: &[PathBuf], good: bool) {
        let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/saml/schema");
        let mut command = Command::new(self.0);
        command.env("XML_CATALOG_FILES", schemas.join("catalog.xml")).args(["--nonet", "--noout", "--schema"]);
        expect(command.arg(schemas.join(schema)).args(files), good);
    }
}

fn expect(command: &mut Command, good: bool) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let wrong: Vec<&str> = said.lines().filter(|line| !line.ends_with("validates")).collect();
    assert_eq!(output.status.success(), good, "{}: {}", command.get_program().display(), wrong.join("\n"));
}

pub fn skip(reason: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
    eprintln!("skipped: {reason}");
}

pub fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}
