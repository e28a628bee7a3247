//! A configuration for tests.

use std::time::Duration;

use crate::config::{
    AttributeNames, DirectoryAdapter, DirectoryConfig, ImmutableIdEncoding, UpstreamDirectoryConfig, UpstreamServer,
    UpstreamTls,
};

/// A directory at these servers.
pub(super) fn config(servers: Vec<UpstreamServer>) -> (DirectoryConfig, UpstreamDirectoryConfig) {
    let upstream = UpstreamDirectoryConfig {
        servers,
        is_own: false,
        tls: UpstreamTls::default(),
        set_headers: Vec::new(),
        host: Some("sts.example.com".to_owned()),
        path: "/scim2/Me".to_owned(),
        login: "{name}".to_owned(),
        strip_domains: vec!["example.com".to_owned()],
        name: "userName".to_owned(),
        named: Vec::new(),
        immutable_id_encoding: ImmutableIdEncoding::Text,
        pool_size: 4,
        connect_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(5),
    };
    let config = DirectoryConfig {
        name: "idp".to_owned(),
        adapter: DirectoryAdapter::Upstream(Box::new(upstream.clone())),
        attributes: AttributeNames {
            upn: "userName".to_owned(),
            immutable_id: vec!["id".to_owned()],
            immutable_id_binary: None,
            groups: "groups.display".to_owned(),
        },
        domains: Vec::new(),
        released: Vec::new(),
        standing: false,
        cached: true,
    };
    (config, upstream)
}
