//! Where clients connect, and the identity provider behind.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue};

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, address, duration, flag, list, text, text_map, texts};
use crate::config::tree::Node;
use crate::config::value::{is_loopback, origin};
use crate::config::{Admin, Listen, TlsFiles, Upstream, UpstreamHealth, UpstreamServer, UpstreamTls};

/// `admin`
pub(super) fn admin(root: &Section<'_>, files: &mut Files<'_>) -> Option<Admin> {
    let admin = root.section("admin")?;
    let socket = admin.maybe("socket", text)?.map(|path| files.resolve(&path));
    Some(Admin { address: admin.get("address", address)?, socket, watch_files: admin.get("watch_files", flag)? })
}

/// `listen`
pub(super) fn listen(root: &Section<'_>, admin: Option<&Admin>, files: &mut Files<'_>) -> Option<Vec<Listen>> {
    let sections = root.sections("listen");
    if root.get("listen", |node| list(node, |_| Some(())))?.is_empty() {
        files.report.error("listen", "is empty", "name at least one address, such as 0.0.0.0:8443");
        return None;
    }
    let mut taken: Vec<(SocketAddr, String)> =
        admin.map(|admin| (admin.address, "admin.address".to_owned())).into_iter().collect();
    let mut listen = Vec::new();
    for section in sections {
        if let Some(address) = section.get("address", address) {
            let path = section.path("address");
            if let Some((_, other)) = taken.iter().find(|(other, _)| collide(*other, address)) {
                let message = format!("is taken by {other}");
                files.report.error(&path, message, "every listener needs an address or a port of its own");
            }
            if !section.has("tls") && !address.ip().is_loopback() {
                let message = "has no TLS: passwords cross the network in the clear";
                files.report.warning(
                    &path,
                    message,
                    "add tls, unless a balancer that ends TLS is all that can reach it",
                );
            }
            taken.push((address, path));
        }
        listen.push(one_listener(&section, files));
    }
    listen.into_iter().collect()
}

fn one_listener(section: &Section<'_>, files: &mut Files<'_>) -> Option<Listen> {
    let tls = if section.has("tls") { Some(tls(&section.section("tls")?, files)?) } else { None };
    let proxy_protocol = section.get("proxy_protocol", text)? == "required";
    let public_url = section.maybe("public_url", text)?.map(|url| url.trim_end_matches('/').to_owned());
    Some(Listen { address: section.get("address", address)?, tls, proxy_protocol, public_url })
}

/// What is wrong with listeners that need a PROXY protocol header, where no peer is trusted to send one.
pub(super) fn nobody_may_speak_proxy(listen: &[Listen], files: &mut Files<'_>) {
    for (index, _) in listen.iter().enumerate().filter(|(_, listen)| listen.proxy_protocol) {
        let path = format!("listen[{index}].proxy_protocol");
        let message = "is required where trusted_proxies is empty, so that every connection would be refused";
        files.report.error(&path, message, "list the balancer's addresses in trusted_proxies");
    }
}

fn tls(section: &Section<'_>, files: &mut Files<'_>) -> Option<TlsFiles> {
    let certificate_file = files.file(section, "certificate_file", Privacy::Public);
    let private_key_file = files.file(section, "private_key_file", Privacy::Private);
    let client_ca_file = files.optional_file(section, "client_ca_file", Privacy::Public);
    Some(TlsFiles {
        certificate_file: certificate_file?,
        private_key_file: private_key_file?,
        client_ca_file: client_ca_file?,
    })
}

/// Whether the second of the two could not be bound.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_family = a.is_ipv4() == b.is_ipv4();
    let overlap = a.ip() == b.ip() || (same_family && (a.ip().is_unspecified() || b.ip().is_unspecified()));
    a.port() != 0 && a.port() == b.port() && overlap
}

/// `upstream`
pub(super) fn upstream(root: &Section<'_>, files: &mut Files<'_>) -> Option<Upstream> {
    let section = root.section("upstream")?;
    let servers = section.get("servers", |node| list(node, server));
    if servers.as_ref().is_some_and(Vec::is_empty) {
        files.report.error(&section.path("servers"), "is empty", "name at least one server, such as https://idp:9443");
    }
    if servers.as_ref().is_some_and(|servers| servers.len() > Upstream::MOST_SERVERS) {
        let message = format!("has more than {} servers", Upstream::MOST_SERVERS);
        files.report.error(&section.path("servers"), message, "put a balancer between, and name it");
    }
    for (index, server) in servers.iter().flatten().enumerate() {
        if !server.https && !is_loopback(&server.host) {
            let path = format!("{}[{index}]", section.path("servers"));
            let message = "has no TLS: what is forwarded, passwords and sessions too, crosses the network in the clear";
            files.report.warning(&path, message, "use https://, unless the network between is your own");
        }
    }
    let tls = section.section("tls").and_then(|tls| {
        let ca_file = files.optional_file(&tls, "ca_file", Privacy::Public)?;
        Some(UpstreamTls { ca_file, server_name: tls.maybe("server_name", text)? })
    });
    let health = section.section("health").as_ref().map(health);
    let set_headers = section.get("set_headers", text_map).map(|typed| headers(typed, "set_headers", &section, files));
    let remove_headers = section.get("remove_headers", texts);
    for (index, name) in remove_headers.iter().flatten().enumerate() {
        if HeaderName::from_bytes(name.strip_suffix('*').unwrap_or(name).as_bytes()).is_err() {
            let path = format!("{}[{index}]", section.path("remove_headers"));
            files.report.error(&path, "is not the name of a header", "write a name, or its beginning and one *");
        }
    }
    Some(Upstream {
        servers: servers?,
        tls: tls?,
        health: if section.has("health") { Some(health??) } else { None },
        set_headers: set_headers??,
        remove_headers: remove_headers?,
        rewrite_location: section.get("rewrite_location", flag)?,
        strip_basic_authorization: section.get("strip_basic_authorization", texts)?,
        connect_timeout: section.get("connect_timeout", duration)?,
        read_timeout: section.get("read_timeout", duration)?,
        idle_timeout: section.get("idle_timeout", duration)?,
    })
}

/// Headers that are set on every request to somebody: the map at `key`.
pub(super) fn headers(
    typed: Vec<(String, String)>,
    key: &str,
    section: &Section<'_>,
    files: &mut Files<'_>,
) -> Option<Vec<(String, HeaderValue)>> {
    let mut headers = Vec::new();
    for (name, typed) in typed {
        let path = format!("{}.{name}", section.path(key));
        let value = HeaderValue::from_str(&typed);
        let wrong = if HeaderName::from_bytes(name.as_bytes()).is_err() {
            Some(("is not the name of a header", "names are letters, digits and -"))
        } else if value.is_err() {
            Some(("is not the value of a header", "values are one line of ASCII"))
        } else if NOT_TO_SET.iter().any(|reserved| reserved.eq_ignore_ascii_case(&name)) {
            let help = "leave it out: it is set for each request as it has to be";
            Some(("decides where each request goes, or where it ends", help))
        } else {
            None
        };
        match (wrong, value) {
            (None, Ok(value)) => headers.push(Some((name, value))),
            (wrong, _) => {
                wrong.into_iter().for_each(|(message, help)| files.report.error(&path, message, help));
                headers.push(None);
            }
        }
    }
    headers.into_iter().collect()
}

/// Headers of which a fixed value would send requests astray, or let one be read as two.
const NOT_TO_SET: [&str; 12] = [
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authorization",
    "TE",
    "Trailer",
    "Upgrade",
    "HTTP2-Settings",
    "Expect",
];

/// A server by its URL.
pub(super) fn server(node: &Node) -> Option<UpstreamServer> {
    let origin = origin(&text(node)?)?;
    let https = origin.scheme == "https";
    let port = origin.port.unwrap_or(if https { 443 } else { 80 });
    Some(UpstreamServer { host: origin.host, port, https })
}

fn health(section: &Section<'_>) -> Option<UpstreamHealth> {
    Some(UpstreamHealth { path: section.get("path", text)?, interval: section.get("interval", duration)? })
}
