//! What is published follows the keys, in one process.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use http::HeaderMap;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};

use super::*;
use crate::dsig::{DeviceError, SigningDevice};
use crate::handler::PublishError;
use crate::model::Clock;
use crate::server::process::Process;
use crate::server::snapshot::Snapshot;
use crate::server::tests::Installation;
use crate::telemetry::Opened;

/// Stands still until it is set, Unix milliseconds.
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::Relaxed))
    }
}

const DAY: i64 = 86_400_000;
/// The certificates of the tests are of these days of the year 2100.
const FROM: (&str, i64) = ("2100-01-02T00:00:00Z", 4_102_531_200_000);

#[tokio::test]
async fn what_is_published_follows_the_keys_and_the_days() {
    let installation = Installation::new();
    installation.write_pair("next", &PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), 365);
    let next =
        format!("signing.key, next: {{ certificate_file: next.crt, private_key_file: next.key, from: {} }}", FROM.0);
    let prepared = installation.prepare(&[("signing.key", &next)]);
    let metrics = prepared.metrics.clone();
    let clock = Arc::new(Set(AtomicI64::new(FROM.1 - 2 * DAY)));
    let audit = Opened::new(&prepared.config.telemetry.audit).unwrap();
    let mut process = Process::new(&prepared.config, audit, metrics.clone()).unwrap();
    process.clock = clock.clone();
    let snapshot = Snapshot::new(prepared, &process, None).unwrap();
    let rollover = snapshot.rollover();
    let documents = &rollover.context.documents;
    let keys = &rollover.context.signing_keys;
    let certificate = || format!("{:?}", documents.certificates.asked("", keys, clock.now()));
    let published = || (documents.published.load_full(), certificate());
    let ends = |slot| metrics.signing_certificate_not_after.with_label_values(&[slot]).get();
    rollover.show(&metrics);
    let (first, signs) = (published(), rollover.signs());
    assert!(ends("current") > 0.0 && ends("next") > 0.0);

    rollover.follow().await;
    assert!(Arc::ptr_eq(&published().0, &first.0));
    clock.0.fetch_add(DAY, Ordering::Relaxed);
    rollover.follow().await;
    let second = published();
    assert!(!Arc::ptr_eq(&second.0, &first.0) && rollover.signs() == signs);

    clock.0.store(FROM.1, Ordering::Relaxed);
    rollover.follow().await;
    assert!(rollover.signs() != signs && ends("next") == 0.0);
    let third = published();
    assert!(!Arc::ptr_eq(&third.0, &second.0));
    assert_ne!(third.1, second.1);
    rollover.follow().await;
    assert!(Arc::ptr_eq(&published().0, &third.0));
}

/// The first who asks for the time has another renew what is published meanwhile.
struct Meanwhile {
    context: Arc<Context>,
    other: Mutex<Option<std::thread::JoinHandle<()>>>,
    later: Timestamp,
}

/// Tells when it is asked.
struct Told(std::sync::mpsc::Sender<()>, Timestamp);

impl Clock for Told {
    fn now(&self) -> Timestamp {
        // Perhaps nobody waits for it any longer.
        self.0.send(()).ok();
        self.1
    }
}

impl Clock for Meanwhile {
    fn now(&self) -> Timestamp {
        let (asked, asks) = std::sync::mpsc::channel();
        let (context, later) = (self.context.clone(), self.later);
        let renew = move || {
            let Context { documents, config, signing_keys, .. } = &*context;
            documents.renew(config, signing_keys, &Told(asked, later)).unwrap();
        };
        *self.other.lock().unwrap() = Some(std::thread::spawn(renew));
        assert!(asks.recv_timeout(Duration::from_millis(200)).is_err(), "two renew at once");
        self.context.clock.now()
    }
}

#[tokio::test]
async fn who_began_to_publish_before_has_not_the_last_word() {
    let installation = Installation::new();
    let prepared = installation.prepare(&[]);
    let audit = Opened::new(&prepared.config.telemetry.audit).unwrap();
    let process = Process::new(&prepared.config, audit, prepared.metrics.clone()).unwrap();
    let snapshot = Snapshot::new(prepared, &process, None).unwrap();
    let context = snapshot.rollover().context.clone();
    let later = context.clock.now().plus(2 * DAILY);
    let clock = Meanwhile { context: context.clone(), other: Mutex::default(), later };
    let Context { documents, config, signing_keys, .. } = &*context;
    documents.renew(config, signing_keys, &clock).unwrap();
    clock.other.lock().unwrap().take().unwrap().join().unwrap();
    let last = documents.published.load_full();
    let (asked, _asks) = std::sync::mpsc::channel();
    documents.renew(config, signing_keys, &Told(asked, later)).unwrap();
    assert!(Arc::ptr_eq(&last, &documents.published.load_full()));
}

/// Its device is away, hangs, or signs.
struct Moody {
    key: PKey<Private>,
    away: AtomicBool,
    asked: AtomicUsize,
}

impl SigningDevice for Moody {
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, DeviceError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.outage().map_or(Ok(()), Err)?;
        let mut signature = vec![0; 256];
        self.key.rsa().unwrap().private_encrypt(input, &mut signature, Padding::PKCS1).unwrap();
        Ok(signature)
    }

    fn outage(&self) -> Option<DeviceError> {
        self.away.load(Ordering::Relaxed).then(|| DeviceError("the token is gone".to_owned()))
    }
}

#[tokio::test]
async fn a_device_that_is_away_at_the_start_signs_when_it_is_back_and_no_reload_takes_it() {
    let installation = Installation::new();
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    installation.write_pair("signing", &key, 365);
    let device = Arc::new(Moody { key, away: AtomicBool::new(true), asked: AtomicUsize::default() });
    let prepare = || {
        let mut prepared = installation.prepare(&[]);
        let certificate = prepared.signing_keys.configured().0.clone();
        let key = SigningKey::in_device(device.clone(), certificate).unwrap();
        prepared.signing_keys = SigningKeys::new(Arc::new(key), None, Vec::new());
        prepared
    };
    let prepared = prepare();
    let audit = Opened::new(&prepared.config.telemetry.audit).unwrap();
    let process = Process::new(&prepared.config, audit, prepared.metrics.clone()).unwrap();
    let snapshot = Snapshot::new(prepared, &process, None).unwrap();
    assert_eq!(device.asked.load(Ordering::Relaxed), 0, "a start does not wait for what is known to be away");
    let rollover = snapshot.rollover();
    let seen = || {
        let metadata = rollover.context.documents.published.load().metadata(&HeaderMap::new(), process.clock.now());
        let unavailable = process.metrics.signing_unavailable.with_label_values(&["current"]).get();
        (metadata.is_some(), unavailable, rollover.describe().starts_with("not now: the token is gone"))
    };
    snapshot.show(&process.metrics);
    rollover.observe().await;
    assert_eq!(seen(), (false, 1, true));
    assert!(matches!(Snapshot::new(prepare(), &process, Some(&snapshot)), Err(PublishError::Sign(_))));

    device.away.store(false, Ordering::Relaxed);
    // As whoever asks for a token would have it found out.
    assert!(rollover.context.signing_key().is_proved().unwrap());
    rollover.observe().await;
    assert_eq!(seen(), (true, 0, false));
    assert!(Snapshot::new(prepare(), &process, Some(&snapshot)).is_ok());
}

#[tokio::test]
async fn a_signature_is_waited_for_as_long_as_a_sign_in() {
    let installation = Installation::new();
    let prepared = installation.prepare(&[("drain: 5s", "drain: 5s, sign_in_deadline: 300ms")]);
    let audit = Opened::new(&prepared.config.telemetry.audit).unwrap();
    let process = Process::new(&prepared.config, audit, prepared.metrics.clone()).unwrap();
    let snapshot = Snapshot::new(prepared, &process, None).unwrap();
    let context = snapshot.rollover().context.clone();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let hangs = move || {
        let _ = released.recv();
    };
    let late = context.sign_aside(hangs).await.unwrap_err();
    assert_eq!(late.to_string(), "signing: no signature within limits.sign_in_deadline");
    drop(release);
    assert_eq!(context.sign(|| 7).await, Ok(7));
}

#[tokio::test]
async fn certificates_are_told_of_before_they_end() {
    let installation = Installation::new();
    installation.write_pair("next", &PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), 20);
    let next = "signing.key, next: { certificate_file: next.crt, private_key_file: next.key }";
    let prepared = installation.prepare(&[("signing.key", next)]);
    let audit = Opened::new(&prepared.config.telemetry.audit).unwrap();
    let process = Process::new(&prepared.config, audit, prepared.metrics.clone()).unwrap();
    let snapshot = Snapshot::new(prepared, &process, None).unwrap();
    let rollover = snapshot.rollover();
    let now = process.clock.now();
    let told = |days: u64| {
        let ends = rollover.ends(now.plus(Duration::from_secs(days * 86_400)));
        ends.into_iter().map(|(key, _, doubt)| format!("{key} {}", doubt.split(" at ").next().unwrap())).collect()
    };
    for (days, expected) in [
        (0, vec!["issuer.signing.next ends"]),
        (14, vec!["issuer.signing.next ends very soon:"]),
        (21, vec!["issuer.signing.next ended"]),
        (340, vec!["issuer.signing ends", "issuer.signing.next ended"]),
    ] {
        let told: Vec<String> = told(days);
        assert_eq!(told, expected, "{days}");
    }
    rollover.promote(&process.promoted).await.unwrap();
    let told: Vec<String> = told(1);
    assert_eq!(told, ["issuer.signing ends"]);
}
