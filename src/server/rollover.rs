//! From one signing key to the next, at its time or when told to: what is published follows at once, and the log tells.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info, warn};

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
        let late = key.outage().is_some();
        Self { context, published: tokio::sync::Mutex::new(Published { key, late, told: at }) }
    }

    /// What tokens are signed with.
    pub fn signs(&self) -> Description {
        Description::of(self.context.signing_key().certificate())
    }

    /// Shows in the metrics which certificates end when.
    pub fn show(&self, metrics: &Metrics) {
        let (now, keys) = (self.context.clock.now(), &self.context.signing_keys);
        let ends = |key: &SigningKey| Description::of(key.certificate()).ends.map_or(0.0, Timestamp::unix_seconds);
        let gauge = |slot| metrics.signing_certificate_not_after.with_label_values(&[slot]);
        gauge("current").set(ends(keys.at(now)));
        gauge("next").set(keys.next(now).map_or(0.0, |next| ends(&next.key)));
        self.show_outages();
    }

    fn show_outages(&self) {
        let Context { metrics, signing_keys, clock, .. } = &*self.context;
        let now = clock.now();
        let gauge = |slot, key: Option<&Arc<SigningKey>>| {
            let fails = key.is_some_and(|key| key.outage().is_some());
            metrics.signing_unavailable.with_label_values(&[slot]).set(i64::from(fails));
        };
        gauge("current", Some(signing_keys.at(now)));
        gauge("next", signing_keys.next(now).map(|next| &next.key));
    }

    /// Asks the device of the key that signs, if it did not, whether it does again, and publishes what waits for that.
    pub async fn observe(&self) {
        let key = self.context.signing_key();
        self.ask_again(key).await;
        if key.outage().is_none() && self.published.lock().await.late {
            self.follow().await;
        }
        self.show_outages();
    }

    /// Asks a key's device whether it signs, if it did not. What comes of it, it tells the log.
    async fn ask_again(&self, key: &Arc<SigningKey>) {
        if key.outage().is_some() {
            let asked = key.clone();
            drop(self.context.sign(move || asked.is_proved()).await);
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self.context.signing_key().outage() {
            Some(why) => format!("not now: {why}"),
            None => {
                let Description { subject, sha256, .. } = self.signs();
                format!("by {subject}, SHA-256 {sha256}")
            }
        }
    }

    /// Tells the log what is not as usual, at the start.
    pub fn tell(&self) {
        let now = self.context.clock.now();
        let Context { signing_keys, config, .. } = &*self.context;
        if let Some(since) = signing_keys.taken_over(now) {
            let by_itself = config.issuer.signing.next.as_ref().and_then(|next| next.from) == Some(since);
            let Description { subject, sha256, .. } = self.signs();
            let how = if by_itself { "from its time on," } else { "promoted at" };
            info!(certificate = subject, sha256, "signs with the key next in issuer.signing, {how} {since}");
        }
        for (key, signing) in slots(signing_keys, now) {
            if let Some(reason) = signing.outage() {
                error!(key, %reason, "the key does not sign: what it is needed for is answered as unavailable until it does");
            }
        }
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
        let proved = context.sign(move || key.is_proved()).await.map_err(|error| error.to_string());
        match proved.and_then(|proved| proved.map_err(|error| error.to_string())) {
            Ok(true) => {}
            Ok(false) => return Err("the next key does not sign: another key than its certificate's\n".to_owned()),
            Err(error) => return Err(format!("the next key does not sign: {error}\n")),
        }
        let described = Description::of(next.key.certificate());
        let mark = Promotion { sha256: described.sha256.clone(), since: now };
        if let Some(folder) = &context.config.cache_folder {
            write(mark.clone(), folder.clone()).await.map_err(|error| {
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
        if let Some(next) = self.context.signing_keys.next(now) {
            self.ask_again(&next.key).await;
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
        let ends = |(key, signing): (_, &Arc<SigningKey>)| {
            let doubt = ending(signing.certificate(), now)?;
            Some((key, Description::of(signing.certificate()).subject, doubt))
        };
        slots(&self.context.signing_keys, now).filter_map(ends).collect()
    }
}

/// The keys that sign and will, each by its key of the configuration.
pub(super) fn slots(keys: &SigningKeys, now: Timestamp) -> impl Iterator<Item = (&'static str, &Arc<SigningKey>)> {
    let next = keys.next(now).map(|next| ("issuer.signing.next", &next.key));
    std::iter::once(("issuer.signing", keys.at(now))).chain(next)
}

/// Off the threads that serve: a disk may take its time.
async fn write(mark: Promotion, folder: PathBuf) -> io::Result<()> {
    spawn_blocking(move || mark.write(&folder)).await.map_err(io::Error::other)?
}

#[cfg(test)]
#[path = "rollover_tests.rs"]
mod tests;
