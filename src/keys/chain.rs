//! What clients would have against a TLS certificate and its chain.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509NameRef, X509Ref, X509StoreContext, X509VerifyResult};

use super::loaded::LEAST_BITS;
use super::tls::TlsKey;
use super::validity::{Term, Validity};
use crate::model::Timestamp;

/// Something that works, and is likely not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// For whom a certificate is served.
#[derive(Clone, Copy)]
pub struct Service<'a> {
    /// The host that clients connect to: a DNS name, or an address without brackets.
    pub host: &'a str,
    /// Whether Office 365 is among them: it connects itself, and nobody can teach it another CA.
    pub office365: bool,
    /// The CAs that anybody trusts; empty where they are not known.
    pub authorities: &'a [X509],
}

impl TlsKey {
    /// What clients would have against it at `now`.
    pub fn doubts(&self, service: &Service<'_>, now: Timestamp) -> Vec<Doubt> {
        let (path, strangers) = self.path();
        let mut doubts = Vec::new();
        let mut doubt = |what: String, help: String| doubts.push(Doubt { what, help });

        if let Some((what, help)) = self.trust(&path, service) {
            doubt(what, help);
        }
        if !strangers.is_empty() {
            let names: Vec<String> = strangers.iter().map(|stranger| name(stranger.subject_name())).collect();
            doubt(
                format!("holds certificates that are no part of the chain: {}", names.join("; ")),
                "remove them, or replace them by the server certificate's own issuers".to_owned(),
            );
        }
        let in_file = self.chain.iter().filter(|other| !strangers.iter().any(|stranger| same(stranger, other)));
        if !in_file.zip(path.iter().skip(1)).all(|(file, path)| same(file, path)) {
            let names: Vec<String> = path.iter().map(|part| name(part.subject_name())).collect();
            doubt(
                "holds the chain in the wrong order, which some clients do not put right".to_owned(),
                format!("order it so that each certificate is followed by its issuer's: {}", names.join("; ")),
            );
        }
        if !self.is_for(service.host) {
            let names = if self.names().is_empty() { "no name".to_owned() } else { self.names().join(", ") };
            doubt(
                format!("is for {names}, and public_url says {}: clients refuse it", service.host),
                "get a certificate that has the host of public_url among its names, or correct public_url".to_owned(),
            );
        }
        for (place, part) in path.iter().enumerate().filter(|(place, part)| *place == 0 || !is_root(part)) {
            let which = if place == 0 { String::new() } else { format!("{} in the chain ", name(part.subject_name())) };
            if let Some(what) = weakness(part) {
                let help = "get one with RSA of 2048 bits or more, or ECDSA, signed with SHA-256";
                doubt(format!("{which}{what}: clients refuse it"), help.to_owned());
            }
        }
        for (place, part) in path.iter().enumerate() {
            let which = if place == 0 { String::new() } else { format!("{} in the chain ", name(part.subject_name())) };
            let term = Validity::of(part).map_or(Term::Fine, |validity| validity.at(now));
            let (consequence, help) = match term {
                Term::NotYet(_) => (": clients refuse it", "wait, or check this machine's clock"),
                Term::Ended(_) => (": clients refuse it", "renew it at once"),
                _ => ("", "renew it"),
            };
            if let Some(text) = term.doubt() {
                doubt(format!("{which}{text}{consequence}"), help.to_owned());
            }
        }
        doubts
    }

    /// The leaf, its issuer in the file, that one's issuer and so on; and what is left over.
    fn path(&self) -> (Vec<&X509Ref>, Vec<&X509Ref>) {
        let mut rest: Vec<&X509Ref> = self.chain.iter().map(AsRef::as_ref).collect();
        let mut path: Vec<&X509Ref> = vec![&self.leaf];
        while let Some(issuer) =
            path.last().filter(|last| !is_root(last)).and_then(|last| rest.iter().position(|other| issued(other, last)))
        {
            path.push(rest.remove(issuer));
        }
        (path, rest)
    }

    /// Why clients would not trust it, and what to do; the first reason only.
    fn trust(&self, path: &[&X509Ref], service: &Service<'_>) -> Option<(String, String)> {
        let refuses = if service.office365 {
            "Office 365 connects directly to this address and refuses it"
        } else {
            "clients refuse it unless each was told to trust it"
        };
        if is_root(&self.leaf) {
            let help = "get a certificate from a CA that clients know, and put the CA's chain behind it";
            return Some((format!("is self-signed: {refuses}"), help.to_owned()));
        }
        if self.is_vouched_for(service.authorities) {
            return None;
        }
        let issuer = name(path.last()?.issuer_name());
        if path.len() == 1 {
            let help = format!("append the certificate of {issuer} and of each issuer above it, as its CA gives them");
            return Some((
                format!("has no chain: the certificate of its issuer, {issuer}, is not there; {refuses}"),
                help,
            ));
        }
        if service.authorities.is_empty() || is_local(service.host) {
            return None;
        }
        let what = format!("is not from a CA that this system trusts, but from {issuer}: {refuses}");
        Some((what, "get a certificate from a public CA, and put its whole chain there".to_owned()))
    }

    /// Whether one of `authorities` vouches for it, time aside.
    fn is_vouched_for(&self, authorities: &[X509]) -> bool {
        let verify = || {
            let mut store = X509StoreBuilder::new()?;
            authorities.iter().try_for_each(|authority| store.add_cert(authority.clone()))?;
            store.set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
            let mut chain = Stack::new()?;
            self.chain.iter().try_for_each(|part| chain.push(part.clone()))?;
            X509StoreContext::new()?.init(&store.build(), &self.leaf, &chain, |context| context.verify_cert())
        };
        verify().unwrap_or(false)
    }
}

/// Whether only this machine uses the host, and has been told whom to trust.
fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the certificate vouches for itself.
fn is_root(certificate: &X509Ref) -> bool {
    issued(certificate, certificate)
}

/// Whether `issuer` made `subject`: by name, and by signature where the names are right.
fn issued(issuer: &X509Ref, subject: &X509Ref) -> bool {
    // A self-signed certificate without the right to sign others has its own name for its issuer's all the same.
    let named = issuer.issued(subject) == X509VerifyResult::OK
        || (same(issuer, subject) && name(issuer.subject_name()) == name(subject.issuer_name()));
    named && issuer.public_key().is_ok_and(|key| subject.verify(&key).unwrap_or(false))
}

fn same(one: &X509Ref, other: &X509Ref) -> bool {
    let digest = |certificate: &X509Ref| certificate.digest(MessageDigest::sha256()).ok().map(|digest| digest.to_vec());
    digest(one) == digest(other)
}

/// What is too weak about a certificate, if anything.
fn weakness(certificate: &X509Ref) -> Option<String> {
    let key = certificate.public_key().ok()?;
    if key.id() == Id::RSA && key.bits() < LEAST_BITS {
        return Some(format!("has an RSA key of {} bits", key.bits()));
    }
    let digest = certificate.signature_algorithm().object().nid().signature_algorithms()?.digest;
    match digest {
        Nid::SHA1 => Some("is signed with SHA-1".to_owned()),
        Nid::MD5 => Some("is signed with MD5".to_owned()),
        _ => None,
    }
}

/// A distinguished name for people: its common name, or all of it.
fn name(name: &X509NameRef) -> String {
    let text = |entries: &mut dyn Iterator<Item = &openssl::x509::X509NameEntryRef>| {
        entries.filter_map(|entry| entry.data().to_string().ok()).collect::<Vec<_>>().join(", ")
    };
    let common = text(&mut name.entries_by_nid(Nid::COMMONNAME));
    if common.is_empty() { text(&mut name.entries()) } else { common }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        };
        load_tls(&files).unwrap_or_else(|error| panic!("{error}"))
    }

    fn good() -> Certificate<'static> {
        Certificate { hosts: &[HOST], ..Certificate::of("server") }
    }

    fn now() -> Timestamp {
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        Timestamp::from_unix_millis(seconds as i64 * 1000 + 1000)
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
                &[theirs.root.clone()],
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
            assert_doubts(
                &load(key, &file),
                Service { host: HOST, office365: true, authorities: &[] },
                now(),
                expected,
            );
        }
    }
}
