//! What is told of the guard.

use std::time::Duration;

use ipnet::IpNet;
use prometheus::{IntCounter, IntCounterVec, IntGauge};
use serde_json::json;

use super::metrics::Maker;
use super::record::line_of;
use crate::model::Timestamp;

/// Metrics of the guard.
pub struct GuardMetrics {
    /// `reason`: see [`GuardMetrics::REASONS`]; `mode`: `enforced`, `observed`.
    pub refusals: IntCounterVec,
    /// 1 while so many names fail that it is password spraying.
    pub spray_active: IntGauge,
    /// How often that began.
    pub sprays_detected: IntCounter,
}

impl GuardMetrics {
    /// Why a password is not tried: too many failures of the entry, binds that were not answered, the same wrong password a
    /// moment ago, too many failures from the network.
    pub const REASONS: [&str; 4] = ["locked", "unanswered", "known_wrong", "throttled"];

    pub(super) fn new(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            refusals: make.counter(
                "guard_refusals_total",
                "Passwords that the guard kept from being tried, or would have.",
                &[("reason", &Self::REASONS), ("mode", &["enforced", "observed"])],
            )?,
            spray_active: make.gauge("spray_active", "1 while so many names fail that it is password spraying.")?,
            sprays_detected: make.count("sprays_detected_total", "Password sprays that began.")?,
        })
    }
}

/// Whether a password came from where the user signed in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditPlace {
    /// It did.
    Familiar,
    /// It did not, or nobody has the name.
    Unknown,
}

impl AuditPlace {
    /// The label in audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Familiar => "familiar",
            Self::Unknown => "unknown",
        }
    }
}

/// What the guard said to a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditGuard {
    /// By which rule it was refused.
    pub rule: &'static str,
    /// Whether it was; else it would have been.
    pub enforced: bool,
}

impl AuditGuard {
    /// The text in audit records: the rule, or `observed:` and the rule.
    pub(super) fn text(self) -> String {
        if self.enforced { self.rule.to_owned() } else { format!("observed:{}", self.rule) }
    }
}

/// A password spray that began or ended: no request's record, and told apart from one by its key `event`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SprayRecord {
    /// When it was noticed.
    pub time: Timestamp,
    /// Whether it began; else it ended.
    pub begun: bool,
    /// How many names failed within the window; there may be more.
    pub failed: usize,
    /// How many signed in.
    pub succeeded: usize,
    /// The window.
    pub window: Duration,
    /// Whence most of the failures came, and how many.
    pub networks: Vec<(IpNet, u32)>,
}

impl SprayRecord {
    /// The label in audit records.
    pub(super) const fn label(&self) -> &'static str {
        if self.begun { "spray_begun" } else { "spray_ended" }
    }

    /// The record as one line, its end included.
    pub(super) fn line(&self) -> Result<String, serde_json::Error> {
        let network = |(network, failures): &(IpNet, u32)| json!({ "network": network, "failures": failures });
        line_of(&json!({
            "time": self.time.to_string(),
            "event": self.label(),
            "names_failed": self.failed,
            "names_succeeded": self.succeeded,
            "window_seconds": self.window.as_secs(),
            "networks": self.networks.iter().map(network).collect::<Vec<_>>(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spray_is_an_event_of_its_own() {
        let spray = SprayRecord {
            time: Timestamp::from_unix_millis(1_767_225_600_068),
            begun: true,
            failed: 10_000,
            succeeded: 7,
            window: Duration::from_secs(600),
            networks: vec![("192.0.2.0/24".parse().unwrap(), 9000)],
        };
        let rest = concat!(
            r#""names_failed":10000,"names_succeeded":7,"window_seconds":600,"#,
            r#""networks":[{"network":"192.0.2.0/24","failures":9000}]}"#,
            "\n"
        );
        let line = |event| format!(r#"{{"time":"2026-01-01T00:00:00.068Z","event":"{event}",{rest}"#);
        assert_eq!(spray.line().unwrap(), line("spray_begun"));
        assert_eq!(SprayRecord { begun: false, ..spray }.line().unwrap(), line("spray_ended"));
    }

    #[test]
    fn what_is_only_observed_says_so() {
        let guard = |enforced| AuditGuard { rule: "threshold", enforced }.text();
        assert_eq!([guard(true), guard(false)], ["threshold", "observed:threshold"]);
    }
}
