//! Shared state against a real Redis, and one that hangs, forgets or goes away.
#![expect(clippy::disallowed_methods, reason = "a test asks its environment, and waits for a peer by looking again")]

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fedfront::config::StateConfig;
use fedfront::runtime::SystemClock;
use fedfront::state::{Away, Redis, Shared};
use fedfront::telemetry::Metrics;

const SERVER: &str = "/usr/bin/redis-server";
const READY: Duration = Duration::from_secs(20);
const TTL: Duration = Duration::from_secs(60);
/// A value may have any octets.
const ANY: &[u8] = b"\0\r\n$3\r\n\xff'\"";

/// A server of one test's own, gone with the value.
struct Server {
    port: u16,
    process: Child,
}

impl Server {
    /// `None`, with the reason printed, where it is not installed. A build server has it installed.
    fn start() -> Option<Self> {
        if !std::path::Path::new(SERVER).exists() {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{SERVER} is not installed");
            eprintln!("skipped: {SERVER} is not installed");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { port, process: run(port) })
    }

    fn config(&self, timeout: Duration) -> StateConfig {
        StateConfig {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port: self.port,
            username: None,
            password: None,
            ca_file: None,
            timeout,
            prefix: "test:".to_owned(),
            key: None,
        }
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("/bin/kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }

    fn start_again(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = run(self.port);
    }

    fn tell(&self, words: &[&str]) {
        let port = self.port.to_string();
        let told = Command::new("/usr/bin/redis-cli").args(["-e", "-p", &port]).args(words).output().unwrap();
        assert!(told.status.success(), "{words:?}: {told:?}");
    }
}

fn run(port: u16) -> Child {
    let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"];
    let process = Command::new(SERVER).args(arguments).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < READY, "redis-server does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    process
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

async fn join(server: &Server, timeout: Duration) -> (Redis, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    let redis = Redis::begin(&server.config(timeout), Arc::new(SystemClock), metrics.clone());
    until(async || metrics.state_shared.get() == 1).await;
    (redis, metrics)
}

async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < READY);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_value_is_changed_only_from_what_it_was() {
    let Some(server) = Server::start() else { return };
    let (redis, metrics) = join(&server, READY).await;
    assert_eq!(redis.get("k").await, Ok(None));
    for (old, new, done, then) in [
        (Some(ANY), Some(ANY), false, None),
        (Some(ANY), None, false, None),
        (None, None, true, None),
        (None, Some(ANY), true, Some(ANY)),
        (None, Some(&b"2"[..]), false, Some(ANY)),
        (Some(b"1"), Some(b"2"), false, Some(ANY)),
        (Some(ANY), Some(b"2"), true, Some(b"2")),
        (Some(b"1"), None, false, Some(b"2")),
        (None, None, false, Some(b"2")),
        (Some(b"2"), None, true, None),
    ] {
        assert_eq!(redis.swap("k", old, new.map(|new| (new, TTL))).await, Ok(done), "{old:?} {new:?}");
        assert_eq!(redis.get("k").await, Ok(then.map(<[u8]>::to_vec)), "{old:?} {new:?}");
    }
    let longest = vec![b'x'; 64 * 1024];
    assert_eq!(redis.swap("long", None, Some((&longest, TTL))).await, Ok(true));
    assert_eq!(redis.get("long").await, Ok(Some(longest)));
    server.tell(&["SETRANGE", "test:long", "70000", "x"]);
    assert_eq!(redis.get("long").await, Ok(None), "of somebody else, and too long");
    server.tell(&["SCRIPT", "FLUSH"]);
    assert_eq!(redis.swap("k", Some(b"1"), None).await, Ok(false), "the script is sent again");
    assert_eq!(metrics.state_operations.with_label_values(&["get", "success"]).get(), 13);
}

#[tokio::test]
async fn what_its_time_is_over_for_is_gone() {
    let Some(server) = Server::start() else { return };
    let (redis, _) = join(&server, READY).await;
    let brief = Duration::from_millis(50);
    assert_eq!(redis.swap("k", None, Some((b"1", brief))).await, Ok(true));
    until(async || redis.get("k").await == Ok(None)).await;
    assert_eq!(redis.swap("k", None, Some((b"1", TTL))).await, Ok(true));
    assert_eq!(redis.swap("k", Some(b"1"), Some((b"2", brief))).await, Ok(true));
    until(async || redis.get("k").await == Ok(None)).await;
}

/// Each counts one up a hundred times; nothing is lost.
#[tokio::test]
async fn many_count_as_one() {
    let Some(server) = Server::start() else { return };
    let counts = (0..8).map(|_| async {
        let (redis, _) = join(&server, READY).await;
        let mut counted = 0;
        while counted < 100 {
            let old = redis.get("count").await.unwrap();
            let number = old.as_deref().map_or(0, |old| std::str::from_utf8(old).unwrap().parse::<u32>().unwrap());
            let new = (number + 1).to_string();
            counted += u32::from(redis.swap("count", old.as_deref(), Some((new.as_bytes(), TTL))).await.unwrap());
        }
    });
    futures::future::join_all(counts).await;
    let (redis, _) = join(&server, READY).await;
    assert_eq!(redis.get("count").await, Ok(Some(b"800".to_vec())));
}

#[tokio::test]
async fn a_server_that_hangs_costs_its_time_once_and_is_joined_again() {
    let Some(server) = Server::start() else { return };
    let timeout = Duration::from_millis(200);
    let (redis, metrics) = join(&server, timeout).await;
    server.signal("-STOP");
    let began = Instant::now();
    // All that are under way end with the first that does.
    let hung: Vec<_> = (0..100).map(|_| redis.get("k")).collect();
    for answer in futures::future::join_all(hung).await {
        assert_eq!(answer, Err(Away));
    }
    assert!((timeout..timeout * 5).contains(&began.elapsed()), "{:?}", began.elapsed());
    let began = Instant::now();
    for _ in 0..1000 {
        assert_eq!(redis.swap("k", None, Some((b"1", TTL))).await, Err(Away));
    }
    assert!(began.elapsed() < timeout, "{:?}", began.elapsed());
    assert_eq!(metrics.state_shared.get(), 0);
    let count = |op, result| metrics.state_operations.with_label_values(&[op, result]).get();
    assert_eq!(count("get", "timeout") + count("get", "error") + count("get", "away"), 100);
    assert!(count("get", "timeout") > 0 && count("swap", "away") == 1000);
    let told = redis.describe();
    assert!(told.starts_with("in this process alone since 2") && told.contains("in time"), "{told}");
    server.signal("-CONT");
    until(async || metrics.state_shared.get() == 1).await;
    assert_eq!(redis.describe(), format!("shared through redis://127.0.0.1:{}", server.port));
}

/// Nobody asks for anything meanwhile.
#[tokio::test]
async fn what_becomes_of_an_idle_server_is_noticed() {
    let Some(mut server) = Server::start() else { return };
    let (redis, metrics) = join(&server, READY).await;
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    until(async || metrics.state_shared.get() == 0).await;
    until(async || redis.describe().contains("OOM")).await;
    server.start_again();
    until(async || metrics.state_shared.get() == 1).await;
    server.process.kill().unwrap();
    until(async || metrics.state_shared.get() == 0).await;
    assert_eq!(redis.get("k").await, Err(Away));
}
