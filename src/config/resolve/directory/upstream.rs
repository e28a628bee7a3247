//! The identity provider behind as a directory.

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, duration, parse, text, text_map, texts};
use crate::config::value::is_loopback;
use crate::config::{AttributeNames, ImmutableIdEncoding, Upstream, UpstreamDirectoryConfig, UpstreamTls};

/// What requests to the identity provider have in common with what is forwarded.
#[derive(Clone, Copy)]
pub(in crate::config::resolve) struct Behind<'a> {
    pub upstream: Option<&'a Upstream>,
    pub public_url: Option<&'a str>,
}

/// `directory.upstream.attributes`
pub(super) fn attributes(upstream: &Section<'_>, files: &mut Files<'_>) -> Option<AttributeNames> {
    let section = upstream.section("attributes")?;
    Some(AttributeNames {
        upn: section.get("upn", text)?,
        immutable_id: super::immutable_id(&section, files)?,
        immutable_id_binary: Some(false),
        groups: section.get("groups", text)?,
    })
}

/// `directory.upstream`
pub(super) fn config(
    section: &Section<'_>,
    behind: Behind<'_>,
    files: &mut Files<'_>,
) -> Option<UpstreamDirectoryConfig> {
    let own = section.maybe("url", super::super::network::server)?;
    let ca_file = files.optional_file(section, "ca_file", Privacy::Public);
    if own.is_none() && section.has("ca_file") {
        let help = "remove it, or name the server in url: without url, upstream.tls.ca_file is meant";
        files.report.error(&section.path("ca_file"), "is for url, which is not there", help);
    }
    if own.as_ref().is_some_and(|server| !server.https && !is_loopback(&server.host)) {
        let message = "has no TLS: passwords cross the network in the clear";
        files.report.warning(&section.path("url"), message, "use https://, unless the network between is your own");
    }
    let login = section.get("login", text);
    super::check_place(section, "login", login.as_deref(), "{name}", files);
    let record = section.section("attributes")?;
    let encoding = match record.get("immutable_id_encoding", text)?.as_str() {
        "guid" => ImmutableIdEncoding::Guid,
        _ => ImmutableIdEncoding::Text,
    };
    let upstream = behind.upstream?;
    let tls = match &own {
        Some(_) => UpstreamTls { ca_file: ca_file?, server_name: None },
        None => upstream.tls.clone(),
    };
    let host = behind.public_url.and_then(|url| url.strip_prefix("https://")).map(str::to_owned);
    Some(UpstreamDirectoryConfig {
        set_headers: if own.is_some() { Vec::new() } else { upstream.set_headers.clone() },
        host: host.filter(|_| own.is_none()),
        servers: own.map_or_else(|| upstream.servers.clone(), |server| vec![server]),
        is_own: section.has("url"),
        tls,
        path: section.get("path", text)?,
        login: login?,
        strip_domains: section.get("strip_domains", texts)?.iter().map(|domain| domain.to_lowercase()).collect(),
        name: record.get("name", text)?,
        named: record.get("named", text_map)?,
        immutable_id_encoding: encoding,
        pool_size: section.get("pool_size", parse)?,
        connect_timeout: section.get("connect_timeout", duration)?,
        operation_timeout: section.get("operation_timeout", duration)?,
        idle_timeout: upstream.idle_timeout,
    })
}
