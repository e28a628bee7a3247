//! Who we say we are, and the key that proves it.

use std::collections::BTreeMap;

use super::claim::is_scope;
use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, text, text_map};
use crate::config::{Issuer, SigningFiles};
use crate::model::NameSalt;

/// `issuer`
pub(super) fn issuer(root: &Section<'_>, files: &mut Files<'_>) -> Option<Issuer> {
    let section = root.section("issuer")?;
    let signing = section.section("signing").and_then(|signing| signing_files(&signing, files));
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
    Some(Names { scope, salt: Some(salt?) })
}

fn signing_files(section: &Section<'_>, files: &mut Files<'_>) -> Option<SigningFiles> {
    let pem = section.has("certificate_file") || section.has("private_key_file");
    let pkcs12 = section.has("pkcs12_file");
    if pem == pkcs12 {
        let message = if pem { "has both PEM files and a PKCS#12 file" } else { "names no key" };
        let help = "give certificate_file and private_key_file, or pkcs12_file and password_file";
        files.report.error(section.own_path(), message, help);
        return None;
    }
    if pkcs12 {
        let file = files.file(section, "pkcs12_file", Privacy::Private);
        let password = files.secret(section, "password");
        return Some(SigningFiles::Pkcs12 { file: file?, password: password? });
    }
    for (key, other) in [("certificate_file", "private_key_file"), ("private_key_file", "certificate_file")] {
        if !section.has(key) {
            files.report.error(&section.path(key), "is missing", format!("add it: {other} alone does not do"));
        }
    }
    for key in ["password", "password_file"] {
        if section.has(key) {
            let help = "remove it; a PEM key must not be encrypted";
            files.report.error(&section.path(key), "is for a PKCS#12 file only", help);
        }
    }
    let certificate_file = files.file(section, "certificate_file", Privacy::Public);
    let private_key_file = files.file(section, "private_key_file", Privacy::Private);
    Some(SigningFiles::Pem { certificate_file: certificate_file?, private_key_file: private_key_file? })
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
