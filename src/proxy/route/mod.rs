//! Whose a path is: ours, or the identity provider's.
//!
//! A path that is exactly configured, whatever its letter case, is ours; one of Axis2's, with a `/` behind it as well. A
//! path that only some lenient reading turns into ours (see [`readings`]) is refused: forwarded, it could reach the identity
//! provider's own STS, past the guard and the audit log. Everything else is the identity provider's, byte for byte.

mod readings;

use std::collections::BTreeMap;

use crate::config::EndpointConfig;
use crate::model::Endpoint;

use readings::{Reading, decodings, readings};

/// Who answers a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// We do.
    Native(Endpoint),
    /// The identity provider does.
    Forward,
    /// Nobody does: it looks unlike ours, but a server may read it as ours.
    Ambiguous,
}

/// The configured paths.
#[derive(Debug, Default)]
pub struct Routes {
    ours: Vec<Route>,
    /// Of endpoints that the identity provider answers, while our own answers are compared with its.
    shadowed: Vec<Route>,
}

/// What we would make of a path, if an endpoint were ours that is the identity provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Whether we would answer; else it would be refused, as [`Routed::Ambiguous`].
    pub answered: bool,
}

/// Where Axis2 serves.
const SERVICES: &[u8] = b"services";

#[derive(Debug)]
struct Route {
    endpoint: Endpoint,
    path: String,
    /// Lower case.
    segments: Vec<Vec<u8>>,
    /// Whether a path below it may reach the same service: a servlet mapped to `/soap/*`, or Axis2, which dispatches on
    /// the first segment after `/services/`.
    with_descendants: bool,
    /// `/services/<name>`: Axis2 finds the name behind a tenant (`/services/t/<tenant>/<name>`), and behind the last of
    /// several `/services`; see [`Route::is_service_in`].
    axis2: bool,
}

impl Routes {
    /// The routes of all endpoints that are not set to `forward`.
    pub fn new(endpoints: &BTreeMap<Endpoint, EndpointConfig>) -> Self {
        let mut routes = Self::default();
        for (endpoint, config) in endpoints {
            let each = |paths: &[String]| paths.iter().map(|path| Route::new(*endpoint, path)).collect::<Vec<_>>();
            match config {
                EndpointConfig::Paths(paths) => routes.ours.extend(each(paths)),
                EndpointConfig::Shadow(paths) => routes.shadowed.extend(each(paths)),
                EndpointConfig::Forward => {}
            }
        }
        routes
    }

    /// Of a path that is forwarded: the endpoint that it would be, or look like, if that were ours. An endpoint that is in
    /// shadow keeps nothing from the identity provider, no more than one that is set to `forward`.
    pub fn shadowed(&self, path: &[u8], query: &[u8]) -> Option<Shadowed> {
        if self.shadowed.is_empty() {
            return None;
        }
        if let Some(route) = self.shadowed.iter().find(|route| route.is(path)) {
            return Some(Shadowed { endpoint: route.endpoint, answered: true });
        }
        let readings = readings(path)?;
        let looks_like = alike(self.shadowed.iter(), &readings, path, query)?;
        Some(Shadowed { endpoint: looks_like.endpoint, answered: false })
    }

    /// Who answers `path` with `query`, both as received.
    pub fn route(&self, path: &[u8], query: &[u8]) -> Routed {
        self.route_beside(None, path, query)
    }

    /// The same where nothing is `left` to us: what was its path may be forwarded, unless it is, or looks like, another
    /// endpoint's.
    pub fn route_beside(&self, left: Option<Endpoint>, path: &[u8], query: &[u8]) -> Routed {
        let ours = || self.ours.iter().filter(|route| Some(route.endpoint) != left);
        if let Some(route) = ours().find(|route| route.is(path)) {
            return Routed::Native(route.endpoint);
        }
        let Some(readings) = readings(path) else { return Routed::Ambiguous };
        match alike(ours(), &readings, path, query) {
            Some(_) => Routed::Ambiguous,
            None => Routed::Forward,
        }
    }
}

/// The first of the routes that some lenient reading of a path names.
fn alike<'r>(
    routes: impl Iterator<Item = &'r Route> + Clone,
    readings: &[Vec<Vec<u8>>],
    path: &[u8],
    query: &[u8],
) -> Option<&'r Route> {
    let named = |route: &&Route| readings.iter().any(|reading| route.is_named_by(reading));
    if let Some(route) = routes.clone().find(named) {
        return Some(route);
    }
    if !routes.clone().any(|route| route.axis2) {
        return None;
    }
    let below_services = readings.iter().flatten().any(|segment| segment == SERVICES);
    let parsed_by_axis2 = if below_services { &[path, b"?", query].concat() } else { path };
    decodings(parsed_by_axis2).find_map(|text| routes.clone().find(|route| route.is_service_in(&text)))
}

/// Whether some lenient reading of `path` is `prefix` or below it.
pub fn may_be_below(path: &[u8], prefix: &str) -> bool {
    let prefix = segments_of(prefix);
    readings(path).is_none_or(|readings| {
        readings.iter().any(|reading| {
            let Some((last, parents)) = prefix.split_last() else { return true };
            let Some(rest) = after(reading, parents) else { return false };
            rest.first().is_some_and(|segment| names(segment, last))
        })
    })
}

impl Route {
    fn new(endpoint: Endpoint, path: &str) -> Self {
        let segments = segments_of(path);
        let axis2 = matches!(segments.as_slice(), [services, .., _] if services == SERVICES);
        let takes_passwords = matches!(endpoint, Endpoint::Sts | Endpoint::Ecp);
        let with_descendants = axis2 || (takes_passwords && !segments.is_empty());
        Self { endpoint, path: path.to_owned(), segments, with_descendants, axis2 }
    }

    /// Whether `path` is this very one. Axis2's own description has a `/` behind the names of its endpoints, and with it
    /// whatever client was made from that.
    fn is(&self, path: &[u8]) -> bool {
        let path = path.strip_suffix(b"/").filter(|_| self.axis2).unwrap_or(path);
        self.path.as_bytes().eq_ignore_ascii_case(path)
    }

    fn is_named_by(&self, reading: &Reading) -> bool {
        let Some((last, parents)) = self.segments.split_last() else { return reading.is_empty() };
        if self.axis2 {
            let below_services = reading.iter().skip_while(|segment| *segment != SERVICES).skip(1);
            return below_services.into_iter().any(|segment| names(segment, last));
        }
        without_tenant(reading).any(|reading| match after(reading, parents) {
            Some([segment]) => names(segment, last),
            Some([segment, ..]) => self.with_descendants && names(segment, last),
            _ => false,
        })
    }

    /// Whether Axis2 may find this service in `text`. It does not ask the servlet container which path was meant: in the URL
    /// as received, and the query appended, it skips what comes before the last `/services`, then one character, whatever it
    /// is (`Utils.parseRequestURLForServiceAndOperation`).
    fn is_service_in(&self, text: &[u8]) -> bool {
        let Some(name) = self.segments.last().filter(|_| self.axis2) else { return false };
        let found = text.windows(SERVICES.len() + 1).enumerate();
        let mut behind = found
            .filter(|(_, window)| window.strip_prefix(b"/") == Some(SERVICES))
            .map(|(at, window)| text.get(at + window.len() + 1..).unwrap_or_default())
            .map(|behind| behind.split(|byte| *byte == b'/'));
        // What is behind a later one is behind the first as well, but for what the skipped character changes.
        let Some(mut parts) = behind.next() else { return false };
        parts.any(|part| begins(part, name))
            || behind.filter_map(|mut parts| parts.next()).any(|part| begins(part, name))
    }
}

/// Whether `text` is `name`, or `name` and something that is no part of a name.
fn begins(text: &[u8], name: &[u8]) -> bool {
    // What is left of a skipped character that is several bytes long.
    let first = text.iter().position(|byte| !(0x80..0xc0).contains(byte)).unwrap_or(text.len());
    let behind = text.get(first..).and_then(|text| text.strip_prefix(name));
    behind.is_some_and(|rest| rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(byte)))
}

/// Whether `segment` is `name`, or `name` with a suffix, as Axis2 writes the endpoint of a service.
fn names(segment: &[u8], name: &[u8]) -> bool {
    segment.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.trim_ascii_start().starts_with(b"."))
}

/// What follows `parents`.
fn after<'a>(reading: &'a [Vec<u8>], parents: &[Vec<u8>]) -> Option<&'a [Vec<u8>]> {
    reading.strip_prefix(parents)
}

/// The reading itself, and what is left of it behind the tenant and organisation prefixes of WSO2 (`/t/<tenant>/`,
/// `/o/<organisation>/`, also one after the other).
fn without_tenant(reading: &[Vec<u8>]) -> impl Iterator<Item = &[Vec<u8>]> {
    std::iter::successors(Some(reading), |rest| match rest {
        [kind, _, behind @ ..] if kind == b"t" || kind == b"o" => Some(behind),
        _ => None,
    })
}

fn segments_of(path: &str) -> Vec<Vec<u8>> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.map(|segment| segment.to_ascii_lowercase().into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let defaults = |endpoint: &Endpoint| endpoint.default_paths().iter().map(|path| (*path).to_owned()).collect();
        Routes::new(&Endpoint::ALL.iter().map(|each| (*each, EndpointConfig::Paths(defaults(each)))).collect())
    }

    /// Once the work grew by the square of the number of `/services`: this took a quarter of a minute.
    #[test]
    fn many_services_in_one_target_are_read_once() {
        let path = "/services".repeat(3000);
        let encoded = format!("%{}2e", "25".repeat(20));
        assert_eq!(routes().route(path.as_bytes(), encoded.as_bytes()), Routed::Forward);
        let last = format!("{path}xwso2carbon-sts");
        assert_eq!(routes().route(last.as_bytes(), encoded.as_bytes()), Routed::Ambiguous);
    }

    /// The table's escapes: `\xHH` and `\\`, for bytes that a text file cannot show.
    fn unescape(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            match (first, tail) {
                (b'\\', [b'x', high, low, behind @ ..]) => {
                    let digits = [*high, *low];
                    out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                    rest = behind;
                }
                (b'\\', [b'\\', behind @ ..]) => {
                    out.push(b'\\');
                    rest = behind;
                }
                (byte, _) => out.push(*byte),
            }
        }
        out
    }

    #[test]
    fn routes_the_table() {
        let routes = routes();
        let mut rows = 0;
        for line in include_str!("../../../tests/data/route/paths.txt").lines() {
            let Some((expected, path)) = line.split_once(' ').filter(|_| !line.starts_with('#')) else { continue };
            let target = unescape(path);
            let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
            let (path_only, query) = target.split_at(end);
            let routed = match routes.route(path_only, query.strip_prefix(b"?").unwrap_or_default()) {
                Routed::Native(endpoint) => endpoint.label(),
                Routed::Forward => "forward",
                Routed::Ambiguous => "refused",
            };
            assert_eq!(routed, expected, "{path}");
            rows += 1;
        }
        assert!(rows > 100, "the table was not read");
    }

    #[test]
    fn no_disguise_of_any_path_is_forwarded() {
        let routes = routes();
        let disguises: [fn(&str) -> String; 14] = [
            |path| format!("/{path}"),
            |path| format!("/x/..{path}"),
            |path| format!("/x/..;a=b{path}"),
            |path| format!("/x/%252e%252e{path}"),
            |path| format!("/.{path}"),
            |path| format!("{path}/"),
            |path| format!("{path};jsessionid=1"),
            |path| format!("{path}%3bx"),
            |path| format!("{path}%00"),
            |path| format!("{path}%20"),
            // Behind a trailing slash it would be a name of its own.
            |path| format!("{}.x", path.trim_end_matches('/')),
            |path| path.replace('/', "\\"),
            |path| path.replace('/', "%2f"),
            |path| path.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        ];
        for path in Endpoint::ALL.iter().flat_map(|endpoint| endpoint.default_paths()) {
            for first in disguises {
                for second in disguises {
                    let disguised = second(&first(path));
                    assert_ne!(routes.route(disguised.as_bytes(), b""), Routed::Forward, "{disguised}");
                }
            }
        }
    }

    #[test]
    fn an_endpoint_in_shadow_is_forwarded_however_it_is_written() {
        let routes = Routes::new(&BTreeMap::from([
            (Endpoint::Sts, EndpointConfig::Shadow(vec!["/services/wso2carbon-sts".into()])),
            (Endpoint::Ecp, EndpointConfig::Shadow(vec!["/oamfed/idp/soap".into()])),
            (Endpoint::Mex, EndpointConfig::Paths(vec!["/mex".into()])),
        ]));
        let sts = |answered| Some(Shadowed { endpoint: Endpoint::Sts, answered });
        let ecp = |answered| Some(Shadowed { endpoint: Endpoint::Ecp, answered });
        for (path, query, expected) in [
            ("/services/wso2carbon-sts", "", sts(true)),
            ("/SERVICES/wso2carbon-sts/", "", sts(true)),
            ("/services/t/carbon.super/wso2carbon-sts", "", sts(false)),
            ("/services/other", "/services/wso2carbon-sts", sts(false)),
            ("/oamfed/idp/soap", "", ecp(true)),
            ("//oamfed/idp/soap", "", ecp(false)),
            ("/services/other", "", None),
            ("/carbon", "", None),
        ] {
            let (path, query) = (path.as_bytes(), query.as_bytes());
            assert_eq!(routes.route(path, query), Routed::Forward, "{path:?}");
            assert_eq!(routes.shadowed(path, query), expected, "{path:?}");
        }
        assert_eq!(routes.route(b"/mex", b""), Routed::Native(Endpoint::Mex));
        assert_eq!(routes.route(b"//mex", b""), Routed::Ambiguous);
        assert_eq!(routes.shadowed(b"/mex", b""), None);
    }

    #[test]
    fn an_endpoint_set_to_forward_is_not_matched() {
        let routes = Routes::new(&BTreeMap::from([
            (Endpoint::Sts, EndpointConfig::Forward),
            (Endpoint::Mex, EndpointConfig::Paths(vec!["/mex".into()])),
        ]));
        assert_eq!(routes.route(b"/services/wso2carbon-sts", b""), Routed::Forward);
        assert_eq!(routes.route(b"//services/wso2carbon-sts", b""), Routed::Forward);
        assert_eq!(routes.route(b"/mex", b""), Routed::Native(Endpoint::Mex));
    }

    /// A certificate that is not ours is asked of the identity provider, and nothing else is by that.
    #[test]
    fn what_is_left_of_one_endpoint_is_guarded_by_the_others() {
        let paths = |paths: &[&str]| EndpointConfig::Paths(paths.iter().map(|path| (*path).to_owned()).collect());
        let routes = Routes::new(&BTreeMap::from([
            (Endpoint::Certificate, paths(&["/oamfed/idp/cert", "/services/cert", "/oamfed/idp/soap/cert"])),
            (Endpoint::Sts, paths(&["/services/wso2carbon-sts"])),
            (Endpoint::Ecp, paths(&["/oamfed/idp/soap"])),
        ]));
        for (path, query, expected) in [
            ("/oamfed/idp/cert", "id=x", Routed::Forward),
            ("/oamfed/idp/cert", "id=/services/wso2carbon-sts", Routed::Forward),
            ("/services/cert", "id=x", Routed::Forward),
            ("/services/cert", "id=/services/wso2carbon-sts", Routed::Ambiguous),
            ("/oamfed/idp/soap/cert", "id=x", Routed::Ambiguous),
            ("/oamfed/idp/soap", "id=x", Routed::Native(Endpoint::Ecp)),
        ] {
            let routed = routes.route_beside(Some(Endpoint::Certificate), path.as_bytes(), query.as_bytes());
            assert_eq!(routed, expected, "{path}?{query}");
        }
    }

    #[test]
    fn prefixes_are_compared_leniently() {
        for (path, expected) in [
            ("/oamfed/idp/soap", true),
            ("/oamfed", true),
            ("/OAMFED/x", true),
            ("/x/../oamfed/y", true),
            ("/%6famfed/y", true),
            ("/oam", false),
            ("/oamfederation", false),
            ("/x/oamfed", false),
        ] {
            assert_eq!(may_be_below(path.as_bytes(), "/oamfed"), expected, "{path}");
        }
        assert!(may_be_below(b"/anything", "/"));
    }
}
