//! The identity provider's own metadata: fetched, judged, and fetched again ahead of its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::lifetime::{RETRY_OF_ANSWERS, RETRY_OF_NOTHING, RETRY_OF_SERVERS, refresh_in, retry_in};
use super::{Fetched, METADATA_BYTES};
use crate::model::{Clock, Timestamp, Unavailable};
use crate::saml::metadata::MetadataDocument;
use crate::telemetry::Metrics;

/// A metadata document, byte for byte as the identity provider sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedMetadata {
    /// The document.
    pub body: Bytes,
    /// What it was sent as.
    pub content_type: Option<HeaderValue>,
    /// From then on it may not be shown to anybody.
    pub valid_until: Option<Timestamp>,
}

impl ForwardedMetadata {
    /// Whether it may be shown: not past its `validUntil`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| now < until)
    }
}

/// One path of the identity provider that has metadata, perhaps.
pub struct MetadataSource {
    /// The path.
    pub path: String,
    /// What is shown so far.
    pub shown: Option<ForwardedMetadata>,
    /// Tells what has ended.
    pub clock: Arc<dyn Clock>,
    /// Where each fetch is counted.
    pub metrics: Arc<Metrics>,
}

/// Why there is nothing new to show.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// No server answered.
    Down(String),
    /// The answer is something else, or has ended.
    Other(String),
}

/// How it stands; only a change is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Well,
    /// Fetching fails; what was fetched before is shown.
    Remembered,
    /// There is nothing to show.
    Forwarded,
}

impl MetadataSource {
    /// Keeps fetching, and shows each good document; what is no metadata never takes the place of one that is. Does not end,
    /// and may be dropped at any time.
    pub async fn follow<F, Answer>(mut self, mut fetch: F, mut show: impl FnMut(ForwardedMetadata))
    where
        F: FnMut() -> Answer,
        Answer: Future<Output = Result<Fetched, Unavailable>>,
    {
        let mut standing = Standing::Unknown;
        // Of one kind, in a row: whoever comes back from an outage with a page that asks to wait is asked again soon.
        let mut failures: u32 = 0;
        let mut failing = None;
        loop {
            let answer = fetch().await;
            let now = self.clock.now();
            let pause = match judge(answer, now) {
                Ok((document, pause)) => {
                    failing = None;
                    self.shown = Some(document.clone());
                    show(document);
                    self.count("success");
                    if std::mem::replace(&mut standing, Standing::Well) != Standing::Well {
                        info!(path = self.path, "the identity provider's metadata is fetched, and kept");
                    }
                    pause
                }
                Err(failure) => {
                    let same = failing.replace(failure.label()) == Some(failure.label());
                    failures = if same { failures.saturating_add(1) } else { 1 };
                    self.count(failure.label());
                    standing = self.fell(standing, &failure, now);
                    let longest = match failure {
                        Failure::Down(_) => RETRY_OF_SERVERS,
                        Failure::Other(_) if self.shown.is_some() => RETRY_OF_ANSWERS,
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
    fn fell(&self, before: Standing, why: &Failure, now: Timestamp) -> Standing {
        let path = self.path.as_str();
        let shown = self.shown.as_ref().is_some_and(|shown| shown.is_valid(now));
        let after = if shown { Standing::Remembered } else { Standing::Forwarded };
        match (after, before, why) {
            _ if after == before => {}
            (Standing::Remembered, ..) => {
                warn!(path, %why, "the identity provider's metadata cannot be fetched; what was fetched before is served");
            }
            // So it is with every other product than the one that the path is of.
            (_, Standing::Unknown, Failure::Other(_)) => {
                info!(path, %why, "the identity provider has no metadata there; requests are forwarded");
            }
            _ => warn!(path, %why, "the identity provider's metadata cannot be fetched; requests are forwarded"),
        }
        after
    }
}

/// What to show and when to fetch it anew.
fn judge(answer: Result<Fetched, Unavailable>, now: Timestamp) -> Result<(ForwardedMetadata, Duration), Failure> {
    let Fetched { server, status, headers, body } = answer.map_err(|error| Failure::Down(error.to_string()))?;
    let other = |what: String| Failure::Other(format!("{server}: {what}"));
    if status != StatusCode::OK {
        return Err(other(format!("status {}", status.as_u16())));
    }
    let document = MetadataDocument::read(&body, METADATA_BYTES).map_err(|error| other(error.to_string()))?;
    if let Some(until) = document.valid_until.filter(|until| *until <= now) {
        return Err(other(format!("its validUntil, {until}, is over")));
    }
    let pause = refresh_in(&document, &headers, now);
    let content_type = headers.get(CONTENT_TYPE).cloned();
    Ok((ForwardedMetadata { body, content_type, valid_until: document.valid_until }, pause))
}

impl Failure {
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
        let (Self::Down(why) | Self::Other(why)) = self;
        f.write_str(why)
    }
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
