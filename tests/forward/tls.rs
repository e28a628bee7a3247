//! TLS on both sides, and HTTP/2.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use fedfront::config::TlsFiles;
use fedfront::edge::TlsCertificates;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslAcceptor, SslConnector, SslFiletype, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::ALPN;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::tls::SslStream;
use pingora::upstreams::peer::HttpPeer;
use tokio::net::TcpStream;

use super::support::*;

/// A self-signed certificate in files of its own.
fn certificate(names: &[&str]) -> TlsFiles {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    certificate_of(&PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(), names)
}

fn certificate_of(key: &PKey<Private>, names: &[&str]) -> TlsFiles {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", names[0]).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    let mut alternatives = SubjectAlternativeName::new();
    for name in names {
        match name.parse::<std::net::IpAddr>() {
            Ok(_) => alternatives.ip(name),
            Err(_) => alternatives.dns(name),
        };
    }
    let alternatives = alternatives.build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(alternatives).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    let files = TlsFiles {
        certificate_file: base.with_extension("crt"),
        private_key_file: base.with_extension("key"),
        client_ca_file: None,
    };
    std::fs::write(&files.certificate_file, builder.build().to_pem().unwrap()).unwrap();
    std::fs::write(&files.private_key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    files
}

fn certificates(names: &[&[&str]]) -> TlsCertificates {
    let files: Vec<TlsFiles> = names.iter().map(|names| certificate(names)).collect();
    TlsCertificates::load(&files).unwrap()
}

/// A TLS client that takes any certificate.
async fn tls(address: SocketAddr, host: Option<&str>, at_most: Option<SslVersion>) -> Option<SslStream<TcpStream>> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_max_proto_version(at_most).unwrap();
    let mut configuration = connector.build().configure().unwrap();
    configuration.set_verify_hostname(false);
    configuration.set_use_server_name_indication(host.is_some());
    let ssl = configuration.into_ssl(host.unwrap_or("unused")).unwrap();
    let mut stream = SslStream::new(ssl, TcpStream::connect(address).await.unwrap()).unwrap();
    stream.connect().await.ok()?;
    Some(stream)
}

async fn served_name(address: SocketAddr, host: Option<&str>) -> String {
    let stream = tls(address, host, None).await.unwrap();
    let certificate = stream.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().next().unwrap().data().to_string().unwrap();
    name.to_string()
}

fn nobody_behind() -> fedfront::config::Config {
    config(&["127.0.0.1:1".parse().unwrap()])
}

#[tokio::test]
async fn the_certificate_is_chosen_by_name() {
    let proxy = Proxy::start_with(
        &nobody_behind(),
        Some(certificates(&[&["first.example.com"], &["*.example.org"], &["exact.example.org"]])),
    );
    for (host, expected) in [
        (None, "first.example.com"),
        (Some("first.example.com"), "first.example.com"),
        (Some("unknown.example.net"), "first.example.com"),
        (Some("any.example.org"), "*.example.org"),
        (Some("EXACT.example.org"), "exact.example.org"),
        (Some("a.b.example.org"), "first.example.com"),
    ] {
        assert_eq!(served_name(proxy.address(), host).await, expected, "{host:?}");
    }
    proxy.until_metric(r#"fedfront_tls_handshakes_total{result="success"}"#, 6.0).await;
}

#[tokio::test]
async fn a_certificate_is_replaced_while_connections_are_open() {
    let proxy = Proxy::start_with(&nobody_behind(), Some(certificates(&[&["old.example.com"]])));
    let mut open = tls(proxy.address(), Some("old.example.com"), None).await.unwrap();
    let get = "GET /mex HTTP/1.1\r\nHost: a\r\n\r\n";
    exchange(&mut open, get).await;
    proxy.receive(Some(certificates(&[&["new.example.com"]])), false);
    assert_eq!(served_name(proxy.address(), None).await, "new.example.com");
    assert!(exchange(&mut open, get).await.0.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn tls_and_the_proxy_protocol_come_and_go_while_connections_are_open() {
    let mut trusting = nobody_behind();
    trusting.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let proxy = Proxy::start_with(&trusting, Some(certificates(&[&["a.example.com"]])));
    let mut open = tls(proxy.address(), None, None).await.unwrap();
    let get = "GET /mex HTTP/1.1\r\nHost: a\r\n\r\n";
    exchange(&mut open, get).await;
    proxy.receive(None, false);
    let plain = "GET /mex HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(proxy.ask(plain).await.starts_with("HTTP/1.1 200 "));
    proxy.receive(None, true);
    let announced = format!("PROXY TCP4 198.51.100.7 10.0.0.1 4711 8443\r\n{plain}");
    assert!(proxy.ask(&announced).await.contains("198.51.100.7"));
    assert_eq!(proxy.ask(plain).await, "", "without a header");
    proxy.receive(Some(certificates(&[&["b.example.com"]])), false);
    assert_eq!(served_name(proxy.address(), None).await, "b.example.com");
    assert!(exchange(&mut open, get).await.0.starts_with("HTTP/1.1 200 "), "what is open stays as it is");
}

#[tokio::test]
async fn old_versions_and_silent_handshakes_are_refused() {
    let mut impatient = nobody_behind();
    impatient.limits.handshake_deadline = Duration::from_millis(200);
    let proxy = Proxy::start_with(&impatient, Some(certificates(&[&["a.example.com"]])));
    assert!(tls(proxy.address(), None, Some(SslVersion::TLS1_1)).await.is_none());
    assert!(tls(proxy.address(), None, Some(SslVersion::TLS1_2)).await.is_some());
    assert_eq!(read_to_end(&mut proxy.connect().await).await, "");
    proxy.until_metric(r#"fedfront_tls_handshakes_total{result="timeout"}"#, 1.0).await;
    proxy.until_metric(r#"fedfront_connections_rejected_total{reason="handshake_timeout"}"#, 1.0).await;
    proxy.until_metric(r#"fedfront_tls_handshakes_total{result="failure"}"#, 1.0).await;
}

#[tokio::test]
async fn finite_field_key_exchange_is_not_offered() {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let loaded = TlsCertificates::load(&[certificate_of(&key, &["a.example.com"])]).unwrap();
    let proxy = Proxy::start_with(&nobody_behind(), Some(loaded));
    for (ciphers, expected) in [("DHE-RSA-AES256-GCM-SHA384", false), ("ECDHE-RSA-AES256-GCM-SHA384", true)] {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        connector.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        connector.set_cipher_list(ciphers).unwrap();
        let ssl = connector.build().configure().unwrap().into_ssl("a.example.com").unwrap();
        let mut stream = SslStream::new(ssl, TcpStream::connect(proxy.address()).await.unwrap()).unwrap();
        assert_eq!(stream.connect().await.is_ok(), expected, "{ciphers}");
    }
}

/// Sends a request by HTTP/2 and reads the answer; the session keeps its connection open.
async fn ask_h2(
    connector: &Connector,
    address: SocketAddr,
    request: RequestHeader,
    body: &str,
) -> Option<(u16, String)> {
    let mut peer = HttpPeer::new(address, true, "a.example.com".into());
    peer.options.verify_cert = false;
    peer.options.verify_hostname = false;
    peer.options.alpn = ALPN::H2;
    peer.options.max_h2_streams = 10;
    let (mut session, _) = connector.get_http_session(&peer).await.unwrap();
    assert!(matches!(session, HttpSession::H2(_)), "no HTTP/2");
    session.write_request_header(Box::new(request)).await.ok()?;
    if !body.is_empty() {
        session.write_request_body(body.to_owned().into(), true).await.ok()?;
    }
    session.finish_request_body().await.ok()?;
    session.read_response_header().await.ok()?;
    let status = session.response_header()?.status.as_u16();
    let mut out = Vec::new();
    while let Some(piece) = session.read_response_body().await.ok()? {
        out.extend(piece);
    }
    connector.release_http_session(session, &peer, None).await;
    Some((status, String::from_utf8(out).unwrap()))
}

fn h2_request(method: &str, path: &str) -> RequestHeader {
    let mut request = RequestHeader::build(method, path.as_bytes(), None).unwrap();
    request.set_uri(format!("https://a.example.com{path}").parse().unwrap());
    request.set_version(http::Version::HTTP_2);
    request
}

#[tokio::test]
async fn http2_clients_reach_http1_servers_and_us() {
    let (upstream, heads) = server(|_, body| response("Set-Cookie: a=1\r\n", std::str::from_utf8(body).unwrap())).await;
    let proxy = Proxy::start_with(&config(&[upstream]), Some(certificates(&[&["a.example.com"]])));
    let connector = Connector::new(None);
    let mut request = h2_request("POST", "/x?y=%2f");
    request.append_header("cookie", "a=1").unwrap();
    request.append_header("cookie", "b=2").unwrap();
    let answer = ask_h2(&connector, proxy.address(), request, "hello").await;
    assert_eq!(answer, Some((200, "hello".into())));
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /x?y=%2f HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "cookie"), Some("a=1; b=2"), "{head}");
    assert_eq!(header(&head, "host"), Some("a.example.com"), "{head}");
    assert_eq!(header(&head, "x-forwarded-proto"), Some("https"), "{head}");

    let native = ask_h2(&connector, proxy.address(), h2_request("POST", "/mex"), "hello").await;
    assert_eq!(native, Some((200, "mex POST /mex? 127.0.0.1 5".into())));
    let large = ask_h2(&connector, proxy.address(), h2_request("POST", "/mex"), &"x".repeat(1001)).await;
    assert_eq!(large.map(|(status, _)| status), Some(413));
    let disguised = ask_h2(&connector, proxy.address(), h2_request("GET", "/%6dex"), "").await;
    assert_eq!(disguised.map(|(status, _)| status), Some(404));
    let mut twice = h2_request("POST", "/x");
    twice.append_header("content-length", "5").unwrap();
    twice.append_header("content-length", "5").unwrap();
    let twice = ask_h2(&connector, proxy.address(), twice, "hello").await;
    assert_ne!(twice.map(|(status, _)| status), Some(200));
    let mut heavy = h2_request("GET", "/");
    heavy.insert_header("x", "x".repeat(9 * 1024)).unwrap();
    let heavy = ask_h2(&connector, proxy.address(), heavy, "").await;
    assert_eq!(heavy.map(|(status, _)| status), Some(431));
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn idle_http2_connections_are_closed_and_drained() {
    for drains in [false, true] {
        let mut impatient = nobody_behind();
        impatient.limits.keep_alive = if drains { PATIENCE } else { Duration::from_millis(200) };
        let proxy = Proxy::start_with(&impatient, Some(certificates(&[&["a.example.com"]])));
        let connector = Connector::new(None);
        ask_h2(&connector, proxy.address(), h2_request("GET", "/mex"), "").await.unwrap();
        if drains {
            assert!(proxy.edge.drain(PATIENCE, Farewell::Short).await);
        }
        proxy.until_metric("fedfront_connections_open", 0.0).await;
    }
}

#[tokio::test]
async fn draining_finishes_http2_requests() {
    let (release, released) = tokio::sync::watch::channel(false);
    let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
    let upstream = raw_server(move |mut stream, _| {
        let (mut released, arrived) = (released.clone(), arrived.clone());
        async move {
            read_head(&mut stream, &mut Vec::new()).await.unwrap();
            arrived.send(()).await.unwrap();
            released.wait_for(|released| *released).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &response("", "late")).await.unwrap();
        }
    })
    .await;
    let proxy = Proxy::start_with(&config(&[upstream]), Some(certificates(&[&["a.example.com"]])));
    let connector = Connector::new(None);
    let asking = ask_h2(&connector, proxy.address(), h2_request("GET", "/"), "");
    let draining = async {
        arrival.recv().await.unwrap();
        let releasing = async {
            while TcpStream::connect(proxy.address()).await.is_ok() {}
            release.send(true).unwrap();
        };
        tokio::join!(proxy.edge.drain(PATIENCE, Farewell::Short), releasing).0
    };
    let (answer, drained) = tokio::join!(asking, draining);
    assert_eq!(answer, Some((200, "late".into())));
    assert!(drained);
}

/// A TLS server with a certificate of that name, which answers every request.
async fn tls_server(files: &TlsFiles) -> SocketAddr {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate_chain_file(&files.certificate_file).unwrap();
    acceptor.set_private_key_file(&files.private_key_file, SslFiletype::PEM).unwrap();
    let acceptor = acceptor.build();
    raw_server(move |tcp, _| {
        let ssl = Ssl::new(acceptor.context()).unwrap();
        async move {
            let mut stream = SslStream::new(ssl, tcp).unwrap();
            if stream.accept().await.is_err() {
                return;
            }
            let mut buffer = Vec::new();
            while read_head(&mut stream, &mut buffer).await.is_some() {
                let answer = response("", "by TLS");
                tokio::io::AsyncWriteExt::write_all(&mut Pin::new(&mut stream), &answer).await.unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn servers_behind_are_verified() {
    let files = certificate(&["wso2.internal"]);
    let other: PathBuf = certificate(&["wso2.internal"]).certificate_file;
    let upstream = tls_server(&files).await;
    for (ca_file, server_name, status) in [
        (Some(files.certificate_file.clone()), Some("wso2.internal"), "200"),
        (Some(files.certificate_file.clone()), Some("elsewhere.internal"), "502"),
        (Some(files.certificate_file.clone()), None, "502"),
        (Some(files.certificate_file.clone()), Some("127.0.0.1"), "502"),
        (Some(other), Some("wso2.internal"), "502"),
        (None, Some("wso2.internal"), "502"),
    ] {
        let mut secure = config(&[upstream]);
        secure.upstream.servers[0].https = true;
        secure.upstream.tls = fedfront::config::UpstreamTls { ca_file, server_name: server_name.map(str::to_owned) };
        let answer = Proxy::start(&secure).ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{server_name:?}: {answer}");
    }
}

#[tokio::test]
async fn a_server_that_is_given_by_its_address_is_verified_by_it() {
    for (names, status) in [
        (&["127.0.0.1"][..], "200"),
        (&["localhost", "127.0.0.2", "127.0.0.1"], "200"),
        (&["127.0.0.2"], "502"),
        (&["localhost"], "502"),
    ] {
        for method in ["GET", "POST"] {
            let files = certificate(names);
            let (right, wrong) = (tls_server(&files).await, tls_server(&certificate(&["127.0.0.1"])).await);
            let mut secure = config(&[wrong, right]);
            secure.upstream.servers.iter_mut().for_each(|server| server.https = true);
            secure.upstream.tls =
                fedfront::config::UpstreamTls { ca_file: Some(files.certificate_file.clone()), server_name: None };
            let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let answer = Proxy::start(&secure).ask(&request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{names:?}: {answer}");
        }
    }
}
