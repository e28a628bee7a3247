//! How SAML metadata is published.

use std::collections::BTreeMap;

use http::Uri;

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, text, texts};
use crate::config::{EndpointConfig, MetadataMode, OwnMetadata};
use crate::model::Endpoint;

/// `metadata`. In mode `forward` the paths of `endpoints.metadata` are no longer ours.
pub(super) fn metadata(
    root: &Section<'_>,
    public_url: Option<&str>,
    endpoints: Option<&mut BTreeMap<Endpoint, EndpointConfig>>,
    files: &mut Files<'_>,
) -> Option<MetadataMode> {
    let section = root.section("metadata")?;
    let mode = section.get("mode", text)?;
    // Read in either mode, so that what is wrong shows before the day of the switch.
    let own = own(&section, public_url.unwrap_or_default(), files);
    match mode.as_str() {
        "own" => own.map(MetadataMode::Own),
        "forward" => {
            if section.has("idp") || own.is_some_and(|own| own.says_more_than_ours()) {
                let help = "write mode: own, or remove the other keys of metadata";
                files.report.warning(
                    &section.path("mode"),
                    "publishes the identity provider's document as it is",
                    help,
                );
            }
            let answered = endpoints?.insert(Endpoint::Metadata, EndpointConfig::Forward);
            let paths = answered.map(|config| match config {
                EndpointConfig::Paths(paths) => paths,
                EndpointConfig::Forward => Vec::new(),
            });
            Some(MetadataMode::Forward { paths: paths.unwrap_or_default() })
        }
        _ => {
            let message = "merging with the identity provider's metadata is not offered in this version";
            files.report.error(&section.path("mode"), message, "choose own or forward");
            None
        }
    }
}

impl OwnMetadata {
    /// Whether there is anything of the identity provider's in it.
    fn says_more_than_ours(&self) -> bool {
        let locations = [&self.sso_redirect, &self.sso_post, &self.slo_redirect, &self.slo_post];
        locations.into_iter().any(Option::is_some) || !self.idp_certificates.is_empty()
    }
}

fn own(section: &Section<'_>, public_url: &str, files: &mut Files<'_>) -> Option<OwnMetadata> {
    // Both products answer every binding, sign-on and logout, at one path.
    let known = match section.get("idp", text).as_deref() {
        Some("wso2") => Some("/samlsso"),
        Some("oam") => Some("/oamfed/idp/samlv20"),
        _ => None,
    };
    let mut location = |key: &str| {
        let typed = section.maybe(key, text)?;
        let location = match typed.as_deref().or(known) {
            Some(path) if path.starts_with('/') => Some(format!("{public_url}{path}")),
            other => other.map(str::to_owned),
        };
        if typed.is_some() && !location.as_deref().is_some_and(is_address) {
            let help = "write a path on public_url, such as /samlsso, or a whole https URL";
            files.report.error(&section.path(key), "is not an address for browsers", help);
            return None;
        }
        Some(location)
    };
    let [sso_redirect, sso_post] = ["sso_redirect", "sso_post"].map(&mut location);
    let [slo_redirect, slo_post] = ["slo_redirect", "slo_post"].map(&mut location);
    let name_id_formats = section.get("name_id_formats", texts)?;
    for (index, format) in name_id_formats.iter().enumerate() {
        if !format.contains(':') || format.contains(char::is_whitespace) {
            let path = format!("{}[{index}]", section.path("name_id_formats"));
            let help = "write a whole URI, such as urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
            files.report.error(&path, format!("`{format}` is not a name identifier format"), help);
        }
    }
    let idp_certificates = files.list(section, "idp_certificates", Privacy::Public);
    Some(OwnMetadata {
        sso_redirect: sso_redirect?,
        sso_post: sso_post?,
        slo_redirect: slo_redirect?,
        slo_post: slo_post?,
        idp_certificates: idp_certificates?,
        name_id_formats,
    })
}

/// Whether browsers can be sent there. Where `public_url` is missing, which is reported, a path is all that there is.
fn is_address(location: &str) -> bool {
    let uri: Option<Uri> = location.parse().ok().filter(|_| !location.contains('#'));
    let server = |uri: &Uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty());
    uri.is_some_and(|uri| location.starts_with('/') || server(&uri))
}
