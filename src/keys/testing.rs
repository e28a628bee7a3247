//! Keys, certificates and files for the tests of this module.

use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

pub fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

pub fn elliptic() -> PKey<Private> {
    curve(Nid::X9_62_PRIME256V1)
}

pub fn curve(name: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(name).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A self-signed certificate that is valid from now for `days`.
pub fn certificate(key: &PKey<Private>, days: u32) -> X509 {
    Certificate { days, ..Certificate::of("signing") }.sign(key, None)
}

/// What a certificate says.
#[derive(Clone, Copy)]
pub struct Certificate<'a> {
    pub name: &'a str,
    /// DNS names and addresses.
    pub hosts: &'a [&'a str],
    pub authority: bool,
    pub days: u32,
    pub digest: fn() -> MessageDigest,
}

impl<'a> Certificate<'a> {
    pub fn of(name: &'a str) -> Self {
        Self { name, hosts: &[], authority: false, days: 365, digest: MessageDigest::sha256 }
    }

    pub fn authority(name: &'a str) -> Self {
        Self { authority: true, ..Self::of(name) }
    }

    /// A certificate of `key`, by `issuer` or by itself.
    pub fn sign(self, key: &PKey<Private>, issuer: Option<(&X509, &PKey<Private>)>) -> X509 {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", self.name).unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(issuer.map_or(&*name, |(issuer, _)| issuer.subject_name())).unwrap();
        builder.set_pubkey(key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(self.days).unwrap()).unwrap();
        if self.authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        }
        if !self.hosts.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for host in self.hosts {
                match host.parse::<std::net::IpAddr>() {
                    Ok(_) => names.ip(host),
                    Err(_) => names.dns(host),
                };
            }
            let names = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(issuer.map_or(key, |(_, key)| key), (self.digest)()).unwrap();
        builder.build()
    }
}

pub fn archive(key: &PKey<Private>, certificate: &X509, password: &str) -> Vec<u8> {
    Pkcs12::builder().pkey(key).cert(certificate).build2(password).unwrap().to_der().unwrap()
}

/// A directory that goes away with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let mut random = [0; 8];
        openssl::rand::rand_bytes(&mut random).unwrap();
        let path = std::env::temp_dir().join(format!("fedfront-keys-{:016x}", u64::from_ne_bytes(random)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(AsRef::<Path>::as_ref(&self.0)));
    }
}
