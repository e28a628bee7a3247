//! Steps of whatever request is being answered here. Where none is, or it is not sampled, they cost next to nothing.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

/// What makes the spans of a trace, kept with the trace.
pub(super) struct Own(pub(super) SdkTracer);

/// Takes a step, told as a span of its own; what it does is told within that. It comes pinned: a future that is handed over
/// takes its room twice, and is copied on the way.
pub async fn step<F: Future + Unpin>(name: &'static str, taken: F) -> F::Output {
    let context =
        in_a_trace(|tracer, context| context.with_span(tracer.span_builder(name).start_with_context(tracer, context)));
    match context {
        None => taken.await,
        Some(context) => taken.with_context(context).await,
    }
}

/// Tells of a step at its end: somebody else was asked, and that took so long. `failed` is why they gave no answer.
#[expect(clippy::disallowed_methods, reason = "the other spans have the time of the library that makes them")]
pub fn did(name: &'static str, took: Duration, said: impl FnOnce() -> Vec<(&'static str, String)>, failed: bool) {
    in_a_trace(|tracer, context| {
        let end = SystemTime::now();
        let said = said().into_iter().map(|(key, value)| KeyValue::new(key, value));
        let builder = tracer.span_builder(name).with_kind(SpanKind::Client).with_attributes(said);
        let builder = builder.with_start_time(end.checked_sub(took).unwrap_or(end));
        let context = context.with_span(builder.start_with_context(tracer, context));
        let span = context.span();
        if failed {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(end);
    });
}

/// Notes something of the request, or of the step within it.
pub fn note(key: &'static str, value: &'static str) {
    in_a_trace(|_, context| context.span().set_attribute(KeyValue::new(key, value)));
}

/// Has a task of its own be told within what is being done here.
pub fn carried<F: Future>(task: F) -> impl Future<Output = F::Output> + use<F> {
    task.with_current_context()
}

fn in_a_trace<T>(act: impl FnOnce(&SdkTracer, &Context) -> T) -> Option<T> {
    let context = Context::map_current(|context| {
        let recorded = context.has_active_span() && context.span().span_context().is_sampled();
        recorded.then(|| context.clone())
    })?;
    let Own(tracer) = context.get::<Own>()?;
    Some(act(tracer, &context))
}
