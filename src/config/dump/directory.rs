//! Directories.

use serde_json::{Map, Value, json};

use super::{REDACTED, object, path};
use crate::config::value::format_duration;
use crate::config::{
    DirectoryAdapter, DirectoryConfig, ImmutableIdEncoding, LdapConfig, UpstreamDirectoryConfig, UpstreamServer,
};

/// One directory.
pub(super) fn directory(directory: &DirectoryConfig) -> Value {
    match &directory.adapter {
        DirectoryAdapter::File { path: file } => json!({ "name": directory.name, "file": { "path": path(file) } }),
        DirectoryAdapter::Ldap(config) => json!({ "name": directory.name, "ldap": ldap(config, directory) }),
        DirectoryAdapter::Upstream(config) => {
            json!({ "name": directory.name, "upstream": upstream(config, directory) })
        }
    }
}

fn ldap(ldap: &LdapConfig, directory: &DirectoryConfig) -> Value {
    let attributes = &directory.attributes;
    object([
        ("urls", Some(json!(ldap.urls))),
        ("start_tls", Some(json!(ldap.start_tls))),
        ("ca_file", ldap.ca_file.as_deref().map(path)),
        ("bind_dn", Some(json!(ldap.bind_dn))),
        ("bind_password", Some(json!(REDACTED))),
        ("base_dn", Some(json!(ldap.base_dn))),
        ("user_filter", Some(json!(ldap.user_filter))),
        ("strip_domains", Some(json!(ldap.strip_domains))),
        (
            "attributes",
            Some(json!({
                "upn": attributes.upn,
                "immutable_id": attributes.immutable_id,
                "immutable_id_binary": attributes.immutable_id_binary,
                "groups": attributes.groups,
            })),
        ),
        ("nested_groups", Some(json!(ldap.nested_groups))),
        ("group_base_dn", ldap.group_base_dn.as_ref().map(|dn| json!(dn))),
        ("group_filter", ldap.group_filter.as_ref().map(|filter| json!(filter))),
        ("pool_size", Some(json!(ldap.pool_size))),
        ("connect_timeout", Some(json!(format_duration(ldap.connect_timeout)))),
        ("operation_timeout", Some(json!(format_duration(ldap.operation_timeout)))),
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
                "immutable_id": attributes.immutable_id,
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
