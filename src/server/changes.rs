//! What differs between two configurations, for the log of a reload.

use std::path::Path;

use serde_json::{Map, Value};

use crate::config::{Config, Contents, Listen, dump};

/// The sections that mean something else now, and the files that hold something else; `nothing` where all is the same.
/// The configuration's own file is named where no section tells of it: a comment, or a secret in it, is another.
pub(super) fn told(before: (&Config, &Contents), now: (&Config, &Contents)) -> String {
    let mut all = changed(before.0, now.0);
    let itself = all.is_empty();
    let mut files = named(now.1, now.1.changed_since(before.1));
    files.retain(|file| itself || Some(file.as_str()) != own(now.1).as_deref());
    all.extend(files);
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// Files by their paths from the folder of the configuration, which is the first of `contents`.
pub(super) fn named<'a>(contents: &Contents, files: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let folder = contents.files().next().and_then(Path::parent).unwrap_or(Path::new(""));
    files.map(|file| file.strip_prefix(folder).unwrap_or(file).display().to_string()).collect()
}

fn own(contents: &Contents) -> Option<String> {
    named(contents, contents.files().take(1)).pop()
}

fn changed(before: &Config, now: &Config) -> Vec<String> {
    let sections = |config| serde_yaml::from_str::<Map<String, Value>>(&dump(config)).unwrap_or_default();
    let (before, now) = (sections(before), sections(now));
    let differs = |(name, value): (&String, &Value)| (before.get(name) != Some(value)).then(|| name.clone());
    now.iter().filter_map(differs).collect()
}

/// The keys that differ from what the process was started with, `first`, and that only another start can heed.
pub(super) fn waiting(first: &Config, now: &Config) -> Vec<String> {
    let keys = [
        ("admin.address", first.admin.address != now.admin.address),
        ("admin.socket", first.admin.socket != now.admin.socket),
        ("limits.threads", first.limits.threads != now.limits.threads),
    ];
    let others = keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_owned());
    listeners(&first.listen, &now.listen).into_iter().chain(others).collect()
}

/// What differs of where it listens.
fn listeners(first: &[Listen], now: &[Listen]) -> Vec<String> {
    let key = |number: usize| match (first.get(number), now.get(number)) {
        (Some(first), Some(now)) => (first.address != now.address).then(|| format!("listen[{number}].address")),
        _ => Some(format!("listen[{number}]")),
    };
    (0..first.len().max(now.len())).filter_map(key).collect()
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
            (&[("listen: [", "listen: [{ address: 127.0.0.1:0 }, ")], "listen", "listen[1]"),
            (&[("address: 127.0.0.1:0", "address: 127.0.0.2:0")], "listen", "listen[0].address"),
            (&[(", tls: { certificate_file: server.crt, private_key_file: server.key }", "")], "listen", ""),
            (
                &[("threads: 1, keep_alive: 5s", "threads: 3, keep_alive: 6s, headers: 8KiB, connections: 9")],
                "limits",
                "limits.threads",
            ),
            (
                &[("admin: { address: 127.0.0.1:0", "admin: { address: 127.0.0.2:0, socket: s"), ("text", "json")],
                "admin, telemetry",
                "admin.address, admin.socket",
            ),
            (&[("telemetry:", "state: { url: 'redis://[::1]' }\ntelemetry:")], "state", ""),
        ] {
            let now = config(replacements);
            let told = (changed(&first, &now).join(", "), waiting(&first, &now).join(", "));
            assert_eq!((told.0.as_str(), told.1.as_str()), (sections, keys), "{replacements:?}");
        }
    }
}
