//! Against a server that answers, refuses, stays silent, or is not there.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use super::*;
use crate::config::UpstreamServer;

/// A server that gives each connection one answer, and tells what was asked.
fn origin(answer: &'static str) -> (UpstreamServer, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), Vec::new());
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => break,
                }
            }
            let asked = tell.send(String::from_utf8(head).unwrap());
            if asked.is_err() || stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    (UpstreamServer { host: "127.0.0.1".to_owned(), port, https: false }, told)
}

/// A server that is not there.
fn nowhere() -> UpstreamServer {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    UpstreamServer { host: "127.0.0.1".to_owned(), port, https: false }
}

fn directory(servers: Vec<UpstreamServer>, change: impl FnOnce(&mut UpstreamDirectoryConfig)) -> UpstreamDirectory {
    let (config, mut upstream) = testing::config(servers);
    change(&mut upstream);
    UpstreamDirectory::open(&config, &upstream, Arc::new(Metrics::new().unwrap())).unwrap_or_else(|e| panic!("{e}"))
}

async fn bind(directory: &UpstreamDirectory, name: &str, password: &str) -> Result<BindOutcome, BindError> {
    match directory.resolve(&Username::new(name)).await.unwrap() {
        Resolution::Found(entry) => directory.bind(&entry, &Password::new(password)).await,
        _ => panic!("{name:?} is nobody"),
    }
}

const ALICE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 35\r\nSet-Cookie: JSESSIONID=1\r\nConnection: close\r\n\r\n\
                     {\"userName\": \"alice\", \"id\": \"9f0c\"}";

#[tokio::test]
async fn a_password_that_is_right_shows_who_its_user_is() {
    let (server, told) = origin(ALICE);
    let directory = directory(vec![server], |upstream| upstream.login = "{name}@tenant".to_owned());
    for _ in 0..2 {
        let Ok(BindOutcome::BoundAs(entry)) = bind(&directory, "Alice@example.com", "wonderland").await else {
            panic!()
        };
        assert_eq!((&*entry.id.directory, &*entry.id.entry), ("idp", "alice"));
        assert_eq!((entry.upn.as_deref(), entry.immutable_id.as_deref()), (Some("alice"), Some("9f0c")));
        let head = told.recv().unwrap().to_lowercase();
        assert!(head.starts_with("get /scim2/me http/1.1\r\n"), "{head}");
        for line in [
            "host: sts.example.com",
            "cache-control: no-cache, no-store",
            "accept: application/scim+json, application/json",
        ] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
        }
        // Alice@tenant:wonderland
        assert!(head.contains("authorization: basic qwxpy2vadgvuyw50ondvbmrlcmxhbmq=\r\n"), "{head}");
        assert!(!head.contains("cookie"), "{head}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_without_sending() {
    let (server, told) = origin(ALICE);
    let directory = directory(vec![server], |_| ());
    let empty = bind(&directory, "alice", "").await;
    assert_eq!(empty, Ok(BindOutcome::Refused(BindRefusal::InvalidCredentials)));
    let control = bind(&directory, "alice", "won\r\nderland").await;
    assert!(matches!(control, Ok(BindOutcome::Refused(BindRefusal::Other(_)))));
    for name in ["al:ice", "al\nice", " ", "@example.com"] {
        assert!(matches!(directory.resolve(&Username::new(name)).await, Ok(Resolution::Nobody)), "{name:?}");
    }
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn an_outage_is_no_refusal_and_says_whether_a_password_was_sent() {
    const TOO_LARGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n{";
    const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const SOMEBODY_ELSE: &str =
        "HTTP/1.1 200 OK\r\nContent-Length: 19\r\nConnection: close\r\n\r\n{\"userName\": \"bob\"}";
    for (answer, expected) in [
        (REFUSED, "refused"),
        (SOMEBODY_ELSE, "unanswered"),
        (TOO_LARGE, "unanswered"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", "unanswered"),
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "not tried"),
        ("220 mail.example.com ESMTP\r\n", "unanswered"),
        ("", "unanswered"),
    ] {
        let (server, told) = origin(answer);
        let directory = directory(vec![server], |_| ());
        let got = match bind(&directory, "alice", "wonderland").await {
            Ok(BindOutcome::Refused(BindRefusal::InvalidCredentials)) => "refused",
            Err(BindError::Unanswered(_)) => "unanswered",
            Err(BindError::NotTried(_)) => "not tried",
            Ok(outcome) => panic!("{answer}: {outcome:?}"),
        };
        assert_eq!(got, expected, "{answer}");
        assert_eq!(told.try_iter().count(), 1, "{answer}: sent once");
    }
    let away = directory(vec![nowhere()], |_| ());
    assert!(matches!(bind(&away, "alice", "wonderland").await, Err(BindError::NotTried(_))));
}

#[tokio::test]
async fn another_server_is_asked_only_where_nothing_was_sent() {
    let (good, asked_good) = origin(ALICE);
    let both = directory(vec![nowhere(), good.clone()], |_| ());
    assert!(matches!(bind(&both, "alice", "wonderland").await, Ok(BindOutcome::BoundAs(_))));
    assert_eq!(asked_good.try_iter().count(), 1);
    let (broken, asked_broken) = origin("");
    let both = directory(vec![broken, good], |_| ());
    assert!(matches!(bind(&both, "alice", "wonderland").await, Err(BindError::Unanswered(_))));
    assert_eq!((asked_broken.try_iter().count(), asked_good.try_iter().count()), (1, 0));
    // Which failed a moment ago comes last.
    assert!(matches!(bind(&both, "alice", "wonderland").await, Ok(BindOutcome::BoundAs(_))));
}

#[tokio::test]
async fn a_server_that_hangs_holds_no_more_than_the_pool() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = UpstreamServer { host: "127.0.0.1".to_owned(), port, https: false };
    let hung = directory(vec![server], |upstream| {
        upstream.pool_size = 2;
        upstream.connect_timeout = Duration::from_millis(200);
        upstream.operation_timeout = Duration::from_millis(600);
    });
    let (mut unanswered, mut not_tried) = (0, 0);
    for outcome in futures::future::join_all((0..6).map(|_| bind(&hung, "alice", "wonderland"))).await {
        match outcome {
            Err(BindError::Unanswered(_)) => unanswered += 1,
            Err(BindError::NotTried(_)) => not_tried += 1,
            Ok(outcome) => panic!("{outcome:?}"),
        }
    }
    assert_eq!((unanswered, not_tried), (2, 4));
    // And whoever is denied without being asked for is told of the outage too.
    assert!(hung.decoy(None, &Password::new("x")).await.is_err());
    assert_eq!(hung.metrics.upstream_sign_ins.with_label_values(&["unanswered"]).get(), 2);
}

#[tokio::test]
async fn nobody_is_somebody_without_a_password() {
    let directory = directory(vec![nowhere()], |_| ());
    let Ok(Resolution::Found(entry)) = directory.resolve(&Username::new("alice")).await else { panic!() };
    let standing = directory.standing(&entry, Timestamp::from_unix_millis(0));
    assert!(matches!(standing, Standing::Unknown(BindRefusal::Other(_))));
}
