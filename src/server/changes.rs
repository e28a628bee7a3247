//! What differs between two configurations, for the log of a reload.

use serde_json::{Map, Value};

use crate::config::{Config, Listen, TlsFiles, dump};

/// The sections that mean something else now. Secrets are not compared, nor what is in the files that are named.
pub(super) fn changed(before: &Config, now: &Config) -> Vec<String> {
    let sections = |config| serde_yaml::from_str::<Map<String, Value>>(&dump(config)).unwrap_or_default();
    let (before, now) = (sections(before), sections(now));
    let differs = |(name, value): (&String, &Value)| (before.get(name) != Some(value)).then(|| name.clone());
    now.iter().filter_map(differs).collect()
}

/// The keys that differ from what the process was started with, `first`, and that only another start can heed.
pub(super) fn waiting(first: &Config, now: &Config) -> Vec<&'static str> {
    let limits = (&first.limits, &now.limits);
    let sockets = |config: &Config| config.listen.iter().map(socket).collect::<Vec<_>>();
    let keys = [
        ("listen", sockets(first) != sockets(now)),
        ("admin.address", first.admin.address != now.admin.address),
        ("admin.socket", first.admin.socket != now.admin.socket),
        ("limits.connections", limits.0.connections != limits.1.connections),
        ("limits.threads", limits.0.threads != limits.1.threads),
        ("limits.keep_alive (of HTTP/2)", limits.0.keep_alive != limits.1.keep_alive),
        ("limits.headers (of HTTP/2)", limits.0.headers != limits.1.headers),
        ("telemetry.format", first.telemetry.format != now.telemetry.format),
    ];
    keys.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

/// A listener without the files of its certificate: those are read again.
fn socket(listen: &Listen) -> Listen {
    let mut socket = listen.clone();
    if let Some(files) = &mut socket.tls {
        *files = TlsFiles { certificate_file: Default::default(), private_key_file: Default::default() };
    }
    socket
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
            (&[("listen: [", "listen: [{ address: 127.0.0.1:0 }, ")], "listen", "listen"),
            (&[(", tls: { certificate_file: server.crt, private_key_file: server.key }", "")], "listen", "listen"),
            (
                &[("threads: 1, keep_alive: 5s", "threads: 3, keep_alive: 6s, headers: 8KiB, connections: 9")],
                "limits",
                "limits.connections, limits.threads, limits.keep_alive (of HTTP/2), limits.headers (of HTTP/2)",
            ),
            (
                &[("admin: { address: 127.0.0.1:0", "admin: { address: 127.0.0.2:0, socket: s"), ("text", "json")],
                "admin, telemetry",
                "admin.address, admin.socket, telemetry.format",
            ),
        ] {
            let now = config(replacements);
            let told = (changed(&first, &now).join(", "), waiting(&first, &now).join(", "));
            assert_eq!((told.0.as_str(), told.1.as_str()), (sections, keys), "{replacements:?}");
        }
    }
}
