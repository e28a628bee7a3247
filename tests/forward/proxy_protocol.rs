//! Listeners on which a balancer says whose bytes it passes on.

use std::net::SocketAddr;
use std::time::Duration;

use fedfront::config::Config;
use tokio::io::AsyncWriteExt;

use super::support::*;

const REJECTED: &str = r#"fedfront_connections_rejected_total{reason="proxy_protocol"}"#;
const MEX: &str = "GET /mex HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nOAM_REMOTE_USER: somebody\r\nConnection: close\r\n\r\n";
/// PROXY, TCP over IPv4, from 198.51.100.7:4711 to 10.0.0.1:8443.
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\x0a\0\0\x01\x12\x67\x20\xfb";
/// PROXY, for somebody whose address is of no known family.
const UNSPECIFIED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
/// PROXY, for a client of a Unix socket.
const UNIX: &[u8] = &{
    let mut header = [0; 16 + 216];
    let (begin, _) = header.split_at_mut(16);
    begin.copy_from_slice(b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8");
    header
};
/// LOCAL: the balancer speaks for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn behind_balancer(upstream: SocketAddr, trusted: &[&str]) -> Config {
    let mut config = config(&[upstream]);
    config.trusted_proxies = trusted.iter().map(|net| net.parse().unwrap()).collect();
    config.limits.handshake_deadline = Duration::from_millis(300);
    config
}

async fn ask(proxy: &Proxy, header: &[u8]) -> String {
    let mut client = proxy.connect().await;
    client.write_all(&[header, MEX.as_bytes()].concat()).await.unwrap();
    read_to_end(&mut client).await
}

#[tokio::test]
async fn the_address_that_it_names_is_the_peer() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    for (trusted, header, client, chain) in [
        (
            &["127.0.0.1/32"][..],
            b"PROXY TCP4 198.51.100.7 10.0.0.1 4711 443\r\n".as_slice(),
            "198.51.100.7",
            "198.51.100.7",
        ),
        (&["127.0.0.1/32"], VERSION_2, "198.51.100.7", "198.51.100.7"),
        // Another proxy of ours, which itself is believed.
        (&["127.0.0.1/32", "198.51.100.0/24"], VERSION_2, "203.0.113.9", "203.0.113.9, 198.51.100.7"),
        // An address of IPv4 in IPv6's clothes is the same one.
        (&["127.0.0.1/32"], b"PROXY TCP6 ::ffff:198.51.100.7 ::1 1 2\r\n", "198.51.100.7", "198.51.100.7"),
        // It names none: the balancer's own address is what there is, and what the client says of itself is not believed.
        (&["127.0.0.1/32"], b"PROXY UNKNOWN\r\n", "127.0.0.1", "127.0.0.1"),
        (&["127.0.0.1/32"], b"PROXY UNKNOWN ::1 ::1 1 2\r\n", "127.0.0.1", "127.0.0.1"),
        (&["127.0.0.1/32"], LOCAL, "127.0.0.1", "127.0.0.1"),
        (&["127.0.0.1/32"], UNSPECIFIED, "127.0.0.1", "127.0.0.1"),
        (&["127.0.0.1/32"], UNIX, "127.0.0.1", "127.0.0.1"),
    ] {
        let proxy = Proxy::start_behind_balancer(&behind_balancer(upstream, trusted));
        let answer = ask(&proxy, header).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{}: {answer}", header.escape_ascii());
        let asked = proxy.asked.lock().unwrap().pop().unwrap();
        assert_eq!(asked, format!("mex GET /mex? {client} 0"), "{}", header.escape_ascii());
        let mut forwarded = proxy.connect().await;
        forwarded.write_all(&[header, MEX.replace("/mex", "/x").as_bytes()].concat()).await.unwrap();
        read_to_end(&mut forwarded).await;
        let head = heads.lock().unwrap().pop().unwrap();
        assert_eq!(header_of(&head), Some(chain), "{}", header.escape_ascii());
        let believed = chain.contains(", ");
        assert_eq!(head.contains("OAM_REMOTE_USER"), believed, "{}: {head}", header.escape_ascii());
        assert_eq!(proxy.metric(REJECTED), 0.0);
    }
}

fn header_of(head: &str) -> Option<&str> {
    header(head, "x-forwarded-for")
}

#[tokio::test]
async fn without_one_from_a_trusted_peer_a_connection_is_cut() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    for (trusted, header) in [
        ("127.0.0.1/32", b"".as_slice()),
        ("127.0.0.1/32", b"PROXY TCP4 198.51.100.7 10.0.0.1 4711\r\n"),
        ("127.0.0.1/32", b"\r\n\r\n\0\r\nQUIT\n\x31\0\0\0"),
        ("10.0.0.0/8", VERSION_2),
        ("198.51.100.0/24", VERSION_2),
    ] {
        let proxy = Proxy::start_behind_balancer(&behind_balancer(nobody, &[trusted]));
        assert_eq!(ask(&proxy, header).await, "", "{trusted} {}", header.escape_ascii());
        assert_eq!(proxy.metric(REJECTED), 1.0, "{trusted} {}", header.escape_ascii());
    }
}

#[tokio::test]
async fn a_balancer_that_only_looks_is_no_offence() {
    let proxy = Proxy::start_behind_balancer(&behind_balancer("127.0.0.1:1".parse().unwrap(), &["127.0.0.1/32"]));
    drop(proxy.connect().await);
    assert!(ask(&proxy, LOCAL).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(proxy.metric(REJECTED), 0.0);
}

#[tokio::test]
async fn a_header_that_drips_is_cut_in_time() {
    let proxy = Proxy::start_behind_balancer(&behind_balancer("127.0.0.1:1".parse().unwrap(), &["127.0.0.1/32"]));
    let (mut read, mut write) = proxy.connect().await.into_split();
    let dripping = tokio::spawn(async move {
        for byte in b"PROXY UNKNOWN ".iter().chain(std::iter::repeat(&b'x')) {
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(read_to_end(&mut read).await, "");
    dripping.abort();
    assert_eq!(proxy.metric(REJECTED), 1.0);
}

#[tokio::test]
async fn no_listener_believes_one_that_is_not_configured_to() {
    let proxy = Proxy::start(&behind_balancer("127.0.0.1:1".parse().unwrap(), &["127.0.0.1/32"]));
    let answer = ask(&proxy, b"PROXY TCP4 198.51.100.7 10.0.0.1 4711 443\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
