//! Servers and files that are well, fail, lie, and come back.

use std::path::Path;

use futures::FutureExt;

use super::*;
use crate::config::{MetadataPlace, MetadataSourceConfig};
use crate::dsig::SigningKey;
use crate::federation::source::testing::{
    Folder, Hand, SIGNER, STRANGER, Server, aggregate, answer, config, entity, made, now, signed,
};
use crate::federation::source::trust::Trust;
use crate::model::Clock;
use crate::telemetry::Metrics;

const A: &str = "https://a.example";
const B: &str = "https://b.example";
const DAY: Duration = Duration::from_secs(86_400);

struct Bench {
    folder: Folder,
    clock: Arc<Hand>,
    metrics: Metrics,
}

impl Bench {
    fn new() -> Self {
        Self { folder: Folder::new(), clock: Hand::at(now()), metrics: Metrics::new().unwrap() }
    }

    fn held(&self, config: &MetadataSourceConfig, cache: Option<&Path>) -> Held {
        let works = Works {
            trust: Arc::new(Trust::load(config).unwrap()),
            pace: Pace { shortest: config.shortest_refresh, longest: config.longest_refresh },
            clock: self.clock.clone(),
            metrics: self.metrics.of_source(&config.name),
        };
        let origin = match &config.place {
            MetadataPlace::Url(url) => Origin::Url {
                url: url.clone(),
                client: remote::client(config).unwrap(),
                kept: cache.map(|cache| Kept::new(cache.to_owned())),
            },
            place => Origin::Local(place.clone()),
        };
        Held::new(&config.name, origin, works)
    }

    fn url(&self, url: String, cache: Option<&Path>) -> Held {
        self.held(&config(&self.folder, MetadataPlace::Url(url)), cache)
    }

    fn count(&self, result: &str) -> u64 {
        let text = String::from_utf8(self.metrics.render()).unwrap();
        let name = format!("fedfront_metadata_source_refreshes_total{{result=\"{result}\",source=\"incommon\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }
}

impl Held {
    async fn refreshed(&self) {
        let state = self.state.load_full();
        self.refresh(&state).await;
    }

    /// Whether it knows the entity; `None`: it cannot say.
    fn knows(&self, entity_id: &str) -> Option<bool> {
        self.provider(entity_id, self.works.clock.now()).ok().map(|found| found.is_some())
    }

    fn due_in(&self) -> u64 {
        self.state.load().progress().schedule.due().since(self.works.clock.now()).as_secs()
    }

    fn failure(&self) -> String {
        self.state.load().progress().failure.clone().unwrap_or_default()
    }
}

fn good(ids: &[&str], key: &SigningKey) -> String {
    signed(aggregate(ids, now().plus(7 * DAY)), key)
}

#[tokio::test]
async fn whatever_becomes_of_its_server_what_was_had_is_used_until_its_end() {
    let bench = Bench::new();
    let well = good(&[A], &SIGNER);
    let document = well.clone();
    let server = Server::new(move |_| answer("200 OK", "", &document));
    let held = bench.url(server.url("/all.xml"), None);
    assert_eq!(held.knows(A), None, "nobody has asked yet");
    let standing = |providers, until, failing| SourceStanding { providers, believed: providers > 0, until, failing };
    assert_eq!(held.standing(now()), standing(0, None, false));
    held.refreshed().await;
    let until = Some(now().plus(7 * DAY));
    assert_eq!(held.standing(now()), standing(1, until, false));
    assert_eq!((held.knows(A), held.knows(B), held.due_in()), (Some(true), Some(false), 3 * 3600));

    let far = signed(aggregate(&[B], now().plus(15 * DAY)), &SIGNER);
    let over = signed(aggregate(&[B], now().minus(DAY)), &SIGNER);
    let endless = signed(entity(B, ""), &SIGNER);
    let tampered = good(&[B], &SIGNER).replace("sp.example/acs", "evil.example/acs");
    let half = &well[..well.len() / 2];
    let promise = format!("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{well}");
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", super::super::AGGREGATE_BYTES + 1);
    let elsewhere = Server::new({
        let other = good(&[B], &SIGNER);
        move |_| answer("200 OK", "", &other)
    });
    let moved = answer("302 Found", &format!("Location: {}\r\n", elsewhere.url("/")), "");
    let mut failures = 0;
    for (said, says, label) in [
        (answer("500 Internal Server Error", "", &good(&[B], &SIGNER)), "status 500", "unavailable"),
        (answer("404 Not Found", "", &good(&[B], &SIGNER)), "there is nothing", "unavailable"),
        (answer("304 Not Modified", "", ""), "status 304", "unavailable"),
        (moved, "which the configuration must name", "unavailable"),
        (answer("200 OK", "", "<html></html>"), "signature", "invalid"),
        (answer("200 OK", "", ""), "", "invalid"),
        (answer("200 OK", "", half), "", "invalid"),
        (answer("200 OK", "", &good(&[B], &STRANGER)), "signature", "invalid"),
        (answer("200 OK", "", &aggregate(&[B], now().plus(DAY))), "signature", "invalid"),
        (answer("200 OK", "", &tampered), "signature", "invalid"),
        (answer("200 OK", "", &far), "longest_validity", "invalid"),
        (answer("200 OK", "", &endless), "no validUntil", "invalid"),
        (answer("200 OK", "", &over), "is over", "invalid"),
        (Some(promise.into_bytes()), "no answer", "unavailable"),
        (Some(huge.into_bytes()), "more than", "unavailable"),
        (Some(b"not HTTP\r\n\r\n".to_vec()), "no answer", "unavailable"),
        (Some(Vec::new()), "no answer", "unavailable"),
    ] {
        let before = bench.count(label);
        let shown = said.clone();
        server.says(move |_| shown.clone());
        held.refreshed().await;
        failures += 1;
        let said = String::from_utf8_lossy(said.as_deref().unwrap_or_default()).chars().take(60).collect::<String>();
        assert!(held.failure().contains(says), "{said}: {}", held.failure());
        assert_eq!(bench.count(label), before + 1, "{said}");
        assert_eq!((held.knows(A), held.knows(B)), (Some(true), Some(false)), "{said}");
        assert_eq!(held.due_in(), 300, "{said}");
    }
    assert_eq!(bench.count("success"), 1);
    assert_eq!(server.asked().len(), failures + 1, "each once");
    assert!(elsewhere.asked().is_empty(), "no redirect is followed");

    assert_eq!(held.standing(now()), standing(1, until, true));

    bench.clock.advance(7 * DAY);
    assert_eq!(held.knows(A), None, "it has ended, and nobody knows");
    assert!(!held.standing(bench.clock.now()).believed);
    let renewed = signed(aggregate(&[B], now().plus(8 * DAY)), &SIGNER);
    server.says(move |_| answer("200 OK", "", &renewed));
    held.refreshed().await;
    assert_eq!((held.knows(A), held.knows(B), held.failure().as_str()), (Some(false), Some(true), ""));
}

/// Whoever is between sends what was signed last week, which has in it what was taken out since.
#[tokio::test]
async fn an_older_document_takes_no_newer_ones_place() {
    let bench = Bench::new();
    let cache = bench.folder.path("cache");
    let hour = Duration::from_secs(3600);
    let at = |ids: &[&str], created| signed(made(&aggregate(ids, now().plus(7 * DAY)), created), &SIGNER);
    let server = Server::new(|_| None);
    let url = server.url("/");
    let held = bench.url(url.clone(), Some(&cache));
    let says = |document: String| server.says(move |_| answer("200 OK", "", &document));
    says(at(&[B], now().minus(hour)));
    held.refreshed().await;
    let kept = std::fs::read(cache.join(copy_of(&url))).unwrap();
    says(at(&[A, B], now().minus(2 * hour)));
    held.refreshed().await;
    assert_eq!((held.knows(A), bench.count("invalid")), (Some(false), 1));
    assert!(held.failure().contains("creationInstant"), "{}", held.failure());
    assert_eq!(std::fs::read(cache.join(copy_of(&url))).unwrap(), kept, "nor on disk");
    let again = bench.url(url, Some(&cache));
    again.begin(None);
    again.refreshed().await;
    assert_eq!((again.knows(A), again.knows(B)), (Some(false), Some(true)), "nor after a restart");
    // As old, newer, and of those that do not say.
    for document in [at(&[A], now().minus(hour)), at(&[B], now()), good(&[A], &SIGNER)] {
        says(document.clone());
        held.refreshed().await;
        assert_eq!(held.failure(), "", "{document}");
    }
    for (ids, created) in [([B], now().plus(hour)), ([A], now())] {
        says(at(&ids, created));
        held.refreshed().await;
        assert_eq!(held.failure(), "", "what was made in the future keeps nobody out");
    }
    bench.clock.advance(7 * DAY);
    says(signed(made(&aggregate(&[A], now().plus(8 * DAY)), now().minus(hour)), &SIGNER));
    held.refreshed().await;
    assert_eq!(held.knows(A), Some(true), "what has ended keeps nobody out");
}

#[tokio::test]
async fn a_silent_server_holds_nobody_up() {
    let bench = Bench::new();
    let server = Server::new(|_| None);
    let held = bench.url(server.url("/"), None);
    tokio::time::pause();
    held.refreshed().await;
    assert!(held.failure().contains("silence"), "{}", held.failure());
    assert_eq!(bench.count("unavailable"), 1);
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let bench = Bench::new();
    let document = good(&[A], &SIGNER);
    let server = Server::new(move |head| match head.contains("if-none-match: \"1\"\r\n") {
        true => answer("304 Not Modified", "", ""),
        false => answer("200 OK", "ETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n", &document),
    });
    let held = bench.url(server.url("/"), None);
    held.refreshed().await;
    bench.clock.advance(Duration::from_secs(3600));
    held.refreshed().await;
    assert_eq!((bench.count("success"), bench.count("unchanged"), held.due_in()), (1, 1, 3 * 3600));
    let asked = server.asked();
    assert!(!asked[0].contains("if-"), "{}", asked[0]);
    assert!(asked[1].contains("if-modified-since: thu, 01 jan 2026 00:00:00 gmt\r\n"), "{}", asked[1]);
    // Whoever says for ever that nothing has changed keeps nothing in use beyond its end.
    bench.clock.advance(7 * DAY);
    assert_eq!(held.knows(A), None);
    held.refreshed().await;
    assert!(!server.asked()[2].contains("if-"), "what has ended is asked for whole");
    assert_eq!(held.knows(A), None);
}

#[tokio::test]
async fn the_last_good_copy_is_there_at_the_next_start_and_is_verified_again() {
    let bench = Bench::new();
    let document = good(&[A], &SIGNER);
    let server = Server::new(move |_| answer("200 OK", "", &document));
    let url = server.url("/");
    let cache = bench.folder.path("cache");
    let held = bench.url(url.clone(), Some(&cache));
    held.refreshed().await;
    let copy = cache.join(copy_of(&url));
    let bytes = std::fs::read(&copy).unwrap();
    let bad = good(&[A, B], &STRANGER);
    server.says(move |_| answer("200 OK", "", &bad));
    held.refreshed().await;
    assert_eq!(std::fs::read(&copy).unwrap(), bytes, "what is not believed is not kept");
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1, "nor is a half of it left");

    let started = |bench: &Bench, url: &str| {
        let held = bench.url(url.to_owned(), Some(&cache));
        held.begin(None);
        held.knows(A)
    };
    assert_eq!(started(&bench, &url), Some(true));
    assert_eq!(started(&bench, &server.url("/other")), None, "another document's copy is none of this");
    bench.clock.advance(7 * DAY);
    assert_eq!(started(&bench, &url), None, "it has ended");
    let bench = Bench::new();
    for wrong in [
        String::from_utf8(bytes.clone()).unwrap().replace("a.example", "e.example"),
        good(&[A], &STRANGER),
        aggregate(&[A], now().plus(DAY)),
        String::new(),
    ] {
        std::fs::write(&copy, wrong).unwrap();
        assert_eq!(started(&bench, &url), None);
    }
    std::fs::write(&copy, bytes).unwrap();
    assert_eq!(started(&bench, &url), Some(true));
}

/// A cache that cannot be written to is no reason not to serve.
#[tokio::test]
async fn what_cannot_be_kept_is_served() {
    let bench = Bench::new();
    let document = good(&[A], &SIGNER);
    let server = Server::new(move |_| answer("200 OK", "", &document));
    let held = bench.url(server.url("/"), Some(&bench.folder.write("file", "no folder").join("cache")));
    held.refreshed().await;
    assert_eq!(held.knows(A), Some(true));
}

#[tokio::test]
async fn a_reload_keeps_what_may_still_be_believed() {
    let bench = Bench::new();
    let document = good(&[A], &SIGNER);
    let server = Server::new(move |_| answer("200 OK", "", &document));
    let before = config(&bench.folder, MetadataPlace::Url(server.url("/")));
    let held = bench.held(&before, None);
    held.refreshed().await;
    let stricter = MetadataSourceConfig { longest_validity: Some(DAY), ..before.clone() };
    let slower = MetadataSourceConfig { shortest_refresh: DAY, ..before.clone() };
    for (config, kept) in [(&before, Some(true)), (&slower, Some(true)), (&stricter, None)] {
        let next = bench.held(config, None);
        next.begin(Some(&held));
        assert_eq!(next.knows(A), kept);
        assert_eq!(next.due_in() > 0, kept.is_some(), "it is not asked for again");
    }
    bench.folder.write("signer.crt", STRANGER.certificate().to_pem().unwrap());
    let other = bench.held(&before, None);
    other.begin(Some(&held));
    assert_eq!(other.knows(A), None, "another signer is pinned");
}

#[tokio::test]
async fn a_file_that_breaks_leaves_what_was_there_before() {
    let bench = Bench::new();
    let file = bench.folder.write("sp.xml", good(&[A], &SIGNER));
    let config = config(&bench.folder, MetadataPlace::File(file));
    let held = bench.held(&config, None);
    assert_eq!(held.read_files(), []);
    held.begin(None);
    assert_eq!((held.knows(A), held.due_in()), (Some(true), 300));
    held.refreshed().await;
    assert_eq!(bench.count("unchanged"), 1);

    bench.folder.write("sp.xml", "half");
    held.refreshed().await;
    assert_eq!((held.knows(A), bench.count("invalid")), (Some(true), 1));
    // A reload reads the file anew, and goes on with what was there.
    let next = bench.held(&config, None);
    assert_eq!(next.read_files().len(), 1);
    assert_eq!(next.knows(A), None);
    next.begin(Some(&held));
    assert_eq!(next.knows(A), Some(true));

    bench.folder.write("sp.xml", good(&[A, B], &SIGNER));
    next.refreshed().await;
    assert_eq!(next.knows(B), Some(true));
    std::fs::remove_file(bench.folder.path("sp.xml")).unwrap();
    next.refreshed().await;
    assert_eq!(next.knows(B), Some(true));
}

/// It was counted as had, as it was, so that nobody was told any more.
#[tokio::test]
async fn a_file_that_is_wrong_at_a_reload_is_told_of_until_it_is_right() {
    let bench = Bench::new();
    let config = config(&bench.folder, MetadataPlace::File(bench.folder.write("sp.xml", good(&[A], &SIGNER))));
    let held = bench.held(&config, None);
    assert_eq!(held.read_files(), []);
    bench.folder.write("sp.xml", "half");
    let next = bench.held(&config, None);
    assert_eq!(next.read_files().len(), 1);
    next.begin(Some(&held));
    for told in [2, 3] {
        next.refreshed().await;
        assert_eq!((next.knows(A), bench.count("invalid"), bench.count("unchanged")), (Some(true), told, 0));
        assert!(next.failure().contains("sp.xml"), "{}", next.failure());
    }
    bench.folder.write("sp.xml", good(&[A, B], &SIGNER));
    next.refreshed().await;
    assert_eq!((next.knows(B), next.failure().as_str()), (Some(true), ""));
}

/// What follows asks when it is due, and not else.
#[tokio::test]
async fn what_is_followed_is_asked_when_it_is_due() {
    let bench = Bench::new();
    let document = good(&[A], &SIGNER);
    let server = Server::new(move |_| answer("200 OK", "", &document));
    let held = bench.url(server.url("/"), None);
    tokio::select! {
        () = held.follow() => unreachable!(),
        () = async { while held.knows(A).is_none() { tokio::task::yield_now().await } } => {}
    }
    let mut again = Box::pin(held.follow());
    assert!(again.as_mut().now_or_never().is_none());
    assert_eq!(server.asked().len(), 1);
}
