//! Who we say we are, as the file would say it.

use serde_json::{Map, Value, json};

use super::{REDACTED, path};
use crate::config::{Issuer, NextKey, Pkcs11Key, Signing, SigningFiles};

pub(super) fn issuer(issuer: &Issuer) -> Value {
    let Signing { current, next, previous } = &issuer.signing;
    let mut signing = files(current);
    signing.extend([
        ("next", next.as_ref().map(next_key)),
        ("previous", Some(json!(previous.iter().map(|file| path(file)).collect::<Vec<_>>()))),
    ]);
    some(vec![
        ("entity_id", Some(json!(issuer.entity_id))),
        ("signing", Some(some(signing))),
        ("domains", Some(json!(issuer.domains))),
        ("scope", issuer.scope.as_ref().map(|scope| json!(scope))),
        ("name_salt_file", issuer.name_salt_file.as_deref().map(|file| json!(path(file)))),
    ])
}

fn next_key(next: &NextKey) -> Value {
    let mut section = files(&next.files);
    section.push(("from", next.from.map(|from| json!(from.to_string()))));
    some(section)
}

fn files(files: &SigningFiles) -> Vec<(&'static str, Option<Value>)> {
    match files {
        SigningFiles::Pem { certificate_file, private_key_file, password } => vec![
            ("certificate_file", Some(json!(path(certificate_file)))),
            ("private_key_file", Some(json!(path(private_key_file)))),
            ("private_key_password", password.as_ref().map(|_| json!(REDACTED))),
        ],
        SigningFiles::Pkcs12 { file, .. } => {
            vec![("pkcs12_file", Some(json!(path(file)))), ("password", Some(json!(REDACTED)))]
        }
        SigningFiles::Pkcs11 { certificate_file, key: Pkcs11Key { module, token, key, .. } } => vec![
            ("certificate_file", Some(json!(path(certificate_file)))),
            ("pkcs11", Some(json!({ "module": path(module), "token": token, "key": key, "pin": REDACTED }))),
        ],
    }
}

/// Those keys that are there.
fn some(entries: Vec<(&'static str, Option<Value>)>) -> Value {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>().into()
}
