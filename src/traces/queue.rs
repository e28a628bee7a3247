//! Spans on their way out: a bounded number waits, and whoever ends one never does.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::export::Exporter;
use crate::telemetry::{IntCounter, Metrics};

/// Spans that may wait.
const WAITING: usize = 4096;
/// Spans sent at once.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);

/// Where spans are put that have ended.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    flush: mpsc::Sender<oneshot::Sender<()>>,
    dropped: IntCounter,
}

impl Queue {
    /// Starts the task that sends them; it ends when nobody can put any more.
    pub fn begin(exporter: Exporter, metrics: &Metrics) -> Self {
        let (spans, coming) = mpsc::channel(WAITING);
        let (flush, asked) = mpsc::channel(1);
        let count = |result| metrics.trace_spans.with_label_values(&[result]);
        let resource = exporter.resource();
        let (exported, failed) = (count("exported"), count("failed"));
        let sender = Sender { exporter, resource, exported, failed, failing: false };
        tokio::spawn(sender.send_all(coming, asked));
        Self { spans, flush, dropped: count("dropped") }
    }

    /// What hands ended spans over.
    pub fn processor(self: &Arc<Self>) -> impl SpanProcessor + 'static {
        Processor(self.clone())
    }

    /// Returns when what was put before is sent, or cannot be.
    pub async fn flush(&self) {
        let (done, sent) = oneshot::channel();
        if self.flush.send(done).await.is_ok() {
            // It has ended, if this fails.
            let _ = sent.await;
        }
    }
}

#[derive(Debug)]
struct Processor(Arc<Queue>);

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.spans.try_send(span).is_err() {
            self.0.dropped.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends one batch after the other.
struct Sender {
    exporter: Exporter,
    resource: Resource,
    exported: IntCounter,
    failed: IntCounter,
    failing: bool,
}

impl Sender {
    async fn send_all(mut self, mut coming: mpsc::Receiver<SpanData>, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            tokio::select! {
                count = coming.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    let done = gather(&mut batch, &mut coming, &mut asked).await;
                    self.send(batch).await;
                    if let Some(done) = done {
                        self.send_rest(&mut coming, done).await;
                    }
                }
                Some(done) = asked.recv() => self.send_rest(&mut coming, done).await,
            }
        }
    }

    async fn send_rest(&mut self, coming: &mut mpsc::Receiver<SpanData>, done: oneshot::Sender<()>) {
        while let Ok(first) = coming.try_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(next) = coming.try_recv()
            {
                batch.push(next);
            }
            self.send(batch).await;
        }
        // Whoever asked may have stopped waiting.
        let _ = done.send(());
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let refused = match self.exporter.send(batch, &self.resource).await {
            Ok(refused) => {
                if std::mem::take(&mut self.failing) {
                    info!("the collector of traces takes spans again");
                }
                refused.min(count)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(error, "the collector of traces takes no spans; they are lost");
                }
                count
            }
        };
        self.failed.inc_by(refused);
        self.exported.inc_by(count - refused);
    }
}

/// Waits for more, unless somebody wants all to be sent; them it returns.
async fn gather(
    batch: &mut Vec<SpanData>,
    coming: &mut mpsc::Receiver<SpanData>,
    asked: &mut mpsc::Receiver<oneshot::Sender<()>>,
) -> Option<oneshot::Sender<()>> {
    let until = Instant::now() + GATHERING;
    while batch.len() < BATCH {
        let room = BATCH - batch.len();
        tokio::select! {
            more = timeout_at(until, coming.recv_many(batch, room)) => match more {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            },
            Some(done) = asked.recv() => return Some(done),
        }
    }
    None
}
