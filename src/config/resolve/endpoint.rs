//! Which paths are ours.

use std::collections::BTreeMap;

use crate::config::EndpointConfig;
use crate::config::files::Files;
use crate::config::section::{Section, text, texts};
use crate::model::Endpoint;

/// `endpoints`
pub(super) fn endpoints(root: &Section<'_>, files: &mut Files<'_>) -> Option<BTreeMap<Endpoint, EndpointConfig>> {
    let section = root.section("endpoints")?;
    let mut taken: BTreeMap<String, Endpoint> = BTreeMap::new();
    let mut endpoints = BTreeMap::new();
    let mut complete = true;
    for endpoint in Endpoint::ALL {
        let Some((config, path)) = who_answers(&section, endpoint) else {
            complete = false;
            continue;
        };
        if config.paths().is_some_and(<[String]>::is_empty) {
            let help = "list its paths, or write forward to leave it to the identity provider";
            files.report.error(&path, "has no paths", help);
            complete = false;
            continue;
        }
        if let Some(paths) = config.paths() {
            for (index, typed) in paths.iter().enumerate() {
                let path = format!("{path}[{index}]");
                if typed.contains(['?', '%', ';', '\\']) || typed == "/" || typed.contains("//") {
                    let help = "write a plain path such as /mex: requests are compared after every decoding";
                    files.report.error(&path, format!("`{typed}` cannot be an endpoint"), help);
                }
                // Routing does not regard letter case, so that the identity provider's own endpoint cannot be reached.
                if let Some(other) = taken.insert(typed.trim_end_matches('/').to_lowercase(), endpoint) {
                    let message = format!("`{typed}` is already a path of endpoints.{}", other.label());
                    files.report.error(&path, message, "a path belongs to one endpoint, letter case aside");
                }
            }
        }
        endpoints.insert(endpoint, config);
    }
    complete.then_some(endpoints)
}

/// Who answers an endpoint, and where that is written. A word that `check` let pass is one of these; anything else it has
/// reported.
fn who_answers(section: &Section<'_>, endpoint: Endpoint) -> Option<(EndpointConfig, String)> {
    let (label, path) = (endpoint.label(), section.path(endpoint.label()));
    if let Some(paths) = section.get(label, texts) {
        return Some((EndpointConfig::Paths(paths), path));
    }
    if let Some(shadowed) = section.section(label) {
        return Some((EndpointConfig::Shadow(shadowed.get("shadow", texts)?), shadowed.path("shadow")));
    }
    let defaults = || endpoint.default_paths().iter().map(|path| (*path).to_owned()).collect();
    match section.get(label, text)?.as_str() {
        "shadow" => Some((EndpointConfig::Shadow(defaults()), path)),
        _ => Some((EndpointConfig::Forward, path)),
    }
}
