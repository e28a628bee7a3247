//! Servers that answer, refuse, stay silent, or are somebody else.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http::HeaderValue;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};

use super::*;
use crate::config::{UpstreamServer, UpstreamTls};

/// A server that gives each connection one answer, and remembers what was asked.
struct Origin {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    fn http(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), None)
    }

    fn https(answer: impl Into<Vec<u8>>, identity: &(PKey<Private>, X509)) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_private_key(&identity.0).unwrap();
        acceptor.set_certificate(&identity.1).unwrap();
        Self::start(answer.into(), Some(acceptor.build()))
    }

    fn start(answer: Vec<u8>, tls: Option<SslAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                match &tls {
                    None => exchange(stream, &answer, &seen),
                    Some(tls) => drop(tls.accept(stream).map(|stream| exchange(stream, &answer, &seen))),
                }
            }
        });
        Self { address, heads }
    }

    fn asked(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// An empty answer is silence.
fn exchange(mut stream: impl Read + Write, answer: &[u8], seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    if answer.is_empty() {
        drop(stream.read(&mut byte));
    }
    // Who finds an answer too large does not wait for its end.
    drop(stream.write_all(answer));
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"e\"\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// A self-signed certificate and its file.
fn identity(name: &str) -> ((PKey<Private>, X509), PathBuf) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", "behind").unwrap();
    let subject = subject.build();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    let mut alternatives = SubjectAlternativeName::new();
    match name.parse::<IpAddr>() {
        Ok(_) => alternatives.ip(name),
        Err(_) => alternatives.dns(name),
    };
    let alternatives = alternatives.build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(alternatives).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();
    let file = std::env::temp_dir().join(format!("fedfront-fetch-{}-{name}.pem", std::process::id()));
    std::fs::write(&file, certificate.to_pem().unwrap()).unwrap();
    ((key, certificate), file)
}

fn upstream(servers: Vec<UpstreamServer>, tls: UpstreamTls) -> Upstream {
    Upstream {
        servers,
        tls,
        health: None,
        set_headers: vec![("X-Set".to_owned(), HeaderValue::from_static("always"))],
        remove_headers: Vec::new(),
        rewrite_location: false,
        strip_basic_authorization: Vec::new(),
        connect_timeout: Duration::from_secs(60),
        read_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(60),
    }
}

fn server(host: &str, port: u16, https: bool) -> UpstreamServer {
    UpstreamServer { host: host.to_owned(), port, https }
}

/// What comes of asking these, and of what is said of it the part that this machine decides.
async fn get(servers: Vec<UpstreamServer>, tls: UpstreamTls) -> Result<Fetched, String> {
    let client = UpstreamClient::new(&upstream(servers, tls)).unwrap();
    client.get("/idp/metadata", "sts.example.com:8443").await.map_err(|error| error.to_string())
}

/// A port where no TLS is spoken.
fn plain() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hello = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        hello
    });
    port
}

/// A port where nobody listens.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn asks_as_a_browser_of_ours_would() {
    let origin = Origin::http(answer("200 OK", "<md/>"));
    let fetched = get(vec![server("localhost", origin.address.port(), false)], UpstreamTls::default()).await.unwrap();
    assert_eq!((fetched.status, &fetched.body[..]), (StatusCode::OK, &b"<md/>"[..]));
    assert_eq!(fetched.headers.get("etag").unwrap(), "\"e\"");
    assert_eq!(fetched.server, format!("http://localhost:{}", origin.address.port()));
    let head = origin.asked().concat().to_lowercase();
    assert!(head.starts_with("get /idp/metadata http/1.1\r\n"), "{head}");
    for line in ["host: sts.example.com:8443", "x-forwarded-proto: https", "x-set: always"] {
        assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line} in {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
}

#[tokio::test]
async fn the_first_server_with_an_answer_is_believed() {
    let (broken, absent, well) = (
        Origin::http(answer("503 Service Unavailable", "")),
        Origin::http(answer("404 Not Found", "none")),
        Origin::http(answer("200 OK", "well")),
    );
    let [broken_port, absent_port, well_port] = [&broken, &absent, &well].map(|origin| origin.address.port());
    for (ports, expected) in [
        (vec![nobody(), broken_port, well_port], Ok(200)),
        (vec![well_port, absent_port], Ok(200)),
        (vec![absent_port, well_port], Ok(404)),
        (vec![broken_port, broken_port], Err(())),
    ] {
        let servers = ports.iter().map(|port| server("127.0.0.1", *port, false)).collect();
        let status = get(servers, UpstreamTls::default()).await.map(|fetched| fetched.status.as_u16());
        assert_eq!(status.map_err(drop), expected, "{ports:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Origin::http(answer("200 OK", "elsewhere"));
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", elsewhere.address);
    let origin = Origin::http(moved);
    let fetched = get(vec![server("127.0.0.1", origin.address.port(), false)], UpstreamTls::default()).await.unwrap();
    assert_eq!(fetched.status, StatusCode::FOUND);
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_operator_is_told_what_each_server_did() {
    let endless = |framing: &str| format!("HTTP/1.1 200 OK\r\n{framing}\r\n{}", "x".repeat(METADATA_BYTES + 1));
    let declared = Origin::http(endless(&format!("Content-Length: {}\r\n", METADATA_BYTES + 1)));
    let streamed = Origin::http(endless("Connection: close\r\n"));
    let cut = Origin::http("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut");
    let broken = Origin::http(answer("503 Service Unavailable", ""));
    let stranger = Origin::https(answer("200 OK", ""), &identity("stranger.internal").0);
    let plain = plain();
    let (port, nowhere) = (|origin: &Origin| origin.address.port(), nobody());
    let servers = vec![
        server("127.0.0.1", port(&declared), false),
        server("127.0.0.1", port(&streamed), false),
        server("127.0.0.1", port(&cut), false),
        server("127.0.0.1", port(&broken), false),
        server("127.0.0.1", nowhere, false),
        server("fedfront.invalid", 80, false),
        server("127.0.0.1", port(&stranger), true),
        server("127.0.0.1", plain, true),
    ];
    let error = get(servers, UpstreamTls::default()).await.unwrap_err();
    let said: Vec<&str> = error.strip_prefix("upstream: ").unwrap().split("; ").collect();
    for (said, (port, expected)) in said.iter().zip([
        (port(&declared), "more than 4194304 bytes"),
        (port(&streamed), "more than 4194304 bytes"),
        (port(&cut), "no answer: "),
        (port(&broken), "status 503"),
        (nowhere, "no connection: Connection refused"),
        (80, "its name cannot be resolved: "),
        (port(&stranger), "TLS: "),
        (plain, "TLS: the server does not speak TLS there"),
    ]) {
        assert!(said.contains(&format!(":{port}: {expected}")), "{said}: {expected}");
    }
    assert_eq!(said.len(), 8, "{error}");
}

#[tokio::test]
async fn a_silent_server_leaves_time_for_the_next() {
    tokio::time::pause();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let error = get(vec![server("127.0.0.1", address.port(), false); 2], UpstreamTls::default()).await.unwrap_err();
    assert_eq!(error.matches(": no answer within 1").count(), 2, "{error}");
    let one = upstream(vec![server("127.0.0.1", address.port(), false)], UpstreamTls::default());
    let hurried = UpstreamClient::new(&one).unwrap().within(Duration::from_secs(7));
    let error = hurried.get("/", "sts.example.com").await.unwrap_err().to_string();
    assert!(error.ends_with(": no answer within 7 s"), "{error}");
}

#[tokio::test]
async fn a_server_is_trusted_by_the_name_that_is_configured() {
    let (named, named_file) = identity("idp.internal");
    let (addressed, addressed_file) = identity("127.0.0.1");
    let (named, addressed) =
        (Origin::https(answer("200 OK", ""), &named), Origin::https(answer("200 OK", ""), &addressed));
    for (origin, ca_file, server_name, trusted) in [
        (&named, Some(&named_file), Some("idp.internal"), true),
        (&named, Some(&named_file), Some("other.internal"), false),
        (&named, Some(&named_file), None, false),
        (&named, Some(&addressed_file), Some("idp.internal"), false),
        (&named, None, Some("idp.internal"), false),
        (&addressed, Some(&addressed_file), None, true),
        (&addressed, Some(&addressed_file), Some("127.0.0.1"), true),
        (&addressed, Some(&addressed_file), Some("idp.internal"), false),
    ] {
        let tls = UpstreamTls { ca_file: ca_file.cloned(), server_name: server_name.map(str::to_owned) };
        let answer = get(vec![server("127.0.0.1", origin.address.port(), true)], tls).await;
        assert_eq!(answer.is_ok(), trusted, "{server_name:?}: {answer:?}");
    }
    let elsewhere = UpstreamTls { ca_file: None, server_name: Some("127.0.0.1".to_owned()) };
    let client = UpstreamClient::new(&upstream(vec![server("localhost", 443, true)], elsewhere));
    assert!(matches!(client, Err(ClientError::ServerName(name)) if name == "https://localhost:443"));
}

#[test]
fn a_file_without_certificates_is_named() {
    let file = std::env::temp_dir().join(format!("fedfront-fetch-{}-empty.pem", std::process::id()));
    for content in [None, Some("no PEM")] {
        content.into_iter().for_each(|text| std::fs::write(&file, text).unwrap());
        let tls = UpstreamTls { ca_file: Some(file.clone()), server_name: None };
        let error = UpstreamClient::new(&upstream(vec![server("idp", 443, true)], tls)).err().unwrap();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}
