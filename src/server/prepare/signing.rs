//! What tokens are signed with, over time.

use std::sync::Arc;

use openssl::x509::X509;

use super::verifying::verifying;
use super::{Findings, Occasion};
use crate::config::{Config, NextKey, PartyConfig, SigningFiles};
use crate::dsig::{self, SigningKey, SigningKeys};
use crate::keys::{self, Description, LoadedKey, Promotion};
use crate::model::{SignatureAlgorithm, Timestamp};

const CURRENT: &str = "issuer.signing";
const NEXT: &str = "issuer.signing.next";

/// The keys; `None` short of one that signs.
pub(super) fn keys(
    config: &Config,
    now: Timestamp,
    occasion: Occasion,
    findings: &mut Findings,
) -> Option<SigningKeys> {
    let signing = &config.issuer.signing;
    let current = load(&signing.current, CURRENT, config, now, occasion, findings);
    let next = signing.next.as_ref().and_then(|next| {
        let from = next.from.unwrap_or(now).max(now);
        Some((next, load(&next.files, NEXT, config, from, occasion, findings)?))
    });
    let previous = previous(config, findings);
    let current = current?;
    let next = next.and_then(|(next, loaded)| takes_over(config, &current, next, loaded, now, findings));
    Some(SigningKeys::new(Arc::new(current.key), next, previous))
}

/// Reads a key; `at` is when its certificate has to be good.
fn load(
    files: &SigningFiles,
    section: &str,
    config: &Config,
    at: Timestamp,
    occasion: Occasion,
    findings: &mut Findings,
) -> Option<LoadedKey> {
    let loaded = match keys::load(files) {
        Ok(loaded) => loaded,
        Err(error) => {
            findings.file(section, error);
            return None;
        }
    };
    match (&loaded.absent, occasion) {
        (Some(why), Occasion::Start) => findings.absence(section, why.clone()),
        (Some(why), Occasion::Reload) => findings.file(section, why.clone()),
        (None, _) => {}
    }
    let certificate = certificate(files, section);
    let what = if section == NEXT { "the next signing certificate" } else { "the signing certificate" };
    for warning in loaded.warnings(at) {
        let help = "renew it, and register the new one where this one is known";
        findings.warning(&certificate, format!("{what} {warning}"), help);
    }
    if loaded.key.kind().is_elliptic() {
        for (number, party) in config.relying_parties.iter().enumerate() {
            if let Some((key, message, help)) = misses_rsa(party) {
                let message = format!("{message}, and {what} has an elliptic curve key");
                findings.error(&format!("relying_parties[{number}].{key}"), message, help);
            }
        }
    }
    Some(loaded)
}

/// What a party has with RSA alone.
fn misses_rsa(party: &PartyConfig) -> Option<(&'static str, &'static str, &'static str)> {
    if party.is_office365() {
        let help = "sign with an RSA key: Entra takes no other certificate for a domain";
        return Some(("name", "is Office 365, which verifies RSA signatures only", help));
    }
    let help = "sign with an RSA key, or remove signature: rsa-sha1";
    (party.party.signature == SignatureAlgorithm::RsaSha1).then_some(("signature", "is rsa-sha1", help))
}

fn certificate(files: &SigningFiles, section: &str) -> String {
    match files {
        SigningFiles::Pem { .. } | SigningFiles::Pkcs11 { .. } => format!("{section}.certificate_file"),
        SigningFiles::Pkcs12 { .. } => format!("{section}.pkcs12_file"),
    }
}

/// Certificates whose keys' tokens are still ours. Their ends are no matter: a token is judged by its own.
fn previous(config: &Config, findings: &mut Findings) -> Vec<X509> {
    let files = config.issuer.signing.previous.iter().enumerate();
    files.flat_map(|(number, file)| verifying(file, &format!("{CURRENT}.previous[{number}]"), findings)).collect()
}

/// When the next key takes over.
fn takes_over(
    config: &Config,
    current: &LoadedKey,
    next: &NextKey,
    loaded: LoadedKey,
    now: Timestamp,
    findings: &mut Findings,
) -> Option<dsig::NextKey> {
    if is_same(&current.key, &loaded.key) {
        let help = "remove next, or name the certificate that comes after this one";
        findings.warning(NEXT, "is the certificate that signs already", help);
        return None;
    }
    let next_key = dsig::NextKey::new(Arc::new(loaded.key), next.from);
    if let Some(since) = promoted(config, &next_key.key, findings) {
        next_key.promote(since);
    }
    let help = "put the next key into issuer.signing itself, and the certificate before it into previous";
    match next_key.from() {
        Some(since) if since <= now => findings.warning(NEXT, format!("signs since {since}"), help),
        None if config.cache_folder.is_none() => {
            let message =
                "has no from, and there is no cache.folder: the next start forgets what fedfront promote does";
            findings.warning(NEXT, message, "set from, or cache.folder");
        }
        Some(_) | None => {}
    }
    Some(next_key)
}

/// Since when the key signs by an operator's word, if it does.
fn promoted(config: &Config, key: &SigningKey, findings: &mut Findings) -> Option<Timestamp> {
    let folder = config.cache_folder.as_deref()?;
    match Promotion::read(folder) {
        Ok(mark) => {
            let sha256 = Description::of(key.certificate()).sha256;
            mark.filter(|mark| mark.sha256 == sha256).map(|mark| mark.since)
        }
        Err(error) => {
            let message = format!("{}: cannot be read: {error}", Promotion::place(folder).display());
            findings.error("cache.folder", message, "let the user that fedfront runs as read it, or remove the file");
            None
        }
    }
}

fn is_same(one: &SigningKey, other: &SigningKey) -> bool {
    one.certificate_base64() == other.certificate_base64()
}
