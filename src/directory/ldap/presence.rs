//! What is counted of the connections in pools.

use std::sync::Arc;

use crate::telemetry::Metrics;

/// Counts a connection as idle or busy for as long as it exists.
pub(super) struct Presence {
    metrics: Arc<Metrics>,
    state: &'static str,
}

impl Presence {
    pub(super) fn busy(metrics: Arc<Metrics>) -> Self {
        metrics.ldap_connections.with_label_values(&["busy"]).inc();
        Self { metrics, state: "busy" }
    }

    /// From now on it is `busy` or `idle`.
    pub(super) fn set(&mut self, state: &'static str) {
        self.metrics.ldap_connections.with_label_values(&[self.state]).dec();
        self.metrics.ldap_connections.with_label_values(&[state]).inc();
        self.state = state;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.metrics.ldap_connections.with_label_values(&[self.state]).dec();
    }
}
