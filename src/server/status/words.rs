//! What is said of a part on the status page and in the probes' `?verbose` alike.

use crate::admin::report::{Level, redacted};
use crate::proxy::ServerBehind;
use crate::server::snapshot::Snapshot;
use crate::telemetry::Metrics;

/// How the audit log is. What a sink has said of a failure is left to the log.
pub(in crate::server) fn audit(metrics: &Metrics) -> (Level, String) {
    let lost = match metrics.audit_records_lost.get() {
        0 => None,
        1 => Some("1 record was lost".to_owned()),
        lost => Some(format!("{lost} records were lost")),
    };
    match (metrics.audit_available.get(), lost) {
        (0, lost) => {
            let lost = lost.map(|lost| format!(" ({lost} already)")).unwrap_or_default();
            let waits = "cannot be written: records wait, and those there is no room for are lost";
            (Level::Failed, format!("{waits}{lost}; the log says why"))
        }
        (_, Some(lost)) => (Level::Warning, format!("is written, but {lost} since the start; the log says why")),
        (_, None) => (Level::Ok, "every record was written".to_owned()),
    }
}

/// How a server behind is.
pub(super) fn server_behind(how: ServerBehind) -> (Level, &'static str) {
    match how {
        ServerBehind::Unknown => (Level::Unknown, "has not been asked yet"),
        ServerBehind::Answers => (Level::Ok, "answers"),
        ServerBehind::Failing => (Level::Failed, "did not answer when it was last asked"),
        ServerBehind::Unhealthy => (Level::Failed, "does not answer health requests as it should"),
    }
}

/// How each server behind is, in lines.
pub(in crate::server) fn upstream(snapshot: &Snapshot) -> String {
    let line = |(name, how): (String, ServerBehind)| format!("{}: {}", redacted(&name), server_behind(how).1);
    snapshot.proxy().servers().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// With a capital at its beginning and a full stop at its end.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_log_that_waits_is_never_said_to_be_written() {
        for (available, lost, level, says) in [
            (1, 0, Level::Ok, "every record was written"),
            (1, 1, Level::Warning, "is written, but 1 record was lost since the start; the log says why"),
            (1, 7, Level::Warning, "is written, but 7 records were lost since the start; the log says why"),
            (
                0,
                0,
                Level::Failed,
                "cannot be written: records wait, and those there is no room for are lost; the log says why",
            ),
            (
                0,
                7,
                Level::Failed,
                "cannot be written: records wait, and those there is no room for are lost (7 records were lost already); \
                 the log says why",
            ),
        ] {
            let metrics = Metrics::new().unwrap();
            metrics.audit_available.set(available);
            metrics.audit_records_lost.inc_by(lost);
            assert_eq!(audit(&metrics), (level, says.to_owned()));
        }
    }
}
