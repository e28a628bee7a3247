//! Our own endpoints: bodies and answers.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::support::*;

fn nobody_behind() -> fedfront::config::Config {
    config(&["127.0.0.1:1".parse().unwrap()])
}

#[tokio::test]
async fn answers_and_keeps_the_connection() {
    let proxy = Proxy::start(&nobody_behind());
    let mut client = proxy.connect().await;
    let post = "POST /services/wso2carbon-sts?wsdl HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let (head, body) = exchange(&mut client, post).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body, "sts POST /services/wso2carbon-sts?wsdl 127.0.0.1 5");
    assert_eq!(header(&head, "x-correlation-id").map(str::len), Some(32), "{head}");
    let chunked = "POST /oamfed/idp/soap HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    assert_eq!(exchange(&mut client, chunked).await.1, "ecp POST /oamfed/idp/soap? 127.0.0.1 7");
    assert_eq!(exchange(&mut client, "GET /MEX HTTP/1.1\r\nHost: a\r\n\r\n").await.1, "mex GET /MEX? 127.0.0.1 0");
    assert_eq!(proxy.metric(r#"fedfront_http_requests_total{code="2xx",method="POST",route="sts"}"#), 1.0);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let proxy = Proxy::start(&nobody_behind());
    let answer = proxy.ask("HEAD /mex HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(header(&answer, "content-length"), Some("26"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let proxy = Proxy::start(&nobody_behind());
    for (path, framing, body, status) in [
        ("/services/wso2carbon-sts", "Content-Length: 1000", "x".repeat(1000), "200"),
        ("/services/wso2carbon-sts", "Content-Length: 1001", "x".repeat(1001), "413"),
        ("/services/wso2carbon-sts", "Content-Length: 99999999999999999999", String::new(), "400"),
        ("/oamfed/idp/soap", "Content-Length: 2000", "x".repeat(2000), "200"),
        ("/oamfed/idp/metadata", "Content-Length: 1", "x".into(), "413"),
        ("/mex", "Transfer-Encoding: chunked", format!("400\r\n{}\r\n0\r\n\r\n", "x".repeat(1024)), "413"),
    ] {
        let answer = proxy
            .ask(&format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n{body}"))
            .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {framing}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_body_is_the_clients_fault() {
    let proxy = Proxy::start(&nobody_behind());
    let answer = proxy.ask("POST /mex HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(proxy.metric(r#"fedfront_http_requests_total{code="4xx",method="POST",route="mex"}"#), 1.0);
    assert!(proxy.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn continue_is_said_only_to_what_is_acceptable() {
    let proxy = Proxy::start(&nobody_behind());
    let ask = |length| {
        format!(
            "POST /mex HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    let mut client = proxy.connect().await;
    client.write_all(ask(3).as_bytes()).await.unwrap();
    let head = read_head(&mut client, &mut Vec::new()).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
    client.write_all(b"abc").await.unwrap();
    assert!(read_to_end(&mut client).await.ends_with("mex POST /mex? 127.0.0.1 3"));
    let refused = proxy.ask(&ask(1001)).await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_in_total() {
    let mut impatient = nobody_behind();
    impatient.limits.body_deadline = Duration::from_millis(300);
    let proxy = Proxy::start(&impatient);
    let (mut read, mut write) = proxy.connect().await.into_split();
    write.write_all(b"POST /mex HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n").await.unwrap();
    let drip = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while write.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    });
    let answer = read_to_end(&mut read).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
    drip.abort();
    assert!(proxy.asked.lock().unwrap().is_empty());
}
