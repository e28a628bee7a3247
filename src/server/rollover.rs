//! From one signing key to the next, at its time or when told to: what is published follows at once, and the log tells.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tracing::{error, warn};

use crate::dsig::{SigningKey, SigningKeys};
use crate::handler::{Context, renew_published};
use crate::keys::{Description, Promotion, ending};
use crate::model::Timestamp;
use crate::telemetry::Metrics;

/// How often what ends is told of.
const DAILY: Duration = Duration::from_secs(24 * 3600);
/// How soon a change of day shows in what is published; how long a clock that was set, or a device that was away, may go
/// unnoticed.
const WATCH: Duration = Duration::from_secs(60);

/// The last promotion by an operator's word, for as long as the process lives.
#[derive(Default)]
pub(super) struct Promoted(Mutex<Option<Promotion>>);

impl Promoted {
    /// Has the next key sign if it was told to, whatever was read again meanwhile.
    pub fn recall(&self, keys: &SigningKeys, now: Timestamp) {
        let mark = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some(mark), Some(next)) = (mark, keys.next(now))
            && Description::of(next.key.certificate()).sha256 == mark.sha256
        {
            next.promote(mark.since);
        }
    }

    fn note(&self, mark: Promotion) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
    }
}

/// Sees to it that what is published is of the key that signs.
pub(super) struct Rollover {
    context: Arc<Context>,
    published: tokio::sync::Mutex<Published>,
}

/// By which key.
struct Published {
    key: Arc<SigningKey>,
    /// It could not be signed again.
    late: bool,
    /// Of what ends.
    told: Timestamp,
}

impl Rollover {
    /// `at` is when everything was rendered.
    pub fn new(context: Arc<Context>, at: Timestamp) -> Self {
        let key = context.signing_keys.at(at).clone();
        Self { context, published: tokio::sync::Mutex::new(Published { key, late: false, told: at }) }
    }

    /// What tokens are signed with.
    pub fn signs(&self) -> Description {
        Description::of(self.context.signing_key().certificate())
    }

    /// Shows in the metrics which certificates end when.
    pub fn show(&self, metrics: &Metrics) {
        let (now, keys) = (self.context.clock.now(), &self.context.signing_keys);
        let ends = |key: &SigningKey| {
            Description::of(key.certificate()).ends.map_or(0.0, |ends| ends.unix_millis() as f64 / 1000.0)
        };
        let gauge = |slot| metrics.signing_certificate_not_after.with_label_values(&[slot]);
        gauge("current").set(ends(keys.at(now)));
        gauge("next").set(keys.next(now).map_or(0.0, |next| ends(&next.key)));
    }

    /// Follows the keys for as long as it is let.
    pub async fn watch(self: Arc<Self>) {
        loop {
            let now = self.context.clock.now();
            let from = self.context.signing_keys.next(now).and_then(crate::dsig::NextKey::from);
            sleep(from.map_or(WATCH, |from| from.since(now).min(WATCH))).await;
            self.follow().await;
        }
    }

    /// Has the next key sign from now on, and what is published with it.
    ///
    /// # Errors
    /// Why it does not, for the operator; nothing has changed then.
    pub async fn promote(&self, promoted: &Promoted) -> Result<String, String> {
        let context = &self.context;
        let now = context.clock.now();
        let Some(next) = context.signing_keys.next(now).cloned() else {
            let Description { subject, sha256, .. } = self.signs();
            let problem = match context.config.issuer.signing.next {
                Some(_) => return Ok(format!("the next key signs already: {subject}, SHA-256 {sha256}\n")),
                None => "issuer.signing.next names no key: add it, and reload",
            };
            return Err(format!("{problem}\n"));
        };
        let key = next.key.clone();
        let proved = context.signing.run(move || key.is_proved()).await;
        match proved.map_err(|error| error.to_string()) {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err("the next key does not sign: another key than its certificate's\n".to_owned()),
            Ok(Err(error)) => return Err(format!("the next key does not sign: {error}\n")),
            Err(error) => return Err(format!("the next key does not sign: {error}\n")),
        }
        let described = Description::of(next.key.certificate());
        let mark = Promotion { sha256: described.sha256.clone(), since: now };
        if let Some(folder) = &context.config.cache_folder {
            mark.write(folder).map_err(|error| {
                format!("{}: cannot be written: {error}; nothing has changed\n", Promotion::place(folder).display())
            })?;
        }
        promoted.note(mark);
        next.promote(now);
        self.follow().await;
        let lasts = if context.config.cache_folder.is_some() {
            "a restart keeps it"
        } else {
            "it lasts until this process ends, for there is no cache.folder"
        };
        let Description { subject, sha256, .. } = described;
        Ok(format!(
            "tokens are signed by {subject}, SHA-256 {sha256}; {lasts}\n\
             now put that key into issuer.signing, the certificate before it into issuer.signing.previous, and remove \
             issuer.signing.next\n"
        ))
    }

    /// Publishes anew what another key signs, and what is a day old.
    async fn follow(&self) {
        let context = &self.context;
        let mut published = self.published.lock().await;
        let now = context.clock.now();
        let signs = context.signing_keys.at(now);
        let taken_over = !Arc::ptr_eq(signs, &published.key);
        if taken_over {
            let [before, now] = [&published.key, signs].map(|key| Description::of(key.certificate()).sha256);
            let key = "issuer.signing.next";
            warn!(key, before, now, "tokens are signed by another certificate: the next key has taken over");
            published.key = signs.clone();
            self.show(&context.metrics);
        }
        if now.since(published.told) >= DAILY {
            published.told = now;
            self.tell_of_ends();
        }
        match renew_published(context).await {
            Ok(()) => published.late = false,
            Err(error) => {
                if !published.late {
                    error!(%error, "the metadata is not signed again; the one before stays, and it is tried again");
                }
                published.late = true;
            }
        }
    }

    /// Tells the log of the certificates that are about to end: at the start, and every day.
    pub fn tell_of_ends(&self) {
        for (key, certificate, doubt) in self.ends(self.context.clock.now()) {
            warn!(key, certificate, "the certificate {doubt}: renew it, and register the new one");
        }
    }

    /// What is to be told of the certificates that sign and will: by the key of the configuration, whose, and what.
    fn ends(&self, now: Timestamp) -> Vec<(&'static str, String, String)> {
        let keys = &self.context.signing_keys;
        let signs = ("issuer.signing", keys.at(now));
        let next = keys.next(now).map(|next| ("issuer.signing.next", &next.key));
        let ends = |(key, signing): (_, &Arc<SigningKey>)| {
            let doubt = ending(signing.certificate(), now)?;
            Some((key, Description::of(signing.certificate()).subject, doubt))
        };
        [Some(signs), next].into_iter().flatten().filter_map(ends).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;

    use super::*;
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
        let next = format!(
            "signing.key, next: {{ certificate_file: next.crt, private_key_file: next.key, from: {} }}",
            FROM.0
        );
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
}
