//! Federations' metadata against another implementation: what xmlsec1 signs is believed here, and the federations that other
//! tests make are as xmlsec1 would have them.

mod federation;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use federation::Federation;
use fedfront::dsig::Accepted;
use fedfront::saml::metadata::{Aggregate, MetadataError, MetadataLimits, MetadataTrust};
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

const ID: &str = "urn:oasis:names:tc:SAML:2.0:metadata:EntitiesDescriptor";

#[test]
fn what_xmlsec1_signs_is_believed() {
    if !xmlsec1_is_here() {
        return;
    }
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let pem = scratch("federation.key", &key.private_key_to_pem_pkcs8().unwrap());
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dsig/federation.xml");
    let output = scratch("federation-signed.xml", b"");
    xmlsec1(&["--sign", "--privkey-pem"], &pem, &["--output".as_ref(), output.as_ref(), template.as_ref()]);
    let signed = fs::read_to_string(&output).unwrap();

    let read = |xml: &str| {
        let keys = vec![PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()];
        read(xml, MetadataTrust::SignedBy { keys, accepted: Accepted::Modern })
    };
    for xml in [signed.clone(), signed.replace('\n', "\r\n"), format!("\u{FEFF}{signed}")] {
        let read = read(&xml).unwrap();
        let [one, two] = read.providers.as_slice() else { panic!("{read:?}") };
        assert_eq!(one.entity_id, "https://one.example.org/sp?a=1&b=\"2\"");
        assert_eq!(one.assertion_consumer_services[0].location, "https://one.example.org/ ECP x");
        assert_eq!(one.name_id_formats, ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"]);
        let category: Vec<_> = one.entity_attribute("http://macedir.org/entity-category").collect();
        assert_eq!(category, ["http://refeds.org/category/research-and-scholarship"]);
        assert_eq!(two.entity_id, "https://two.example.org/sp");
    }
    for (from, to) in [("Université", "Universite"), (" xmlns:xs=", " xmlns:no="), ("<plain/>", ""), ("x\"/>", "\"/>")]
    {
        let changed = signed.replacen(from, to, 1);
        assert!(changed != signed && read(&changed).is_err(), "{from}, changed, is still believed");
    }
}

#[test]
fn the_federations_of_other_tests_are_signed_as_xmlsec1_has_it() {
    let federation = Federation::new(20, 5, 3000);
    let mut xml = Vec::new();
    federation.write(|_, entity| entity, |piece| xml.extend_from_slice(piece));
    let text = String::from_utf8(xml).unwrap();
    let keys = || MetadataTrust::SignedBy { keys: vec![federation.public_key()], accepted: Accepted::Modern };
    let believed = read(&text, keys()).unwrap();
    assert_eq!((believed.entities, believed.providers.len()), (25, 20));
    assert!(read(&text.replacen("department", "departement", 1), keys()).is_err());
    if xmlsec1_is_here() {
        let pem = scratch("federation.pub", &federation.public_key().public_key_to_pem().unwrap());
        let input = scratch("federation-ours.xml", text.as_bytes());
        xmlsec1(&["--verify", "--pubkey-pem"], &pem, &[input.as_ref()]);
    }
}

fn read(xml: &str, trust: MetadataTrust) -> Result<Aggregate, MetadataError> {
    Aggregate::read(xml.as_bytes(), trust, MetadataLimits::document(1 << 20))
}

fn xmlsec1(command: &[&str], key: &Path, rest: &[&Path]) {
    let ran = Command::new("xmlsec1").args(command).arg(key).args(["--id-attr:ID", ID]).args(rest).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
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

fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}
