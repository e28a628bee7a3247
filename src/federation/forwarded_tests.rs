//! An identity provider that comes, goes, and answers with something else.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::*;
use crate::federation::follow::{Failure, Standing, judged};
use crate::federation::{Fault, MetadataSource};
use crate::model::{Clock, Unavailable};
use crate::telemetry::Metrics;

fn judge(answer: Result<Fetched, Unavailable>, now: Timestamp) -> Result<(ForwardedMetadata, Duration), Failure> {
    judged(answer, |answer| ForwardedMetadata::judge(answer, now))
}

fn entity(name: &str, attributes: &str) -> String {
    let ns = "xmlns='urn:oasis:names:tc:SAML:2.0:metadata'";
    ["<EntityDescriptor ", ns, " entityID='", name, "' ", attributes, "/>"].concat()
}

fn fetched(status: StatusCode, body: impl Into<Bytes>) -> Result<Fetched, Unavailable> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/xml"))]);
    Ok(Fetched { server: "https://idp:9443".to_owned(), status, headers, body: body.into() })
}

fn down() -> Result<Fetched, Unavailable> {
    Err(Unavailable::new("upstream", "no connection"))
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000).plus(Duration::from_secs(second))
}

#[test]
fn only_metadata_that_is_valid_is_shown() {
    let until = |second| format!("validUntil='{}'", at(second));
    for (status, body, expected) in [
        (StatusCode::OK, entity("a", ""), None),
        (StatusCode::OK, entity("a", &until(1)), None),
        (StatusCode::OK, entity("a", &until(0)), Some("is over")),
        (StatusCode::OK, "<html><body>Please wait</body></html>".to_owned(), Some("no md:EntityDescriptor")),
        (StatusCode::OK, "starting".to_owned(), Some("https://idp:9443: ")),
        (StatusCode::OK, String::new(), Some("https://idp:9443: ")),
        (StatusCode::NOT_FOUND, entity("a", ""), Some("https://idp:9443: status 404")),
        (StatusCode::FOUND, String::new(), Some("https://idp:9443: status 302")),
        (StatusCode::PARTIAL_CONTENT, entity("a", ""), Some("https://idp:9443: status 206")),
    ] {
        match (judge(fetched(status, body.clone()), at(0)), expected) {
            (Ok((shown, _)), None) => {
                assert_eq!(
                    (&shown.body[..], shown.content_type.unwrap()),
                    (body.as_bytes(), "application/xml".parse().unwrap())
                );
            }
            (Err(Failure::Other(why)), Some(expected)) => assert!(why.what.contains(expected), "{why}"),
            (judged, _) => panic!("{status} {body}: {judged:?}"),
        }
    }
    assert_eq!(judge(down(), at(0)).unwrap_err(), Failure::Down("upstream: no connection".to_owned()));
}

#[test]
fn what_has_ended_is_not_shown() {
    for (valid_until, valid) in [(None, true), (Some(at(11)), true), (Some(at(10)), false), (Some(at(9)), false)] {
        let metadata = ForwardedMetadata { body: Bytes::new(), content_type: None, valid_until };
        assert_eq!(metadata.is_valid(at(10)), valid, "{valid_until:?}");
    }
}

/// Goes by the runtime's clock, which the test stops.
struct StoppedClock(Instant);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        at(0).plus(self.0.elapsed())
    }
}

/// When each fetch was made, in seconds, and what was shown then.
async fn follow(answers: Vec<Result<Fetched, Unavailable>>) -> (Vec<(u64, Option<String>)>, Arc<Metrics>) {
    let start = Instant::now();
    let metrics = Arc::new(Metrics::new().unwrap());
    let source = MetadataSource {
        path: "/idp/metadata".to_owned(),
        shown: None,
        clock: Arc::new(StoppedClock(start)),
        metrics: metrics.clone(),
    };
    let events = Mutex::new(Vec::new());
    let mut answers = answers.into_iter();
    let ended = tokio::sync::Notify::new();
    let fetch = || {
        let answer = answers.next();
        match &answer {
            Some(_) => events.lock().unwrap().push((start.elapsed().as_secs(), None)),
            None => ended.notify_one(),
        }
        async {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    };
    let show = |shown: ForwardedMetadata| {
        events.lock().unwrap().last_mut().unwrap().1 = Some(String::from_utf8(shown.body.to_vec()).unwrap());
        std::future::ready(())
    };
    tokio::select! {
        () = source.follow(fetch, ForwardedMetadata::judge, show) => {}
        () = ended.notified() => {}
    }
    (events.into_inner().unwrap(), metrics)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_late_or_breaks_is_asked_until_it_has_metadata() {
    let ok = |body: &str| fetched(StatusCode::OK, body.to_owned());
    let (first, second) = (entity("first", "cacheDuration='PT2M'"), entity("second", ""));
    let (events, metrics) = follow(vec![
        down(),
        fetched(StatusCode::NOT_FOUND, "starting"),
        ok(&first),
        ok("<html/>"),
        down(),
        ok(&second),
        ok(&second),
    ])
    .await;
    // After 1 s for each kind of failure, three quarters of two minutes, 1 s each, three quarters of an hour.
    let expected =
        [(0, None), (1, None), (2, Some(&first)), (92, None), (93, None), (94, Some(&second)), (2794, Some(&second))];
    assert_eq!(events, expected.map(|(second, shown)| (second, shown.cloned())));
    for (result, count) in [("success", 3), ("unavailable", 2), ("invalid", 2)] {
        assert_eq!(metrics.metadata_refreshes.with_label_values(&[result]).get(), count, "{result}");
    }
}

/// What came and is not believed was told as what cannot be fetched, and after an outage not at all.
#[test]
fn how_it_stands_changes_with_what_an_operator_must_know() {
    let fault = |fault| Failure::Other(Objection::new(fault, "x"));
    let source = |shown| MetadataSource {
        path: "/idp/metadata".to_owned(),
        shown,
        clock: Arc::new(StoppedClock(Instant::now())),
        metrics: Arc::new(Metrics::new().unwrap()),
    };
    let kept = ForwardedMetadata { body: Bytes::new(), content_type: None, valid_until: None };
    for shown in [None, Some(kept)] {
        let source = source(shown);
        let mut standing = Standing::Well;
        let mut told = Vec::new();
        for failure in [
            Failure::Down("down".to_owned()),
            fault(Fault::Form),
            fault(Fault::Answer),
            fault(Fault::Ended),
            fault(Fault::Signature),
            Failure::Down("down".to_owned()),
            fault(Fault::Ended),
        ] {
            let after = source.fell(standing, &failure, at(0));
            told.push(after != standing);
            standing = after;
        }
        assert_eq!(told, [true, false, false, true, false, false, false]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_without_metadata_is_asked_ever_less_often() {
    let absent = || (0..15).map(|_| fetched(StatusCode::NOT_FOUND, "")).collect::<Vec<_>>();
    let there = vec![fetched(StatusCode::OK, entity("a", "cacheDuration='PT2M'"))];
    for (answers, expected) in [
        (absent(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600].as_slice()),
        (there.into_iter().chain(absent()).collect(), &[90, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300]),
    ] {
        let (events, _) = follow(answers).await;
        let pauses: Vec<u64> = events.windows(2).map(|two| two[1].0 - two[0].0).collect();
        assert_eq!(pauses, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_count_against_the_page_that_comes_after_it() {
    let wait = || fetched(StatusCode::OK, "<html><body>Please wait</body></html>");
    let outage = (0..17).map(|_| down());
    let (events, _) = follow(outage.chain((0..5).map(|_| wait())).chain([down(), down(), wait()]).collect()).await;
    let pauses: Vec<u64> = events.windows(2).map(|two| two[1].0 - two[0].0).collect();
    assert_eq!(pauses[..17], [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60]);
    assert_eq!(pauses[17..], [1, 2, 4, 8, 16, 1, 2]);
}

/// Documents of some MiB were read, and their signatures verified, where requests are served.
#[tokio::test]
async fn documents_are_judged_off_the_threads_that_serve() {
    let source = MetadataSource {
        path: "/idp/metadata".to_owned(),
        shown: None,
        clock: Arc::new(StoppedClock(Instant::now())),
        metrics: Arc::new(Metrics::new().unwrap()),
    };
    let (judged, mut judging) = tokio::sync::mpsc::unbounded_channel();
    let judge = move |answer: &Fetched, now| {
        judged.send(std::thread::current().id()).unwrap();
        ForwardedMetadata::judge(answer, now)
    };
    let fetch = || std::future::ready(fetched(StatusCode::OK, entity("a", "")));
    tokio::select! {
        () = source.follow(fetch, judge, |_| std::future::ready(())) => {}
        thread = judging.recv() => assert_ne!(thread, Some(std::thread::current().id())),
    }
}
