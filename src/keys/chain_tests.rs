//! Chains of certificates made for each way in which one can be wrong.

use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::config::TlsFiles;
use crate::keys::load_tls;
use crate::keys::testing::{Certificate, Scratch, elliptic, rsa};

const HOST: &str = "sts.example.com";

/// A root, an intermediate of it and a server's certificate of that.
struct Authority {
    root: X509,
    intermediate: (X509, PKey<Private>),
    key: PKey<Private>,
}

impl Authority {
    fn new() -> Self {
        let (root_key, key) = (elliptic(), elliptic());
        let root = Certificate::authority("root").sign(&root_key, None);
        let between = Certificate::authority("intermediate").sign(&key, Some((&root, &root_key)));
        Self { root, intermediate: (between, key), key: elliptic() }
    }

    fn leaf(&self, certificate: Certificate<'_>) -> X509 {
        certificate.sign(&self.key, Some((&self.intermediate.0, &self.intermediate.1)))
    }

    fn load(&self, certificates: &[&X509]) -> TlsKey {
        load(&self.key, certificates)
    }
}

fn load(key: &PKey<Private>, certificates: &[&X509]) -> TlsKey {
    let scratch = Scratch::new();
    let pem: Vec<u8> = certificates.iter().flat_map(|certificate| certificate.to_pem().unwrap()).collect();
    let files = TlsFiles {
        certificate_file: scratch.write("tls.crt", &pem),
        private_key_file: scratch.write("tls.key", &key.private_key_to_pem_pkcs8().unwrap()),
        client_ca_file: None,
    };
    load_tls(&files).unwrap_or_else(|error| panic!("{error}"))
}

fn good() -> Certificate<'static> {
    Certificate { hosts: &[HOST], ..Certificate::of("server") }
}

/// A second after certificates made now begin.
fn now() -> Timestamp {
    let since = Asn1Time::from_unix(0).unwrap().diff(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    Timestamp::from_unix_millis((i64::from(since.days) * 86_400 + i64::from(since.secs) + 1) * 1000)
}

#[track_caller]
fn assert_doubts(key: &TlsKey, service: Service<'_>, at: Timestamp, expected: &[&str]) {
    let doubts = key.doubts(&service, at);
    let texts: Vec<&str> = doubts.iter().map(|doubt| doubt.what.as_str()).collect();
    assert_eq!(texts.len(), expected.len(), "{texts:?}");
    assert!(texts.iter().zip(expected).all(|(text, part)| text.contains(part)), "{texts:?}");
    assert!(doubts.iter().all(|doubt| !doubt.help.is_empty()));
}

#[test]
fn a_chain_is_whole_in_order_and_from_somebody_known() {
    let ours = Authority::new();
    let theirs = Authority::new();
    let (leaf, between, root) = (ours.leaf(good()), &ours.intermediate.0, &ours.root);
    let known = std::slice::from_ref(root);
    for (file, authorities, expected) in [
        (&[&leaf, between][..], known, &[][..]),
        (&[&leaf, between, root], known, &[]),
        (&[&leaf], known, &["has no chain: the certificate of its issuer, intermediate, is not there; Office 365"]),
        (&[&leaf], &[], &["has no chain"]),
        (&[&leaf, root, between], known, &["in the wrong order"]),
        (&[&leaf, &theirs.root, between], known, &["no part of the chain: root"]),
        (&[&leaf, &theirs.intermediate.0], known, &["has no chain", "no part of the chain: intermediate"]),
        (
            &[&leaf, between, root],
            std::slice::from_ref(&theirs.root),
            &["not from a CA that this system trusts, but from root"],
        ),
        (&[&leaf, between, root], &[], &[]),
    ] {
        let service = Service { host: HOST, office365: true, authorities };
        assert_doubts(&ours.load(file), service, now(), expected);
    }
}

#[test]
fn a_root_that_signs_servers_needs_no_chain() {
    let (root_key, key) = (elliptic(), elliptic());
    let root = Certificate::authority("root").sign(&root_key, None);
    let leaf = good().sign(&key, Some((&root, &root_key)));
    let known = [root];
    assert_doubts(&load(&key, &[&leaf]), Service { host: HOST, office365: true, authorities: &known }, now(), &[]);
}

#[test]
fn nobody_vouches_for_a_self_signed_certificate() {
    let key = rsa(2048);
    for certificate in [good(), Certificate { authority: true, ..good() }] {
        let loaded = load(&key, &[&certificate.sign(&key, None)]);
        for (office365, expected) in
            [(true, "self-signed: Office 365 connects directly"), (false, "self-signed: clients")]
        {
            assert_doubts(&loaded, Service { host: HOST, office365, authorities: &[] }, now(), &[expected]);
        }
    }
}

#[test]
fn whoever_tries_a_private_ca_on_their_own_machine_knows() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let leaf = ours.leaf(Certificate { hosts: &["localhost", "127.0.0.1"], ..good() });
    for host in ["localhost", "127.0.0.1"] {
        let service = Service { host, office365: true, authorities: std::slice::from_ref(&theirs.root) };
        assert_doubts(&ours.load(&[&leaf, &ours.intermediate.0]), service, now(), &[]);
    }
}

#[test]
fn names_are_held_against_the_public_url() {
    let ours = Authority::new();
    for (hosts, host, expected) in [
        (&["STS.example.com"][..], HOST, None),
        (&["*.example.com"], HOST, None),
        (&["10.1.2.3"], "10.1.2.3", None),
        (&["fd00::1"], "fd00::1", None),
        (&["example.com"], HOST, Some("is for example.com, and public_url says sts.example.com")),
        (&["10.1.2.3"], "10.1.2.4", Some("public_url says 10.1.2.4")),
        (&["10.1.2.3", "other.example"], "other.example", None),
    ] {
        let key = ours.load(&[&ours.leaf(Certificate { hosts, ..good() }), &ours.intermediate.0]);
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_doubts(&key, Service { host, office365: true, authorities: &[] }, now(), &expected);
    }
}

#[test]
fn time_is_told_of_the_whole_chain() {
    let ours = Authority::new();
    let key = ours.load(&[&ours.leaf(Certificate { days: 100, ..good() }), &ours.intermediate.0]);
    let days = |days: u64| Duration::from_secs(days * 86_400);
    for (at, expected) in [
        (now(), &[][..]),
        (now().minus(days(1)), &["is not valid before", "intermediate in the chain is not valid before"]),
        (now().plus(days(69)), &[]),
        (now().plus(days(80)), &["ends at"]),
        (now().plus(days(95)), &["ends very soon"]),
        (now().plus(days(101)), &["ended at"]),
        (now().plus(days(360)), &["ended at", "intermediate in the chain ends very soon"]),
    ] {
        assert_doubts(&key, Service { host: HOST, office365: true, authorities: &[] }, at, expected);
    }
}

#[test]
fn weak_certificates_are_told() {
    let (root_key, weak, key) = (elliptic(), rsa(1024), rsa(1024));
    let sha1 = MessageDigest::sha1;
    let root = Certificate { digest: sha1, ..Certificate::authority("root") }.sign(&root_key, None);
    let between =
        Certificate { digest: sha1, ..Certificate::authority("old") }.sign(&root_key, Some((&root, &root_key)));
    let leaf = |digest| Certificate { digest, ..good() };
    for (file, key, expected) in [
        (
            vec![leaf(MessageDigest::sha256).sign(&key, Some((&root, &root_key))), root.clone()],
            &key,
            &["has an RSA key of 1024 bits"][..],
        ),
        (
            vec![leaf(sha1).sign(&root_key, Some((&root, &root_key))), root.clone()],
            &root_key,
            &["is signed with SHA-1"],
        ),
        (
            vec![leaf(sha1).sign(&weak, Some((&between, &root_key))), between, root],
            &weak,
            &["has an RSA key of 1024 bits", "old in the chain is signed with SHA-1"],
        ),
    ] {
        let file: Vec<&X509> = file.iter().collect();
        assert_doubts(&load(key, &file), Service { host: HOST, office365: true, authorities: &[] }, now(), expected);
    }
}
