//! A certificate as a tenant holds it and as people compare it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::x509::{X509, X509NameRef, X509Ref};
use serde_json::{Value, json};

use crate::model::{Timestamp, is_misleading};

/// A certificate, with what tells it from others.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Whose it is, such as `CN=signing, O=Example`.
    pub subject: String,
    /// Its SHA-1, hexadecimal in upper case, which Entra and Windows show.
    pub thumbprint: String,
    /// Its last instant.
    pub ends: Timestamp,
    der: Vec<u8>,
}

/// Why a text is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is neither base64 nor PEM.
    #[error("is not base64")]
    NotBase64,
    /// What it says is something else, or damaged.
    #[error("is not a certificate")]
    NotACertificate,
}

/// Two are the same if their octets are.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// The facts of a certificate.
    ///
    /// # Errors
    /// It is damaged.
    pub fn of(certificate: &X509Ref) -> Result<Self, ErrorStack> {
        let digest = certificate.digest(MessageDigest::sha1())?;
        Ok(Self {
            subject: subject(certificate.subject_name()),
            thumbprint: digest.iter().map(|octet| format!("{octet:02X}")).collect(),
            ends: instant(certificate.not_after())?,
            der: certificate.to_der()?,
        })
    }

    /// Reads it as tenants have it and people write it: base64 of DER in one line or many, PEM, or base64 of PEM, which
    /// .NET's `X509Certificate2` takes as well.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &str) -> Result<Self, CertificateError> {
        let octets = octets(text)?;
        let inner = std::str::from_utf8(&octets).ok().filter(|inner| inner.contains(ARMOUR));
        let der = match inner {
            Some(pem) => self::octets(pem)?,
            None => octets,
        };
        let certificate = X509::from_der(&der).map_err(|_| CertificateError::NotACertificate)?;
        Self::of(&certificate).map_err(|_| CertificateError::NotACertificate)
    }

    /// To verify by.
    ///
    /// # Errors
    /// OpenSSL has no memory.
    pub fn x509(&self) -> Result<X509, ErrorStack> {
        X509::from_der(&self.der)
    }

    /// One line of base64, as Graph takes it.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// For people, on one line.
    pub fn described(&self) -> String {
        format!("{}, SHA-1 thumbprint {}, until {}", self.subject, self.thumbprint, self.ends)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "subject": self.subject, "thumbprint": self.thumbprint, "ends": self.ends.to_string() })
    }
}

const ARMOUR: &str = "-----BEGIN";

fn octets(text: &str) -> Result<Vec<u8>, CertificateError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let base64: String = lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(base64).map_err(|_| CertificateError::NotBase64)
}

/// What is misleading in it is left out: it comes from who asked for the certificate.
fn subject(name: &X509NameRef) -> String {
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        let kind = entry.object().nid().short_name().unwrap_or("?");
        let value: String =
            entry.data().to_string().unwrap_or_default().chars().filter(|c| !is_misleading(*c)).collect();
        format!("{kind}={value}")
    };
    name.entries().map(part).collect::<Vec<_>>().join(", ")
}

fn instant(time: &Asn1TimeRef) -> Result<Timestamp, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(Timestamp::from_unix_millis((i64::from(since.days) * 86_400 + i64::from(since.secs)) * 1000))
}

#[cfg(test)]
pub(super) mod testing {
    use openssl::asn1::Asn1Integer;
    use openssl::bn::BigNum;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    use openssl::x509::X509NameBuilder;

    use super::*;

    /// A certificate of a new key by this name, until this instant.
    pub(in crate::entra) fn certificate(name: &str, ends: Timestamp) -> Certificate {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_serial_number(&Asn1Integer::from_bn(&BigNum::from_u32(1).unwrap()).unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(&subject).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(ends.unix_millis() / 1000).unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Certificate::of(&builder.build()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::certificate;
    use super::*;

    #[test]
    fn every_spelling_of_a_certificate_is_the_same() {
        let ends = Timestamp::parse("2030-01-02T03:04:05Z").unwrap();
        let made = certificate("signing", ends);
        let base64 = made.base64();
        let (lines, crlf) = (wrapped(&base64, "\n"), wrapped(&base64, "\r\n"));
        let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n");
        let spaced = format!("  {base64} \n");
        for text in [&base64, &lines, &crlf, &pem, &STANDARD.encode(&pem), &spaced] {
            assert_eq!(Certificate::read(text).as_ref(), Ok(&made), "{text}");
        }
        assert_eq!((made.subject.as_str(), made.ends, made.thumbprint.len()), ("CN=signing", ends, 40));
        assert!(made.described().starts_with("CN=signing, SHA-1 thumbprint ") && made.described().ends_with("Z"));
        assert_ne!(made, certificate("signing", ends));
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        for (text, expected) in [
            ("?", CertificateError::NotBase64),
            ("", CertificateError::NotACertificate),
            ("AAAA", CertificateError::NotACertificate),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", CertificateError::NotACertificate),
        ] {
            assert_eq!(Certificate::read(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn nothing_of_a_subject_changes_what_a_terminal_shows() {
        let made = certificate("a\u{1b}[31m\u{202e}b", Timestamp::from_unix_millis(4_000_000_000_000));
        assert_eq!(made.subject, "CN=a[31mb");
    }

    fn wrapped(text: &str, end: &str) -> String {
        text.as_bytes().chunks(64).map(|line| format!("{}{end}", String::from_utf8_lossy(line))).collect()
    }
}
