//! What passes through, and what does not.

use std::io;
use std::sync::{Arc, Mutex};

use super::support::*;

/// Log lines, for reading.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_access_line_ties_things_together_and_tells_no_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
    // Global, because one thread's own is not seen by call sites that another thread came by first. The others' lines
    // do no harm.
    subscriber.with_writer(move || writer.clone()).init();
    let (upstream, _) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    for (path, route) in [("/page%0a", "forward"), ("/mex", "mex"), ("//mex", "refused")] {
        let head = format!("GET {path}?code=hunter2 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDpodW50ZXIy\r\n");
        let answer = proxy.ask(&format!("{head}Connection: close\r\n\r\n")).await;
        let id = header(&answer, "x-correlation-id").unwrap();
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = text.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{text}"));
        for part in [" access: ", &format!("route=\"{route}\""), &format!("path={path} "), "client=127.0.0.1"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!text.contains("hunter2") && !text.contains("eDpodW50ZXIy"), "{text}");
    }
}

#[tokio::test]
async fn passes_bytes_names_and_repeats_unchanged() {
    let (upstream, heads) = server(|_, _| {
        response(
            "Set-Cookie: a=1\r\nset-cookie: b=2\r\nWWW-Authenticate: Basic\r\nWWW-Authenticate: Digest\r\nx-ODD: 1\r\n",
            "hi",
        )
    })
    .await;
    let proxy = Proxy::start(&config(&[upstream]));
    let answer = proxy
        .ask("GET /a%20b;c//d?x=%2f HTTP/1.1\r\nHost: sts.example.com\r\nX-oDD: 1\r\nX-oDD: 2\r\nConnection: close\r\n\r\n")
        .await;
    for line in
        ["Set-Cookie: a=1", "set-cookie: b=2", "WWW-Authenticate: Basic", "WWW-Authenticate: Digest", "x-ODD: 1"]
    {
        assert!(answer.lines().any(|each| each == line), "{line}\n{answer}");
    }
    assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /a%20b;c//d?x=%2f HTTP/1.1\r\n"), "{head}");
    for line in ["Host: sts.example.com", "X-oDD: 1", "X-oDD: 2", "X-Set: by us", "X-Forwarded-Proto: http"] {
        assert!(head.lines().any(|each| each == line), "{line}\n{head}");
    }
    assert_eq!(header(&head, "x-request-id"), header(&answer, "x-correlation-id"), "{head}\n{answer}");
    assert_eq!(proxy.metric(r#"fedfront_http_requests_total{code="2xx",method="GET",route="forward"}"#), 1.0);
    assert_eq!(proxy.metric(r#"fedfront_http_requests_in_flight{route="forward"}"#), 0.0);
}

#[tokio::test]
async fn believes_forwarding_headers_of_trusted_proxies_only() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let request = "GET / HTTP/1.1\r\nHost: sts.example.com\r\nX-Forwarded-For: 203.0.113.9\r\nX_Forwarded_Host: evil\r\n\
                   X_Set: evil\r\nWL-Proxy-SSL: true\r\nOAM_REMOTE_USER: weblogic\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n";
    Proxy::start(&config(&[upstream])).ask(request).await;
    let mut trusting = config(&[upstream]);
    trusting.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    Proxy::start(&trusting).ask(request).await;
    let heads = heads.lock().unwrap();
    assert!(heads.iter().all(|head| !head.contains("X_Set")), "{heads:?}");
    let seen = |head: &str| {
        ["x-forwarded-for", "x-forwarded-proto", "wl-proxy-ssl", "oam_remote_user", "x_forwarded_host"]
            .map(|name| header(head, name).unwrap_or("-").to_owned())
    };
    assert_eq!(seen(&heads[0]), ["127.0.0.1", "http", "-", "-", "-"]);
    assert_eq!(seen(&heads[1]), ["203.0.113.9, 127.0.0.1", "https", "true", "weblogic", "evil"]);
}

#[tokio::test]
async fn a_disguised_path_reaches_nobody() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    for path in ["//services/wso2carbon-sts", "/x/..;/services/wso2carbon-sts", "/services/%77so2carbon-sts"] {
        let answer = proxy.ask(&format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
    assert!(heads.lock().unwrap().is_empty());
    assert!(proxy.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn absolute_form_is_routed_by_its_path_and_sent_in_origin_form() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    let ask = async |target: &str| {
        proxy.ask(&format!("GET {target} HTTP/1.1\r\nHost: sts.example.com\r\nConnection: close\r\n\r\n")).await
    };
    assert!(ask("http://sts.example.com/mex?x").await.contains("mex GET /mex?x "));
    assert!(ask("http://sts.example.com/page?x").await.starts_with("HTTP/1.1 200 "));
    assert!(heads.lock().unwrap()[0].starts_with("GET /page?x HTTP/1.1\r\n"));
    assert!(ask("page").await.starts_with("HTTP/1.1 400 "));
    let connect = proxy.ask("CONNECT sts.example.com:443 HTTP/1.1\r\nHost: sts.example.com:443\r\n\r\n").await;
    assert!(connect.starts_with("HTTP/1.1 405 "), "{connect}");
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn passwords_are_kept_from_servers_that_would_check_them() {
    let (upstream, heads) = server(|_, _| response("", "")).await;
    let proxy = Proxy::start(&config(&[upstream]));
    for (path, scheme, kept) in [
        ("/oamfed/x", "Basic", false),
        ("/x/../oamfed/x", "basic", false),
        ("/oamfed/x", "Bearer", true),
        ("/other", "Basic", true),
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {scheme} eDp5\r\nConnection: close\r\n\r\n");
        proxy.ask(&request).await;
        let head = heads.lock().unwrap().last().unwrap().clone();
        assert_eq!(header(&head, "authorization").is_some(), kept, "{path} {scheme}");
    }
}

#[tokio::test]
async fn locations_are_moved_only_when_asked() {
    let (upstream, _) = server(|_, _| response("Location: http://127.0.0.1:9443/x?y\r\n", "")).await;
    let mut moving = config(&[upstream]);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = Proxy::start(&moving).ask(request).await;
    assert_eq!(header(&answer, "location"), Some("http://127.0.0.1:9443/x?y"));
    moving.upstream.rewrite_location = true;
    let answer = Proxy::start(&moving).ask(request).await;
    assert_eq!(header(&answer, "location"), Some("https://sts.example.com/x?y"));
}

#[tokio::test]
async fn early_requests_wait_for_their_turn() {
    let (upstream, _) = server(|head, _| response("", head.lines().next().unwrap())).await;
    let proxy = Proxy::start(&config(&[upstream]));
    let two = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = proxy.ask(two).await;
    let (first, second) = (answer.find("GET /1 HTTP"), answer.find("GET /2 HTTP"));
    assert!(first.is_some() && first < second, "{answer}");
}
