//! Whom a certificate names. Strict: a name that could be read in two ways, or that a directory would read as another, is
//! none.

use openssl::nid::Nid;
use openssl::x509::{X509NameEntryRef, X509NameRef, X509Ref};

use super::der::{self, OBJECT_IDENTIFIER, SEQUENCE, UTF8_STRING};
use super::extension::extension;
use crate::config::CertificateName;

/// 2.5.29.17, subjectAltName.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1D, 0x11];
/// 1.3.6.1.4.1.311.20.2.3, Microsoft's user principal name.
const USER_PRINCIPAL_NAME: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03];
/// `otherName`, `[0]`, of a GeneralName; likewise the `value` in it.
const OTHER_NAME: u8 = 0xA0;
/// `rfc822Name`, `[1]`.
const RFC822_NAME: u8 = 0x81;
/// More than any name has.
const LONGEST: usize = 1024;

/// The one name of that kind that the certificate has.
///
/// # Errors
/// What is wrong, for the audit log.
pub(super) fn user_name(certificate: &X509Ref, kind: CertificateName) -> Result<String, &'static str> {
    let names = match kind {
        CertificateName::Upn => principal_names(certificate),
        CertificateName::Email => addresses(certificate),
        CertificateName::CommonName => common_names(certificate),
        CertificateName::Subject => subject(certificate).map(|subject| vec![subject]),
    };
    let names = names.ok_or("the certificate's names cannot be read")?;
    match names.as_slice() {
        [name] if !is_plain(name) => Err("the certificate's name has characters in it that no user's name has"),
        [name] if needs_at(kind) && !name.contains('@') => Err("the certificate's name has no domain"),
        [name] => Ok(name.clone()),
        [] => Err(match kind {
            CertificateName::Upn => "the certificate has no user principal name in its subjectAltName",
            CertificateName::Email => "the certificate has no e-mail address in its subjectAltName",
            CertificateName::CommonName => "the certificate's subject has no common name",
            CertificateName::Subject => "the certificate has no subject",
        }),
        _ => Err("the certificate has more than one such name"),
    }
}

const fn needs_at(kind: CertificateName) -> bool {
    matches!(kind, CertificateName::Upn | CertificateName::Email)
}

/// Whether a directory looks for this very name: `DOMAIN\user` and `DOMAIN/user` are looked for as `user`, and space around
/// a name is left out.
fn is_plain(name: &str) -> bool {
    let strange = |c: char| c.is_control() || matches!(c, '\\' | '/');
    !name.is_empty() && name.len() <= LONGEST && name.trim() == name && !name.contains(strange)
}

fn principal_names(certificate: &X509Ref) -> Option<Vec<String>> {
    let der = certificate.to_der().ok()?;
    let mut names = Vec::new();
    for (tag, contents) in alternative_names(&der)? {
        if tag != OTHER_NAME {
            continue;
        }
        let (kind, rest) = der::first(contents)?;
        if kind.tag == OBJECT_IDENTIFIER && kind.contents == USER_PRINCIPAL_NAME {
            let value = der::only(der::only(rest, OTHER_NAME)?, UTF8_STRING)?;
            names.push(std::str::from_utf8(value).ok()?.to_owned());
        }
    }
    Some(names)
}

fn addresses(certificate: &X509Ref) -> Option<Vec<String>> {
    let der = certificate.to_der().ok()?;
    let addresses = alternative_names(&der)?.into_iter().filter(|(tag, _)| *tag == RFC822_NAME);
    addresses
        .map(|(_, text)| std::str::from_utf8(text).ok().filter(|text| text.is_ascii()).map(str::to_owned))
        .collect()
}

/// Each GeneralName of the subjectAltName with its tag; none without the extension (RFC 5280, 4.2.1.6).
fn alternative_names(certificate: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let Some(names) = extension(certificate, ALTERNATIVE_NAMES)? else { return Some(Vec::new()) };
    let names = der::all(der::only(names, SEQUENCE)?)?;
    Some(names.into_iter().map(|name| (name.tag, name.contents)).collect())
}

fn common_names(certificate: &X509Ref) -> Option<Vec<String>> {
    certificate.subject_name().entries_by_nid(Nid::COMMONNAME).map(text).collect()
}

fn text(entry: &X509NameEntryRef) -> Option<String> {
    // Of a BMPString, too.
    entry.data().to_string().ok().filter(|text| !text.contains('\0'))
}

/// The subject as RFC 4514 writes it: the most specific part first. A value that would need escaping makes it none that is
/// looked for, by the `\` in it.
fn subject(certificate: &X509Ref) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for entry in certificate.subject_name().entries() {
        let kind = match entry.object().nid() {
            Nid::COMMONNAME => "CN",
            Nid::LOCALITYNAME => "L",
            Nid::STATEORPROVINCENAME => "ST",
            Nid::ORGANIZATIONNAME => "O",
            Nid::ORGANIZATIONALUNITNAME => "OU",
            Nid::COUNTRYNAME => "C",
            Nid::STREETADDRESS => "STREET",
            Nid::DOMAINCOMPONENT => "DC",
            Nid::USERID => "UID",
            Nid::PKCS9_EMAILADDRESS => "EMAIL",
            // Of others RFC 4514 has the octets, which nobody searches for.
            _ => return None,
        };
        parts.push(format!("{kind}={}", escaped(&text(entry)?)));
    }
    parts.reverse();
    Some(parts.join(","))
}

/// A name as a log has it, the most specific part first; for readers, not for comparing.
pub(super) fn distinguished_name(name: &X509NameRef) -> String {
    let mut parts: Vec<String> = Vec::new();
    for entry in name.entries() {
        let object = entry.object();
        let kind = match object.nid() {
            Nid::UNDEF => object.to_string(),
            known => known.short_name().map_or_else(|_| object.to_string(), str::to_owned),
        };
        let value = entry.data().to_string().map_or_else(|_| "?".to_owned(), |value| escaped(&value));
        parts.push(format!("{kind}={value}"));
    }
    parts.reverse();
    parts.join(",")
}

fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let ends_bare = value.trim_matches(' ') == value && !value.starts_with('#');
    if !ends_bare {
        escaped.push('\\');
    }
    for c in value.chars() {
        if matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use openssl::asn1::{Asn1Object, Asn1OctetString};
    use openssl::hash::MessageDigest;
    use openssl::x509::{X509, X509Extension, X509NameBuilder};

    use super::*;
    use crate::keys::testing::elliptic;

    #[test]
    fn a_name_in_a_log_cannot_have_parts_that_it_has_not() {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("O", "Example").unwrap();
        name.append_entry_by_text("CN", "alice,O=Other").unwrap();
        name.append_entry_by_text("1.2.3.4", "x").unwrap();
        assert_eq!(distinguished_name(&name.build()), r"1.2.3.4=x,CN=alice\,O\=Other,O=Example");
    }

    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = match contents.len() {
            short @ 0..=0x7F => vec![short as u8],
            long => [vec![0x82], (long as u16).to_be_bytes().to_vec()].concat(),
        };
        [vec![tag], length, contents.to_vec()].concat()
    }

    fn principal(value: &[u8]) -> Vec<u8> {
        tlv(OTHER_NAME, &[tlv(OBJECT_IDENTIFIER, USER_PRINCIPAL_NAME), tlv(OTHER_NAME, value)].concat())
    }

    fn upn(name: &str) -> Vec<u8> {
        principal(&tlv(UTF8_STRING, name.as_bytes()))
    }

    /// A certificate with these names in as many extensions as there are lists of them.
    fn certificate(subject: &[(&str, &str)], alternatives: &[Vec<u8>]) -> X509 {
        let key = elliptic();
        let mut name = X509NameBuilder::new().unwrap();
        for (kind, value) in subject {
            name.append_entry_by_text(kind, value).unwrap();
        }
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name.build()).unwrap();
        builder.set_pubkey(&key).unwrap();
        for names in alternatives {
            let contents = Asn1OctetString::new_from_bytes(&tlv(SEQUENCE, names)).unwrap();
            let kind = Asn1Object::from_str("2.5.29.17").unwrap();
            builder.append_extension(X509Extension::new_from_der(&kind, false, &contents).unwrap()).unwrap();
        }
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    #[test]
    fn the_principal_name_is_the_one_that_microsoft_defines() {
        let email = tlv(RFC822_NAME, b"alice@mail.example.com");
        let other =
            tlv(OTHER_NAME, &[tlv(OBJECT_IDENTIFIER, &[0x2A, 3]), tlv(OTHER_NAME, &tlv(UTF8_STRING, b"x@y"))].concat());
        let long = format!("{}@example.com", "a".repeat(300));
        for (names, expected) in [
            (upn("alice@example.com"), Ok("alice@example.com")),
            ([email.clone(), upn("ålice@example.com"), other.clone()].concat(), Ok("ålice@example.com")),
            (upn(&long), Ok(long.as_str())),
            ([email.clone(), other].concat(), Err("no user principal name")),
            ([upn("alice@example.com"), upn("bob@example.com")].concat(), Err("more than one")),
            ([upn("alice@example.com"), upn("alice@example.com")].concat(), Err("more than one")),
            (upn("alice"), Err("no domain")),
            (upn(""), Err("characters")),
            (upn(" alice@example.com"), Err("characters")),
            (upn("x/alice@example.com"), Err("characters")),
            (upn("x\\alice@example.com"), Err("characters")),
            (upn("alice@example.com\0.evil"), Err("characters")),
            (upn(&format!("{}@example.com", "a".repeat(1024))), Err("characters")),
            (principal(&tlv(0x16, b"alice@example.com")), Err("cannot be read")),
            (principal(&tlv(UTF8_STRING, b"\xFF@example.com")), Err("cannot be read")),
            (principal(&[tlv(UTF8_STRING, b"a@b"), tlv(UTF8_STRING, b"c@d")].concat()), Err("cannot be read")),
            (principal(&[0x0C, 0x81, 0x03, b'a', b'@', b'b']), Err("cannot be read")),
        ] {
            let found = user_name(&certificate(&[], std::slice::from_ref(&names)), CertificateName::Upn);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}: {names:?}"),
                _ => panic!("{found:?} and not {expected:?}: {names:?}"),
            }
        }
        let twice = certificate(&[], &[upn("alice@example.com"), upn("bob@example.com")]);
        assert!(user_name(&twice, CertificateName::Upn).is_err());
        assert!(user_name(&certificate(&[], &[]), CertificateName::Upn).is_err());
        let found = user_name(&certificate(&[], &[email]), CertificateName::Email);
        assert_eq!(found.as_deref(), Ok("alice@mail.example.com"));
    }

    #[test]
    fn the_subject_is_read_whole_or_by_its_common_name() {
        use CertificateName::{CommonName, Subject};
        let full = [("DC", "com"), ("O", "Example Ltd"), ("CN", "alice"), ("UID", "a1")];
        for (subject, kind, expected) in [
            (&full[..], CommonName, Some("alice")),
            (&full[..], Subject, Some("UID=a1,CN=alice,O=Example Ltd,DC=com")),
            (&[("CN", "alice"), ("CN", "bob")], CommonName, None),
            (&[("O", "x")], CommonName, None),
            (&[("CN", "x/alice")], CommonName, None),
            (&[("CN", "a,OU=admins")], Subject, None),
            (&[("CN", "#a")], Subject, None),
            (&[("SN", "Liddell")], Subject, None),
            (&[], Subject, None),
        ] {
            assert_eq!(user_name(&certificate(subject, &[]), kind).ok().as_deref(), expected, "{subject:?}");
        }
    }
}
