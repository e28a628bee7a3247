//! Who we say we are, and the key that proves it.

use std::collections::BTreeMap;

use super::claim::is_scope;
use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, instant, text, text_map};
use crate::config::{Issuer, NextKey, Pkcs11Key, Signing, SigningFiles};
use crate::model::NameSalt;

/// `issuer`
pub(super) fn issuer(root: &Section<'_>, files: &mut Files<'_>) -> Option<Issuer> {
    let section = root.section("issuer")?;
    let signing = section.section("signing").and_then(|section| signing(&section, files));
    let domains = domains(&section, files);
    Some(Issuer {
        entity_id: section.get("entity_id", text)?,
        signing: signing?,
        domains: domains?,
        scope: section.maybe("scope", text)?,
        name_salt_file: section.maybe("name_salt_file", text)?.map(|path| files.resolve(&path)),
    })
}

/// What names and attributes are made with.
#[derive(Default)]
pub(super) struct Names {
    /// `issuer.scope`.
    pub scope: Option<String>,
    /// What is in `issuer.name_salt_file`.
    pub salt: Option<NameSalt>,
}

/// `issuer.scope` and `issuer.name_salt_file`; the outer `None`: one of them is wrong.
pub(super) fn names(root: &Section<'_>, files: &mut Files<'_>) -> Option<Names> {
    let Some(section) = root.section("issuer") else { return Some(Names::default()) };
    let scope = section.maybe("scope", text)?;
    if let Some(scope) = scope.as_ref().filter(|scope| !is_scope(scope)) {
        let help = "write the institution's domain, such as example.org";
        files.report.error(&section.path("scope"), format!("`{scope}` is no scope"), help);
    }
    if !section.has("name_salt_file") {
        return Some(Names { scope, salt: None });
    }
    let secret = files.secret(&section, "name_salt")?;
    let salt = NameSalt::new(secret.expose().as_bytes());
    if salt.is_none() {
        let message = format!("holds less than {} octets, which can be guessed", NameSalt::SHORTEST);
        let help = "write a long random text into it, such as openssl rand -base64 36 makes";
        files.report.error(&section.path("name_salt_file"), message, help);
    }
    if secret.expose().contains(['\n', '\r']) {
        let help = "keep the line that is the salt: every character counts, and another salt gives other names";
        files.report.error(&section.path("name_salt_file"), "holds more than one line", help);
    }
    Some(Names { scope, salt: Some(salt?) })
}

fn signing(section: &Section<'_>, files: &mut Files<'_>) -> Option<Signing> {
    let current = signing_files(section, files);
    let next = match section.section("next") {
        Some(next) => {
            let files = signing_files(&next, files);
            let from = next.maybe("from", instant);
            files.zip(from).map(|(files, from)| Some(NextKey { files, from }))
        }
        // One that is no section has been reported.
        None => (!section.has("next")).then_some(None),
    };
    let previous = files.list(section, "previous", Privacy::Public);
    Some(Signing { current: current?, next: next?, previous: previous? })
}

/// The ways to tell a key, by what is there of each.
const WAYS: [(&str, &[&str]); 3] = [
    ("private_key_file", &["private_key_password", "private_key_password_file"]),
    ("pkcs12_file", &["password", "password_file"]),
    ("pkcs11", &[]),
];

fn signing_files(section: &Section<'_>, files: &mut Files<'_>) -> Option<SigningFiles> {
    let ways: Vec<&str> = WAYS.iter().map(|(way, _)| *way).filter(|way| section.has(way)).collect();
    let way = match ways.as_slice() {
        [way] => *way,
        [] if section.has("certificate_file") => {
            let help = "add it, or pkcs11: certificate_file alone does not do";
            files.report.error(&section.path("private_key_file"), "is missing", help);
            "private_key_file"
        }
        several => {
            let message =
                if several.is_empty() { "names no key".to_owned() } else { format!("has {}", several.join(" and ")) };
            let help = "give certificate_file and private_key_file, or pkcs12_file and password_file, or certificate_file \
                        and pkcs11";
            files.report.error(section.own_path(), message, help);
            return None;
        }
    };
    for (other, passwords) in WAYS.iter().filter(|(other, _)| *other != way) {
        for password in passwords.iter().filter(|password| section.has(password)) {
            let message = format!("is for {other} only");
            files.report.error(&section.path(password), message, format!("remove it; the key is told by {way}"));
        }
    }
    if way == "pkcs12_file" {
        if section.has("certificate_file") {
            let help = "remove it; the certificate is in the PKCS#12 file";
            files.report.error(&section.path("certificate_file"), "is not for a PKCS#12 file", help);
        }
        let file = files.file(section, way, Privacy::Private);
        let password = files.secret(section, "password");
        return Some(SigningFiles::Pkcs12 { file: file?, password: password? });
    }
    if !section.has("certificate_file") {
        let help = format!("add it: {way} alone does not do");
        files.report.error(&section.path("certificate_file"), "is missing", help);
    }
    let certificate_file = files.file(section, "certificate_file", Privacy::Public);
    if way == "pkcs11" {
        let key = section.section(way).and_then(|section| device(&section, files));
        return Some(SigningFiles::Pkcs11 { certificate_file: certificate_file?, key: key? });
    }
    let private_key_file = files.file(section, way, Privacy::Private);
    let encrypted = section.has("private_key_password") || section.has("private_key_password_file");
    let password = if encrypted { files.secret(section, "private_key_password").map(Some) } else { Some(None) };
    Some(SigningFiles::Pem {
        certificate_file: certificate_file?,
        private_key_file: private_key_file?,
        password: password?,
    })
}

fn device(section: &Section<'_>, files: &mut Files<'_>) -> Option<Pkcs11Key> {
    let module = files.unwatched_file(section, "module");
    let pin = files.secret(section, "pin");
    let (token, key) = (section.get("token", text), section.get("key", text));
    Some(Pkcs11Key { module: module?, token: token?, key: key?, pin: pin? })
}

fn domains(section: &Section<'_>, files: &mut Files<'_>) -> Option<BTreeMap<String, String>> {
    let mut domains = BTreeMap::new();
    for (typed, issuer) in section.get("domains", text_map)? {
        let domain = typed.to_lowercase();
        let path = format!("{}.{typed}", section.path("domains"));
        if domain.is_empty() || domain.contains(['@', '/', ':']) {
            files.report.error(&path, "is not a domain", "write the part of a UPN after the @, such as example.com");
        }
        if domains.insert(domain, issuer).is_some() {
            files.report.error(&path, "is given twice, in different letter case", "remove one of them");
        }
    }
    Some(domains)
}
