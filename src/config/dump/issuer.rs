//! Who we say we are, as the file would say it.

use serde_json::{Value, json};

use super::{REDACTED, object, path};
use crate::config::{Issuer, NextKey, Pkcs11Key, Signing, SigningFiles};

pub(super) fn issuer(issuer: &Issuer) -> Value {
    let Signing { current, next, previous } = &issuer.signing;
    let mut signing = files(current);
    signing.extend([
        ("next", next.as_ref().map(next_key)),
        ("previous", Some(json!(previous.iter().map(|file| path(file)).collect::<Vec<_>>()))),
    ]);
    object([
        ("entity_id", Some(json!(issuer.entity_id))),
        ("signing", Some(object(signing))),
        ("domains", Some(json!(issuer.domains))),
        ("scope", issuer.scope.as_ref().map(|scope| json!(scope))),
        ("name_salt_file", issuer.name_salt_file.as_deref().map(path)),
    ])
}

fn next_key(next: &NextKey) -> Value {
    let mut section = files(&next.files);
    section.push(("from", next.from.map(|from| json!(from.to_string()))));
    object(section)
}

fn files(files: &SigningFiles) -> Vec<(&'static str, Option<Value>)> {
    match files {
        SigningFiles::Pem { certificate_file, private_key_file, password } => vec![
            ("certificate_file", Some(path(certificate_file))),
            ("private_key_file", Some(path(private_key_file))),
            ("private_key_password", password.as_ref().map(|_| json!(REDACTED))),
        ],
        SigningFiles::Pkcs12 { file, .. } => {
            vec![("pkcs12_file", Some(path(file))), ("password", Some(json!(REDACTED)))]
        }
        SigningFiles::Pkcs11 { certificate_file, key: Pkcs11Key { module, token, key, .. } } => vec![
            ("certificate_file", Some(path(certificate_file))),
            ("pkcs11", Some(json!({ "module": path(module), "token": token, "key": key, "pin": REDACTED }))),
        ],
    }
}
