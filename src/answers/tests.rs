//! Every file in `tests/data/answers`, and the `.expected` beside it: what is read of it, and in what two of them differ.
//! `UPDATE_EXPECT=1 cargo test --lib answers` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use openssl::x509::X509;

use super::*;

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/answers").join(kind)
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder(kind)).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "xml")).collect();
    cases.sort();
    assert!(cases.len() > 3);
    cases
}

#[expect(clippy::disallowed_methods, reason = "a developer asks for the expected files to be written again")]
fn compare(case: &Path, told: &str) {
    let expected = case.with_extension("expected");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&expected, told).unwrap();
    }
    assert_eq!(told, fs::read_to_string(&expected).unwrap_or_default(), "{}", case.display());
}

/// The certificate that signed the files.
fn signer() -> X509 {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/attacks/signer.crt");
    X509::from_pem(&fs::read(file).unwrap()).unwrap()
}

fn told(read: Result<Answer, Unreadable>) -> String {
    let answer = match read {
        Ok(answer) => answer,
        Err(error) => return format!("unreadable: {error}\n"),
    };
    let mut told = String::new();
    for Fact { subject, name, value } in answer.facts() {
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        writeln!(told, "{}{name}: {value}", subject.label()).unwrap();
    }
    told
}

#[test]
fn tokens_are_read() {
    for case in cases("token") {
        compare(&case, &told(token(&fs::read(&case).unwrap(), &[])));
    }
}

#[test]
fn ecp_is_read() {
    for case in cases("ecp") {
        compare(&case, &told(ecp(&fs::read(&case).unwrap(), &[])));
    }
}

#[test]
fn metadata_is_read() {
    for case in cases("mex") {
        let mut told = String::new();
        match mex(&fs::read(&case).unwrap()) {
            Err(error) => writeln!(told, "unreadable: {error}").unwrap(),
            Ok(mex) => {
                for endpoint in &mex.endpoints {
                    let Endpoint { credential, version, soap, address, known } = endpoint;
                    let known = if *known { "" } else { ", not known" };
                    writeln!(told, "{} {} {soap:?} {address:?}{known}", credential.label(), version.label()).unwrap();
                }
                for version in crate::wstrust::TrustVersion::ALL {
                    let chosen = mex.for_password(version).map(|endpoint| endpoint.address.as_str());
                    writeln!(told, "password by {}: {chosen:?}", version.label()).unwrap();
                }
                for obstacle in mex.obstacles {
                    writeln!(told, "{}: {}", obstacle.label(), obstacle.words()).unwrap();
                }
            }
        }
        compare(&case, &told);
    }
}

/// Each port had an endpoint for each operation: a document of a megabyte took gigabytes.
#[test]
fn operations_of_a_binding_are_not_multiplied_by_its_ports() {
    let operation = "<w:operation><s:operation soapAction='http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue'/>\
                     </w:operation>";
    let other =
        "<w:operation><s:operation soapAction='http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue'/></w:operation>";
    let port = "<w:port binding='t:b'><s:address location='https://sts.example.com/trust'/></w:port>";
    let whole = [
        "<w:definitions xmlns:w='http://schemas.xmlsoap.org/wsdl/' xmlns:s='http://schemas.xmlsoap.org/wsdl/soap12/'>",
        "<w:binding name='b'><s:binding transport='http://schemas.xmlsoap.org/soap/http'/>",
        &[operation, other].concat().repeat(1000),
        "</w:binding><w:service>",
        &port.repeat(2000),
        "</w:service></w:definitions>",
    ];
    let read = mex(whole.concat().as_bytes()).unwrap();
    assert_eq!(read.endpoints.len(), 2000 * crate::wstrust::TrustVersion::ALL.len());
}

#[test]
fn two_answers_differ_in_what_is_said() {
    for (name, kind, first, second) in [
        ("adfs_itself", "token", "adfs13", "adfs13"),
        ("adfs_in_two_versions", "token", "adfs13", "adfs2005"),
        ("adfs_and_wso2", "token", "adfs2005", "wso2_2005"),
        ("adfs_and_wso2_saml2", "token", "adfs13", "wso2_saml2"),
        ("adfs_and_its_fault", "token", "adfs13", "adfs_fault"),
        ("two_faults", "token", "adfs_fault", "wso2_fault11"),
        ("a_spoiled_one", "token", "adfs13", "spoiled"),
        ("a_bare_one", "token", "adfs13", "unsigned_and_bare"),
        ("an_encrypted_one", "token", "adfs13", "encrypted"),
        ("two_of_ecp", "ecp", "shibboleth", "no_header"),
    ] {
        let read = |file: &str| {
            let bytes = fs::read(folder(kind).join(file).with_extension("xml")).unwrap();
            if kind == "ecp" { ecp(&bytes, &[]) } else { token(&bytes, &[]) }.unwrap()
        };
        let mut told = String::new();
        for difference in differences(&read(first), &read(second)) {
            let name = difference.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            let (first, second) = difference.words();
            let weight = if difference.subject.matters() { "matters" } else { "is worth knowing" };
            writeln!(told, "{}{name} {weight}: {first} / {second}", difference.subject.label()).unwrap();
        }
        compare(&folder("differences").join(name), &told);
    }
}

#[test]
fn a_known_certificate_is_enough_where_none_is_inside() {
    let bytes = fs::read(folder("token").join("no_certificate.xml")).unwrap();
    let verification = |known: &[X509]| {
        let answer = token(&bytes, known).unwrap();
        answer.assertion().unwrap().signature.clone().unwrap().verification
    };
    assert!(matches!(verification(&[]), Verification::NoKey));
    assert!(matches!(verification(&[signer()]), Verification::Holds(by) if by == signer()));
}

#[test]
fn a_certificate_inside_does_not_stand_for_the_known_one() {
    let bytes = fs::read(folder("token").join("adfs13.xml")).unwrap();
    let stranger = crate::dsig::testing::certificate(&crate::dsig::testing::rsa());
    let answer = token(&bytes, std::slice::from_ref(&stranger)).unwrap();
    let Verification::Holds(by) = answer.assertion().unwrap().signature.clone().unwrap().verification else {
        panic!("it holds by the certificate inside")
    };
    assert!(by == signer() && by != stranger);
}

#[test]
fn instants_agree_within_minutes_and_lifetimes_within_one() {
    use std::time::Duration;

    use crate::model::Timestamp;
    let at = |seconds: i64| Value::Instant(Timestamp::from_unix_millis(seconds * 1000));
    let lasts = |seconds| Value::Lifetime(Duration::from_secs(seconds));
    for (one, other, agree) in [
        (at(0), at(300), true),
        (at(300), at(0), true),
        (at(0), at(301), false),
        (lasts(3600), lasts(3601), true),
        (lasts(3600), lasts(3540), false),
        (lasts(0), at(0), false),
    ] {
        assert_eq!(one.agrees(&other), agree, "{one:?} {other:?}");
    }
}

#[test]
fn names_are_closed_and_each_is_there_once() {
    let labels: std::collections::BTreeSet<_> = Subject::ALL.iter().map(|subject| subject.label()).collect();
    assert_eq!(labels.len(), Subject::ALL.len());
    assert!(Subject::ALL.is_sorted());
}

#[test]
fn what_misleads_a_terminal_is_not_shown() {
    let shown = Value::Text("a\u{1b}[2Jb\u{202e}c".to_owned()).to_string();
    assert_eq!(shown, "a\\u{1b}[2Jb\\u{202e}c");
}
