//! Bodies that are forwarded: never held, whatever their size and framing.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;

const MIB: usize = 1024 * 1024;

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn chunked_bodies_pass_both_ways() {
    let (upstream, heads) = server(|_, body| {
        let chunk = format!("{:x}\r\n{}\r\n", body.len(), String::from_utf8_lossy(body));
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n").into_bytes()
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    for _ in 0..2 {
        let request =
            "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let (head, body) = exchange(&mut client, request).await;
        assert_eq!((header(&head, "transfer-encoding"), body.as_str()), (Some("chunked"), "abcde"));
    }
    assert!(heads.lock().unwrap()[1].contains("chunked"));
}

#[tokio::test]
async fn old_clients_get_no_chunks() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let (upstream, _) = server(|_, _| chunked.to_vec()).await;
    let answer = Proxy::start(&config(&[upstream])).ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
    assert_eq!(header(&answer, "transfer-encoding"), None, "{answer}");
}

#[tokio::test]
async fn expect_continue_is_the_servers_to_answer() {
    let upstream = raw_server(|mut stream, _| async move {
        let mut buffer = Vec::new();
        let head = read_head(&mut stream, &mut buffer).await.unwrap();
        assert_eq!(header(&head, "expect"), Some("100-continue"));
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        let body = read_body(&mut stream, &mut buffer, &head).await;
        stream.write_all(&response("", std::str::from_utf8(&body).unwrap())).await.unwrap();
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    let request =
        "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut client, &mut Vec::new()).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
    client.write_all(b"abc").await.unwrap();
    assert!(read_to_end(&mut client).await.ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways() {
    let upstream = raw_server(|mut stream, _| async move {
        let head = read_head(&mut stream, &mut Vec::new()).await.unwrap();
        assert_eq!(header(&head, "upgrade").map(str::to_ascii_lowercase).as_deref(), Some("websocket"), "{head}");
        let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst";
        stream.write_all(switch.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = Vec::new();
    let head = read_head(&mut client, &mut buffer).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for expected in ["first", "\x01ping", "\x02pong"] {
        if expected != "first" {
            client.write_all(expected.as_bytes()).await.unwrap();
        }
        while buffer.len() < expected.len() {
            assert_ne!(tokio::time::timeout(PATIENCE, client.read_buf(&mut buffer)).await.unwrap().unwrap(), 0);
        }
        assert_eq!(buffer, expected.as_bytes());
        buffer.clear();
    }
}

#[tokio::test]
async fn a_slow_answer_is_passed_on_as_it_comes() {
    let (release, released) = tokio::sync::watch::channel(false);
    let upstream = raw_server(move |mut stream, _| {
        let mut released = released.clone();
        async move {
            read_head(&mut stream, &mut Vec::new()).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc").await.unwrap();
            released.wait_for(|released| *released).await.unwrap();
            stream.write_all(b"def").await.unwrap();
        }
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut buffer = Vec::new();
    while !buffer.ends_with(b"\r\n\r\nabc") {
        assert_ne!(tokio::time::timeout(PATIENCE, client.read_buf(&mut buffer)).await.expect("held back").unwrap(), 0);
    }
    release.send(true).unwrap();
    assert_eq!(read_to_end(&mut client).await, "def");
}

#[tokio::test]
async fn large_bodies_take_no_memory() {
    const SIZE: usize = 256 * MIB;
    let piece = vec![b'x'; MIB];
    let sent = piece.clone();
    let upstream = raw_server(move |mut stream, _| {
        let sent = sent.clone();
        async move {
            let mut buffer = Vec::new();
            read_head(&mut stream, &mut buffer).await.unwrap();
            let mut received = buffer.len();
            let mut room = vec![0; MIB];
            while received < SIZE {
                received += stream.read(&mut room).await.unwrap();
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            for _ in 0..SIZE / MIB {
                stream.write_all(&sent).await.unwrap();
            }
        }
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    let before = resident();
    let head = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..SIZE / MIB {
        client.write_all(&piece).await.unwrap();
    }
    let mut buffer = Vec::new();
    let head = read_head(&mut client, &mut buffer).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut received = buffer.len();
    let mut room = vec![0; MIB];
    while let Ok(read @ 1..) = client.read(&mut room).await {
        received += read;
    }
    assert_eq!(received, SIZE);
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn a_server_that_does_not_read_stops_the_client() {
    let upstream = raw_server(|mut stream, _| async move {
        read_head(&mut stream, &mut Vec::new()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    client.write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n").await.unwrap();
    let piece = vec![b'x'; MIB];
    let mut sent = 0;
    while let Ok(written) = tokio::time::timeout(std::time::Duration::from_millis(500), client.write(&piece)).await {
        sent += written.unwrap();
        assert!(sent < 64 * MIB, "somebody holds {sent} bytes");
    }
}
