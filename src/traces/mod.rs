//! OpenTelemetry traces: a span of each request that is sampled, with one of each step that costs time, to a collector.
//!
//! No span has a user's name, a password, an address of a client or a query in it. A path is in it where it is one of ours:
//! what is forwarded may name anybody in its path, and is found in the access log by `trace_id`.

mod export;
mod queue;
mod request;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::time::timeout;
use tracing::warn;

use self::queue::Queue;
use crate::telemetry::Metrics;

pub use self::export::{Exporter, ExporterError};
pub use self::request::{Asked, RequestTrace};
pub use self::steps::{carried, did, note, step};

/// What the end of a process waits for a collector.
const FAREWELL: Duration = Duration::from_secs(1);

/// What carries a trace from one service to the next (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
/// What else the services on the way want to know.
pub const TRACESTATE: &str = "tracestate";

/// Makes spans and has them sent.
pub struct Traces {
    tracer: SdkTracer,
    queue: Arc<Queue>,
}

impl Traces {
    /// Begins to send, on the current tokio runtime, until it is dropped.
    pub fn begin(exporter: Exporter, metrics: &Metrics) -> Self {
        let resource = exporter.resource();
        let ratio = Sampler::TraceIdRatioBased(exporter.sample_ratio);
        let queue = Arc::new(Queue::begin(exporter, metrics));
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource)
            .with_span_processor(queue.processor())
            .build();
        Self { tracer: provider.tracer("fedfront"), queue }
    }

    /// The trace of a request that has come. `parent` are its headers, where they are to be believed.
    pub fn request(&self, asked: &Asked<'_>, parent: Option<&HeaderMap<HeaderValue>>) -> RequestTrace {
        RequestTrace::begin(&self.tracer, asked, parent)
    }

    /// Sends what there is, for a second at most.
    pub async fn flush(&self) {
        if timeout(FAREWELL, self.queue.flush()).await.is_err() {
            warn!("the collector of traces does not answer; the last ones are lost");
        }
    }
}
