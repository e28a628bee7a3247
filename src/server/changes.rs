//! What differs between two configurations, for the log of a reload.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::sha::sha256;
use serde_json::{Map, Value};

use crate::config::{Config, Listen, dump};

/// What a configuration was made of: the SHA-256 of every file, itself first.
pub(super) struct Contents(Vec<(PathBuf, [u8; 32])>);

impl Contents {
    /// Reads the files again, to notice later what became of them.
    pub fn read(files: &[PathBuf]) -> Self {
        let digest = |file: &PathBuf| (file.clone(), sha256(&fs::read(file).unwrap_or_default()));
        Self(files.iter().map(digest).collect())
    }

    /// The files that were there `before` with something else in them, by their paths from the folder of the
    /// configuration.
    fn changed(&self, before: &Self, with_itself: bool) -> Vec<String> {
        let own = self.0.first().map(|(own, _)| own);
        let folder = own.and_then(|own| own.parent()).unwrap_or(Path::new(""));
        let differs = |(file, digest): &&(PathBuf, [u8; 32])| {
            before.0.iter().any(|(earlier, digest_then)| earlier == file && digest_then != digest)
        };
        let files = self.0.iter().skip(usize::from(!with_itself)).filter(differs);
        let mut names: Vec<_> =
            files.map(|(file, _)| file.strip_prefix(folder).unwrap_or(file).display().to_string()).collect();
        names.dedup();
        names
    }
}

/// The sections that mean something else now, and the files that hold something else; `nothing` where all is the same.
/// The configuration's own file is named where no section tells of it: a comment, or a secret in it, is another.
pub(super) fn told(before: (&Config, &Contents), now: (&Config, &Contents)) -> String {
    let mut all = changed(before.0, now.0);
    let itself = all.is_empty();
    all.extend(now.1.changed(before.1, itself));
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

fn changed(before: &Config, now: &Config) -> Vec<String> {
    let sections = |config| serde_yaml::from_str::<Map<String, Value>>(&dump(config)).unwrap_or_default();
    let (before, now) = (sections(before), sections(now));
    let differs = |(name, value): (&String, &Value)| (before.get(name) != Some(value)).then(|| name.clone());
    now.iter().filter_map(differs).collect()
}

/// The keys that differ from what the process was started with, `first`, and that only another start can heed.
pub(super) fn waiting(first: &Config, now: &Config) -> Vec<String> {
    let limits = (&first.limits, &now.limits);
    let keys = [
        ("admin.address", first.admin.address != now.admin.address),
        ("admin.socket", first.admin.socket != now.admin.socket),
        ("limits.connections", limits.0.connections != limits.1.connections),
        ("limits.threads", limits.0.threads != limits.1.threads),
        ("limits.keep_alive (of HTTP/2)", limits.0.keep_alive != limits.1.keep_alive),
        ("limits.headers (of HTTP/2)", limits.0.headers != limits.1.headers),
        ("state", !same_state(first, now)),
    ];
    let others = keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_owned());
    listeners(&first.listen, &now.listen).into_iter().chain(others).collect()
}

fn same_state(first: &Config, now: &Config) -> bool {
    match (&first.state, &now.state) {
        (Some(first), Some(now)) => first.means(now),
        (first, now) => first.is_none() && now.is_none(),
    }
}

/// What differs of listeners; not the files of their certificates, which are read again.
fn listeners(first: &[Listen], now: &[Listen]) -> Vec<String> {
    let mut keys = Vec::new();
    for number in 0..first.len().max(now.len()) {
        match (first.get(number), now.get(number)) {
            (Some(first), Some(now)) => {
                let differs = [
                    ("address", first.address != now.address),
                    ("tls", first.tls.is_some() != now.tls.is_some()),
                    ("proxy_protocol", first.proxy_protocol != now.proxy_protocol),
                ];
                let differs = differs.into_iter().filter(|(_, differs)| *differs);
                keys.extend(differs.map(|(key, _)| format!("listen[{number}].{key}")));
            }
            _ => keys.push(format!("listen[{number}]")),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::super::tests::Installation;
    use super::*;

    #[test]
    fn what_changed_is_told_by_section_and_what_waits_by_key() {
        let installation = Installation::new();
        let config = |replacements| installation.prepare(replacements).config;
        let first = config(&[]);
        for (replacements, sections, keys) in [
            (&[][..], "", ""),
            (&[("alice", "bob")], "", ""),
            (&[("mex: [/mex]", "mex: forward"), ("drain: 5s", "drain: 6s")], "endpoints, limits", ""),
            (&[("server.crt", "./server.crt")], "listen", ""),
            (&[("listen: [", "listen: [{ address: 127.0.0.1:0 }, ")], "listen", "listen[0].tls, listen[1]"),
            (&[("address: 127.0.0.1:0", "address: 127.0.0.2:0")], "listen", "listen[0].address"),
            (
                &[(", tls: { certificate_file: server.crt, private_key_file: server.key }", "")],
                "listen",
                "listen[0].tls",
            ),
            (
                &[("threads: 1, keep_alive: 5s", "threads: 3, keep_alive: 6s, headers: 8KiB, connections: 9")],
                "limits",
                "limits.connections, limits.threads, limits.keep_alive (of HTTP/2), limits.headers (of HTTP/2)",
            ),
            (
                &[("admin: { address: 127.0.0.1:0", "admin: { address: 127.0.0.2:0, socket: s"), ("text", "json")],
                "admin, telemetry",
                "admin.address, admin.socket",
            ),
            (&[("telemetry:", "state: { url: 'redis://[::1]' }\ntelemetry:")], "state", "state"),
        ] {
            let now = config(replacements);
            let told = (changed(&first, &now).join(", "), waiting(&first, &now).join(", "));
            assert_eq!((told.0.as_str(), told.1.as_str()), (sections, keys), "{replacements:?}");
        }
    }
}
