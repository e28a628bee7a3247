//! Who we say we are, and the key that proves it.

use std::collections::BTreeMap;

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, text, text_map};
use crate::config::{Issuer, SigningFiles};

/// `issuer`
pub(super) fn issuer(root: &Section<'_>, files: &mut Files<'_>) -> Option<Issuer> {
    let section = root.section("issuer")?;
    let signing = section.section("signing").and_then(|signing| signing_files(&signing, files));
    let domains = domains(&section, files);
    Some(Issuer { entity_id: section.get("entity_id", text)?, signing: signing?, domains: domains? })
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
