//! How long a fetched document is kept before it is fetched again.

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

use crate::model::Timestamp;

/// The lifetime of a document that says nothing of it.
const USUAL: Duration = Duration::from_secs(3600);
/// Whatever an identity provider says, it is not asked more often, unless a document ends before.
const SHORTEST: Duration = Duration::from_secs(60);
/// Nor is a change of it noticed later.
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// Between two fetches of a document that is about to end.
const LEAST_PAUSE: Duration = Duration::from_secs(5);
/// The first pause after a failure, doubled with each one more.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest pause until servers that are down are asked again.
pub(super) const RETRY_OF_SERVERS: Duration = Duration::from_secs(60);
/// The same where they answer, but not with the metadata that was there before.
pub(super) const RETRY_OF_ANSWERS: Duration = Duration::from_secs(300);
/// The same where there never was any: another product's path, most likely.
pub(super) const RETRY_OF_NOTHING: Duration = Duration::from_secs(3600);

/// What a document says of its own lifetime.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lifetime {
    pub valid_until: Option<Timestamp>,
    pub cache_duration: Option<Duration>,
}

/// When to fetch a document anew that was fetched `now`: after three quarters of its lifetime, as Shibboleth does. That is
/// the shorter of its `cacheDuration` and HTTP's `max-age`, within a minute and 6 h. If it is sooner, after a quarter of the
/// time until its `validUntil`: the rest is for outages, for nothing is shown beyond. Of less than a few minutes it is up to
/// three quarters, too, so as not to ask every few seconds.
pub(super) fn refresh_in(document: Lifetime, headers: &HeaderMap, now: Timestamp) -> Duration {
    let left = document.valid_until.map(|until| until.since(now));
    let usual = if left.is_some() { LONGEST } else { USUAL };
    let hint = [document.cache_duration, max_age(headers)].into_iter().flatten().min();
    let by_hint = hint.unwrap_or(usual).clamp(SHORTEST, LONGEST) / 4 * 3;
    let by_end = left.map(|left| (left / 4).max(left.min(SHORTEST) / 4 * 3));
    by_end.map_or(by_hint, |by_end| by_hint.min(by_end)).max(LEAST_PAUSE)
}

/// When to try again after so many failures in a row.
pub(super) fn retry_in(failures: u32, longest: Duration) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
}

/// HTTP's own hint (RFC 9111, 5.2.2). What must not be stored is as short-lived as anything: application servers say so of
/// every page, and metadata is for everybody.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
    let age = |directive: &str| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => value.trim().trim_matches('"').parse().ok(),
            _ => None,
        }
    };
    lines.flat_map(|line| line.split(',')).filter_map(age).min().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;
    const DAY: u64 = 86_400;

    #[test]
    fn a_document_is_fetched_anew_ahead_of_its_end() {
        let now = Timestamp::from_unix_millis(1_767_225_600_000);
        for (valid_for, cache_duration, cache_control, expected) in [
            (None, None, "", 45 * MINUTE),
            (None, Some(4 * HOUR), "", 3 * HOUR),
            (None, Some(DAY), "", 6 * HOUR / 4 * 3),
            (None, Some(1), "", 45),
            (None, None, "max-age=7200", 90 * MINUTE),
            (None, None, "public, MAX-AGE=\"7200\"", 90 * MINUTE),
            (None, None, "max-age=soon", 45 * MINUTE),
            (None, None, "no-store", 45),
            (None, None, "max-age=7200, no-cache", 45),
            (None, Some(4 * HOUR), "max-age=7200", 90 * MINUTE),
            (None, Some(HOUR), "max-age=7200", 45 * MINUTE),
            (Some(14 * DAY), None, "", 6 * HOUR / 4 * 3),
            (Some(14 * DAY), Some(2 * HOUR), "", 90 * MINUTE),
            (Some(14 * DAY), None, "max-age=3600", 45 * MINUTE),
            (Some(18 * HOUR), None, "", 6 * HOUR / 4 * 3),
            // Most of its time is left for outages; WSO2's documents have an hour.
            (Some(16 * HOUR), None, "", 4 * HOUR),
            (Some(2 * HOUR), None, "", 30 * MINUTE),
            (Some(2 * HOUR), Some(4 * HOUR), "", 30 * MINUTE),
            (Some(2 * HOUR), Some(HOUR), "", 30 * MINUTE),
            (Some(2 * HOUR), Some(20 * MINUTE), "", 15 * MINUTE),
            (Some(HOUR), None, "", 15 * MINUTE),
            (Some(HOUR), None, "no-store", 45),
            (Some(8 * MINUTE), None, "", 2 * MINUTE),
            // A minute at least, but not beyond its end.
            (Some(2 * MINUTE), None, "", 45),
            (Some(40), None, "", 30),
            (Some(40), Some(10), "no-store", 30),
            (Some(2), None, "", 5),
        ] {
            let mut headers = HeaderMap::new();
            if !cache_control.is_empty() {
                headers.insert(CACHE_CONTROL, cache_control.parse().unwrap());
            }
            let document = Lifetime {
                valid_until: valid_for.map(|seconds| now.plus(Duration::from_secs(seconds))),
                cache_duration: cache_duration.map(Duration::from_secs),
            };
            let pause = refresh_in(document, &headers, now).as_secs();
            assert_eq!(pause, expected, "{valid_for:?} {cache_duration:?} {cache_control:?}");
        }
    }

    #[test]
    fn failures_are_tried_again_ever_less_often() {
        for (failures, of_servers, of_answers) in
            [(1, 1, 1), (2, 2, 2), (6, 32, 32), (7, 60, 64), (10, 60, 300), (u32::MAX, 60, 300)]
        {
            assert_eq!(retry_in(failures, RETRY_OF_SERVERS).as_secs(), of_servers, "{failures}");
            assert_eq!(retry_in(failures, RETRY_OF_ANSWERS).as_secs(), of_answers, "{failures}");
        }
    }
}
