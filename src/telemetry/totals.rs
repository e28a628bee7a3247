//! What has happened so far, in few numbers: for the status page. Coarser than the metrics on purpose. Whether a name is
//! known, and whether a password was right although it did not help, is told by no difference between two of them.

use prometheus::IntCounterVec;
use prometheus::core::Metric;

use super::metrics::{BUCKETS, CLASSES, METHODS, Metrics};

/// How many buckets there are, with the last, of what took longer than any of the others.
const DURATIONS: usize = BUCKETS.len() + 1;

/// Counts since the process began, or of a part of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sign-ins that succeeded.
    pub signed_in: u64,
    /// Sign-ins that were refused, for whatever reason but the next one.
    pub refused: u64,
    /// Sign-ins that the guard kept from being tried.
    pub locked: u64,
    /// Sign-ins about which a dependency could say nothing.
    pub unavailable: u64,
    /// Tokens issued.
    pub tokens: u64,
    /// Requests forwarded and answered.
    pub forwarded: u64,
    /// Those of them whose answer was an error of a server (5xx).
    pub forward_errors: u64,
    /// Sign-ins for which a remembered bind, or one that was under way, was enough.
    pub cache_hits: u64,
    /// Sign-ins that looked for one.
    pub cache_lookups: u64,
    /// How long servers behind took, by bucket: see [`Totals::answered_within`].
    pub durations: [u64; DURATIONS],
}

impl Totals {
    /// What happened since `earlier`.
    #[must_use]
    pub fn since(self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub)
    }

    /// This and the other.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// In how many seconds servers behind answered this share of what was forwarded; `None` where nothing was. As Prometheus
    /// estimates it: evenly within a bucket; the last one's beginning where it is in that.
    pub fn answered_within(&self, share: f64) -> Option<f64> {
        let all: u64 = self.durations.iter().sum();
        if all == 0 {
            return None;
        }
        let rank = share * all as f64;
        let (mut below, mut from) = (0.0, 0.0);
        for (count, to) in self.durations.iter().zip(BUCKETS) {
            let count = *count as f64;
            if count > 0.0 && below + count >= rank {
                return Some(from + (to - from) * (rank - below) / count);
            }
            (below, from) = (below + count, to);
        }
        Some(from)
    }

    fn with(self, other: &Self, of: impl Fn(u64, u64) -> u64) -> Self {
        let mut durations = self.durations;
        durations.iter_mut().zip(other.durations).for_each(|(own, other)| *own = of(*own, other));
        Self {
            signed_in: of(self.signed_in, other.signed_in),
            refused: of(self.refused, other.refused),
            locked: of(self.locked, other.locked),
            unavailable: of(self.unavailable, other.unavailable),
            tokens: of(self.tokens, other.tokens),
            forwarded: of(self.forwarded, other.forwarded),
            forward_errors: of(self.forward_errors, other.forward_errors),
            cache_hits: of(self.cache_hits, other.cache_hits),
            cache_lookups: of(self.cache_lookups, other.cache_lookups),
            durations,
        }
    }
}

impl Metrics {
    /// What has happened so far.
    pub fn totals(&self) -> Totals {
        let sum = |counters: &IntCounterVec, rows: &[&[&str]]| -> u64 {
            rows.iter().map(|row| counters.with_label_values(row).get()).sum()
        };
        let signed =
            |results: &[&str]| -> u64 { results.iter().map(|one| sum(&self.authentications, &[&[one]])).sum() };
        let all: u64 = signed(&Self::AUTHENTICATIONS);
        let (signed_in, locked, unavailable) =
            (signed(&["success"]), signed(&["locked", "throttled"]), signed(&["unavailable"]));
        let forwarded = |classes: &[&str]| -> u64 {
            let each = METHODS.iter().flat_map(|method| classes.iter().map(move |class| ["forward", *method, *class]));
            each.map(|row| self.http_requests.with_label_values(&row).get()).sum()
        };
        let binds = |result| sum(&self.cache_requests, &[&["bind", result]]);
        let hits = binds("hit") + binds("coalesced");
        let tokens = ["wstrust13", "wstrust2005", "ecp"].iter().flat_map(|protocol| {
            ["saml11", "saml20"].map(|token| self.tokens_issued.with_label_values(&[*protocol, token]).get())
        });
        Totals {
            signed_in,
            refused: all.saturating_sub(signed_in + locked + unavailable),
            locked,
            unavailable,
            tokens: tokens.sum(),
            forwarded: forwarded(&CLASSES),
            forward_errors: forwarded(&["5xx"]),
            cache_hits: hits,
            cache_lookups: hits + binds("miss"),
            durations: self.durations(),
        }
    }

    fn durations(&self) -> [u64; DURATIONS] {
        let metric = self.upstream_request_duration.with_label_values::<&str>(&[]).metric();
        let histogram = metric.get_histogram();
        let ends = histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count());
        let mut durations = [0; DURATIONS];
        let mut below = 0;
        for (count, end) in durations.iter_mut().zip(ends.chain([histogram.get_sample_count()])) {
            (*count, below) = (end.saturating_sub(below), end);
        }
        durations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_without_telling_known_names_from_unknown_ones() {
        let metrics = Metrics::new().unwrap();
        let before = metrics.totals();
        assert_eq!(before, Totals::default());
        for (at, result) in Metrics::AUTHENTICATIONS.iter().enumerate() {
            metrics.authentications.with_label_values(&[*result]).inc_by(1 << at);
        }
        let totals = metrics.totals();
        let of = |results: &[&str]| -> u64 {
            let at = |result: &&str| Metrics::AUTHENTICATIONS.iter().position(|other| other == result).unwrap();
            results.iter().map(|result| 1 << at(result)).sum()
        };
        assert_eq!((totals.signed_in, totals.unavailable), (of(&["success"]), of(&["unavailable"])));
        assert_eq!(totals.locked, of(&["locked", "throttled"]));
        let refused = ["bad_credentials", "unknown_user", "wrong_group", "access", "account", "expired", "malformed"];
        assert_eq!(totals.refused, of(&refused));
    }

    #[test]
    fn tokens_forwarded_requests_and_the_cache_are_summed() {
        let metrics = Metrics::new().unwrap();
        metrics.tokens_issued.with_label_values(&["ecp", "saml20"]).inc_by(2);
        metrics.tokens_issued.with_label_values(&["wstrust13", "saml11"]).inc_by(3);
        metrics.http_requests.with_label_values(&["forward", "GET", "2xx"]).inc_by(5);
        metrics.http_requests.with_label_values(&["forward", "POST", "5xx"]).inc();
        metrics.http_requests.with_label_values(&["sts", "POST", "5xx"]).inc_by(100);
        for (result, count) in [("hit", 6), ("coalesced", 1), ("miss", 3)] {
            metrics.cache_requests.with_label_values(&["bind", result]).inc_by(count);
        }
        let Totals { tokens, forwarded, forward_errors, cache_hits, cache_lookups, .. } = metrics.totals();
        assert_eq!((tokens, forwarded, forward_errors, cache_hits, cache_lookups), (5, 6, 1, 7, 10));
    }

    #[test]
    fn a_share_is_answered_within_a_time() {
        let metrics = Metrics::new().unwrap();
        assert_eq!(metrics.totals().answered_within(0.95), None);
        let observe = |seconds, times: usize| {
            let duration = metrics.upstream_request_duration.with_label_values::<&str>(&[]);
            (0..times).for_each(|_| duration.observe(seconds));
        };
        observe(0.02, 90);
        observe(0.3, 10);
        let before = metrics.totals();
        let near = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?}");
        near(before.answered_within(0.45), 0.0175);
        near(before.answered_within(0.95), 0.375);
        observe(60.0, 10);
        near(metrics.totals().since(&before).answered_within(0.5), 10.0);
        near(metrics.totals().since(&before).plus(&before).answered_within(0.45), 0.01 + 0.015 * 49.5 / 90.0);
    }
}
