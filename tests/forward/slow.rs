//! Clients that send or take bodies too slowly, and those that only seem to.

use std::time::Duration;

use fedfront::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;

const SILENCE: Duration = Duration::from_millis(300);
const SLOW_BODY: &str = r#"fedfront_connections_rejected_total{reason="slow_body"}"#;
const SLOW_READER: &str = r#"fedfront_connections_rejected_total{reason="slow_reader"}"#;
const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn impatient(upstream: std::net::SocketAddr) -> Config {
    let mut config = config(&[upstream]);
    config.limits.body_silence = SILENCE;
    config.limits.body_rate = 1000;
    config
}

/// A server that answers once it has read the body.
async fn patient_server() -> std::net::SocketAddr {
    server(|_, body| response("", &body.len().to_string())).await.0
}

/// Sends `pieces`, a pause after each.
async fn send(client: &mut TcpStream, pieces: impl Iterator<Item = &'static str>, pause: Duration) {
    for piece in pieces {
        if client.write_all(piece.as_bytes()).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn a_body_that_drips_or_stops_is_408_while_others_are_served() {
    let proxy = Proxy::start(&impatient(patient_server().await));
    for (cut, (framing, drip)) in
        [("Content-Length: 9999", "x"), ("Transfer-Encoding: chunked", "1\r\nx\r\n"), ("Content-Length: 9999", "")]
            .into_iter()
            .enumerate()
    {
        let mut client = proxy.connect().await;
        let head = format!("POST /x HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let (mut read, mut write) = client.into_split();
        let dripping = tokio::spawn(async move {
            while write.write_all(drip.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let good = async {
            while proxy.metric(SLOW_BODY) < cut as f64 + 1.0 {
                let answer = proxy.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            }
        };
        let (answer, _) = tokio::join!(read_to_end(&mut read), tokio::time::timeout(PATIENCE, good));
        assert!(answer.starts_with("HTTP/1.1 408 "), "{framing} {drip}: {answer}");
        dripping.abort();
    }
    assert_eq!(proxy.metric(SLOW_BODY), 3.0);
}

#[tokio::test]
async fn a_body_that_comes_steadily_may_take_its_time() {
    let proxy = Proxy::start(&impatient(patient_server().await));
    let mut client = proxy.connect().await;
    client.write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n").await.unwrap();
    // Twice the rate, for three times the silence.
    let piece: &str = Box::leak("x".repeat(100).into_boxed_str());
    send(&mut client, std::iter::repeat_n(piece, 50), Duration::from_millis(20)).await;
    let (head, body) = exchange(&mut client, "").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "5000", "{head}{body}");
    assert_eq!(proxy.metric(SLOW_BODY), 0.0);
}

#[tokio::test]
async fn a_slow_server_is_not_the_clients_fault() {
    let upstream = raw_server(|mut stream, _| async move {
        let mut buffer = Vec::new();
        let head = read_head(&mut stream, &mut buffer).await.unwrap();
        // It does not read for a while, says nothing for another, and then pauses in its answer.
        tokio::time::sleep(SILENCE * 3).await;
        let body = read_body(&mut stream, &mut buffer, &head).await;
        tokio::time::sleep(SILENCE * 3).await;
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{:010}", body.len()).as_bytes())
            .await
            .unwrap();
        tokio::time::sleep(SILENCE * 3).await;
        stream.write_all(&[b'-'; 10]).await.unwrap();
    })
    .await;
    let proxy = Proxy::start(&impatient(upstream));
    let (mut read, mut write) = proxy.connect().await.into_split();
    let body = vec![b'x'; 16 * 1024 * 1024];
    let head = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let sending = async {
        write.write_all(head.as_bytes()).await.unwrap();
        write.write_all(&body).await.unwrap();
    };
    let (answer, ()) = tokio::join!(read_to_end(&mut read), sending);
    assert!(answer.ends_with("0016777216----------"), "{answer}");
    assert_eq!((proxy.metric(SLOW_BODY), proxy.metric(SLOW_READER)), (0.0, 0.0));
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_continue_is_not_slow() {
    let upstream = raw_server(|mut stream, _| async move {
        let mut buffer = Vec::new();
        let head = read_head(&mut stream, &mut buffer).await.unwrap();
        tokio::time::sleep(SILENCE * 3).await;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        let body = read_body(&mut stream, &mut buffer, &head).await;
        stream.write_all(&response("", &body.len().to_string())).await.unwrap();
    })
    .await;
    let proxy = Proxy::start(&impatient(upstream));
    for (body, status) in [("abc", "200"), ("ab", "408")] {
        let mut client = proxy.connect().await;
        let head = "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let said = read_head(&mut client, &mut Vec::new()).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 100 "), "{said}");
        client.write_all(body.as_bytes()).await.unwrap();
        let said = read_head(&mut client, &mut Vec::new()).await.unwrap();
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{body}: {said}");
    }
}

/// A server that has more to send than any socket holds.
async fn endless_server() -> std::net::SocketAddr {
    raw_server(|mut stream, _| async move {
        read_head(&mut stream, &mut Vec::new()).await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n").await;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    })
    .await
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_cut() {
    let proxy = Proxy::start(&impatient(endless_server().await));
    let mut client = proxy.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    proxy.until_metric(SLOW_READER, 1.0).await;
    proxy.until_metric("fedfront_connections_open", 0.0).await;
}

#[tokio::test]
async fn a_client_that_takes_an_answer_slowly_is_served() {
    let proxy = Proxy::start(&impatient(endless_server().await));
    let mut client = proxy.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut room = vec![0; 256 * 1024];
    let until = tokio::time::Instant::now() + SILENCE * 5;
    while tokio::time::Instant::now() < until {
        assert_ne!(client.read(&mut room).await.unwrap(), 0);
        tokio::time::sleep(SILENCE / 10).await;
    }
    assert_eq!(proxy.metric(SLOW_READER), 0.0);
}

#[tokio::test]
async fn a_quiet_websocket_is_not_slow() {
    let upstream = raw_server(|mut stream, _| async move {
        read_head(&mut stream, &mut Vec::new()).await.unwrap();
        let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(switch.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    })
    .await;
    let proxy = Proxy::start(&impatient(upstream));
    let mut client = proxy.connect().await;
    client.write_all(UPGRADE.as_bytes()).await.unwrap();
    let mut buffer = Vec::new();
    assert!(read_head(&mut client, &mut buffer).await.unwrap().starts_with("HTTP/1.1 101 "));
    for _ in 0..3 {
        client.write_all(b"x").await.unwrap();
        assert_eq!(tokio::time::timeout(PATIENCE, client.read_u8()).await.unwrap().unwrap(), b'x');
        let silence = tokio::time::timeout(SILENCE * 2, client.read_u8()).await;
        assert!(silence.is_err(), "{silence:?}");
    }
}

#[tokio::test]
async fn a_websocket_whose_client_takes_nothing_is_cut() {
    let upstream = raw_server(|mut stream, _| async move {
        read_head(&mut stream, &mut Vec::new()).await.unwrap();
        let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(switch.as_bytes()).await.unwrap();
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    })
    .await;
    let proxy = Proxy::start(&impatient(upstream));
    let mut client = proxy.connect().await;
    client.write_all(UPGRADE.as_bytes()).await.unwrap();
    proxy.until_metric(SLOW_READER, 1.0).await;
    proxy.until_metric("fedfront_connections_open", 0.0).await;
}
