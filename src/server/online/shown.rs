//! For whom a certificate is that is for another name than the one that was asked for.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use http::uri::Authority;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};

use crate::keys;

const PATIENCE: Duration = Duration::from_secs(3);

/// The hosts that the certificate of `https://` or `ldaps://host[:port]` is for; `None` where it shows none at once. It is shown
/// to whoever connects, and nothing is sent.
pub(super) async fn hosts(server: &str) -> Option<String> {
    let (host, port) = place(server)?;
    tokio::task::spawn_blocking(move || shown(&host, port)).await.ok()?
}

fn place(server: &str) -> Option<(String, u16)> {
    let (scheme, rest) = server.split_once("://")?;
    let usual = match scheme {
        "https" => 443,
        "ldaps" => 636,
        _ => return None,
    };
    let authority: Authority = rest.split('/').next()?.parse().ok()?;
    Some((authority.host().trim_matches(['[', ']']).to_owned(), authority.port_u16().unwrap_or(usual)))
}

fn shown(host: &str, port: u16) -> Option<String> {
    let mut addresses = (host, port).to_socket_addrs().ok()?;
    let stream = addresses.find_map(|address| TcpStream::connect_timeout(&address, PATIENCE).ok())?;
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).ok()?;
    let mut builder = SslConnector::builder(SslMethod::tls_client()).ok()?;
    builder.set_verify(SslVerifyMode::NONE);
    let configuration = builder.build().configure().ok()?.verify_hostname(false);
    let stream = configuration.connect(host, stream).ok()?;
    let certificate = stream.ssl().peer_certificate()?;
    Some(keys::hosts(&certificate).join(", "))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn only_tls_from_the_start_can_be_asked() {
        for (server, expected) in [
            ("https://idp.example.com:9443", Some(("idp.example.com", 9443))),
            ("https://idp.example.com/x", Some(("idp.example.com", 443))),
            ("ldaps://[::1]", Some(("::1", 636))),
            ("ldap://dc.example.com:389", None),
            ("dc.example.com", None),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(place(server), expected, "{server}");
        }
    }
}
