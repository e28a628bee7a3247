//! A source whose documents are held whole: a file, a folder, a document behind a URL.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use reqwest::Client;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::contents::Contents;
use super::kept::{Kept, copy_of};
use super::local::{self, Mark};
use super::remote::{self, Fetched, Validators, noted};
use super::schedule::{Outcome, Pace, Schedule};
use super::{Failure, SourceStanding, Works};
use crate::config::MetadataPlace;
use crate::federation::{Fault, Objection};
use crate::model::Timestamp;
use crate::saml::metadata::ServiceProvider;

/// A pause is never slept in one piece: clocks are set, and machines sleep.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// Documents that are held whole.
pub(super) struct Held {
    name: String,
    origin: Origin,
    works: Works,
    state: ArcSwap<State>,
}

/// Where they come from.
pub(super) enum Origin {
    Local(MetadataPlace),
    Url { url: String, client: Client, kept: Option<Kept> },
}

/// What is known of them; it outlives a reload of the configuration.
#[derive(Default)]
struct State {
    contents: ArcSwapOption<Contents>,
    progress: Mutex<Progress>,
    /// Held by who asks for them.
    turn: tokio::sync::Mutex<()>,
}

/// How far asking has come.
struct Progress {
    schedule: Schedule,
    validators: Validators,
    mark: Option<Mark>,
    failure: Option<String>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { schedule: Schedule::new(), validators: Validators::default(), mark: None, failure: None }
    }
}

impl State {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub fn new(name: &str, origin: Origin, works: Works) -> Self {
        Self { name: name.to_owned(), origin, works, state: ArcSwap::default() }
    }

    pub fn works(&self) -> &Works {
        &self.works
    }

    /// Reads files and folders; what is wrong with them, or should be known.
    pub fn read_files(&self) -> Vec<Objection> {
        let Origin::Local(place) = &self.origin else { return Vec::new() };
        let now = self.works.clock.now();
        let mark = local::mark(place).ok();
        let read = local::read(place, &self.works.trust, now);
        let state = self.state.load();
        // What is wrong is read again, and told of, until it is right.
        state.progress().mark = mark.filter(|_| read.is_ok());
        let notes = match &read {
            Ok(contents) => contents.told(now),
            Err(objection) => vec![objection.clone()],
        };
        self.take(&state, read.map_err(Failure::Invalid), now, false);
        notes
    }

    /// See [`Source::begin`](super::Source::begin).
    pub fn begin(&self, earlier: Option<&Self>) {
        let earlier = earlier.filter(|earlier| earlier.works.trust.is_same(&self.works.trust));
        let now = self.works.clock.now();
        match (&self.origin, earlier) {
            // What has just been read is newer, if it was right.
            (Origin::Local(_), Some(earlier)) if self.state.load().contents.load().is_none() => {
                self.state.load().contents.store(earlier.state.load().contents.load_full());
            }
            (Origin::Local(_), _) => {}
            (Origin::Url { .. }, Some(earlier)) => self.state.store(earlier.state.load_full()),
            (Origin::Url { url, kept, .. }, None) => {
                if let Some(contents) = kept.as_ref().and_then(|kept| self.read_copy(kept, &copy_of(url), now)) {
                    self.state.load().contents.store(Some(Arc::new(contents)));
                }
            }
        }
        if let Some(contents) = &*self.state.load().contents.load() {
            self.works.metrics.holds(contents.len(), contents.valid_until);
        }
    }

    /// See [`Source::follow`](super::Source::follow).
    pub async fn follow(&self) {
        loop {
            let state = self.state.load_full();
            let turn = state.turn.lock().await;
            if state.progress().schedule.is_due(self.works.clock.now(), self.works.pace) {
                self.refresh(&state).await;
            }
            drop(turn);
            let pause = state.progress().schedule.due().since(self.works.clock.now());
            sleep(pause.min(LONGEST_NAP)).await;
        }
    }

    /// See [`Source::standing`](super::Source::standing).
    pub fn standing(&self, now: Timestamp) -> SourceStanding {
        let state = self.state.load();
        let contents = state.contents.load();
        SourceStanding {
            providers: contents.as_ref().map_or(0, |contents| contents.len()),
            believed: contents.as_ref().is_some_and(|contents| contents.is_valid(now)),
            until: contents.as_ref().and_then(|contents| contents.valid_until),
            failing: state.progress().failure.is_some(),
        }
    }

    /// See [`Source::provider`](super::Source::provider).
    pub fn provider(&self, entity_id: &str, now: Timestamp) -> Result<Option<Arc<ServiceProvider>>, String> {
        let state = self.state.load();
        match &*state.contents.load() {
            Some(contents) if contents.is_valid(now) => Ok(contents.get(entity_id, now).cloned()),
            held => {
                let what = if held.is_some() { "what there is has ended" } else { "there is nothing yet" };
                let why = state.progress().failure.clone().unwrap_or_else(|| "it is being asked".to_owned());
                Err(format!("{what}: {why}"))
            }
        }
    }

    /// Fetches or reads it anew, whatever is held, and keeps nothing of it on disk.
    pub async fn try_out(&self) -> Result<Arc<Contents>, Objection> {
        let now = self.works.clock.now();
        let tried = match &self.origin {
            Origin::Local(place) => local::read(place, &self.works.trust, now),
            Origin::Url { url, client, .. } => {
                match remote::fetch(client, url, &Validators::default(), &self.works.trust, None, None, now).await {
                    Ok(Fetched::Fresh(contents, _)) => Ok(contents),
                    Ok(Fetched::Unchanged) => Err(Objection::new(Fault::Answer, "it is as it was, which nobody asked")),
                    Err(failure) => Err(failure.into()),
                }
            }
        };
        let state = self.state.load();
        let tried = tried.map(Arc::new).inspect_err(|why| state.progress().failure = Some(why.to_string()))?;
        state.contents.store(Some(tried.clone()));
        Ok(tried)
    }

    /// See [`Source::rehearse`](super::Source::rehearse).
    pub fn rehearse(&self) {
        let state = self.state.load();
        let Origin::Url { url, kept, .. } = &self.origin else { return };
        if state.contents.load().is_none() {
            let now = self.works.clock.now();
            let copy = kept.as_ref().and_then(|kept| self.read_copy(kept, &copy_of(url), now));
            state.contents.store(copy.map(Arc::new));
            state.progress().failure.get_or_insert_with(|| super::NO_COPY.to_owned());
        }
    }

    async fn refresh(&self, state: &Arc<State>) {
        match &self.origin {
            Origin::Local(place) => self.look_again(state, place).await,
            Origin::Url { url, client, kept } => {
                let now = self.works.clock.now();
                let held = state.contents.load_full();
                // What must be had whole is not asked for by whether it has changed, and may be whatever there is.
                let valid = held.as_ref().filter(|contents| contents.is_valid(now));
                let known = valid.map(|_| state.progress().validators.clone()).unwrap_or_default();
                let before = valid.and_then(|contents| contents.created);
                let keep = kept.clone().map(|kept| (kept, copy_of(url)));
                match remote::fetch(client, url, &known, &self.works.trust, before, keep, now).await {
                    Ok(Fetched::Fresh(contents, validators)) => {
                        state.progress().validators = validators;
                        self.take(state, Ok(contents), now, true);
                    }
                    Ok(Fetched::Unchanged) => {
                        if let (Some(kept), name) = (kept.clone(), copy_of(url)) {
                            drop(spawn_blocking(move || noted(kept.confirm(&name, now))).await);
                        }
                        self.unchanged(state, held.as_deref(), now);
                    }
                    Err(failure) => self.take(state, Err(failure), now, true),
                }
            }
        }
    }

    /// Reads files again that have changed, or whose documents may have ended.
    async fn look_again(&self, state: &Arc<State>, place: &MetadataPlace) {
        let (now, place, trust) = (self.works.clock.now(), place.clone(), self.works.trust.clone());
        let before = state.progress().mark.clone();
        let held = state.contents.load_full();
        let ended = !held.as_ref().is_some_and(|held| held.is_valid(now));
        let read = spawn_blocking(move || {
            let mark = local::mark(&place).map_err(|error| Failure::Answer(error.to_string()))?;
            if !ended && before.as_ref() == Some(&mark) {
                return Ok((mark, None));
            }
            let contents = local::read(&place, &trust, now).map_err(Failure::Invalid)?;
            Ok((mark, Some(contents)))
        });
        let read =
            read.await.unwrap_or_else(|_| Err(Failure::Invalid(Objection::new(Fault::Form, "reading it broke off"))));
        match read {
            Ok((mark, contents)) => {
                state.progress().mark = Some(mark);
                match contents {
                    Some(contents) => self.take(state, Ok(contents), now, true),
                    None => self.unchanged(state, held.as_deref(), now),
                }
            }
            Err(failure) => self.take(state, Err(failure), now, true),
        }
    }

    /// Goes on with what was read, or with what was there before.
    fn take(&self, state: &State, read: Result<Contents, Failure>, now: Timestamp, tell: bool) {
        let metrics = &self.works.metrics;
        let name = self.name.as_str();
        match read {
            Ok(contents) => {
                metrics.refreshed("success", now);
                if tell {
                    let valid_until = contents.valid_until.map(|until| until.to_string());
                    let providers = contents.present(now).count();
                    info!(source = name, providers, valid_until, "metadata of service providers is read");
                    contents.told(now).iter().for_each(|told| warn!(source = name, "{told}"));
                }
                metrics.holds(contents.len(), contents.valid_until);
                self.step(state, &contents, now);
                state.contents.store(Some(Arc::new(contents)));
            }
            Err(failure) => {
                let held = state.contents.load();
                let outcome = Outcome::Failed {
                    holds: held.is_some(),
                    held_until: held.as_ref().and_then(|contents| contents.valid_until),
                };
                metrics.refreshed(failure.label(), now);
                if tell {
                    tell_failure(name, &failure, held.as_deref(), now);
                }
                let mut progress = state.progress();
                progress.schedule = progress.schedule.step(outcome, self.pace(), now);
                progress.failure = Some(failure.to_string());
            }
        }
    }

    fn unchanged(&self, state: &State, held: Option<&Contents>, now: Timestamp) {
        self.works.metrics.refreshed("unchanged", now);
        if let Some(held) = held {
            self.step(state, held, now);
        }
    }

    fn step(&self, state: &State, contents: &Contents, now: Timestamp) {
        let mut progress = state.progress();
        let Contents { valid_until, cache_duration, .. } = *contents;
        progress.schedule = progress.schedule.step(Outcome::Good { valid_until, cache_duration }, self.pace(), now);
        progress.failure = None;
    }

    /// Files are cheap to look at.
    fn pace(&self) -> Pace {
        let pace = self.works.pace;
        match self.origin {
            Origin::Local(_) => Pace { longest: pace.shortest, ..pace },
            Origin::Url { .. } => pace,
        }
    }

    fn read_copy(&self, kept: &Kept, name: &str, now: Timestamp) -> Option<Contents> {
        let source = self.name.as_str();
        let opened = kept.open(name);
        let opened = opened.inspect_err(|error| warn!(source, %error, "the copy of its metadata cannot be read"));
        let (file, _) = opened.ok()??;
        match Contents::read_from(file, &self.works.trust, now) {
            Ok(contents) => {
                info!(source, providers = contents.len(), "metadata of service providers is read from its copy");
                Some(contents)
            }
            Err(objection) => {
                warn!(source, why = %objection, "the copy of its metadata is not used");
                None
            }
        }
    }
}

/// A lie is an error: it does not go away by itself.
fn tell_failure(source: &str, failure: &Failure, held: Option<&Contents>, now: Timestamp) {
    let used = held.filter(|contents| contents.is_valid(now));
    let until = used.and_then(|contents| contents.valid_until).map(|until| until.to_string());
    let then = if used.is_some() { "what was had before is used" } else { "its service providers are refused" };
    match failure {
        Failure::Invalid(why) if why.fault.is_lasting() => {
            error!(source, %why, until, "metadata came, and is not believed; {then}");
        }
        why if used.is_some() => warn!(source, %why, until, "metadata cannot be refreshed; {then}"),
        why => warn!(source, %why, "metadata cannot be had; {then}"),
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
