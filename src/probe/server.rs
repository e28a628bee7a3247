//! A server that is probed: one origin, to which everything goes, whatever the server says.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use bytes::Bytes;
use openssl::x509::X509;
use reqwest::{Certificate, Client, RequestBuilder, Url};

use super::step::{Exchange, Failure, FailureKind};
use crate::http_client::{Body, builder, explain};
use crate::model::{Clock, Timestamp};
use crate::runtime::SystemClock;

const CONNECT: Duration = Duration::from_secs(10);
/// Longer than a directory is waited for.
const ANSWER: Duration = Duration::from_secs(60);
const LONGEST_ANSWER: usize = 1 << 20;

/// Where to connect, and whom to trust there.
pub struct Server {
    /// `https://host[:port]`.
    pub origin: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// Where its name is said to be, instead of what it resolves to.
    pub(super) at: Option<SocketAddr>,
    /// Trusted besides the system's.
    pub(super) authorities: Vec<X509>,
    client: Client,
}

/// An answer, with what is told of it.
pub(super) struct Received {
    pub exchange: Exchange,
    pub body: Bytes,
    /// The server's clock, by its `Date`.
    pub date: Option<Timestamp>,
    /// When it came.
    pub at: Timestamp,
}

impl Server {
    /// `base` is `https://host[:port]`; `connect_to` `host[:port]`, to be connected to in its place.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(base: &str, connect_to: Option<&str>, authorities: Vec<X509>) -> Result<Self, String> {
        let url = Url::parse(base).map_err(|error| format!("{base}: {error}"))?;
        if url.scheme() != "https" {
            return Err(format!("{base}: passwords are sent over https only"));
        }
        let whole = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !whole {
            return Err(format!("{base}: give https://host[:port] alone; paths have options of their own"));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let at = connect_to.map(|place| resolve(place, port)).transpose()?;
        let certificate = |one: &X509| Certificate::from_der(&one.to_der().ok()?).ok();
        let client = authorities
            .iter()
            .filter_map(certificate)
            .fold(builder(CONNECT, None), |client, authority| client.add_root_certificate(authority));
        let client = at.into_iter().fold(client, |client, at| client.resolve(&host, at)).timeout(ANSWER);
        let client = client.build().map_err(|error| format!("no HTTP client: {error}"))?;
        let origin = url.origin().ascii_serialization();
        Ok(Self { origin, host, port, at, authorities, client })
    }

    /// The address here of a path, or of somebody's own word of where it is: only its path and query count.
    pub fn here(&self, address: &str) -> String {
        let path = Url::parse(address.trim()).ok().map(|url| {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{query}", url.path())
        });
        let path = path.unwrap_or_else(|| address.trim().to_owned());
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{path}", self.origin)
    }

    /// Whether an address is below this origin.
    pub fn is_here(&self, address: &str) -> bool {
        Url::parse(address.trim()).is_ok_and(|url| url.origin().ascii_serialization() == self.origin)
    }

    pub(super) async fn get(&self, url: &str) -> Result<Received, Failure> {
        self.exchange("GET", url, 0, self.client.get(url)).await
    }

    /// The body may hold a password; it is not kept.
    pub(super) async fn post(
        &self,
        url: &str,
        body: &str,
        dress: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Received, Failure> {
        let request = dress(self.client.post(url).body(body.to_owned()));
        self.exchange("POST", url, body.len(), request).await
    }

    /// A page that is there; the error is one sentence.
    ///
    /// # Errors
    /// No answer, or one that is no success.
    pub async fn page(&self, url: &str) -> Result<String, String> {
        let received = self.get(url).await.map_err(|failure| failure.what)?;
        let (status, text) = (received.exchange.status, String::from_utf8_lossy(&received.body).into_owned());
        if status == 200 { Ok(text) } else { Err(format!("{url} answered {status}: {text}")) }
    }

    async fn exchange(
        &self,
        method: &'static str,
        url: &str,
        sent: usize,
        request: RequestBuilder,
    ) -> Result<Received, Failure> {
        let begun = Instant::now();
        let response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let date = response.headers().get("date").and_then(|date| http_date(date.to_str().ok()?));
        let at = SystemClock.now();
        let mut body = Body::new(response, LONGEST_ANSWER);
        let body = body.whole().await.map_err(|error| Failure::new(FailureKind::NoAnswer, error, NO_ANSWER_HELP))?;
        let took = begun.elapsed();
        let exchange = Exchange { method, url: url.to_owned(), sent, status, received: body.len(), took };
        Ok(Received { exchange, body, date, at })
    }
}

const NO_ANSWER_HELP: &str = "look into the server's log; a balancer in between may have cut the connection";

fn failure(error: &reqwest::Error) -> Failure {
    let what = explain(error);
    if what.starts_with("TLS") {
        Failure::new(FailureKind::Tls, what, "see the TLS step")
    } else if error.is_connect() {
        let help = "check the address, that the server runs, and the firewalls between";
        Failure::new(FailureKind::Unreachable, what, help)
    } else {
        Failure::new(FailureKind::NoAnswer, what, NO_ANSWER_HELP)
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp::from_unix_millis(date.timestamp_millis()))
}

/// Blocks, before anything else is done.
fn resolve(place: &str, port: u16) -> Result<SocketAddr, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{place}: {error}");
    let with_port = place.parse::<SocketAddr>().is_ok()
        || place
            .rsplit_once(':')
            .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')));
    let place = match (with_port, place.parse::<std::net::IpAddr>()) {
        (true, _) => place.to_owned(),
        (false, Ok(address)) => SocketAddr::new(address, port).to_string(),
        (false, Err(_)) => format!("{place}:{port}"),
    };
    let mut found = place.to_socket_addrs().map_err(|error| problem(&error))?;
    found.next().ok_or_else(|| problem(&"has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_origin() {
        for (base, expected) in [
            ("https://sts.example.com", Ok("https://sts.example.com")),
            ("https://sts.example.com:443/", Ok("https://sts.example.com")),
            ("https://STS.example.com:8443", Ok("https://sts.example.com:8443")),
            ("https://[::1]:8443", Ok("https://[::1]:8443")),
            ("http://sts.example.com", Err("over https only")),
            ("https://sts.example.com/mex", Err("alone")),
            ("sts.example.com", Err("relative URL")),
        ] {
            let server = Server::new(base, None, Vec::new());
            match (server, expected) {
                (Ok(server), Ok(origin)) => assert_eq!(server.origin, origin),
                (Err(error), Err(said)) => assert!(error.contains(said), "{error}"),
                (server, _) => panic!("{base}: {:?}", server.map(|server| server.origin)),
            }
        }
    }

    #[test]
    fn everything_goes_to_one_origin() {
        let server = Server::new("https://new.example.com", None, Vec::new()).unwrap();
        for (address, here) in [
            ("/mex", "https://new.example.com/mex"),
            ("mex", "https://new.example.com/mex"),
            (" https://old.example.com/trust?a=b ", "https://new.example.com/trust?a=b"),
            ("http://new.example.com/trust", "https://new.example.com/trust"),
        ] {
            assert_eq!(server.here(address), here);
        }
        assert!(server.is_here("https://new.example.com:443/x"));
        assert!(!server.is_here("http://new.example.com/x") && !server.is_here("https://old.example.com/x"));
    }

    #[test]
    fn a_place_may_have_a_port() {
        for (place, address) in [
            ("127.0.0.1", "127.0.0.1:8443"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("::1", "[::1]:8443"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(resolve(place, 8443).unwrap().to_string(), address);
        }
    }
}
