//! Which request a line of the log is about. Only lines below `info` that are not about a request as a whole need it.

use std::sync::Arc;

use futures::future::Either;
use tracing::level_filters::LevelFilter;

tokio::task_local! {
    static CORRELATION_ID: Arc<str>;
}

/// Has what `answering` logs know the request by its correlation id, if anything is logged at `debug`; else nothing is kept.
/// It comes pinned, so that it takes its room once.
pub async fn answering<F: Future + Unpin>(correlation_id: &str, answering: F) -> F::Output {
    if LevelFilter::current() < LevelFilter::DEBUG {
        return answering.await;
    }
    CORRELATION_ID.scope(correlation_id.into(), answering).await
}

/// Has a task of its own know the request that it is for.
pub fn still_answering<F: Future>(task: F) -> impl Future<Output = F::Output> + use<F> {
    match correlation_id() {
        Some(id) => Either::Left(CORRELATION_ID.scope(id, task)),
        None => Either::Right(task),
    }
}

/// That of the request which is being answered here, if that is known.
pub fn correlation_id() -> Option<Arc<str>> {
    CORRELATION_ID.try_with(Arc::clone).ok()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::super::testing::Said;
    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn a_line_and_those_of_tasks_for_it_bear_the_requests_correlation_id_in_either_format() {
        for (format, field) in
            [(LogFormat::Text, "correlation_id=\"c1\""), (LogFormat::Json, "\"correlation_id\":\"c1\"")]
        {
            let said = Said::default();
            said.hears_at("info,fedfront::directory=debug", format, || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let speak = || async {
                    tracing::debug!(target: "fedfront::directory", correlation_id = correlation_id().as_deref(), "found");
                };
                runtime.block_on(async {
                    speak().await;
                    let task = async { tokio::spawn(still_answering(speak())).await.unwrap() };
                    answering("c1", pin!(task)).await;
                });
            });
            let lines = said.lines();
            let [without, with] = lines.as_slice() else { panic!("{lines:?}") };
            assert!(with.contains(field) && !without.contains("correlation_id"), "{lines:?}");
        }
    }
}
