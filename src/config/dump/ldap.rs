//! LDAP directories as `config dump` shows them.

use serde_json::{Value, json};

use super::{REDACTED, object, path};
use crate::config::value::format_duration;
use crate::config::{Config, DirectoryAdapter, DirectoryConfig, GroupCache, LdapConfig, NestedGroups, UserDn};

pub(super) fn ldap(ldap: &LdapConfig, directory: &DirectoryConfig) -> Value {
    let attributes = &directory.attributes;
    object([
        ("urls", Some(json!(ldap.urls))),
        ("start_tls", Some(json!(ldap.start_tls))),
        ("ca_file", ldap.ca_file.as_deref().map(path)),
        ("bind_dn", (!ldap.bind_dn.is_empty()).then(|| json!(ldap.bind_dn))),
        ("bind_password", (!ldap.bind_dn.is_empty()).then(|| json!(REDACTED))),
        ("bind_as", Some(json!(ldap.bind_as.text()))),
        (
            "user_dn",
            ldap.user_dn.as_ref().map(|form| match form {
                UserDn::Dn(template) | UserDn::Login(template) => json!(template),
            }),
        ),
        ("base_dn", Some(json!(ldap.base_dn))),
        ("user_filter", Some(json!(ldap.user_filter))),
        ("strip_domains", Some(json!(ldap.strip_domains))),
        (
            "attributes",
            Some(object([
                ("upn", Some(json!(attributes.upn))),
                ("immutable_id", Some(one_or_many(&attributes.immutable_id))),
                ("immutable_id_binary", attributes.immutable_id_binary.map(|binary| json!(binary))),
                ("groups", Some(json!(attributes.groups))),
            ])),
        ),
        (
            "nested_groups",
            Some(match ldap.nested_groups {
                NestedGroups::No => json!(false),
                NestedGroups::ByFilter => json!(true),
                NestedGroups::MatchingRule => json!("matching_rule"),
                NestedGroups::TokenGroups => json!("token_groups"),
            }),
        ),
        ("group_base_dn", ldap.group_base_dn.as_ref().map(|dn| json!(dn))),
        ("group_filter", ldap.group_filter.as_ref().map(|filter| json!(filter))),
        ("pool_size", Some(json!(ldap.pool_size))),
        ("connect_timeout", Some(json!(format_duration(ldap.connect_timeout)))),
        ("operation_timeout", Some(json!(format_duration(ldap.operation_timeout)))),
    ])
}

pub(super) fn one_or_many(names: &[String]) -> Value {
    match names {
        [only] => json!(only),
        many => json!(many),
    }
}

/// `cache.groups`: every LDAP directory has the same.
pub(super) fn group_cache(config: &Config) -> Option<Value> {
    let of = |directory: &DirectoryConfig| match &directory.adapter {
        DirectoryAdapter::Ldap(ldap) => Some(ldap.group_cache),
        DirectoryAdapter::File { .. } | DirectoryAdapter::Upstream(_) => None,
    };
    let GroupCache { ttl, capacity } = config.directories.iter().find_map(of)?;
    Some(match ttl {
        Some(ttl) => json!({ "ttl": format_duration(ttl), "capacity": capacity }),
        None => json!("off"),
    })
}
