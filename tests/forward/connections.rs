//! Connections: what is cut, what is kept, how it ends.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::support::*;

const GET: &str = "GET /mex HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn headers_that_drip_are_cut_in_total() {
    let mut impatient = config(&["127.0.0.1:1".parse().unwrap()]);
    impatient.limits.header_deadline = Duration::from_millis(300);
    let proxy = Proxy::start(&impatient);
    for keeps_alive in [false, true] {
        let mut client = proxy.connect().await;
        if keeps_alive {
            exchange(&mut client, GET).await;
        }
        let (mut read, mut write) = client.into_split();
        let drip = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            let _ = write.write_all(b"GET / HTTP/1.1\r\nX: ").await;
            while write.write_all(b"x").await.is_ok() {
                tick.tick().await;
            }
        });
        assert_eq!(read_to_end(&mut read).await, "");
        drip.abort();
    }
    assert_eq!(read_to_end(&mut proxy.connect().await).await, "", "a connection that says nothing");
    assert_eq!(proxy.metric(r#"fedfront_connections_rejected_total{reason="header_timeout"}"#), 3.0);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_is_no_offence() {
    let mut impatient = config(&["127.0.0.1:1".parse().unwrap()]);
    impatient.limits.keep_alive = Duration::from_millis(200);
    let proxy = Proxy::start(&impatient);
    let mut client = proxy.connect().await;
    exchange(&mut client, GET).await;
    let start = std::time::Instant::now();
    exchange(&mut client, GET).await;
    assert_eq!(read_to_end(&mut client).await, "");
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    assert_eq!(proxy.metric(r#"fedfront_connections_rejected_total{reason="header_timeout"}"#), 0.0);
}

#[tokio::test]
async fn connections_to_servers_outlive_a_configuration() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let mut own = config(&[upstream]);
    let proxy = Proxy::start(&own);
    let mut client = proxy.connect().await;
    for _ in 0..3 {
        exchange(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        own.endpoints.remove(&fedfront::model::Endpoint::Ecp);
        proxy.reload(&own);
    }
    let heads = heads.lock().unwrap();
    assert!(heads.len() == 3 && heads.iter().all(|head| head.ends_with("connection 0")), "{heads:?}");
}

#[tokio::test]
async fn other_limits_hold_for_connections_that_begin_later() {
    let patient = config(&["127.0.0.1:1".parse().unwrap()]);
    let proxy = Proxy::start(&patient);
    let mut earlier = proxy.connect().await;
    exchange(&mut earlier, GET).await;
    proxy.edge.take_limits(&fedfront::config::Limits { keep_alive: Duration::from_millis(50), ..patient.limits });
    let mut later = proxy.connect().await;
    exchange(&mut later, GET).await;
    assert_eq!(read_to_end(&mut later).await, "");
    exchange(&mut earlier, GET).await;
}

#[tokio::test]
async fn headers_over_the_limit_are_refused() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    for (size, status) in [(7 * 1024, "200"), (9 * 1024, "431"), (60 * 1024, "431")] {
        let answer = proxy
            .ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\nConnection: close\r\n\r\n", "x".repeat(size)))
            .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {answer}");
    }
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_not_lost_while_the_client_uploads() {
    let mute = raw_server(|stream, _| async move { drop(stream) }).await;
    let proxy = Proxy::start(&config(&[mute]));
    let heavy = format!("X: {}\r\n", "x".repeat(9 * 1024));
    for (path, extra, status) in [
        ("//mex", "", "404"),
        ("/", heavy.as_str(), "431"),
        ("/", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("/", "", "502"),
        ("/mex", "", "413"),
    ] {
        let (mut read, mut write) = proxy.connect().await.into_split();
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{extra}");
        let chunked = extra.starts_with('T');
        let length = if chunked { "" } else { "Content-Length: 99999999\r\n" };
        write.write_all(format!("{head}{length}\r\n").as_bytes()).await.unwrap();
        let piece = "x".repeat(65536);
        let piece = if chunked { format!("10000\r\n{piece}\r\n") } else { piece };
        for _ in 0..100 {
            write.write_all(piece.as_bytes()).await.unwrap_or_else(|error| panic!("{status}: {error}"));
        }
        // It reads only now.
        let head = read_head(&mut read, &mut Vec::new()).await;
        assert!(
            head.as_ref().is_some_and(|head| head.starts_with(&format!("HTTP/1.1 {status} "))),
            "{status} {head:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_counted_as_any_other() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    let many = "X: y\r\n".repeat(300);
    for (count, request) in [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        "\x16\x03\x01 garbage\r\n\r\n",
        &format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"),
        &format!("{GET}GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = proxy.ask(request).await;
        let refusal = answer.find("HTTP/1.1 400 Bad Request\r\n").map(|start| &answer[start..]);
        let refusal = refusal.unwrap_or_else(|| panic!("{request}: {answer}"));
        let id = header(refusal, "x-correlation-id").unwrap();
        assert!(refusal.ends_with("</html>\n") && refusal.contains(&format!("Reference: {id}")), "{answer}");
        assert_eq!((header(refusal, "server"), header(refusal, "connection")), (None, Some("close")), "{answer}");
        let refused = r#"fedfront_http_requests_total{code="4xx",method="other",route="refused"}"#;
        assert_eq!(proxy.metric(refused), (count + 1) as f64, "{request}");
    }
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_readers_could_disagree_on_is_refused() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET http://a/ HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /mex x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /mex#b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ] {
        let answer = proxy.ask(&request.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_space_in_a_later_target_is_refused_as_well() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    exchange(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    client.write_all(post.as_bytes()).await.unwrap();
    let (head, _) = exchange(&mut client, "a b c d e").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let (head, _) = exchange(&mut client, "GET /c HTTP/1.1\r\nHost: a\r\nX: a b c\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let (head, _) = exchange(&mut client, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert_eq!(heads.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn ambiguous_framing_is_refused_and_the_connection_closed() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    for (version, framing) in [
        ("1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        ("1.1", "Content-Length: 5\r\nContent-Length: 6"),
        ("1.1", "Content-Length: 5\r\nContent-Length: 5"),
        ("1.1", "Content-Length: 5, 5"),
        ("1.1", "Content-Length: +5"),
        ("1.1", "Transfer-Encoding: gzip, chunked"),
        ("1.1", "Transfer-Encoding: xchunked"),
        ("1.1", "Transfer-Encoding: chunked, identity"),
        ("1.0", "Transfer-Encoding: chunked"),
    ] {
        for path in ["/", "/mex"] {
            let answer =
                proxy.ask(&format!("POST {path} HTTP/{version}\r\nHost: a\r\n{framing}\r\n\r\n0\r\n\r\n{GET}")).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{framing}: {answer}");
            assert_eq!(answer.matches("HTTP/1.").count(), 1, "{framing}: {answer}");
        }
    }
    assert!(heads.lock().unwrap().is_empty());
    assert!(proxy.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn connections_are_counted() {
    let mut small = config(&["127.0.0.1:1".parse().unwrap()]);
    small.limits.connections = 2;
    let proxy = Proxy::start(&small);
    let (mut first, mut second) = (proxy.connect().await, proxy.connect().await);
    exchange(&mut first, GET).await;
    exchange(&mut second, GET).await;
    assert_eq!(proxy.metric("fedfront_connections_open"), 2.0);
    assert_eq!(read_to_end(&mut proxy.connect().await).await, "");
    assert_eq!(proxy.metric(r#"fedfront_connections_rejected_total{reason="limit"}"#), 1.0);
    drop(first);
    let until_admitted = async {
        loop {
            let mut client = proxy.connect().await;
            client.write_all(b"GET /mex HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
            if read_to_end(&mut client).await.starts_with("HTTP/1.1 200 ") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, until_admitted).await.expect("the permit came back");
}

#[tokio::test]
async fn draining_finishes_requests_and_closes_idle_connections() {
    let (release, released) = tokio::sync::watch::channel(false);
    let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
    let upstream = raw_server(move |mut stream, _| {
        let (mut released, arrived) = (released.clone(), arrived.clone());
        async move {
            read_head(&mut stream, &mut Vec::new()).await.unwrap();
            arrived.send(()).await.unwrap();
            released.wait_for(|released| *released).await.unwrap();
            stream.write_all(&response("", "late")).await.unwrap();
        }
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let (mut idle, mut busy) = (proxy.connect().await, proxy.connect().await);
    exchange(&mut idle, GET).await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    arrival.recv().await.unwrap();

    let drained = proxy.edge.drain(PATIENCE, Farewell::Short);
    let clients = async {
        assert_eq!(read_to_end(&mut idle).await, "");
        assert!(tokio::net::TcpStream::connect(proxy.address()).await.is_err(), "still accepting");
        release.send(true).unwrap();
        let answer = read_to_end(&mut busy).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("late"), "{answer}");
        assert_eq!(header(&answer, "connection"), Some("close"));
    };
    assert!(tokio::join!(drained, clients).0);
    assert_eq!(proxy.metric("fedfront_connections_open"), 0.0);
}

#[tokio::test]
async fn draining_answers_a_request_that_was_on_its_way() {
    let proxy = Proxy::start(&config(&["127.0.0.1:1".parse().unwrap()]));
    let mut client = proxy.connect().await;
    exchange(&mut client, GET).await;
    let late = async {
        while tokio::net::TcpStream::connect(proxy.address()).await.is_ok() {}
        // What is on its way takes a while to come.
        tokio::time::sleep(Duration::from_millis(100)).await;
        exchange(&mut client, GET).await.0
    };
    let (drained, head) = tokio::join!(proxy.edge.drain(PATIENCE, Farewell::Short), late);
    assert!(drained);
    assert_eq!(header(&head, "connection"), Some("close"), "{head}");
}

#[tokio::test]
async fn draining_fails_no_request_of_a_busy_client() {
    let (upstream, _) = server(|_, _| response("", "fine")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut clients = tokio::task::JoinSet::new();
    let (busy, mut all_busy) = tokio::sync::mpsc::channel::<()>(1);
    for _ in 0..8 {
        let (mut client, busy) = (proxy.connect().await, busy.clone());
        clients.spawn(async move {
            let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
            exchange(&mut client, get).await;
            drop(busy);
            while header(&exchange(&mut client, get).await.0, "connection") != Some("close") {}
        });
    }
    drop(busy);
    assert!(all_busy.recv().await.is_none());
    assert!(proxy.edge.drain(PATIENCE, Farewell::Short).await);
    while let Some(client) = clients.join_next().await {
        client.expect("a request failed");
    }
}

#[tokio::test]
async fn draining_serves_connections_that_wait_to_be_accepted() {
    let proxy = Proxy::start(&config(&["127.0.0.1:1".parse().unwrap()]));
    // Blocking, so that this thread, which is all the runtime has, cannot accept it first.
    let mut waiting = std::net::TcpStream::connect(proxy.address()).unwrap();
    std::io::Write::write_all(&mut waiting, GET.as_bytes()).unwrap();
    waiting.set_nonblocking(true).unwrap();
    let mut client = tokio::net::TcpStream::from_std(waiting).unwrap();
    let (drained, answer) = tokio::join!(proxy.edge.drain(PATIENCE, Farewell::Short), read_to_end(&mut client));
    assert!(drained);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
}

#[tokio::test]
async fn draining_cuts_what_does_not_end() {
    let upstream = raw_server(|mut stream, _| async move {
        read_head(&mut stream, &mut Vec::new()).await.unwrap();
        read_head(&mut stream, &mut Vec::new()).await;
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let mut client = proxy.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    proxy.until_metric(r#"fedfront_http_requests_in_flight{route="forward"}"#, 1.0).await;
    assert!(!proxy.edge.drain(Duration::from_millis(200), Farewell::Short).await);
    assert_eq!(read_to_end(&mut client).await, "");
}
