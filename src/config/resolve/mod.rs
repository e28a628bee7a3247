//! From a complete tree to the configuration that everyone else works with, and all checks that look at more than one
//! value. Each function reports what it finds and returns what it could make of its section.

mod access;
mod claim;
mod credentials;
mod delegation;
mod directory;
mod endpoint;
mod entra;
mod guard;
mod issuer;
mod metadata;
mod metadata_source;
mod network;
mod party;
mod preset;
mod state;
mod switches;
mod telemetry;
mod token;

use std::time::Duration;

use super::files::Files;
use super::section::{Section, duration, network as read_network, parse, size, text};
use super::tree::Node;
use super::{BindCache, Config, EndpointConfig, Faults, Issuer, Limits, ShadowConfig, SigningFiles};
use crate::model::Endpoint;

/// Nobody expects a disabled user to sign in for longer.
const LONG_TTL: Duration = Duration::from_secs(300);

/// The configuration; `None` where errors have been reported.
pub(super) fn resolve(tree: &Node, files: &mut Files<'_>) -> Option<Config> {
    let root = Section::root(tree);
    let public_url = public_url(&root);
    let admin = network::admin(&root, files);
    let listen = network::listen(&root, admin.as_ref(), files);
    let upstream = network::upstream(&root, files);
    let issuer = issuer::issuer(&root, files);
    let trusted_proxies = networks(&root, "trusted_proxies", BALANCERS, files);
    let relying_parties = party::parties(&root, trusted_proxies.as_deref().unwrap_or_default(), files);
    let released = relying_parties.as_deref().map(party::released).unwrap_or_default();
    let certificates = credentials::certificates(&root, files);
    if matches!(certificates, Some(None)) {
        credentials::warn_of_idle_certificates(listen.as_deref().unwrap_or_default(), files);
    }
    let issued_tokens = credentials::issued_tokens(&root, files);
    if matches!(issued_tokens, Some(Some(_))) {
        delegation::warn_of_tokens_for_us(&root, relying_parties.as_deref().unwrap_or_default(), files);
    }
    let in_the_place_of_users = relying_parties.iter().flatten().any(|party| party::names_users(&party.party));
    let standing =
        matches!(certificates, Some(Some(_))) || matches!(issued_tokens, Some(Some(_))) || in_the_place_of_users;
    let behind = directory::Behind { upstream: upstream.as_ref(), public_url: public_url.as_deref() };
    let directories = directory::directories(&root, &released, standing, behind, files);
    let mut endpoints = endpoint::endpoints(&root, files);
    let metadata = metadata::metadata(&root, public_url.as_deref(), upstream.as_ref(), endpoints.as_mut(), files);
    if trusted_proxies.as_ref().is_some_and(Vec::is_empty) {
        network::nobody_may_speak_proxy(listen.as_deref().unwrap_or_default(), files);
    }
    if let Some(EndpointConfig::Forward) = endpoints.as_ref().and_then(|endpoints| endpoints.get(&Endpoint::Ecp)) {
        party::warn_of_forwarded_ecp(&root, relying_parties.as_deref().unwrap_or_default(), files);
    }
    let metadata_sources = metadata_source::metadata_sources(&root, files);
    metadata_source::warn_of_idle(&root, files);
    let limits = limits(&root);
    let bind_cache = bind_cache(&root, files);
    let guard = guard::guard(&root, limits.as_ref(), files);
    if let (Some(guard), Some(parties)) = (&guard, &relying_parties) {
        access::warn(parties, &guard.forwarders, trusted_proxies.as_deref().unwrap_or_default(), files);
    }
    let state = state::state(&root, &signing_files(issuer.as_ref()), files);
    let (metadata, published) = metadata?;
    Some(Config {
        public_url: public_url?,
        listen: listen?,
        admin: admin?,
        upstream: upstream?,
        issuer: issuer?,
        directories: directories?,
        certificates: certificates?,
        issued_tokens: issued_tokens?,
        bind_cache: bind_cache?,
        cache_folder: root.section("cache")?.maybe("folder", text)?.map(|folder| files.resolve(&folder)),
        token_capacity: root.section("cache")?.section("tokens")?.get("capacity", parse)?,
        guard: guard?,
        relying_parties: relying_parties?,
        endpoints: endpoints?,
        shadow: shadow(&root)?,
        metadata,
        published,
        metadata_sources: metadata_sources?,
        trusted_proxies: trusted_proxies?,
        faults: Faults { bad_password_status: root.section("faults")?.get("bad_password_status", parse)? },
        limits: limits?,
        state: state?,
        telemetry: telemetry::telemetry(&root, files)?,
    })
}

fn public_url(root: &Section<'_>) -> Option<String> {
    Some(root.get("public_url", text)?.trim_end_matches('/').to_owned())
}

fn signing_files(issuer: Option<&Issuer>) -> Vec<&SigningFiles> {
    let signing = issuer.map(|issuer| &issuer.signing);
    let keys = signing.map(|signing| [Some(&signing.current), signing.next.as_ref().map(|next| &next.files)]);
    keys.into_iter().flatten().flatten().collect()
}

fn bind_cache(root: &Section<'_>, files: &mut Files<'_>) -> Option<BindCache> {
    let cache = root.section("cache")?;
    match cache.section("bind") {
        Some(bind) => {
            let ttl = bind.get("ttl", duration)?;
            if ttl > LONG_TTL {
                let message =
                    "is long: until it is over, a password that was changed or a user who was disabled signs in";
                files.report.warning(&bind.path("ttl"), message, "set 5m or less");
            }
            Some(BindCache { ttl: Some(ttl), capacity: bind.get("capacity", parse)? })
        }
        None => cache.get("bind", text).map(|_off| BindCache { ttl: None, capacity: 0 }),
    }
}

const BALANCERS: &str = "list the addresses of your own balancers alone";

/// Networks whose word about clients is taken.
fn networks(section: &Section<'_>, key: &str, help: &'static str, files: &mut Files<'_>) -> Option<Vec<ipnet::IpNet>> {
    let networks = section.get(key, |node| super::section::list(node, read_network))?;
    for (index, network) in networks.iter().enumerate() {
        if network.prefix_len() == 0 {
            let path = format!("{}[{index}]", section.path(key));
            files.report.warning(&path, "believes what every client says about its address", help);
        }
    }
    Some(networks)
}

fn shadow(root: &Section<'_>) -> Option<ShadowConfig> {
    let shadow = root.section("shadow")?;
    Some(ShadowConfig { sample: shadow.get("sample", parse)?, concurrency: shadow.get("concurrency", parse)? })
}

fn limits(root: &Section<'_>) -> Option<Limits> {
    let limits = root.section("limits")?;
    Some(Limits {
        rst_body: limits.get("rst_body", size)?,
        ecp_body: limits.get("ecp_body", size)?,
        headers: limits.get("headers", size)?,
        header_deadline: limits.get("header_deadline", duration)?,
        body_deadline: limits.get("body_deadline", duration)?,
        handshake_deadline: limits.get("handshake_deadline", duration)?,
        body_silence: limits.get("body_silence", duration)?,
        body_rate: limits.get("body_rate", parse)?,
        keep_alive: limits.get("keep_alive", duration)?,
        connections: limits.get("connections", parse)?,
        drain: limits.get("drain", duration)?,
        lame_duck: limits.get("lame_duck", duration)?,
        sign_in_deadline: limits.get("sign_in_deadline", duration)?,
        threads: limits.get("threads", parse)?,
    })
}
