//! What each path answers.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, VARY};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use tokio::sync::mpsc;
use tracing::info;

use super::asked::{Asked, ask, ask_upgrade};
use super::errands;
use super::host;
use super::page;
use super::report::{Facts, Report};
use crate::model::Clock;
use crate::runtime::{Lifecycle, Phase, Readiness};
use crate::telemetry::Metrics;

/// What the admin listener tells of.
pub struct Status {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For the probes.
    pub readiness: Readiness,
    /// For the probes and `/drain`.
    pub lifecycle: Lifecycle,
    /// Told by `?verbose`, but no part of readiness.
    pub information: Vec<Information>,
    /// For `/reload`, `/promote`, `/upgrade` and errands.
    pub server: mpsc::Sender<Asked>,
    /// When the process started.
    pub started: Instant,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For the status page. Must not block.
    pub facts: Box<dyn Fn() -> Facts + Send + Sync>,
}

/// Lines of `?verbose`, such as the directories' states.
pub struct Information {
    /// What they are about.
    pub name: String,
    /// How that is now, a line for each of several. Must not block.
    pub state: Box<dyn Fn() -> String + Send + Sync>,
}

/// Where a request came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// TCP: probes and metrics.
    Network,
    /// The same, for this machine alone.
    Loopback,
    /// The Unix socket, which only its owner may open: what changes something or tells of users, too.
    Socket,
}

/// How many seconds a successor may take to serve where nobody says.
const UPGRADE: u64 = 30;

pub(super) type Answer = Response<Full<Bytes>>;

pub(super) async fn answer(
    door: Door,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    status: &Status,
) -> Answer {
    if door == Door::Loopback && !host::is_of_this_machine(headers) {
        return text(StatusCode::MISDIRECTED_REQUEST, host::STRANGER);
    }
    let verbose = uri.query().is_some_and(|query| query.split('&').any(|key| key.split('=').next() == Some("verbose")));
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match uri.path() {
        "/drain" | "/reload" | "/promote" | "/upgrade" if door == Door::Socket && *method != Method::POST => {
            not_allowed("POST")
        }
        "/drain" if door == Door::Socket => {
            info!("told to drain");
            if status.lifecycle.announce() { text(StatusCode::OK, "draining\n") } else { handed_over() }
        }
        "/reload" if door == Door::Socket => {
            info!("told to reload");
            ask(status, Asked::Reload).await
        }
        "/promote" if door == Door::Socket => {
            info!("told to promote the next signing key");
            ask(status, Asked::Promote).await
        }
        "/upgrade" if door == Door::Socket => match upgrade_within(uri.query().unwrap_or_default()) {
            Some(within) => {
                info!("told to upgrade");
                ask_upgrade(status, within).await
            }
            None => text(StatusCode::BAD_REQUEST, "within is a number of seconds from 1 to 50\n"),
        },
        path if door == Door::Socket && errands::are_at(path) => {
            errands::answer(method, path, uri.query().unwrap_or_default(), body, status).await
        }
        _ if !reads => not_allowed("GET, HEAD"),
        "/" if page::is_wanted(headers) => page::page(&report(status)),
        "/" => {
            let mut answer = text(StatusCode::OK, overview(status));
            answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
            answer
        }
        "/status.json" => page::json(&report(status)),
        "/metrics" => metrics(status),
        "/livez" => probe("livez", &[], &[], verbose),
        "/startupz" => probe("startupz", &status.readiness.states(), &status.information, verbose),
        "/readyz" => {
            let mut parts = status.readiness.states();
            let phase = status.lifecycle.phase();
            // Who still reaches this process asks for the one that serves now.
            parts.push((phase.label(), phase == Phase::Serving || status.lifecycle.is_handed_over()));
            probe("readyz", &parts, &status.information, verbose)
        }
        _ => text(StatusCode::NOT_FOUND, "not found\n"),
    }
}

/// How long a successor may take; less than the connection on which it is told.
fn upgrade_within(query: &str) -> Option<Duration> {
    let said = query.split('&').find_map(|pair| pair.strip_prefix("within="));
    let seconds = said.map_or(Some(UPGRADE), |said| said.parse().ok());
    seconds.filter(|seconds| (1..=50).contains(seconds)).map(Duration::from_secs)
}

/// 200 if every part is ready. The lines of `?verbose` look as those of Kubernetes' own probes.
fn probe(name: &str, parts: &[(&str, bool)], information: &[Information], verbose: bool) -> Answer {
    let ready = parts.iter().all(|(_, ready)| *ready);
    let (code, word) = if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    let mut body = String::new();
    if verbose {
        for (part, ready) in parts {
            body.push_str(if *ready { "[+] " } else { "[-] " });
            body.push_str(part);
            body.push('\n');
        }
        for Information { name, state } in information {
            for line in state().lines() {
                // Writing to a String does not fail.
                let _ = writeln!(body, "[i] {name}: {line}");
            }
        }
        let _ = write!(body, "{name} ");
    }
    body.push_str(word);
    body.push('\n');
    text(code, body)
}

fn report(status: &Status) -> Report {
    let (phase, ready) = (status.lifecycle.phase(), status.readiness.is_ready());
    Report::new((status.facts)(), phase, ready, status.started.elapsed().as_secs(), status.clock.now())
}

fn overview(status: &Status) -> String {
    let lines = |Information { name, state }: &Information| {
        state().lines().map(|line| format!("{name}: {line}\n")).collect::<String>()
    };
    let information = status.information.iter().map(lines);
    format!(
        "fedfront {}\nphase: {}\nstarted: {}\nuptime: {} s\n{}\n/status.json\n/metrics\n/livez\n/readyz?verbose\n/startupz?verbose\n",
        env!("CARGO_PKG_VERSION"),
        status.lifecycle.phase().label(),
        if status.readiness.is_ready() { "yes" } else { "not yet" },
        status.started.elapsed().as_secs(),
        information.collect::<String>(),
    )
}

fn metrics(status: &Status) -> Answer {
    status.metrics.draining.set(i64::from(status.lifecycle.phase() != Phase::Serving));
    let mut answer = text(StatusCode::OK, status.metrics.render());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    answer
}

pub(super) fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

/// Whoever asks again reaches the process that serves.
pub(super) fn handed_over() -> Answer {
    text(StatusCode::MISDIRECTED_REQUEST, "another process serves by now: ask again, and it is asked\n")
}

pub(super) fn text(code: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use futures::FutureExt;
    use http_body_util::BodyExt;

    use super::*;
    use crate::admin::report::tests::facts;
    use crate::runtime::SystemClock;

    pub fn status() -> Status {
        Status {
            metrics: Arc::new(Metrics::new().unwrap()),
            readiness: Readiness::new(),
            lifecycle: Lifecycle::lasting(Duration::ZERO, Duration::ZERO),
            information: vec![Information {
                name: "directory".into(),
                state: Box::new(|| "corp: down\nhr: up".into()),
            }],
            server: mpsc::channel(1).0,
            started: Instant::now(),
            clock: Arc::new(SystemClock),
            facts: Box::new(facts),
        }
    }

    fn request(door: Door, method: Method, path: &'static str, status: &Status) -> (u16, String) {
        let uri = Uri::from_static(path);
        let answer =
            answer(door, &method, &uri, &HeaderMap::new(), br#"{"all": true}"#, status).now_or_never().unwrap();
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    fn get(path: &'static str, status: &Status) -> (u16, String) {
        request(Door::Network, Method::GET, path, status)
    }

    #[test]
    fn probes_follow_the_latches_and_the_phase() {
        let status = status();
        let latch = status.readiness.latch("listeners");
        assert_eq!(get("/livez", &status), (200, "ok\n".into()));
        assert_eq!(get("/startupz", &status), (503, "not ready\n".into()));
        assert_eq!(
            get("/readyz?verbose", &status),
            (
                503,
                "[-] listeners\n[+] serving\n[i] directory: corp: down\n[i] directory: hr: up\nreadyz not ready\n"
                    .into()
            )
        );
        latch.open();
        assert_eq!(get("/readyz", &status), (200, "ok\n".into()));
        assert_eq!(
            get("/startupz?verbose=1", &status).1,
            "[+] listeners\n[i] directory: corp: down\n[i] directory: hr: up\nstartupz ok\n"
        );
        status.lifecycle.announce();
        assert_eq!((get("/readyz", &status).0, get("/startupz", &status).0, get("/livez", &status).0), (503, 200, 200));
        assert!(get("/readyz?verbose", &status).1.contains("[-] lame duck\n"));
    }

    #[tokio::test]
    async fn a_probe_that_comes_while_another_process_takes_over_is_told_yes() {
        let status = status();
        assert!(status.lifecycle.hand_over(|| Ok(())).unwrap());
        assert_eq!(request(Door::Socket, Method::POST, "/drain", &status).0, 421);
        status.lifecycle.make_way().await;
        assert_eq!(status.lifecycle.phase(), Phase::Done);
        assert_eq!(get("/readyz", &status).0, 200);
    }

    #[test]
    fn only_the_socket_drains() {
        let status = status();
        assert_eq!(request(Door::Network, Method::POST, "/drain", &status).0, 405);
        assert_eq!(request(Door::Network, Method::GET, "/drain", &status).0, 404);
        assert_eq!(request(Door::Socket, Method::GET, "/drain", &status).0, 405);
        assert_eq!(status.lifecycle.phase(), Phase::Serving);
        assert_eq!(request(Door::Socket, Method::POST, "/drain", &status).0, 200);
        assert_eq!(status.lifecycle.phase(), Phase::LameDuck);
    }

    #[test]
    fn only_the_socket_changes_something_and_the_overview_tells_what_there_is_to_know() {
        let status = status();
        for path in ["/reload", "/promote", "/upgrade", "/upgrade?within=50"] {
            assert_eq!(request(Door::Network, Method::POST, path, &status).0, 405);
            assert_eq!(request(Door::Network, Method::GET, path, &status).0, 404);
            assert_eq!(request(Door::Socket, Method::GET, path, &status).0, 405);
            assert_eq!(request(Door::Socket, Method::POST, path, &status).0, 503);
        }
        for path in ["/upgrade?within=0", "/upgrade?within=51", "/upgrade?within=soon"] {
            assert_eq!(request(Door::Socket, Method::POST, path, &status).0, 400);
        }
        for (method, path) in [(Method::POST, "/cache/flush"), (Method::GET, "/guard"), (Method::POST, "/guard/unlock")]
        {
            assert_eq!(request(Door::Network, Method::POST, path, &status).0, 405);
            assert_eq!(request(Door::Network, Method::GET, path, &status).0, 404);
            assert_eq!(request(Door::Socket, method, path, &status).0, 503);
        }
        assert!(get("/", &status).1.contains("\ndirectory: corp: down\ndirectory: hr: up\n"));
    }

    #[test]
    fn the_page_is_for_whoever_reads_html_by_either_door() {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("text/html"));
        let status = status();
        for door in [Door::Network, Door::Socket] {
            let uri = Uri::from_static("/");
            let page = answer(door, &Method::GET, &uri, &headers, b"", &status).now_or_never().unwrap();
            let of = |name: &str| page.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert_eq!(of("content-type"), "text/html; charset=utf-8");
            assert_eq!((of("cache-control"), of("x-content-type-options")), ("no-store", "nosniff"));
            assert_eq!((of("referrer-policy"), of("vary"), of("set-cookie")), ("no-referrer", "Accept", ""));
        }
        assert!(get("/", &status).1.starts_with("fedfront "), "text for others");
    }

    #[test]
    fn the_status_follows_the_phase() {
        let status = status();
        let latch = status.readiness.latch("listeners");
        let phase = || {
            let (code, body) = get("/status.json", &status);
            assert_eq!(code, 200);
            serde_json::from_str::<serde_json::Value>(&body).unwrap()["phase"].as_str().unwrap().to_owned()
        };
        assert_eq!(phase(), "starting");
        latch.open();
        assert_eq!(phase(), "ready");
        status.lifecycle.announce();
        assert_eq!(phase(), "draining");
    }

    #[test]
    fn metrics_say_whether_we_drain() {
        let status = status();
        assert!(get("/metrics", &status).1.contains("\nfedfront_draining 0\n"));
        status.lifecycle.announce();
        assert!(get("/metrics", &status).1.contains("\nfedfront_draining 1\n"));
    }

    #[test]
    fn nothing_else_is_there() {
        let status = status();
        for (method, path, code) in [
            (Method::GET, "/", 200),
            (Method::HEAD, "/", 200),
            (Method::POST, "/", 405),
            (Method::HEAD, "/status.json", 200),
            (Method::POST, "/status.json", 405),
            (Method::OPTIONS, "/status.json", 405),
            (Method::GET, "/status.json/", 404),
            (Method::HEAD, "/metrics", 200),
            (Method::GET, "/metrics/", 404),
            (Method::GET, "/debug", 404),
            (Method::POST, "/livez", 405),
            (Method::DELETE, "/debug", 405),
        ] {
            assert_eq!(request(Door::Network, method, path, &status).0, code, "{path}");
        }
    }
}
