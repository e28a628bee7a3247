//! Directories.

use serde_json::{Map, Value, json};

use super::ldap::{ldap, one_or_many};
use super::{object, path};
use crate::config::value::format_duration;
use crate::config::{DirectoryAdapter, DirectoryConfig, ImmutableIdEncoding, UpstreamDirectoryConfig, UpstreamServer};

/// One directory.
pub(super) fn directory(directory: &DirectoryConfig) -> Value {
    let (kind, adapter) = match &directory.adapter {
        DirectoryAdapter::File { path: file } => ("file", json!({ "path": path(file) })),
        DirectoryAdapter::Ldap(config) => ("ldap", ldap(config, directory)),
        DirectoryAdapter::Upstream(config) => ("upstream", upstream(config, directory)),
    };
    let cache = if directory.cached { "on" } else { "off" };
    object([
        ("name", Some(json!(directory.name))),
        ("domains", Some(json!(directory.domains))),
        (kind, Some(adapter)),
        ("cache", Some(json!(cache))),
    ])
}

fn upstream(upstream: &UpstreamDirectoryConfig, directory: &DirectoryConfig) -> Value {
    let attributes = &directory.attributes;
    let own = upstream.servers.first().filter(|_| upstream.is_own);
    let encoding = match upstream.immutable_id_encoding {
        ImmutableIdEncoding::Text => "text",
        ImmutableIdEncoding::Guid => "guid",
    };
    let named: Map<_, _> = upstream.named.iter().map(|(name, path)| (name.clone(), json!(path))).collect();
    object([
        ("path", Some(json!(upstream.path))),
        ("url", own.map(UpstreamServer::url).map(|url| json!(url))),
        ("ca_file", own.and(upstream.tls.ca_file.as_deref()).map(path)),
        ("login", Some(json!(upstream.login))),
        ("strip_domains", Some(json!(upstream.strip_domains))),
        (
            "attributes",
            Some(json!({
                "name": upstream.name,
                "upn": attributes.upn,
                "immutable_id": one_or_many(&attributes.immutable_id),
                "immutable_id_encoding": encoding,
                "groups": attributes.groups,
                "named": named,
            })),
        ),
        ("pool_size", Some(json!(upstream.pool_size))),
        ("connect_timeout", Some(json!(format_duration(upstream.connect_timeout)))),
        ("operation_timeout", Some(json!(format_duration(upstream.operation_timeout)))),
    ])
}
