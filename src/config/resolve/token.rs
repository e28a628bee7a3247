//! How a relying party's tokens are encrypted, how long they last and how they are renewed.

use std::time::Duration;

use crate::config::files::Files;
use crate::config::section::{Section, duration, text, texts};
use crate::model::{ContentEncryption, RelyingParty, Renewal};

/// How tokens are encrypted; the inner `None`: they are not.
pub(super) fn encryption(section: &Section<'_>, files: &mut Files<'_>) -> Option<Option<ContentEncryption>> {
    let how = section.get("encryption", text)?;
    let Some(how) = content_encryption(section, "encryption", &how, files) else { return Some(None) };
    if !section.has("certificate_file") {
        let help = "add certificate_file, the party's certificate; the party has its private key";
        files.report.error(&section.path("encryption"), "needs certificate_file, for whose key to encrypt", help);
    }
    Some(Some(how))
}

/// The algorithm of that name, the value of `key`; `None` if it is none.
pub(super) fn content_encryption(
    section: &Section<'_>,
    key: &str,
    name: &str,
    files: &mut Files<'_>,
) -> Option<ContentEncryption> {
    let how = match name {
        "aes256-gcm" => ContentEncryption::Aes256Gcm,
        "aes128-gcm" => ContentEncryption::Aes128Gcm,
        "aes256-cbc" => ContentEncryption::Aes256Cbc,
        "aes128-cbc" => ContentEncryption::Aes128Cbc,
        _ => return None,
    };
    if matches!(how, ContentEncryption::Aes256Cbc | ContentEncryption::Aes128Cbc) {
        let message = "AES-CBC is not authenticated; who can try altered tokens on the party may come to read one";
        let help = "use aes256-gcm as soon as the party understands it; WIF and .NET Framework do not";
        files.report.warning(&section.path(key), message, help);
    }
    Some(how)
}

/// How long a token may last at most.
pub(super) fn longest_lifetime(section: &Section<'_>, lifetime: Duration, files: &mut Files<'_>) -> Option<Duration> {
    let longest = section.maybe("longest_lifetime", duration)?.unwrap_or(lifetime);
    if longest < lifetime {
        let help = "lengthen it, or shorten lifetime";
        files.report.error(&section.path("longest_lifetime"), "is shorter than lifetime", help);
    }
    Some(longest)
}

/// How tokens are renewed; the inner `None`: they are not.
pub(super) fn renewal(section: &Section<'_>) -> Option<Option<Renewal>> {
    let Some(renewal) = section.section("renewal") else { return section.get("renewal", text).map(|_off| None) };
    Some(Some(Renewal {
        window: renewal.get("window", duration)?,
        longest: renewal.get("longest", duration)?,
        askers: renewal.get("askers", texts)?,
    }))
}

/// What of renewal does not do what it is for.
pub(super) fn warn_of_renewal(section: &Section<'_>, party: &RelyingParty, files: &mut Files<'_>) {
    let Some(renewal) = &party.renewal else { return };
    let path = section.path("renewal");
    if !party.remember_tokens {
        if files.report.positions.has(&path) {
            let help = "remove it, or write renewal: off; or remove remember_tokens: false";
            files.report.warning(&path, "is of no use: with remember_tokens: false no token can be renewed", help);
        }
        return;
    }
    let lasts = if renewal.longest <= party.lifetime {
        "no longer than lifetime, so that no token lasts longer by being renewed"
    } else if renewal.longest < party.longest_lifetime {
        "shorter than longest_lifetime, so that a token that lasts so long ends sooner once it was renewed"
    } else {
        return;
    };
    let help = "set it to several times that, or write renewal: off";
    files.report.warning(&format!("{path}.longest"), format!("is {lasts}"), help);
}
