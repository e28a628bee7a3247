//! The identity provider's own metadata, fetched again ahead of its end for as long as somebody wants it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{debug, error, info, warn};

use super::lifetime::{RETRY_OF_ANSWERS, RETRY_OF_NOTHING, RETRY_OF_SERVERS, retry_in};
use super::{Fault, Fetched, Objection};
use crate::model::{Clock, Timestamp, Unavailable};
use crate::telemetry::Metrics;

/// A document that is shown until there is a newer one.
pub trait KeptDocument: Clone + Send + 'static {
    /// What is done where there is none, for the log.
    const WITHOUT: &'static str;
    /// Whether it may well be that there is none.
    const IS_OPTIONAL: bool;

    /// Whether it may be shown: not past its `validUntil`.
    fn is_valid(&self, now: Timestamp) -> bool;
}

/// One path of the identity provider that has metadata, perhaps.
pub struct MetadataSource<D> {
    /// The path.
    pub path: String,
    /// What is shown so far.
    pub shown: Option<D>,
    /// Tells what has ended.
    pub clock: Arc<dyn Clock>,
    /// Where each fetch is counted.
    pub metrics: Arc<Metrics>,
}

/// Why there is nothing new to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No server answered.
    Down(String),
    /// The answer is something else, or is not believed.
    Other(Objection),
}

/// How it stands; only a change is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Unknown,
    Well,
    /// Fetching fails; what was fetched before is shown. Whether something came that is not believed, which is told even where
    /// nothing had come before.
    Remembered {
        disbelieved: bool,
    },
    /// There is nothing to show, likewise.
    Without {
        disbelieved: bool,
    },
}

impl<D: KeptDocument> MetadataSource<D> {
    /// Keeps fetching, and shows each good document; what is no metadata never takes the place of one that is. `judge` says
    /// what to show of an answer with status 200 and when to fetch it anew, or what is wrong with it, off the threads that
    /// serve: documents are long, perhaps, and signatures are verified. Does not end, and may be dropped at any time.
    pub async fn follow<F, Answer, Shown>(
        mut self,
        mut fetch: F,
        judge: impl Fn(&Fetched, Timestamp) -> Result<(D, Duration), Objection> + Send + Sync + 'static,
        mut show: impl FnMut(D) -> Shown,
    ) where
        F: FnMut() -> Answer,
        Answer: Future<Output = Result<Fetched, Unavailable>>,
        Shown: Future<Output = ()>,
    {
        let mut standing = Standing::Unknown;
        // Of one kind, in a row: whoever comes back from an outage with a page that asks to wait is asked again soon.
        let mut failures: u32 = 0;
        let mut failing = None;
        let judge = Arc::new(judge);
        loop {
            let answer = fetch().await;
            let (now, judge) = (self.clock.now(), judge.clone());
            let judging = spawn_blocking(move || judged(answer, |answer| judge(answer, now)));
            let judged = judging
                .await
                .unwrap_or_else(|_| Err(Failure::Other(Objection::new(Fault::Form, "reading it broke off"))));
            let pause = match judged {
                Ok((document, pause)) => {
                    failing = None;
                    self.shown = Some(document.clone());
                    show(document).await;
                    self.count("success");
                    if std::mem::replace(&mut standing, Standing::Well) != Standing::Well {
                        info!(path = self.path, "the identity provider's metadata is fetched, and kept");
                    }
                    pause
                }
                Err(failure) => {
                    let same = failing.replace(failure.label()) == Some(failure.label());
                    failures = if same { failures.saturating_add(1) } else { 1 };
                    standing = self.fell(standing, &failure, now);
                    self.count(failure.label());
                    let longest = match failure {
                        Failure::Down(_) => RETRY_OF_SERVERS,
                        Failure::Other(_) if self.shown.is_some() || !D::IS_OPTIONAL => RETRY_OF_ANSWERS,
                        Failure::Other(_) => RETRY_OF_NOTHING,
                    };
                    retry_in(failures, longest)
                }
            };
            debug!(path = self.path, ?pause, "metadata is fetched again after a pause");
            sleep(pause).await;
        }
    }

    fn count(&self, result: &str) {
        self.metrics.metadata_refreshes.with_label_values(&[result]).inc();
    }

    /// How it stands after a failure.
    pub(super) fn fell(&self, before: Standing, why: &Failure, now: Timestamp) -> Standing {
        let path = self.path.as_str();
        let shown = self.shown.as_ref().is_some_and(|shown| shown.is_valid(now));
        let was =
            matches!(before, Standing::Remembered { disbelieved: true } | Standing::Without { disbelieved: true });
        let disbelieved = was || why.is_lasting();
        let after = if shown { Standing::Remembered { disbelieved } } else { Standing::Without { disbelieved } };
        let then = if shown { "what was fetched before is served" } else { D::WITHOUT };
        match (before, why) {
            _ if after == before => {}
            // So it is with every other product than the one that the path is of.
            (Standing::Unknown, Failure::Other(_)) if D::IS_OPTIONAL && !shown => {
                info!(path, %why, "the identity provider has no metadata there; {then}");
            }
            (_, why) if why.is_lasting() => {
                error!(path, %why, "the identity provider's metadata is fetched, and not believed; {then}");
            }
            (_, Failure::Other(Objection { fault: Fault::Form, .. })) => {
                warn!(path, %why, "the identity provider answers with something else than its metadata; {then}");
            }
            _ => warn!(path, %why, "the identity provider's metadata cannot be fetched; {then}"),
        }
        after
    }
}

/// What an answer is good for.
pub(super) fn judged<T>(
    answer: Result<Fetched, Unavailable>,
    judge: impl FnOnce(&Fetched) -> Result<T, Objection>,
) -> Result<T, Failure> {
    let answer = answer.map_err(|error| Failure::Down(error.to_string()))?;
    let judged = match answer.status {
        StatusCode::OK => judge(&answer),
        other => Err(Objection::new(Fault::Answer, format!("status {}", other.as_u16()))),
    };
    judged.map_err(|objection| Failure::Other(objection.of(&answer.server)))
}

/// Nothing is shown that has ended.
pub(super) fn not_over(valid_until: Option<Timestamp>, now: Timestamp) -> Result<(), Objection> {
    match valid_until {
        Some(until) if until <= now => Err(Objection::new(Fault::Ended, format!("its validUntil, {until}, is over"))),
        _ => Ok(()),
    }
}

impl Failure {
    /// Whether it does not go away by itself.
    fn is_lasting(&self) -> bool {
        matches!(self, Self::Other(objection) if objection.fault.is_lasting())
    }

    /// The label of metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::Down(_) => "unavailable",
            Self::Other(_) => "invalid",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(why) => f.write_str(why),
            Self::Other(why) => why.fmt(f),
        }
    }
}
