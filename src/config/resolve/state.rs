//! `state`

use std::time::Duration;

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, duration, text};
use crate::config::value::{is_loopback, origin};
use crate::config::{SigningFiles, StateConfig};
use crate::model::Password;

/// Octets of `state.key`, at least: it is drawn by chance, not thought of.
const LEAST_KEY: usize = 32;
/// Octets of `state.prefix`, at most.
const LONGEST_PREFIX: usize = 100;
/// People notice when they wait longer.
const LONG: Duration = Duration::from_millis(500);
const PORT: u16 = 6379;

/// `state`, if it is there. `signing` is where the keys are that issued tokens are sealed by unless `state.key` is given.
pub(super) fn state(
    root: &Section<'_>,
    signing: &[&SigningFiles],
    files: &mut Files<'_>,
) -> Option<Option<StateConfig>> {
    if !root.has("state") {
        return Some(None);
    }
    let section = root.section("state")?;
    let url = section.get("url", |node| origin(&text(node)?));
    if let Some(url) = url.as_ref().filter(|url| url.scheme == "redis" && !is_loopback(&url.host)) {
        let message = format!("has no TLS: its password, and who signs in when, cross the network to {}", url.host);
        files.report.warning(&section.path("url"), message, "use rediss://, and name the server's CA in ca_file");
    }
    let password = optional_secret(&section, "password", files);
    if section.has("username") && matches!(password, Some(None)) {
        let help = "add password or password_file, or remove the name";
        files.report.error(&section.path("username"), "has no password", help);
    }
    if password.as_ref().is_some_and(|password| password.as_ref().is_some_and(Password::is_empty)) {
        let message = "holds an empty password";
        let key = if section.has("password") { "password" } else { "password_file" };
        files.report.error(&section.path(key), message, "remove it where the server asks for none");
    }
    let timeout = section.get("timeout", duration);
    if timeout.is_some_and(|timeout| timeout > LONG) {
        let message = "is long: each sign-in under way waits so long when the server hangs";
        files.report.warning(&section.path("timeout"), message, "keep it near the server's usual time, such as 50ms");
    }
    let key = optional_secret(&section, "key", files);
    look_at_key(&section, key.as_ref().and_then(Option::as_ref), signing, files);
    let prefix = section.get("prefix", text);
    if let Some(prefix) = &prefix
        && (prefix.len() > LONGEST_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let message = format!("is longer than {LONGEST_PREFIX} characters, or has others than visible ASCII");
        files.report.error(&section.path("prefix"), message, "choose a short one, such as fedfront:");
    }
    let ca_file = files.optional_file(&section, "ca_file", Privacy::Public);
    let url = url?;
    Some(Some(StateConfig {
        tls: url.scheme == "rediss",
        port: url.port.unwrap_or(PORT),
        host: url.host,
        username: section.maybe("username", text)?,
        password: password?,
        ca_file: ca_file?,
        timeout: timeout?,
        prefix: prefix?,
        key: key?,
    }))
}

fn look_at_key(section: &Section<'_>, key: Option<&Password>, signing: &[&SigningFiles], files: &mut Files<'_>) {
    match key {
        Some(key) if key.expose().len() < LEAST_KEY => {
            let name = if section.has("key") { "key" } else { "key_file" };
            let message = format!("is shorter than {LEAST_KEY} characters, so that it might be guessed");
            files.report.warning(&section.path(name), message, "make one: openssl rand -base64 32");
        }
        None if !section.has("key")
            && !section.has("key_file")
            && signing.iter().any(|files| matches!(files, SigningFiles::Pkcs11 { .. })) =>
        {
            let message = "has no key, and none can be made of a signing key in a device: issued tokens are not shared";
            files.report.warning("state", message, "add key_file; make one: openssl rand -base64 32");
        }
        _ => {}
    }
}

/// A secret that may be absent.
fn optional_secret(section: &Section<'_>, key: &str, files: &mut Files<'_>) -> Option<Option<Password>> {
    if section.has(key) || section.has(&format!("{key}_file")) {
        files.secret(section, key).map(Some)
    } else {
        Some(None)
    }
}
