//! What an outage looks like, and that it ends with its cause.

use std::time::{Duration, Instant};

use fedfront::directory::{BindError, BindOutcome};
use fedfront::model::{Entry, Password};
use futures::future::join_all;

use super::slapd::Slapd;
use super::subject::{PEOPLE, POOL, Subject, TIMEOUT, WRONG, outage, until};

#[tokio::test]
async fn a_server_that_stops_is_an_outage_and_one_that_returns_is_used() {
    let Some(mut slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let alice = subject.found("alice").await;
    // As many idle connections of each kind as there can be.
    join_all((0..32).map(|_| subject.bind(&alice, "wonderland"))).await;
    join_all((0..32).map(|_| subject.resolve("alice"))).await;
    slapd.stop();
    assert!(outage(subject.resolve("alice")).await.contains("connection refused"));
    assert!(outage(subject.bind(&alice, "wonderland")).await.contains("connection refused"));
    slapd.start_again();
    subject.returns().await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound));

    // A restart that nobody noticed: the connections in the pools are dead, and no request may be the one to find out.
    join_all((0..32).map(|_| subject.bind(&alice, "wonderland"))).await;
    join_all((0..32).map(|_| subject.resolve("alice"))).await;
    slapd.stop();
    slapd.start_again();
    assert_eq!(subject.bind(&alice, "guess").await, Ok(WRONG));
    subject.found("alice").await;
}

#[tokio::test]
async fn a_server_that_hangs_is_an_outage_and_holds_nothing_for_good() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let alice = subject.found("alice").await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound));
    slapd.hang();
    let waiting = (0..4 * POOL).map(|_| async {
        assert!(outage(subject.resolve("alice")).await.contains("timeout"));
        assert!(outage(subject.bind(&alice, "guess")).await.contains("timeout"));
    });
    join_all(waiting).await;
    assert_eq!((subject.connections("idle"), subject.connections("busy")), (0, 0));
    slapd.wake();
    subject.returns().await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound));
}

#[tokio::test]
async fn nobody_waits_for_a_directory_that_is_away() {
    let Some(mut slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let alice = subject.found("alice").await;
    slapd.hang();
    assert!(outage(subject.resolve("alice")).await.contains("timeout"));
    nobody_waits(&subject, &alice, "timeout").await;
    slapd.wake();
    subject.returns().await;
    assert_eq!(subject.bind(&alice, "guess").await, Ok(WRONG));

    slapd.stop();
    assert!(outage(subject.resolve("alice")).await.contains("connection refused"));
    nobody_waits(&subject, &alice, "connection refused").await;
    slapd.start_again();
    subject.returns().await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound));
    assert_eq!(subject.metrics.ldap_outages.get(), 2);
}

/// Nor is anybody asked: a bind was not tried.
async fn nobody_waits(subject: &Subject, alice: &Entry, stopped: &str) {
    until("a probe that fails", || !subject.directory.availability().available).await;
    let (started, before) = (Instant::now(), subject.operations("connect", "error"));
    let questions = (0..200).map(|at| async move {
        let error = match at % 2 {
            0 => outage(subject.resolve("alice")).await,
            _ => match subject.directory.bind(alice, &Password::new("wonderland")).await {
                Err(BindError::NotTried(outage)) => outage.reason,
                other => panic!("{other:?}"),
            },
        };
        assert!(error.starts_with("no server has answered for ") && error.contains(stopped), "{error}");
    });
    join_all(questions).await;
    assert!(started.elapsed() < TIMEOUT / 2, "{:?}", started.elapsed());
    assert_eq!(subject.operations("connect", "error"), before);
}

#[tokio::test]
async fn the_preferred_server_gets_the_work_back_and_the_second_choice_is_given_up() {
    let (Some(mut first), Some(second)) = (Slapd::start(PEOPLE), Slapd::start(PEOPLE)) else { return };
    let urls = [&first, &second].map(|slapd| format!("ldap://127.0.0.1:{}", slapd.plain_port));
    let subject = Subject::open(&first, |_, ldap| ldap.urls = urls.to_vec());
    first.stop();
    let alice = subject.found("alice").await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound));
    let says = || subject.directory.availability().says;
    until("the first being away", || says().starts_with(&format!("{} has not answered for ", urls[0]))).await;
    assert!(says().ends_with(&format!("; {} answers", urls[1])), "{}", says());
    assert!(subject.directory.availability().available);

    first.start_again();
    until("the first being back", || says().starts_with(&format!("{} answers", urls[0]))).await;
    // Whoever were still asked here would wait.
    second.hang();
    let started = Instant::now();
    subject.found("alice").await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound));
    assert!(started.elapsed() < TIMEOUT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn whoever_stops_waiting_leaves_no_connection_behind() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let (alice, bob) = (subject.found("alice").await, subject.found("bob").await);
    assert_eq!(subject.bind(&bob, "builder").await, Ok(BindOutcome::Bound));
    assert_eq!(subject.connections("idle"), 2);
    slapd.hang();
    assert!(futures::poll!(Box::pin(subject.bind(&alice, "wonderland"))).is_pending());
    assert!(futures::poll!(Box::pin(subject.resolve("alice"))).is_pending());
    assert_eq!((subject.connections("idle"), subject.connections("busy")), (0, 0));
    slapd.wake();
    assert_eq!(subject.bind(&alice, "guess").await, Ok(WRONG), "not the answer to another's bind");
}

#[tokio::test]
async fn another_server_takes_over_and_gives_back() {
    let (Some(mut first), Some(mut second)) = (Slapd::start(PEOPLE), Slapd::start(PEOPLE)) else { return };
    let urls = [&first, &second].map(|slapd| format!("ldap://127.0.0.1:{}", slapd.plain_port)).to_vec();
    let two = |slapd: &Slapd| Subject::open(slapd, |_, ldap| ldap.urls = urls.clone());
    let subject = two(&first);
    let alice = subject.found("alice").await;
    first.stop();
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound), "one that refuses");
    subject.found("alice").await;

    first.start_again();
    let subject = two(&first);
    subject.found("alice").await;
    first.hang();
    subject.found("alice").await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound), "one that hangs");
    first.wake();

    second.stop();
    subject.found("alice").await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound), "though it failed lately");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_binds_at_once_share_the_pool() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, ldap| ldap.operation_timeout = Duration::from_secs(5));
    let (alice, bob) = (subject.found("alice").await, subject.found("bob").await);
    let binds = (0..100).map(|at| match at % 3 {
        0 => (&alice, "wonderland", BindOutcome::Bound),
        1 => (&bob, "builder", BindOutcome::Bound),
        _ => (&bob, "wonderland", WRONG),
    });
    join_all(binds.map(|(entry, password, outcome)| async {
        assert_eq!(subject.bind(entry, password).await, Ok(outcome));
    }))
    .await;
    assert_eq!(subject.operations("bind", "success") + subject.operations("bind", "refused"), 100);
    assert!(subject.operations("connect", "success") <= 1 + POOL as u64);
}

#[tokio::test]
async fn the_authorities_are_read_once_for_all_connections() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    std::fs::remove_file(slapd.path("ca.pem")).unwrap();
    let alice = subject.found("alice").await;
    assert_eq!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::Bound));
    assert_eq!(subject.operations("connect", "success"), 2);
}
