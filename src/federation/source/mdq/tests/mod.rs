//! A service that answers, and what strangers can have it asked.

mod strangers;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use super::entity::Entity;
use super::*;
use crate::config::{MetadataPlace, MetadataSourceConfig};
use crate::federation::source::contents::Contents;
use crate::federation::source::remote::{self, Validators};
use crate::federation::source::schedule::Pace;
use crate::federation::source::testing::{
    Folder, Hand, SIGNER, STRANGER, Server, aggregate, answer, config, entity, made, now, signed,
};
use crate::federation::source::trust::Trust;
use crate::federation::testing::CLIENT;
use crate::model::Clock as _;
use crate::telemetry::Metrics;

const A: &str = "https://a.example";
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);

struct Bench {
    folder: Folder,
    clock: Arc<Hand>,
    metrics: Metrics,
    server: Server,
    documents: Arc<Mutex<HashMap<String, Option<Vec<u8>>>>>,
}

fn segment(entity_id: &str) -> String {
    query_url("/", entity_id).unwrap().to_lowercase()
}

impl Bench {
    /// A service that knows what [`Bench::says`] tells it, and nobody else.
    fn new() -> Self {
        let documents: Arc<Mutex<HashMap<String, Option<Vec<u8>>>>> = Arc::default();
        let known = documents.clone();
        let server = Server::new(move |head| {
            let target = head.split(' ').nth(1).unwrap();
            let said = known.lock().unwrap().get(target).cloned();
            said.unwrap_or_else(|| answer("404 Not Found", "", "nobody"))
        });
        Self { folder: Folder::new(), clock: Hand::at(now()), metrics: Metrics::new().unwrap(), server, documents }
    }

    fn says(&self, entity_id: &str, said: Option<Vec<u8>>) {
        self.documents.lock().unwrap().insert(segment(entity_id), said);
    }

    fn publishes(&self, entity_id: &str) {
        self.says(entity_id, answer("200 OK", "ETag: \"1\"\r\n", &document(entity_id)));
    }

    fn config(&self) -> MetadataSourceConfig {
        config(&self.folder, MetadataPlace::Mdq(self.server.url("/")))
    }

    fn mdq(&self, cache: Option<&Path>) -> Mdq {
        let config = self.config();
        let works = Works {
            trust: Arc::new(Trust::load(&config).unwrap()),
            pace: Pace { shortest: config.shortest_refresh, longest: config.longest_refresh },
            clock: self.clock.clone(),
            metrics: self.metrics.of_source(&config.name),
        };
        let kept = cache.map(|cache| Kept::new(cache.to_owned()));
        Mdq::new(&config.name, self.server.url("/"), remote::client(&config).unwrap(), kept, works)
    }

    /// How often it was asked for what somebody has named.
    fn asked(&self) -> usize {
        let nobody = segment(NOBODY);
        self.server.asked().iter().filter(|head| !head.contains(&nobody)).count()
    }

    fn count(&self, result: &str) -> u64 {
        let text = String::from_utf8(self.metrics.render()).unwrap();
        let name = format!("fedfront_metadata_source_refreshes_total{{result=\"{result}\",source=\"incommon\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }
}

impl Mdq {
    /// Whether it knows the entity; `None`: it cannot say.
    async fn knows(&self, entity_id: &str) -> Option<bool> {
        self.tells(CLIENT, entity_id).await
    }

    /// The same for that client.
    async fn tells(&self, client: ClientAddress, entity_id: &str) -> Option<bool> {
        self.provider(entity_id, client, self.works().clock.now()).await.ok().map(|found| found.is_some())
    }

    /// Somebody signs in there.
    async fn signs_in(&self, entity_id: &str) -> Option<bool> {
        let known = self.knows(entity_id).await;
        self.is_used(entity_id);
        known
    }

    /// Until nothing is under way.
    async fn settled(&self) {
        while self.0.memory.load().is_asking() {
            tokio::task::yield_now().await;
        }
    }
}

/// The disk is written to by and by.
async fn is_there(file: &Path) {
    while !file.exists() {
        tokio::task::yield_now().await;
    }
}

fn document(entity_id: &str) -> String {
    let until = now().plus(7 * DAY);
    signed(entity(entity_id, &format!(" validUntil=\"{until}\"")), &SIGNER)
}

#[tokio::test]
async fn an_entity_is_asked_for_once_and_again_when_it_is_due() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(None);
    for _ in 0..3 {
        assert_eq!(mdq.knows(A).await, Some(true));
    }
    assert_eq!(bench.asked(), 1);
    // Due, and a little old: answered at once, and asked for meanwhile.
    bench.clock.advance(3 * HOUR);
    bench.says(A, answer("304 Not Modified", "", ""));
    assert_eq!(mdq.knows(A).await, Some(true));
    mdq.settled().await;
    assert!(bench.server.asked()[1].contains("if-none-match: \"1\"\r\n"));
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), 2));
    // Too old: asked for first; gone.
    bench.clock.advance(5 * HOUR);
    bench.documents.lock().unwrap().clear();
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(false), 3));
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(false), 3), "which is remembered,");
    bench.publishes(A);
    bench.clock.advance(Duration::from_secs(600));
    assert_eq!(mdq.knows(A).await, Some(true), "for a while");
}

#[tokio::test]
async fn an_outage_is_none_of_whom_is_known() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(None);
    assert_eq!(mdq.knows(A).await, Some(true));
    for broken in [
        answer("500 Internal Server Error", "", ""),
        answer("200 OK", "", "<html></html>"),
        answer("200 OK", "", &signed(entity(A, ""), &SIGNER)),
        answer("200 OK", "", &signed(entity(A, " validUntil=\"2025-01-01T00:00:00Z\""), &SIGNER)),
        answer("200 OK", "", &document(A).replace("sp.example", "evil.example")),
        answer("200 OK", "", &signed(entity(A, " validUntil=\"2026-01-03T00:00:00Z\""), &STRANGER)),
        answer("200 OK", "", &document("https://b.example")),
        Some(Vec::new()),
    ] {
        let told = String::from_utf8_lossy(broken.as_deref().unwrap_or_default()).into_owned();
        bench.says(A, broken.clone());
        bench.clock.advance(5 * HOUR);
        let before = bench.asked();
        assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), before + 1), "{told}");
        assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), before + 1), "not all the time: {told}");
        // Of whom nobody knew before, nobody can say.
        bench.says("x:new", broken);
        bench.clock.advance(Duration::from_secs(60));
        assert_eq!(mdq.knows("x:new").await, None, "{told}");
    }
    bench.clock.advance(7 * DAY);
    assert_eq!(mdq.knows(A).await, None, "it has ended");
}

#[tokio::test]
async fn many_who_ask_for_one_ask_once() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(None);
    let all = futures::future::join_all((0..50).map(|_| mdq.knows(A))).await;
    assert!(all.iter().all(|known| *known == Some(true)), "{all:?}");
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_not_waited_for() {
    let bench = Bench::new();
    let config = MetadataSourceConfig { ca_file: None, ..bench.config() };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut mdq = bench.mdq(None);
    let service = Arc::get_mut(&mut mdq.0).unwrap();
    service.base = format!("http://{nobody}/");
    service.client = remote::client(&config).unwrap();
    for number in 0..3 {
        let error = mdq.provider(&format!("x:{number}"), CLIENT, now()).await.unwrap_err();
        assert!(error.contains("no connection"), "{error}");
    }
    let error = mdq.provider("x:4", CLIENT, now()).await.unwrap_err();
    assert!(error.contains("tried again by and by"), "{error}");
    bench.clock.advance(Duration::from_secs(1));
    let error = mdq.provider("x:4", CLIENT, bench.clock.now()).await.unwrap_err();
    assert!(error.contains("no connection"), "{error}");
}

#[tokio::test]
async fn copies_outlive_the_process_but_not_their_truth() {
    let bench = Bench::new();
    bench.publishes(A);
    let cache = bench.folder.path("cache");
    let copy = cache.join(copy_by(&sha256(A.as_bytes())));
    assert_eq!(bench.mdq(Some(&cache)).signs_in(A).await, Some(true));
    is_there(&copy).await;
    let down = || bench.says(A, answer("503 Service Unavailable", "", ""));
    down();
    let started = || {
        let mdq = bench.mdq(Some(&cache));
        mdq.begin(None);
        mdq
    };
    let mdq = started();
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), 1), "young: not even asked for");
    bench.clock.advance(5 * HOUR);
    assert_eq!((started().knows(A).await, bench.asked()), (Some(true), 2), "old: asked for, and used all the same");

    let good = std::fs::read(&copy).unwrap();
    for wrong in [document("https://b.example"), document(A).replace("sp.example", "evil.example"), String::new()] {
        std::fs::write(&copy, wrong).unwrap();
        assert_eq!(started().knows(A).await, None);
    }
    std::fs::write(&copy, good).unwrap();
    assert_eq!(started().knows(A).await, Some(true));
    // The service knows it no longer.
    bench.documents.lock().unwrap().clear();
    bench.clock.advance(5 * HOUR);
    assert_eq!(started().knows(A).await, Some(false));
    assert!(!copy.exists());
    assert_eq!(started().knows(A).await, Some(false));
}

#[tokio::test]
async fn an_old_copy_is_used_at_once_while_the_service_is_silent() {
    let bench = Bench::new();
    bench.publishes(A);
    let cache = bench.folder.path("cache");
    let copy = cache.join(copy_by(&sha256(A.as_bytes())));
    assert_eq!(bench.mdq(Some(&cache)).signs_in(A).await, Some(true));
    is_there(&copy).await;
    bench.clock.advance(5 * HOUR);
    bench.says(A, None);
    let mdq = bench.mdq(Some(&cache));
    mdq.begin(None);
    tokio::time::pause();
    assert_eq!(mdq.knows(A).await, Some(true));
}

/// Whoever names an entity chooses which document is fetched.
#[tokio::test]
async fn documents_that_are_too_long_make_no_outage() {
    let bench = Bench::new();
    let mdq = bench.mdq(None);
    for number in 0..4 {
        let long = format!("x:{number}");
        bench.says(&long, answer("200 OK", "", &" ".repeat(1024 * 1024 + 1)));
        let error = mdq.provider(&long, CLIENT, now()).await.unwrap_err();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
    bench.publishes(A);
    assert_eq!(mdq.knows(A).await, Some(true));
}

/// It landed within the lock that it had begun under.
#[test]
fn whoever_asks_while_the_process_ends_is_not_held_up() {
    let bench = Bench::new();
    let mdq = bench.mdq(None);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    // Returns when it takes nothing more.
    drop(runtime);
    let (says, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _within = handle.enter();
        let memory = mdq.0.memory.load_full();
        let flight = mdq.fly(&memory, sha256(A.as_bytes()), false, A, query_url("/", A).unwrap(), Asker::Operator);
        says.send((flight.map(|flight| flight.now_or_never().map(|landed| landed.is_err())), memory.is_asking()))
            .unwrap();
    });
    assert_eq!(said.recv_timeout(Duration::from_secs(10)).unwrap(), (Ok(Some(true)), false));
}

#[tokio::test]
async fn a_reload_keeps_what_is_remembered() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(None);
    assert_eq!(mdq.knows(A).await, Some(true));
    let next = bench.mdq(None);
    next.begin(Some(&mdq));
    assert_eq!((next.knows(A).await, bench.asked()), (Some(true), 1));
    bench.config();
    bench.folder.write("signer.crt", STRANGER.certificate().to_pem().unwrap());
    let mut mdq = bench.mdq(None);
    bench.folder.write("signer.crt", STRANGER.certificate().to_pem().unwrap());
    let other = MetadataSourceConfig { allow_sha1: true, ..bench.config() };
    Arc::get_mut(&mut mdq.0).unwrap().works.trust = Arc::new(Trust::load(&other).unwrap());
    mdq.begin(Some(&next));
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), 2), "what is believed otherwise is had anew");
}

/// What is no service provider is none, and not somebody else's document.
#[tokio::test]
async fn an_identity_provider_is_no_service_provider() {
    let bench = Bench::new();
    let until = now().plus(DAY);
    let role = "SPSSODescriptor";
    let idp = entity(A, &format!(" validUntil=\"{until}\"")).replace(role, "IDPSSODescriptor");
    bench.says(A, answer("200 OK", "", &signed(idp, &SIGNER)));
    let mdq = bench.mdq(None);
    assert_eq!((mdq.knows(A).await, mdq.knows(A).await, bench.asked()), (Some(false), Some(false), 1));
    // A whole federation where one entity was asked for.
    bench.says("x:b", answer("200 OK", "", &signed(aggregate(&[A, "x:b"], until), &SIGNER)));
    assert_eq!(mdq.knows("x:b").await, Some(true));
}

/// Those that the configuration names are asked for before anybody comes, and strangers do not keep them from it.
#[tokio::test]
async fn whom_the_configuration_names_is_known_ahead() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(None);
    while mdq.0.memory.load().spend(Asker::Client(CLIENT), false, now()) {}
    assert_eq!(mdq.knows(A).await, None);
    bench.clock.advance(Duration::from_millis(1));
    let wanted = [A.to_owned()];
    tokio::select! {
        () = mdq.follow(&wanted) => unreachable!(),
        () = async { while bench.asked() == 0 { tokio::task::yield_now().await } mdq.settled().await } => {}
    }
    assert_eq!(mdq.knows(A).await, Some(true));
}

#[tokio::test]
async fn an_older_document_of_an_entity_takes_no_newer_ones_place() {
    let bench = Bench::new();
    let mdq = bench.mdq(None);
    let until = now().plus(7 * DAY);
    let document = entity(A, &format!(" validUntil=\"{until}\""));
    for (created, invalid) in [(1, 0), (0, 1), (2, 1)] {
        let made = signed(made(&document, now().plus(HOUR * created)), &SIGNER);
        bench.says(A, answer("200 OK", "", &made));
        assert_eq!((mdq.knows(A).await, bench.count("invalid")), (Some(true), invalid), "{created}");
        bench.clock.advance(5 * HOUR);
    }
}
