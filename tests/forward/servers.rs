//! The servers behind: which is asked, and what is said when none answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::support::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn servers_take_turns() {
    let (first, _) = server(|_, _| response("", "first")).await;
    let (second, _) = server(|_, _| response("", "second")).await;
    let proxy = Proxy::start(&config(&[first, second]));
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(proxy.ask(GET).await.ends_with("first"));
    }
    assert_eq!(answers, [true, false, true, false]);
}

#[tokio::test]
async fn a_server_that_refuses_is_passed_over_whatever_the_method() {
    let (alive, heads) = server(|_, body| response("", std::str::from_utf8(body).unwrap())).await;
    let proxy = Proxy::start(&config(&[nobody().await, nobody().await, alive]));
    for _ in 0..4 {
        let answer = proxy.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hi"), "{answer}");
    }
    assert_eq!(heads.lock().unwrap().len(), 4);
    assert_eq!(proxy.metric(r#"fedfront_upstream_errors_total{kind="connect"}"#), 2.0, "bad ones are left alone");
}

#[tokio::test]
async fn the_last_server_is_always_tried() {
    let address = nobody().await;
    let proxy = Proxy::start(&config(&[address]));
    for _ in 0..2 {
        let answer = proxy.ask(GET).await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        let id = header(&answer, "x-correlation-id").unwrap();
        assert!(answer.contains(&format!("Reference: {id}")), "{answer}");
        assert!(!answer.contains("127.0.0.1") && !answer.to_lowercase().contains("pingora"), "{answer}");
    }
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream, &mut Vec::new()).await;
        stream.write_all(&response("", "")).await.unwrap();
    });
    assert!(proxy.ask(GET).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(proxy.metric(r#"fedfront_upstream_errors_total{kind="connect"}"#), 2.0);
}

#[tokio::test]
async fn silence_is_504_and_is_not_asked_again() {
    let (upstream, heads) = server(|_, _| Vec::new()).await;
    let mut impatient = config(&[upstream, upstream]);
    impatient.upstream.read_timeout = Duration::from_millis(200);
    let proxy = Proxy::start(&impatient);
    let answer = proxy.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert_eq!(heads.lock().unwrap().len(), 1);
    assert_eq!(proxy.metric(r#"fedfront_upstream_errors_total{kind="timeout"}"#), 1.0);
    assert_eq!(proxy.metric(r#"fedfront_http_requests_total{code="5xx",method="GET",route="forward"}"#), 1.0);
}

#[tokio::test]
async fn a_server_that_breaks_off_is_502() {
    let upstream = raw_server(|mut stream, _| async move {
        read_head(&mut stream, &mut Vec::new()).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await.unwrap();
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let answer = proxy.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_whole() {
    let upstream = raw_server(|mut stream, _| async move {
        read_head(&mut stream, &mut Vec::new()).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await.unwrap();
    })
    .await;
    let answer = Proxy::start(&config(&[upstream])).ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_stale_connection_is_replaced_where_that_is_safe() {
    for (method, status) in [("GET", "200"), ("POST", "502")] {
        let upstream = raw_server(|mut stream, connection| async move {
            let mut buffer = Vec::new();
            while read_head(&mut stream, &mut buffer).await.is_some() {
                stream.write_all(&response("", "")).await.unwrap();
                if connection == 0 {
                    // The second request is taken, and never answered.
                    read_head(&mut stream, &mut buffer).await;
                    return;
                }
            }
        })
        .await;
        let proxy = Proxy::start(&config(&[upstream]));
        proxy.ask(GET).await;
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let answer = proxy.ask(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method}: {answer}");
    }
}

/// Answers with the number of the connection and who signed in on it, as an NTLM server does.
async fn ntlm_server() -> SocketAddr {
    raw_server(|mut stream, connection| async move {
        let mut buffer = Vec::new();
        let mut user = String::from("nobody");
        while let Some(head) = read_head(&mut stream, &mut buffer).await {
            let (status, extra) = match header(&head, "authorization") {
                Some("NTLM type1") => ("401 Unauthorized", "WWW-Authenticate: NTLM type2\r\n"),
                Some(type3) => {
                    user = type3.trim_start_matches("NTLM ").to_owned();
                    ("200 OK", "")
                }
                None if user == "nobody" && head.starts_with("GET /private") => {
                    ("401 Unauthorized", "WWW-Authenticate: NTLM\r\n")
                }
                None => ("200 OK", ""),
            };
            let body = format!("{connection} {user}");
            let answer = format!("HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_connection_that_signed_in_is_never_shared() {
    let (one, other) = (ntlm_server().await, ntlm_server().await);
    let proxy = Proxy::start(&config(&[one, other]));
    let mut alice = proxy.connect().await;
    let get = |authorization: &str| format!("GET /private HTTP/1.1\r\nHost: a\r\n{authorization}\r\n");
    assert!(exchange(&mut alice, &get("")).await.0.starts_with("HTTP/1.1 401 "));
    let (head, challenged) = exchange(&mut alice, &get("Authorization: NTLM type1\r\n")).await;
    assert_eq!(header(&head, "www-authenticate"), Some("NTLM type2"));
    let connection = challenged.split(' ').next().unwrap();
    let signed_in = format!("{connection} alice");
    assert_eq!(exchange(&mut alice, &get("Authorization: NTLM alice\r\n")).await.1, signed_in);
    assert_eq!(exchange(&mut alice, &get("")).await.1, signed_in, "the same connection, the same server");

    for _ in 0..6 {
        let mut mallory = proxy.connect().await;
        let (head, body) = exchange(&mut mallory, &get("")).await;
        assert!(head.starts_with("HTTP/1.1 401 ") && body.ends_with("nobody"), "{head}{body}");
    }
    drop(alice);
    for _ in 0..6 {
        let answer = proxy.ask("GET /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("nobody"), "{answer}");
    }
}

#[tokio::test]
async fn clients_that_a_proxy_brings_on_one_connection_share_nothing() {
    let upstream = ntlm_server().await;
    let mut trusting = config(&[upstream]);
    trusting.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let proxy = Proxy::start(&trusting);
    let mut connection = proxy.connect().await;
    let get = |client: &str, authorization: &str| {
        format!("GET /private HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n{authorization}\r\n")
    };
    exchange(&mut connection, &get("192.0.2.1", "Authorization: NTLM type1\r\n")).await;
    exchange(&mut connection, &get("192.0.2.1", "Authorization: NTLM alice\r\n")).await;
    assert!(exchange(&mut connection, &get("192.0.2.1", "")).await.1.ends_with(" alice"));
    assert!(exchange(&mut connection, &get("192.0.2.2", "")).await.1.ends_with(" nobody"));
}

#[tokio::test]
async fn a_sick_server_is_found_by_asking_it() {
    let (sick, asked) = server(|head, _| {
        let status = if head.starts_with("GET /healthz ") { "503 Sick" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nsick").into_bytes()
    })
    .await;
    let (well, _) = server(|_, _| response("", "well")).await;
    let mut asking = config(&[sick, well]);
    asking.upstream.health =
        Some(fedfront::config::UpstreamHealth { path: "/healthz".into(), interval: Duration::from_millis(20) });
    let proxy = Proxy::start(&asking);
    let until_asked_twice = async {
        while asked.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, until_asked_twice).await.unwrap();
    for _ in 0..4 {
        assert!(proxy.ask(GET).await.ends_with("well"));
    }
}
