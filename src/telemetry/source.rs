//! What is counted of one source of metadata. Its name is the operator's, so that there are as many as are configured.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::model::Timestamp;

/// The metrics of every source.
pub(super) struct AllSources {
    /// `source`, `result`: see [`REFRESHES`].
    pub refreshes: IntCounterVec,
    /// `source`, `result`: see [`LOOKUPS`].
    pub lookups: IntCounterVec,
    /// `source`.
    pub providers: IntGaugeVec,
    /// `source`.
    pub last_success: GaugeVec,
    /// `source`.
    pub not_after: GaugeVec,
}

/// What came of asking a source: another document, the same as before, none, none for the one entity that was asked for, one
/// that is not believed.
const REFRESHES: [&str; 5] = ["success", "unchanged", "unavailable", "refused", "invalid"];
/// What came of asking for an entity: it is known, it is not, nobody can say.
const LOOKUPS: [&str; 3] = ["found", "unknown", "unavailable"];

/// The metrics of one source.
#[derive(Clone)]
pub struct SourceMetrics {
    refreshes: Vec<IntCounter>,
    /// Service providers that were asked for and are known.
    pub found: IntCounter,
    /// Those that are not.
    pub unknown: IntCounter,
    /// Those of which it cannot be said.
    pub unavailable: IntCounter,
    providers: IntGauge,
    last_success: Gauge,
    not_after: Gauge,
}

impl AllSources {
    /// Those of one, each there from the start.
    pub fn of(&self, source: &str) -> SourceMetrics {
        let [found, unknown, unavailable] = LOOKUPS.map(|result| self.lookups.with_label_values(&[source, result]));
        SourceMetrics {
            refreshes: REFRESHES.map(|result| self.refreshes.with_label_values(&[source, result])).to_vec(),
            found,
            unknown,
            unavailable,
            providers: self.providers.with_label_values(&[source]),
            last_success: self.last_success.with_label_values(&[source]),
            not_after: self.not_after.with_label_values(&[source]),
        }
    }

    /// Forgets a source that is configured no longer. What is not there cannot be removed, and need not be.
    pub fn forget(&self, source: &str) {
        REFRESHES.iter().for_each(|result| drop(self.refreshes.remove_label_values(&[source, result])));
        LOOKUPS.iter().for_each(|result| drop(self.lookups.remove_label_values(&[source, result])));
        drop(self.providers.remove_label_values(&[source]));
        drop(self.last_success.remove_label_values(&[source]));
        drop(self.not_after.remove_label_values(&[source]));
    }
}

impl SourceMetrics {
    /// It was asked: one of `success`, `unchanged`, `unavailable`, `refused`, `invalid`.
    pub fn refreshed(&self, result: &str, now: Timestamp) {
        let counters = REFRESHES.iter().zip(&self.refreshes).filter(|(label, _)| **label == result);
        counters.for_each(|(_, counter)| counter.inc());
        if matches!(result, "success" | "unchanged") {
            self.last_success.set(now.unix_seconds());
        }
    }

    /// What is held of it, and until when that may be believed.
    pub fn holds(&self, providers: usize, until: Option<Timestamp>) {
        self.providers.set(i64::try_from(providers).unwrap_or(i64::MAX));
        self.not_after.set(until.map_or(0.0, Timestamp::unix_seconds));
    }
}
