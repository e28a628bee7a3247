//! How SAML metadata is published.

use std::collections::BTreeMap;

use http::Uri;

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, flag, text, texts};
use crate::config::{EndpointConfig, MergedMetadataConfig, MetadataMode, OwnMetadata, Published, Upstream};
use crate::model::Endpoint;
use crate::saml::metadata::{Move, Moves};

/// What a product has where.
struct Product {
    /// Sign-on and logout, for every binding.
    browser: &'static str,
    /// Its own metadata.
    metadata: &'static str,
    /// Sign-in by WS-Federation.
    passive: Option<&'static str>,
}

static WSO2: Product =
    Product { browser: "/samlsso", metadata: "/identity/metadata/saml2", passive: Some("/passivests") };
static OAM: Product = Product { browser: "/oamfed/idp/samlv20", metadata: "/oamfed/idp/metadata", passive: None };

/// Keys that say what our metadata has of the identity provider's.
const OWN_KEYS: [&str; 4] = ["sso_redirect", "sso_post", "slo_redirect", "slo_post"];

/// `metadata`. In mode `forward` the paths of `endpoints.metadata` are no longer ours.
pub(super) fn metadata(
    root: &Section<'_>,
    public_url: Option<&str>,
    upstream: Option<&Upstream>,
    mut endpoints: Option<&mut BTreeMap<Endpoint, EndpointConfig>>,
    files: &mut Files<'_>,
) -> Option<(MetadataMode, Published)> {
    let section = root.section("metadata")?;
    let mode = section.get("mode", text)?;
    let public_url = public_url.unwrap_or_default();
    let config_of = |endpoint| endpoints.as_ref().and_then(|endpoints| endpoints.get(&endpoint));
    let shadowed = matches!(config_of(Endpoint::Metadata), Some(EndpointConfig::Shadow(_)));
    let paths = config_of(Endpoint::Metadata).and_then(|config| config.paths().map(<[String]>::to_vec));
    let describes_sts = config_of(Endpoint::FederationMetadata).is_some_and(|config| config.paths().is_some());
    // Read in every mode, so that what is wrong shows before the day of the switch.
    let own = own(&section, public_url, files);
    let published = published(&section, public_url, describes_sts, files).map(|published| Published {
        sso: own.as_ref().and_then(|own| own.sso_post.clone().or_else(|| own.sso_redirect.clone())),
        slo: own.as_ref().and_then(|own| own.slo_redirect.clone().or_else(|| own.slo_post.clone())),
        ..published
    });
    let merged = merged(&section, public_url, paths.as_deref(), mode == "merge", upstream, files);
    if mode != "own" && OWN_KEYS.iter().any(|key| section.has(key)) {
        let help = "write mode: own, or remove sso_redirect, sso_post, slo_redirect and slo_post";
        files.report.warning(&section.path("mode"), "publishes the identity provider's endpoints as it has them", help);
    }
    let mode = match mode.as_str() {
        "own" => own.map(MetadataMode::Own),
        "merge" => merged.map(MetadataMode::Merge),
        _ if shadowed => {
            let message = "has nothing to compare: what is published is the identity provider's own document";
            let help = "write metadata.mode: own or merge, or list the paths in the place of shadow";
            files.report.error("endpoints.metadata", message, help);
            None
        }
        _ => {
            let of_ours = published.as_ref().is_some_and(|published| !published.idp_certificates.is_empty());
            if !describes_sts && of_ours {
                let help = "write mode: own, or remove idp_certificates";
                let message = "publishes the identity provider's document as it is";
                files.report.warning(&section.path("mode"), message, help);
            }
            endpoints.as_mut()?.insert(Endpoint::Metadata, EndpointConfig::Forward);
            Some(MetadataMode::Forward { paths: paths.unwrap_or_default() })
        }
    };
    Some((mode?, published?))
}

fn product(section: &Section<'_>) -> Option<&'static Product> {
    match section.get("idp", text)?.as_str() {
        "wso2" => Some(&WSO2),
        "oam" => Some(&OAM),
        _ => None,
    }
}

fn own(section: &Section<'_>, public_url: &str, files: &mut Files<'_>) -> Option<OwnMetadata> {
    let known = product(section).map(|product| product.browser);
    let [sso_redirect, sso_post, slo_redirect, slo_post] =
        OWN_KEYS.map(|key| location(section, key, known, public_url, files));
    let name_id_formats = section.get("name_id_formats", texts)?;
    for (index, format) in name_id_formats.iter().enumerate() {
        if !format.contains(':') || format.contains(char::is_whitespace) {
            let path = format!("{}[{index}]", section.path("name_id_formats"));
            let help = "write a whole URI, such as urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
            files.report.error(&path, format!("`{format}` is not a name identifier format"), help);
        }
    }
    Some(OwnMetadata {
        sso_redirect: sso_redirect?,
        sso_post: sso_post?,
        slo_redirect: slo_redirect?,
        slo_post: slo_post?,
        name_id_formats,
    })
}

/// What is published of the identity provider whatever the mode, and by which ids.
fn published(section: &Section<'_>, public_url: &str, describes_sts: bool, files: &mut Files<'_>) -> Option<Published> {
    let known = product(section).and_then(|product| product.passive);
    let passive = location(section, "passive", known, public_url, files);
    if describes_sts && passive == Some(None) {
        let message =
            "is missing: WS-Federation metadata says nothing of the browser's sign-in, which WIF and SharePoint need";
        let help = "write the identity provider's address for it, such as /passivests of WSO2";
        files.report.warning(&section.path("passive"), message, help);
    }
    let idp_certificates = files.list(section, "idp_certificates", Privacy::Public);
    let ids = section.section("certificate_ids")?;
    let [current_ids, next_ids] = ["current", "next"].map(|key| ids.get(key, texts));
    let (current_ids, next_ids) = (current_ids?, next_ids?);
    if let Some(twice) = next_ids.iter().find(|id| current_ids.contains(id)) {
        let message = format!("`{twice}` is an id of the current certificate as well");
        files.report.error(&ids.path("next"), message, "give each certificate ids of its own");
    }
    Some(Published {
        passive: passive?,
        sso: None,
        slo: None,
        idp_certificates: idp_certificates?,
        current_ids,
        next_ids,
    })
}

fn merged(
    section: &Section<'_>,
    public_url: &str,
    paths: Option<&[String]>,
    is_mode: bool,
    upstream: Option<&Upstream>,
    files: &mut Files<'_>,
) -> Option<MergedMetadataConfig> {
    let certificate_file = files.optional_file(section, "idp_certificate_file", Privacy::Public);
    let (allow_unsigned, allow_sha1) = (section.get("allow_unsigned", flag)?, section.get("allow_sha1", flag)?);
    let path = section.maybe("idp_metadata", text);
    let moves = moves(section, public_url, files);
    if !is_mode {
        return None;
    }
    let Some(first) = paths.and_then(<[String]>::first) else {
        let help = "name paths for it, or write mode: forward";
        files.report.error("endpoints.metadata", "is the identity provider's, so that nothing is merged", help);
        return None;
    };
    let certificate_path = section.path("idp_certificate_file");
    match (&certificate_file, allow_unsigned) {
        (Some(None), false) => {
            let message = "is missing: what is published in our name must be known to be the identity provider's";
            let help = "name the certificate that it signs its metadata with; or, where it signs none, as WSO2 by default, \
                        write allow_unsigned: true";
            files.report.error(&certificate_path, message, help);
        }
        (Some(Some(_)), true) => {
            let help = "remove one of them: with a certificate nothing unsigned is believed";
            files.report.error(&certificate_path, "is there, and allow_unsigned, too", help);
        }
        (Some(None), true) if upstream.is_some_and(crosses_a_network_in_the_clear) => {
            let message = "believes whoever is between us and the identity provider, which is asked without TLS";
            let help = "name its servers by https, or have it sign its metadata and name idp_certificate_file";
            files.report.warning(&section.path("allow_unsigned"), message, help);
        }
        _ => {}
    }
    let path = path?.or(product(section).map(|product| product.metadata.to_owned())).unwrap_or_else(|| first.clone());
    Some(MergedMetadataConfig { path, certificate_file: certificate_file?, allow_sha1, moves: moves? })
}

fn moves(section: &Section<'_>, public_url: &str, files: &mut Files<'_>) -> Option<Moves> {
    let mut from = Vec::new();
    for (index, typed) in section.get("move", texts)?.iter().enumerate() {
        match Move::parse(typed) {
            Some(address) => from.push(address),
            None => {
                let path = format!("{}[{index}]", section.path("move"));
                let help = "write an address as the identity provider's metadata has it, or its beginning up to a /: \
                            https://wso2.internal:9443 is all that is there";
                files.report.error(&path, format!("`{typed}` is not an http or https address"), help);
            }
        }
    }
    Some(Moves { from, to: public_url.to_owned() })
}

/// Whether a server is asked without TLS and is not on this machine.
fn crosses_a_network_in_the_clear(upstream: &Upstream) -> bool {
    let is_here = |host: &str| host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    upstream.servers.iter().any(|server| !server.https && !is_here(&server.host))
}

/// An address for browsers: as it is typed, or as the product is known to have it.
fn location(
    section: &Section<'_>,
    key: &str,
    known: Option<&str>,
    public_url: &str,
    files: &mut Files<'_>,
) -> Option<Option<String>> {
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
}

/// Whether browsers can be sent there. Where `public_url` is missing, which is reported, a path is all that there is.
fn is_address(location: &str) -> bool {
    let uri: Option<Uri> = location.parse().ok().filter(|_| !location.contains('#'));
    let server = |uri: &Uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty());
    uri.is_some_and(|uri| location.starts_with('/') || server(&uri))
}
