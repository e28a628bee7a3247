//! Where the metadata of service providers comes from.

use std::time::Duration;

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, duration, flag, text};
use crate::config::value::is_loopback;
use crate::config::{MetadataPlace, MetadataSourceConfig};

/// What a federation's documents may say at most (Shibboleth's default).
const USUAL_VALIDITY: Duration = Duration::from_secs(14 * 86_400);
/// Of a name.
const LONGEST_NAME: usize = 64;

/// `metadata_sources`
pub(super) fn metadata_sources(root: &Section<'_>, files: &mut Files<'_>) -> Option<Vec<MetadataSourceConfig>> {
    let folder = root.section("cache").is_some_and(|cache| cache.has("folder"));
    let mut sources: Vec<Option<MetadataSourceConfig>> = Vec::new();
    for section in root.sections("metadata_sources") {
        let source = source(&section, files);
        if let Some(source) = &source {
            if sources.iter().flatten().any(|other| other.name == source.name) {
                let message = format!("`{}` is the name of another source", source.name);
                files.report.error(&section.path("name"), message, "give each its own name");
            }
            if source.place.is_remote() && !folder {
                let message = "is kept in memory alone: after a restart nobody of it can sign in until it is reached";
                let help = "set cache.folder, where the last good copies are kept";
                files.report.warning(section.own_path(), message, help);
            }
        }
        sources.push(source);
    }
    root.get("metadata_sources", |node| crate::config::section::list(node, |_| Some(())))?;
    sources.into_iter().collect()
}

/// Tells of sources that no relying party names.
pub(super) fn warn_of_idle(root: &Section<'_>, files: &mut Files<'_>) {
    let parties = root.sections("relying_parties");
    let used: Vec<String> = parties.iter().filter_map(|party| party.get("metadata_source", text)).collect();
    for section in root.sections("metadata_sources") {
        if section.get("name", text).is_some_and(|name| !used.contains(&name)) {
            let help = "name it as metadata_source of a relying party, or remove it";
            files.report.warning(section.own_path(), "is used by no relying party", help);
        }
    }
}

fn source(section: &Section<'_>, files: &mut Files<'_>) -> Option<MetadataSourceConfig> {
    let name = section.get("name", text)?;
    if !is_name(&name) {
        let help = "choose one of ASCII letters, digits, -, _ and ., which begins with a letter or a digit";
        files.report.error(&section.path("name"), format!("`{name}` names no folder and no metric"), help);
    }
    let place = place(section, files)?;
    let remote = place.is_remote();
    let certificate_file = files.optional_file(section, "certificate_file", Privacy::Public)?;
    if remote && certificate_file.is_none() {
        let message = "is missing: what comes over the network is believed by its signature alone";
        let help = "add the certificate of the federation's signing key, had in a way that you trust";
        files.report.error(&section.path("certificate_file"), message, help);
    }
    let ca_file = files.optional_file(section, "ca_file", Privacy::Public)?;
    if ca_file.is_some() && !remote {
        files.report.warning(&section.path("ca_file"), "is of no use without url or mdq", "remove it");
    }
    let allow_sha1 = section.get("allow_sha1", flag)?;
    if allow_sha1 {
        let message = "SHA-1 is broken; signatures with it can be forged";
        files.report.warning(&section.path("allow_sha1"), message, "keep it for a publisher that knows nothing newer");
    }
    let longest_validity = match section.maybe("longest_validity", Some)? {
        None => remote.then_some(USUAL_VALIDITY),
        Some(node) if text(node).as_deref() == Some("off") => None,
        Some(node) => Some(duration(node)?),
    };
    if remote && longest_validity.is_none() {
        let message = "off: whoever can answer for the server can keep an old document in use";
        files.report.warning(&section.path("longest_validity"), message, "set how long the publisher's are valid");
    }
    let refresh = section.section("refresh")?;
    let (shortest_refresh, longest_refresh) = (refresh.get("shortest", duration)?, refresh.get("longest", duration)?);
    if shortest_refresh > longest_refresh {
        let help = "shorten it, or lengthen refresh.longest";
        files.report.error(&refresh.path("shortest"), "is longer than refresh.longest", help);
    }
    Some(MetadataSourceConfig {
        name,
        place,
        certificate_file,
        allow_sha1,
        longest_validity,
        shortest_refresh,
        longest_refresh,
        ca_file,
    })
}

/// The one of the four keys that is there.
fn place(section: &Section<'_>, files: &mut Files<'_>) -> Option<MetadataPlace> {
    let keys: Vec<&str> = ["file", "directory", "url", "mdq"].into_iter().filter(|key| section.has(key)).collect();
    let [key] = keys[..] else {
        let message = if keys.is_empty() { "says nowhere where it is" } else { "is at more than one place" };
        files.report.error(section.own_path(), message, "give it one of file, directory, url and mdq");
        return None;
    };
    match key {
        "file" => files.unwatched_file(section, key).map(MetadataPlace::File),
        "directory" => {
            let folder = files.resolve(&section.get(key, text)?);
            if !folder.is_dir() {
                let message = format!("there is no folder {}", folder.display());
                files.report.error(
                    &section.path(key),
                    message,
                    "relative paths begin at the folder of the configuration",
                );
            }
            Some(MetadataPlace::Directory(folder))
        }
        _ => {
            let url = section.get(key, text)?;
            let Some((https, host)) = url_of(&url) else {
                let help = "write https://host/path, or http://, without user and fragment";
                files.report.error(&section.path(key), format!("`{url}` is no URL that can be fetched"), help);
                return None;
            };
            if !https && !is_loopback(&host) {
                let message =
                    "is fetched in the clear: whoever stands between sees who signs in where, and can keep it back";
                files.report.warning(&section.path(key), message, "write https://");
            }
            if key == "url" {
                return Some(MetadataPlace::Url(url));
            }
            if url.contains('?') {
                let help = "write the part of it before entities/";
                files.report.error(&section.path(key), "has a query, and is no base", help);
            }
            Some(MetadataPlace::Mdq(format!("{}/", url.trim_end_matches('/'))))
        }
    }
}

/// Whether it is by TLS, and the host.
pub(super) fn url_of(url: &str) -> Option<(bool, String)> {
    if url.contains(['#', '@', '\\']) || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let uri: http::Uri = url.parse().ok()?;
    let https = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let host = uri.host().filter(|host| !host.is_empty())?;
    Some((https, host.trim_matches(['[', ']']).to_owned()))
}

/// It is the name of a folder as well.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
