//! The resolved configuration, written as a file that means the same: `config dump`. Secrets are not in it.

mod access;
mod claims;
mod directory;
mod guard;
mod issuer;
mod ldap;
mod metadata;
mod metadata_source;
mod telemetry;

use std::path::Path;

use serde_json::{Map, Value, json};

use claims::{attributes, entra, name_identifier, name_identifiers};
use directory::directory;
use ldap::group_cache;
use metadata_source::metadata_source;

use super::value::{format_duration, format_size};
use super::{
    BindCache, CertificateCredentials, CertificateName, Config, EndpointConfig, IssuedTokenCredentials, Limits, Listen,
    MetadataMode, PartyConfig, PartyMetadata, StateConfig, TokenIssuer, Upstream,
};
use crate::model::{
    ContentEncryption, DelegationRule, EcpRelease, EcpSwitches, EncryptAssertions, Endpoint, IssuerChoice,
    RelyingParty, Renewal, SignatureAlgorithm, TokenTypeSpelling,
};

/// What stands for every secret, and for the value of every header that is set: it may be one.
const REDACTED: &str = "<redacted>";

/// The configuration as YAML.
pub fn dump(config: &Config) -> String {
    let mut value = json!({
        "public_url": config.public_url,
        "listen": config.listen.iter().map(listen).collect::<Vec<_>>(),
        "admin": object([
            ("address", Some(json!(config.admin.address))),
            ("socket", config.admin.socket.as_deref().map(path)),
            ("watch_files", Some(json!(config.admin.watch_files))),
        ]),
        "upstream": upstream(&config.upstream),
        "issuer": issuer::issuer(&config.issuer),
        "directory": config.directories.iter().map(directory).collect::<Vec<_>>(),
        "credentials": object([
            ("certificate", config.certificates.as_ref().map(certificates)),
            ("issued_token", config.issued_tokens.as_ref().map(issued_tokens)),
        ]),
        "cache": object([
            ("bind", Some(bind_cache(config.bind_cache))),
            ("groups", group_cache(config)),
            ("tokens", Some(json!({ "capacity": config.token_capacity }))),
            ("folder", config.cache_folder.as_deref().map(path)),
        ]),
        "guard": guard::guard(&config.guard),
        "relying_parties": config.relying_parties.iter().map(party).collect::<Vec<_>>(),
        "endpoints": endpoints(config),
        "shadow": { "sample": config.shadow.sample, "concurrency": config.shadow.concurrency },
        "metadata": metadata::metadata(config),
        "metadata_sources": config.metadata_sources.iter().map(metadata_source).collect::<Vec<_>>(),
        "trusted_proxies": config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "faults": { "bad_password_status": config.faults.bad_password_status },
        "limits": limits(&config.limits),
        "telemetry": telemetry::telemetry(&config.telemetry),
    });
    if let (Some(config), Some(sections)) = (&config.state, value.as_object_mut()) {
        sections.insert("state".to_owned(), state(config));
    }
    escape(&mut value);
    serde_yaml::to_string(&value).unwrap_or_default()
}

/// A `$` of a value must not become a variable when the dump is read.
fn escape(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(entries) => entries.values_mut().for_each(escape),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The keys that have a value.
fn object<'k>(entries: impl IntoIterator<Item = (&'k str, Option<Value>)>) -> Value {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>().into()
}

fn path(path: &Path) -> Value {
    json!(path.to_string_lossy())
}

fn listen(listen: &Listen) -> Value {
    let tls = listen.tls.as_ref().map(|tls| {
        object([
            ("certificate_file", Some(path(&tls.certificate_file))),
            ("private_key_file", Some(path(&tls.private_key_file))),
            ("client_ca_file", tls.client_ca_file.as_deref().map(path)),
        ])
    });
    let proxy_protocol = if listen.proxy_protocol { "required" } else { "off" };
    object([
        ("address", Some(json!(listen.address))),
        ("tls", tls),
        ("proxy_protocol", Some(json!(proxy_protocol))),
        ("public_url", listen.public_url.as_ref().map(|url| json!(url))),
    ])
}

fn upstream(upstream: &Upstream) -> Value {
    let health = |health: &super::UpstreamHealth| {
        json!({
            "path": health.path,
            "interval": format_duration(health.interval),
        })
    };
    object([
        ("servers", Some(json!(upstream.servers.iter().map(super::UpstreamServer::url).collect::<Vec<_>>()))),
        (
            "tls",
            Some(object([
                ("ca_file", upstream.tls.ca_file.as_deref().map(path)),
                ("server_name", upstream.tls.server_name.as_ref().map(|name| json!(name))),
            ])),
        ),
        ("health", upstream.health.as_ref().map(health)),
        (
            "set_headers",
            Some(
                upstream
                    .set_headers
                    .iter()
                    .map(|(name, _)| (name.clone(), json!(REDACTED)))
                    .collect::<Map<_, _>>()
                    .into(),
            ),
        ),
        ("remove_headers", Some(json!(upstream.remove_headers))),
        ("rewrite_location", Some(json!(upstream.rewrite_location))),
        ("strip_basic_authorization", Some(json!(upstream.strip_basic_authorization))),
        ("connect_timeout", Some(json!(format_duration(upstream.connect_timeout)))),
        ("read_timeout", Some(json!(format_duration(upstream.read_timeout)))),
        ("idle_timeout", Some(json!(format_duration(upstream.idle_timeout)))),
    ])
}

fn certificates(certificates: &CertificateCredentials) -> Value {
    let name = match certificates.name {
        CertificateName::Upn => "upn",
        CertificateName::Email => "email",
        CertificateName::CommonName => "common_name",
        CertificateName::Subject => "subject",
    };
    object([
        ("ca_file", Some(path(&certificates.ca_file))),
        ("crl_file", certificates.crl_file.as_deref().map(path)),
        ("name", Some(json!(name))),
    ])
}

fn issued_tokens(tokens: &IssuedTokenCredentials) -> Value {
    let issuer = |issuer: &TokenIssuer| {
        json!({
            "entity_id": issuer.entity_id,
            "certificate_files": issuer.certificate_files.iter().map(|file| path(file)).collect::<Vec<_>>(),
            "name": issuer.name_claim.as_deref().unwrap_or("name_identifier"),
        })
    };
    json!({ "issuers": tokens.issuers.iter().map(issuer).collect::<Vec<_>>() })
}

fn bind_cache(cache: BindCache) -> Value {
    match cache.ttl {
        Some(ttl) => json!({ "ttl": format_duration(ttl), "capacity": cache.capacity }),
        None => json!("off"),
    }
}

fn endpoints(config: &Config) -> Map<String, Value> {
    let endpoint = |name, endpoint: &EndpointConfig| match (endpoint, &config.metadata) {
        (EndpointConfig::Paths(paths), _) => json!(paths),
        (EndpointConfig::Shadow(paths), _) => json!({ "shadow": paths }),
        (_, MetadataMode::Forward { paths }) if name == Endpoint::Metadata && !paths.is_empty() => json!(paths),
        (EndpointConfig::Forward, _) => json!("forward"),
    };
    config.endpoints.iter().map(|(name, to)| (name.label().to_owned(), endpoint(*name, to))).collect()
}

fn limits(limits: &Limits) -> Value {
    json!({
        "rst_body": format_size(limits.rst_body),
        "ecp_body": format_size(limits.ecp_body),
        "headers": format_size(limits.headers),
        "header_deadline": format_duration(limits.header_deadline),
        "body_deadline": format_duration(limits.body_deadline),
        "handshake_deadline": format_duration(limits.handshake_deadline),
        "body_silence": format_duration(limits.body_silence),
        "body_rate": limits.body_rate,
        "keep_alive": format_duration(limits.keep_alive),
        "connections": limits.connections,
        "drain": format_duration(limits.drain),
        "lame_duck": format_duration(limits.lame_duck),
        "sign_in_deadline": format_duration(limits.sign_in_deadline),
        "threads": limits.threads,
    })
}

fn state(state: &StateConfig) -> Value {
    object([
        ("url", Some(json!(state.url()))),
        ("username", state.username.as_ref().map(|name| json!(name))),
        ("password", state.password.as_ref().map(|_| json!(REDACTED))),
        ("ca_file", state.ca_file.as_deref().map(path)),
        ("timeout", Some(json!(format_duration(state.timeout)))),
        ("prefix", Some(json!(state.prefix))),
        ("key", state.key.as_ref().map(|_| json!(REDACTED))),
    ])
}

fn party(config: &PartyConfig) -> Value {
    let RelyingParty { name, applies_to, audience, required_group, issuer, signature, lifetime, .. } = &config.party;
    let ecp = config.party.ecp.as_ref();
    let entity_id = ecp.map(|ecp| &ecp.entity_id).or(config.off.entity_id.as_ref());
    let source = match &config.metadata {
        Some(PartyMetadata::Source { name, entity_categories }) => Some((name, entity_categories)),
        Some(PartyMetadata::Office365 | PartyMetadata::Aws | PartyMetadata::File(_)) | None => None,
    };
    object([
        ("name", Some(json!(name))),
        (
            "preset",
            match &config.metadata {
                Some(PartyMetadata::Office365) => Some(json!("office365")),
                Some(PartyMetadata::Aws) => Some(json!("aws")),
                Some(PartyMetadata::File(_) | PartyMetadata::Source { .. }) | None => None,
            },
        ),
        ("required_group", required_group.as_ref().map(|group| json!(group))),
        ("access", access::rules(&config.party.access)),
        ("issuer", Some(json!(if *issuer == IssuerChoice::ByDomain { "by_domain" } else { "entity_id" }))),
        ("applies_to", Some(json!(applies_to))),
        ("audience", audience.as_ref().map(|audience| json!(audience))),
        ("signature", Some(json!(if *signature == SignatureAlgorithm::RsaSha1 { "rsa-sha1" } else { "rsa-sha256" }))),
        ("lifetime", Some(json!(format_duration(*lifetime)))),
        ("certificate_file", config.certificate_file.as_deref().map(path)),
        ("encryption", config.party.encryption.map(encryption)),
        ("longest_lifetime", Some(json!(format_duration(config.party.longest_lifetime)))),
        ("renewal", Some(config.party.renewal.as_ref().map_or(json!("off"), renewal))),
        ("remember_tokens", Some(json!(config.party.remember_tokens))),
        (
            "token_type_spelling",
            Some(json!(match config.party.token_type_spelling {
                TokenTypeSpelling::SamlNamespace => "saml-namespace",
                TokenTypeSpelling::TokenProfile => "token-profile",
                TokenTypeSpelling::AsAsked => "as-asked",
            })),
        ),
        ("name_identifier", Some(name_identifier(&config.party.name_identifier))),
        ("attributes", Some(attributes(config.own_attributes()))),
        ("entra", entra(&config.entra)),
        ("delegation", Some(config.party.delegation.iter().map(delegation).collect())),
        ("ecp", Some(ecp.map_or(json!(false), ecp_release))),
        (
            "metadata_file",
            match &config.metadata {
                Some(PartyMetadata::File(file)) => Some(path(file)),
                Some(PartyMetadata::Office365 | PartyMetadata::Aws | PartyMetadata::Source { .. }) => None,
                None => config.off.metadata_file.as_deref().map(path),
            },
        ),
        ("metadata_source", source.map(|(name, _)| json!(name))),
        (
            "entity_categories",
            source.map(|(_, categories)| categories).filter(|all| !all.is_empty()).map(|all| json!(all)),
        ),
        ("entity_id", entity_id.filter(|id| !id.is_empty()).map(|id| json!(id))),
    ])
}

fn ecp_release(release: &EcpRelease) -> Value {
    let EcpSwitches { encrypt, content_encryption, sign_response, request_authenticated, accept_sha1 } =
        release.switches;
    let encrypt = match encrypt {
        EncryptAssertions::Auto => "auto",
        EncryptAssertions::Off => "off",
        EncryptAssertions::Required => "required",
    };
    object([
        ("name_identifier", Some(name_identifiers(&release.name_identifiers))),
        ("attributes", Some(attributes(&release.attributes))),
        ("encrypt", Some(json!(encrypt))),
        ("content_encryption", content_encryption.map(encryption)),
        ("sign_response", Some(json!(sign_response))),
        ("request_authenticated", Some(json!(request_authenticated))),
        ("accept_sha1", Some(json!(accept_sha1))),
    ])
}

fn delegation(rule: &DelegationRule) -> Value {
    json!({
        "askers": rule.askers,
        "for": rule.subjects,
        "kinds": rule.kinds.iter().map(|kind| kind.label()).collect::<Vec<_>>(),
        "by_name": rule.by_name,
        "audiences": rule.audiences,
    })
}

fn renewal(renewal: &Renewal) -> Value {
    json!({
        "window": format_duration(renewal.window),
        "longest": format_duration(renewal.longest),
        "askers": renewal.askers,
    })
}

fn encryption(encryption: ContentEncryption) -> Value {
    json!(match encryption {
        ContentEncryption::Aes256Gcm => "aes256-gcm",
        ContentEncryption::Aes128Gcm => "aes128-gcm",
        ContentEncryption::Aes256Cbc => "aes256-cbc",
        ContentEncryption::Aes128Cbc => "aes128-cbc",
    })
}
