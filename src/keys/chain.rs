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

impl Doubt {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
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
        let whole =
            [self.trust(&path, service), strange(&strangers), self.order(&path, &strangers), self.host(service.host)];
        let parts = path.iter().enumerate().flat_map(|(place, part)| of_part(place, part, now));
        whole.into_iter().flatten().chain(parts).collect()
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

    /// Why clients would not trust it; the first reason only.
    fn trust(&self, path: &[&X509Ref], service: &Service<'_>) -> Option<Doubt> {
        let refuses = if service.office365 {
            "Office 365 connects directly to this address and refuses it"
        } else {
            "clients refuse it unless each was told to trust it"
        };
        if is_root(&self.leaf) {
            let help = "get a certificate from a CA that clients know, and put the CA's chain behind it";
            return Some(Doubt::new(format!("is self-signed: {refuses}"), help));
        }
        if self.is_vouched_for(service.authorities) {
            return None;
        }
        let issuer = name(path.last()?.issuer_name());
        if path.len() == 1 {
            let what = format!("has no chain: the certificate of its issuer, {issuer}, is not there; {refuses}");
            let help = format!("append the certificate of {issuer} and of each issuer above it, as its CA gives them");
            return Some(Doubt::new(what, help));
        }
        if service.authorities.is_empty() || is_local(service.host) {
            return None;
        }
        let what = format!("is not from a CA that this system trusts, but from {issuer}: {refuses}");
        Some(Doubt::new(what, "get a certificate from a public CA, and put its whole chain there"))
    }

    /// Whether what belongs to the chain is in the order that servers send it in.
    fn order(&self, path: &[&X509Ref], strangers: &[&X509Ref]) -> Option<Doubt> {
        let in_file = self.chain.iter().filter(|other| !strangers.iter().any(|stranger| same(stranger, other)));
        let wrong = !in_file.zip(path.iter().skip(1)).all(|(file, path)| same(file, path));
        wrong.then(|| {
            let names: Vec<String> = path.iter().map(|part| name(part.subject_name())).collect();
            let help = format!("order it so that each certificate is followed by its issuer's: {}", names.join("; "));
            Doubt::new("holds the chain in the wrong order, which some clients do not put right", help)
        })
    }

    fn host(&self, host: &str) -> Option<Doubt> {
        let names = if self.names().is_empty() { "no name".to_owned() } else { self.names().join(", ") };
        (!self.is_for(host)).then(|| {
            let help = "get a certificate that has the host of public_url among its names, or correct public_url";
            Doubt::new(format!("is for {names}, and public_url says {host}: clients refuse it"), help)
        })
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

fn strange(strangers: &[&X509Ref]) -> Option<Doubt> {
    let names: Vec<String> = strangers.iter().map(|stranger| name(stranger.subject_name())).collect();
    (!names.is_empty()).then(|| {
        let what = format!("holds certificates that are no part of the chain: {}", names.join("; "));
        Doubt::new(what, "remove them, or replace them by the server certificate's own issuers")
    })
}

/// Strength and time of one certificate. A root's own signature proves nothing, however strong.
fn of_part(place: usize, part: &X509Ref, now: Timestamp) -> impl Iterator<Item = Doubt> {
    let which = if place == 0 { String::new() } else { format!("{} in the chain ", name(part.subject_name())) };
    let weak = weakness(part).filter(|_| place == 0 || !is_root(part)).map(|what| {
        let help = "get one with RSA of 2048 bits or more, or ECDSA, signed with SHA-256";
        Doubt::new(format!("{which}{what}: clients refuse it"), help)
    });
    let term = Validity::of(part).map_or(Term::Fine, |validity| validity.at(now));
    let (consequence, help) = match term {
        Term::NotYet(_) => (": clients refuse it", "wait, or check this machine's clock"),
        Term::Ended(_) => (": clients refuse it", "renew it at once"),
        Term::Fine | Term::Ends(..) => ("", "renew it"),
    };
    let time = term.doubt().map(|what| Doubt::new(format!("{which}{what}{consequence}"), help));
    [weak, time].into_iter().flatten()
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
pub(super) fn name(name: &X509NameRef) -> String {
    let text = |entries: &mut dyn Iterator<Item = &openssl::x509::X509NameEntryRef>| {
        entries.filter_map(|entry| entry.data().to_string().ok()).collect::<Vec<_>>().join(", ")
    };
    let common = text(&mut name.entries_by_nid(Nid::COMMONNAME));
    if common.is_empty() { text(&mut name.entries()) } else { common }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
