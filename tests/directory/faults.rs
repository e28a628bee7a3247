//! Servers that say what no honest server says, or nothing: scripted, byte by byte.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fedfront::config::NestedGroups;
use fedfront::directory::{BindError, BindOutcome, BindRefusal, Resolution};
use fedfront::model::{Attributes, Entry, EntryId, Password};
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::subject::{Subject, TIMEOUT, WRONG, outage, until};

/// What the server does with one request.
#[derive(Clone)]
pub enum Act {
    /// Sends these protocolOps (RFC 4511), each in an LDAPMessage of the request's id.
    Answer(Vec<Vec<u8>>),
    /// Sends these bytes.
    Raw(&'static [u8]),
    Silence,
    /// Sends this protocolOp after this time.
    Late(Duration, Vec<u8>),
    /// Closes the connection.
    Close,
    /// Sends this protocolOp and closes the connection.
    Last(Vec<u8>),
}

/// A server that does the next act with each request, and the last one with all that follow. Whoever asks for its root is a
/// probe, and no request.
pub struct Script {
    pub url: String,
    requests: Arc<AtomicUsize>,
    pub last_request: Arc<Mutex<Vec<u8>>>,
    /// How often it was asked whether it is there, and whether it answers that.
    probes: Arc<AtomicUsize>,
    answers_probes: Arc<AtomicBool>,
    /// Told when a connection was closed after [`Act::Last`].
    closed: Arc<Notify>,
}

impl Script {
    pub async fn run(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("ldap://{}", listener.local_addr().unwrap());
        let acts: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(acts.into_iter().collect()));
        let requests = Arc::new(AtomicUsize::new(0));
        let last_request: Arc<Mutex<Vec<u8>>> = Arc::default();
        let closed = Arc::new(Notify::new());
        let (count, last, tell) = (requests.clone(), last_request.clone(), closed.clone());
        let (probes, answers_probes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let probed = (probes.clone(), answers_probes.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (acts, count, last, tell) = (acts.clone(), count.clone(), last.clone(), tell.clone());
                let (probes, answers_probes) = probed.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        if asks_for_the_root(&request) {
                            probes.fetch_add(1, Ordering::SeqCst);
                            if answers_probes.load(Ordering::SeqCst) {
                                stream.write_all(&message(message_id(&request), &result(0x65, 0, ""))).await.unwrap();
                            }
                            continue;
                        }
                        count.fetch_add(1, Ordering::SeqCst);
                        let act = {
                            let mut acts = acts.lock().unwrap();
                            if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0].clone() }
                        };
                        *last.lock().unwrap() = request.to_vec();
                        let id = message_id(&request);
                        match act {
                            Act::Answer(ops) => {
                                for op in ops {
                                    stream.write_all(&message(id, &op)).await.unwrap();
                                }
                            }
                            Act::Last(op) => {
                                stream.write_all(&message(id, &op)).await.unwrap();
                                drop(stream);
                                return tell.notify_one();
                            }
                            Act::Raw(bytes) => stream.write_all(bytes).await.unwrap(),
                            Act::Silence => {}
                            Act::Late(time, op) => {
                                tokio::time::sleep(time).await;
                                stream.write_all(&message(id, &op)).await.unwrap();
                            }
                            Act::Close => return,
                        }
                    }
                });
            }
        });
        Self { url, requests, last_request, probes, answers_probes, closed }
    }

    fn subject(&self) -> Subject {
        Subject::at(&self.url, |_, ldap| ldap.bind_dn.clear())
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }

    fn answer_probes(&self, answer: bool) {
        self.answers_probes.store(answer, Ordering::SeqCst);
    }
}

/// The id of a message shorter than 64 KiB whose id is below 128.
fn message_id(message: &[u8]) -> u8 {
    let length_octets = if message[1] & 0x80 == 0 { 0 } else { usize::from(message[1] & 0x7f) };
    message[2 + length_octets + 2]
}

/// A search (RFC 4511, 4.5.1) for the entry without a name.
fn asks_for_the_root(message: &[u8]) -> bool {
    message.windows(7).take(10).any(|bytes| bytes[0] == 0x63 && bytes[2..] == [4, 0, 0x0a, 1, 0])
}

fn message(id: u8, op: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&[2, 1, id], op].concat())
}

pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    let length: &[u8] = if length < 128 { &[length] } else { &[0x81, length] };
    [&[tag], length, value].concat()
}

/// An LDAPResult under this tag.
pub fn result(tag: u8, code: u8, text: &str) -> Vec<u8> {
    tlv(tag, &[&[0x0a, 1, code, 4, 0], &*tlv(4, text.as_bytes())].concat())
}

pub fn bind_result(code: u8, text: &str) -> Act {
    Act::Answer(vec![result(0x61, code, text)])
}

fn alice() -> Entry {
    Entry {
        id: EntryId { directory: "people".into(), entry: "uid=alice".into() },
        bind_name: "uid=alice".into(),
        upn: None,
        immutable_id: None,
        groups: Vec::new(),
        attributes: Attributes::default(),
        own_count: None,
    }
}

#[tokio::test]
async fn active_directory_says_why_it_refuses() {
    let text =
        |code| format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563\0");
    let script = Script::run([bind_result(49, &text("52e")), bind_result(49, &text("775")), bind_result(0, "")]).await;
    let subject = script.subject();
    for outcome in [
        BindOutcome::Refused(BindRefusal::InvalidCredentials.coded("49/52e")),
        BindOutcome::Refused(BindRefusal::Locked.coded("49/775")),
        BindOutcome::Bound,
    ] {
        assert_eq!(subject.bind(&alice(), "guess").await, Ok(outcome));
    }
    assert_eq!(subject.operations("connect", "success"), 1);
}

#[tokio::test]
async fn a_search_that_fails_is_made_once_more_elsewhere() {
    let busy = || Act::Answer(vec![result(0x65, 51, "")]);
    let (first, second, third) =
        (Script::run([busy()]).await, Script::run([busy()]).await, Script::run([busy()]).await);
    let urls = [&first, &second, &third].map(|script| script.url.clone()).to_vec();
    let subject = Subject::at("", |_, ldap| {
        ldap.bind_dn.clear();
        ldap.urls = urls;
    });
    assert!(outage(subject.resolve("alice")).await.contains("result 51"));
    assert_eq!([&first, &second, &third].map(|script| script.requests()), [1, 1, 0]);
}

/// A SearchResultEntry with one attribute.
pub fn found(dn: &str, name: &str, value: &str) -> Vec<u8> {
    let values = tlv(0x31, &tlv(4, value.as_bytes()));
    let attribute = tlv(0x30, &[tlv(4, name.as_bytes()), values].concat());
    tlv(0x64, &[tlv(4, dn.as_bytes()), tlv(0x30, &attribute)].concat())
}

#[tokio::test]
async fn active_directory_follows_groups_itself_and_its_referrals_are_not_followed() {
    let (done, referral) = (result(0x65, 0, ""), tlv(0x73, &tlv(4, b"ldap://x/cn=configuration")));
    let script = Script::run([
        Act::Answer(vec![found("CN=Alice (1)", "memberOf", "CN=Staff"), referral.clone(), done.clone()]),
        Act::Answer(vec![found("CN=staff", "cn", "x"), found("CN=All", "cn", "x"), referral, result(0x65, 4, "")]),
    ])
    .await;
    let subject = Subject::at(&script.url, |config, ldap| {
        ldap.bind_dn.clear();
        ldap.nested_groups = NestedGroups::MatchingRule;
        config.attributes.groups = "memberOf".to_owned();
    });
    let entry = subject.found("alice").await;
    assert_eq!((entry.groups.len(), script.requests()), (1, 1), "the others are not searched for who may be guessing");
    let entry = subject.directory.with_groups(entry).await.unwrap();
    assert_eq!((&*entry.id.entry, &*entry.bind_name), ("cn=alice (1)", "CN=Alice (1)"));
    assert_eq!(entry.groups, ["CN=Staff", "CN=All"]);
    let request = script.last_request.lock().unwrap();
    let asks = |what: &[u8]| request.windows(what.len()).any(|window| window == what);
    assert!(asks(b"1.2.840.113556.1.4.1941") && asks(b"CN=Alice (1)"));
}

#[tokio::test]
async fn a_bind_that_was_sent_and_not_answered_is_not_sent_again_and_may_have_been_counted() {
    for (act, says, unanswered) in [
        (Act::Silence, "timeout", true),
        (Act::Close, "connection lost", true),
        (Act::Raw(b"\x30\x05\x02\x01\x01\x61\x00"), "", true),
        (bind_result(51, ""), "result 51", false),
        (bind_result(80, ""), "result 80", false),
    ] {
        let script = Script::run([act]).await;
        let subject = script.subject();
        let error = subject.directory.bind(&alice(), &Password::new("guess")).await.unwrap_err();
        assert_eq!(matches!(error, BindError::Unanswered(_)), unanswered, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(script.requests(), 1, "{says}");
    }
}

#[tokio::test]
async fn a_bind_that_was_never_sent_was_not_counted() {
    let refusing = Subject::at("ldap://127.0.0.1:1", |_, ldap| ldap.bind_dn.clear());
    let error = refusing.directory.bind(&alice(), &Password::new("guess")).await.unwrap_err();
    assert!(matches!(error, BindError::NotTried(_)), "{error}");

    let script = Script::run([Act::Silence]).await;
    let crowded = Subject::at(&script.url, |_, ldap| {
        ldap.bind_dn.clear();
        ldap.pool_size = 1;
        ldap.connect_timeout = Duration::from_secs(2);
        ldap.operation_timeout = Duration::from_secs(1);
    });
    let (entry, password) = (alice(), Password::new("guess"));
    let errors = join_all((0..3).map(|_| crowded.directory.bind(&entry, &password))).await;
    let errors: Vec<_> = errors.into_iter().map(Result::unwrap_err).collect();
    let (sent, waited): (Vec<_>, Vec<_>) = errors.iter().partition(|e| matches!(e, BindError::Unanswered(_)));
    assert_eq!(sent.len(), script.requests(), "{errors:?}");
    assert!(waited.iter().any(|error| error.to_string().contains("busy")), "{errors:?}");
}

#[tokio::test]
async fn whoever_is_denied_without_a_bind_waits_as_long_as_one_took() {
    let pace = Duration::from_millis(300);
    let script = Script::run([Act::Late(pace, result(0x61, 49, ""))]).await;
    let subject = script.subject();
    assert_eq!(subject.bind(&alice(), "guess").await, Ok(WRONG));
    let started = Instant::now();
    assert_eq!(subject.directory.decoy(None, &Password::new("guess")).await, Ok(()));
    assert!((pace..pace * 20).contains(&started.elapsed()), "{:?}", started.elapsed());
    assert_eq!(script.requests(), 1, "and asks nothing");
}

#[tokio::test]
async fn while_binds_fail_a_denial_without_one_is_an_outage_too() {
    let script = Script::run([Act::Silence, bind_result(49, "")]).await;
    let subject = script.subject();
    let password = Password::new("guess");
    outage(subject.bind(&alice(), "guess")).await;
    let started = Instant::now();
    assert!(outage(subject.directory.decoy(None, &password)).await.contains("timeout"));
    assert!(started.elapsed() >= Duration::from_secs(1), "the same time: {:?}", started.elapsed());
    assert_eq!(subject.bind(&alice(), "guess").await, Ok(WRONG));
    assert_eq!(subject.directory.decoy(None, &password).await, Ok(()));
}

#[tokio::test]
async fn a_refused_service_account_is_not_tried_again_for_every_name() {
    let script = Script::run([bind_result(49, "")]).await;
    let subject = Subject::at(&script.url, |_, _| ());
    let names: Vec<_> = (0..100).map(|number| format!("nobody{number}")).collect();
    for reason in join_all(names.iter().map(|name| outage(subject.resolve(name)))).await {
        assert!(reason.contains("service account") && reason.contains(&script.url), "{reason}");
    }
    assert!(outage(subject.resolve("alice")).await.contains("service account"));
    assert_eq!(script.requests(), 1);
}

#[tokio::test]
async fn a_bind_that_timed_out_on_an_old_connection_is_not_sent_again() {
    let script = Script::run([bind_result(0, ""), Act::Silence]).await;
    let subject = script.subject();
    assert_eq!(subject.bind(&alice(), "wonderland").await, Ok(BindOutcome::Bound));
    outage(subject.bind(&alice(), "guess")).await;
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn an_old_connection_that_ended_is_replaced_before_a_bind_is_sent() {
    let script = Script::run([Act::Last(result(0x61, 0, "")), bind_result(49, "")]).await;
    let subject = script.subject();
    assert_eq!(subject.bind(&alice(), "wonderland").await, Ok(BindOutcome::Bound));
    script.closed.notified().await;
    assert_eq!(subject.bind(&alice(), "guess").await, Ok(WRONG));
    assert_eq!((script.requests(), subject.operations("connect", "success")), (2, 2));
}

#[tokio::test]
async fn an_old_connection_that_ends_takes_a_search_with_it_only_for_a_moment_but_a_bind_for_good() {
    let nobody = || Act::Answer(vec![result(0x65, 0, "")]);
    let script = Script::run([nobody(), Act::Close, nobody()]).await;
    let subject = script.subject();
    for _ in 0..2 {
        assert!(matches!(subject.resolve("alice").await, Ok(Resolution::Nobody)));
    }
    assert_eq!((script.requests(), subject.operations("connect", "success")), (3, 2));

    let script = Script::run([bind_result(0, ""), Act::Close, bind_result(0, "")]).await;
    let subject = script.subject();
    assert_eq!(subject.bind(&alice(), "wonderland").await, Ok(BindOutcome::Bound));
    assert!(outage(subject.bind(&alice(), "guess")).await.contains("connection lost"));
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn an_old_connection_that_gives_no_answer_delays_a_search_but_takes_a_bind_for_good() {
    let nobody = || Act::Answer(vec![result(0x65, 0, "")]);
    let script = Script::run([nobody(), Act::Silence, nobody()]).await;
    let subject = script.subject();
    for _ in 0..2 {
        assert!(matches!(subject.resolve("alice").await, Ok(Resolution::Nobody)));
    }
    assert_eq!((script.requests(), subject.operations("connect", "success")), (3, 2));

    let script = Script::run([bind_result(0, ""), Act::Silence]).await;
    let subject = script.subject();
    assert_eq!(subject.bind(&alice(), "wonderland").await, Ok(BindOutcome::Bound));
    let error = subject.directory.bind(&alice(), &Password::new("guess")).await.unwrap_err();
    assert!(matches!(error, BindError::Unanswered(_)), "{error}");
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn a_server_that_takes_connections_and_hangs_is_given_no_passwords_until_it_answers() {
    let script = Script::run([Act::Silence, bind_result(0, "")]).await;
    let subject = script.subject();
    script.answer_probes(false);
    outage(subject.resolve("alice")).await;
    subject.is_away().await;
    let started = Instant::now();
    let error = subject.directory.bind(&alice(), &Password::new("wonderland")).await.unwrap_err();
    assert!(matches!(&error, BindError::NotTried(_)) && error.to_string().contains("no server"), "{error}");
    assert!(started.elapsed() < TIMEOUT);
    assert_eq!(script.requests(), 1);
    script.answer_probes(true);
    until("its return", || subject.directory.availability().available).await;
    assert_eq!(subject.bind(&alice(), "wonderland").await, Ok(BindOutcome::Bound));
}

#[tokio::test]
async fn a_server_that_answers_probes_and_fails_its_users_is_asked_again() {
    let script = Script::run([Act::Silence, bind_result(0, "")]).await;
    let subject = script.subject();
    outage(subject.bind(&alice(), "wonderland")).await;
    assert_eq!(subject.bind(&alice(), "wonderland").await, Ok(BindOutcome::Bound));
    until("a probe", || subject.operations("probe", "success") == 1).await;
    assert_eq!((script.probes(), subject.metrics.ldap_outages.get()), (1, 0));
}

#[tokio::test]
async fn however_many_failed_one_server_is_probed_by_one() {
    let script = Script::run([Act::Silence]).await;
    let subject = Subject::at(&script.url, |_, ldap| {
        ldap.bind_dn.clear();
        ldap.pool_size = 50;
    });
    script.answer_probes(false);
    let (entry, password) = (alice(), Password::new("guess"));
    join_all((0..50).map(|_| subject.directory.bind(&entry, &password))).await;
    let failed = Instant::now();
    subject.is_away().await;
    let begun = usize::try_from(failed.elapsed().as_millis() / 400).unwrap();
    assert!((1..=begun + 2).contains(&script.probes()), "{}", script.probes());
}

#[tokio::test]
async fn probes_end_with_their_directory() {
    let script = Script::run([Act::Silence]).await;
    let Subject { directory, metrics } = script.subject();
    script.answer_probes(false);
    let error = directory.bind(&alice(), &Password::new("guess")).await.unwrap_err();
    assert!(error.to_string().contains("timeout"), "{error}");
    until("a probe", || script.probes() > 0).await;
    assert!(Arc::strong_count(&metrics) > 1);
    drop(directory);
    until("the end of what counts", || Arc::strong_count(&metrics) == 1).await;
}

#[tokio::test]
async fn a_service_account_that_is_refused_is_not_tried_by_probes() {
    // It ends the first connection; then the account is refused, by whomever it is tried.
    let script = Script::run([Act::Close, bind_result(49, "")]).await;
    let subject = Subject::at(&script.url, |_, _| ());
    outage(subject.resolve("alice")).await;
    until("a probe", || subject.operations("probe", "success") == 1).await;
    assert_eq!(script.requests(), 2);
    for _ in 0..3 {
        assert!(outage(subject.resolve("alice")).await.contains("service account's bind was refused"));
    }
    let availability = subject.directory.availability();
    assert!(!availability.available && availability.says.contains("was refused"), "{availability:?}");
    assert!(subject.directory.refused_since().is_some());
    assert_eq!((script.requests(), script.probes(), subject.metrics.ldap_outages.get()), (2, 1, 0));
}

#[tokio::test]
async fn a_server_that_hangs_is_sent_no_service_password_by_probes() {
    let script = Script::run([Act::Silence]).await;
    let subject = Subject::at(&script.url, |_, _| ());
    script.answer_probes(false);
    outage(subject.resolve("alice")).await;
    subject.is_away().await;
    until("probes", || script.probes() > 3).await;
    assert_eq!(script.requests(), 1);
}

#[tokio::test]
async fn nonsense_is_an_outage() {
    let done = || result(0x65, 0, "");
    for act in [
        Act::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Act::Raw(b"\x30\x02\x02\x00"),
        Act::Raw(b"\x30\x00"),
        Act::Raw(b"\x30\x05\x02\x01\x01\x61\x00"),
        Act::Raw(b"\x30\x05\x02\x01\x01\x64\x00"),
        Act::Answer(vec![tlv(0x61, b"\x0a\x01\x00\x04\x01\xff\x04\x00")]),
        Act::Answer(vec![tlv(0x64, b"\x04\x02cn\x04\x01A"), done()]),
        Act::Answer(vec![tlv(0x64, b"\x04\x00\x30\x00"), done()]),
        Act::Answer(vec![result(0x65, 10, "ldap://elsewhere")]),
    ] {
        let script = Script::run([act]).await;
        let subject = script.subject();
        outage(subject.resolve("alice")).await;
        assert_eq!(subject.connections("busy"), 0);
        // Of the above, only results of the right form say anything about a bind.
        if let Ok(outcome) = subject.bind(&alice(), "guess").await {
            panic!("{outcome:?}");
        }
    }
}
