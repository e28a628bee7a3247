//! The headers of a forwarded request: what an untrusted peer may not say is removed, and who it is is said for it.

use std::net::IpAddr;

use http::header::{COOKIE, FORWARDED, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::Result;
use pingora::http::RequestHeader;

use crate::traces::{RequestTrace, TRACEPARENT, TRACESTATE};

/// What only a trusted proxy may say, whatever is configured: whom it forwards for, what was asked of it in place of the
/// path, and what it calls the request.
const FORWARDING: [&str; 6] =
    ["forwarded", "x-forwarded-*", "x-real-ip", "x-original-url", "x-rewrite-url", "x-correlation-id"];

/// Header names to remove.
#[derive(Debug)]
pub struct Removals(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    name: String,
    prefix: bool,
}

impl Removals {
    /// The forwarding headers and `more`.
    pub fn of_untrusted(more: &[String]) -> Self {
        Self::new(FORWARDING.into_iter().chain(more.iter().map(String::as_str)))
    }

    /// These. A trailing `*` is a prefix. `-` and `_` are the same: whoever maps headers to CGI-like variables cannot tell
    /// them apart.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let patterns = names.map(|pattern| {
            let name = pattern.strip_suffix('*');
            Pattern { name: name.unwrap_or(pattern).to_ascii_lowercase().replace('_', "-"), prefix: name.is_some() }
        });
        Self(patterns.collect())
    }

    /// Removes every header that is named.
    pub fn apply(&self, request: &mut RequestHeader) {
        let named: Vec<HeaderName> = request.headers.keys().filter(|name| self.names(name)).cloned().collect();
        for name in named {
            request.remove_header(&name);
        }
    }

    /// Whether one of these headers is named.
    pub fn name_one_of(&self, headers: &HeaderMap) -> bool {
        headers.keys().any(|name| self.names(name))
    }

    fn names(&self, header: &HeaderName) -> bool {
        let header = header.as_str().as_bytes();
        self.0.iter().any(|pattern| {
            let name = pattern.name.as_bytes();
            (header.len() == name.len() || (pattern.prefix && header.len() > name.len()))
                && header.iter().zip(name).all(|(a, b)| a == b || (*a == b'_' && *b == b'-'))
        })
    }
}

/// The hop that a request came by.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// The other end of the client's connection.
    pub peer: IpAddr,
    /// Whether that is a proxy whose headers are believed.
    pub trusted: bool,
    /// Whether it came by TLS.
    pub tls: bool,
    /// The host that the client asked for, with its port if it gave one.
    pub host: Option<&'a HeaderValue>,
}

/// Says who asked, how, and for what: `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`. What a trusted proxy said is
/// kept, and its own address appended.
pub fn say_who_asked(request: &mut RequestHeader, hop: Hop<'_>) -> Result<()> {
    let peer = hop.peer.to_string();
    let before = joined(&request.headers, "x-forwarded-for", ", ").filter(|_| hop.trusted);
    let chain =
        before.map_or_else(|| peer.clone().into_bytes(), |chain| [&chain, b", ".as_slice(), peer.as_bytes()].concat());
    request.insert_header("X-Forwarded-For", chain)?;
    let proto = if hop.tls { "https" } else { "http" };
    insert_unless_said(request, hop, "X-Forwarded-Proto", || proto.into())?;
    if let Some(host) = hop.host {
        insert_unless_said(request, hop, "X-Forwarded-Host", || host.as_bytes().into())?;
        let default: &[u8] = if hop.tls { b"443" } else { b"80" };
        insert_unless_said(request, hop, "X-Forwarded-Port", || port(host).unwrap_or(default).into())?;
    }
    if let Some(before) = joined(&request.headers, "forwarded", ", ").filter(|_| hop.trusted) {
        let quoted = if hop.peer.is_ipv6() { format!("\"[{peer}]\"") } else { peer };
        request.insert_header(FORWARDED, [&before, format!(", for={quoted};proto={proto}").as_bytes()].concat())?;
    }
    Ok(())
}

/// Says of which trace it is, in the place of what a client or a proxy said.
pub fn say_trace(request: &mut RequestHeader, trace: &RequestTrace) -> Result<()> {
    request.remove_header(TRACEPARENT);
    request.remove_header(TRACESTATE);
    for (name, value) in trace.headers() {
        request.insert_header(name, value)?;
    }
    Ok(())
}

/// Makes one `Cookie` of the several that HTTP/2 allows and HTTP/1 does not (RFC 9113 8.2.3).
pub fn join_cookies(request: &mut RequestHeader) -> Result<()> {
    if request.headers.get_all(COOKIE).iter().nth(1).is_some()
        && let Some(cookie) = joined(&request.headers, "cookie", "; ")
    {
        request.insert_header(COOKIE, cookie)?;
    }
    Ok(())
}

/// The host that a request is for: its `Host`, which for HTTP/2 is `:authority`.
pub fn host_of(request: &RequestHeader) -> Option<HeaderValue> {
    let authority = || HeaderValue::from_str(request.uri.authority()?.as_str()).ok();
    request.headers.get(HOST).cloned().or_else(authority)
}

/// Whether a header lists an authentication scheme that signs in the connection rather than the request.
pub fn names_connection_scheme(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get_all(name).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|part| {
            let scheme = part.trim_ascii_start().split(u8::is_ascii_whitespace).next().unwrap_or_default();
            scheme.eq_ignore_ascii_case(b"NTLM") || scheme.eq_ignore_ascii_case(b"Negotiate")
        })
    })
}

/// Whether the request carries a user's password (RFC 7617).
pub fn is_basic(value: &HeaderValue) -> bool {
    value.as_bytes().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Basic"))
}

fn insert_unless_said(
    request: &mut RequestHeader,
    hop: Hop<'_>,
    name: &'static str,
    value: impl FnOnce() -> Vec<u8>,
) -> Result<()> {
    if hop.trusted && request.headers.contains_key(name) {
        return Ok(());
    }
    request.insert_header(name, value())
}

fn joined(headers: &HeaderMap, name: &str, separator: &str) -> Option<Vec<u8>> {
    let mut values = headers.get_all(name).iter();
    let mut out = values.next()?.as_bytes().to_vec();
    for value in values {
        out.extend_from_slice(separator.as_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    Some(out)
}

fn port(host: &HeaderValue) -> Option<&[u8]> {
    let (_, port) = host.to_str().ok()?.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(port.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in headers {
            request.append_header(*name, *value).unwrap();
        }
        request
    }

    fn rendered(request: &RequestHeader) -> Vec<String> {
        let pairs = request.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let mut lines: Vec<String> = pairs.collect();
        lines.sort();
        lines
    }

    #[test]
    fn removes_by_name_and_prefix_whatever_the_dashes() {
        let removals = Removals::of_untrusted(&["WL-Proxy-*".into(), "OAM_REMOTE_USER".into(), "IS_SSL".into()]);
        for (name, removed) in [
            ("Forwarded", true),
            ("X-Forwarded-For", true),
            ("X-Forwarded-Client-Cert", true),
            ("X_Forwarded_For", true),
            ("X-Forwarded_For", true),
            ("X-Real-IP", true),
            ("X-Original-URL", true),
            ("X_Rewrite_Url", true),
            ("X-Correlation-Id", true),
            ("X_Real-Ip", true),
            ("WL-Proxy-SSL", true),
            ("wl_proxy_client_ip", true),
            ("OAM_REMOTE_USER", true),
            ("oam-remote-user", true),
            ("Is-Ssl", true),
            ("OAM_REMOTE_USERS", false),
            ("X-Forwarded", false),
            ("X-Real", false),
            ("Cookie", false),
        ] {
            let mut request = request(&[(name, "x")]);
            removals.apply(&mut request);
            assert_eq!(request.headers.is_empty(), removed, "{name}");
        }
    }

    #[test]
    fn says_who_asked() {
        let host = HeaderValue::from_static("sts.example.com:8443");
        let hop = Hop { peer: [192, 0, 2, 1].into(), trusted: false, tls: true, host: Some(&host) };
        let mut plain = request(&[]);
        say_who_asked(&mut plain, hop).unwrap();
        assert_eq!(
            rendered(&plain),
            [
                "x-forwarded-for: 192.0.2.1",
                "x-forwarded-host: sts.example.com:8443",
                "x-forwarded-port: 8443",
                "x-forwarded-proto: https",
            ]
        );
        let mut proxied = request(&[
            ("X-Forwarded-For", "203.0.113.9"),
            ("X-Forwarded-For", "10.0.0.2"),
            ("X-Forwarded-Proto", "http"),
            ("Forwarded", "for=203.0.113.9"),
        ]);
        say_who_asked(&mut proxied, Hop { trusted: true, host: None, ..hop }).unwrap();
        assert_eq!(
            rendered(&proxied),
            [
                "forwarded: for=203.0.113.9, for=192.0.2.1;proto=https",
                "x-forwarded-for: 203.0.113.9, 10.0.0.2, 192.0.2.1",
                "x-forwarded-proto: http",
            ]
        );
    }

    #[test]
    fn joins_cookie_crumbs() {
        let mut crumbs = request(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut crumbs).unwrap();
        assert_eq!(rendered(&crumbs), ["cookie: a=1; b=2"]);
    }

    #[test]
    fn knows_schemes_that_sign_in_a_connection() {
        for (value, expected) in [
            ("NTLM", true),
            ("ntlm TlRMTVNTUAAB", true),
            ("NTLM\tTlRMTVNTUAAB", true),
            ("Basic x,\tNegotiate\t", true),
            ("Basic realm=\"x\", Negotiate", true),
            ("Negotiate", true),
            ("Basic realm=\"NTLM\"", false),
            ("NTLMx", false),
        ] {
            let response = request(&[("WWW-Authenticate", value)]);
            assert_eq!(names_connection_scheme(&response.headers, http::header::WWW_AUTHENTICATE), expected, "{value}");
        }
    }
}
