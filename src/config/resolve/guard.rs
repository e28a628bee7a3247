//! Lockout protection.

use std::time::Duration;

use super::super::files::Files;
use super::super::section::{Section, duration, flag, parse, text};
use super::super::{GuardConfig, Limits, NetworkBudget, SprayConfig};

/// Failures after which an account is locked in the laxest of Microsoft's security baselines for Windows.
const BASELINE_THRESHOLD: u32 = 10;
/// Whoever guesses waits for an answer no longer than this, and holds a connection meanwhile.
const LONG_SLOW_DOWN: Duration = Duration::from_secs(30);

const FORWARDED: &str = "list the addresses of those alone who sign in for many, such as Exchange Online";

pub(super) fn guard(root: &Section<'_>, limits: Option<&Limits>, files: &mut Files<'_>) -> Option<GuardConfig> {
    let guard = root.section("guard")?;
    let failure_delay = guard.get("failure_delay", duration)?;
    if limits.is_some_and(|limits| failure_delay >= limits.sign_in_deadline) {
        let message = "is not shorter than limits.sign_in_deadline, so that a failed sign-in would look like an outage";
        files.report.error(&guard.path("failure_delay"), message, "shorten it, or lengthen that");
    }
    let threshold = guard.get("threshold", parse)?;
    if threshold >= BASELINE_THRESHOLD {
        let message = format!(
            "is not below {BASELINE_THRESHOLD}, at which Microsoft's security baselines lock an account at the latest"
        );
        files.report.warning(&guard.path("threshold"), message, "keep it below the directory's own lockout threshold");
    }
    let unknown_threshold = guard.maybe("unknown_threshold", parse)?;
    if unknown_threshold.is_some_and(|unknown: u32| unknown > threshold) {
        let message = "is above guard.threshold, of which it is a part";
        files.report.error(&guard.path("unknown_threshold"), message, "lower it, or leave it out");
    }
    Some(GuardConfig {
        enforced: guard.get("mode", text)? == "enforce",
        threshold,
        unknown_threshold: unknown_threshold.unwrap_or(threshold - 1).max(1),
        window: guard.get("window", duration)?,
        // A duration, or off.
        familiar_for: guard.get("familiar_for", |node| Some(duration(node)))?,
        directory_count: guard.get("directory_count", flag)?,
        networks: networks(&guard)?,
        spray: spray(&guard, files)?,
        failure_delay,
        forwarders: super::networks(&guard, "forwarders", FORWARDED, files)?,
    })
}

fn networks(guard: &Section<'_>) -> Option<Option<NetworkBudget>> {
    let Some(networks) = guard.section("networks") else { return guard.get("networks", text).map(|_off| None) };
    let (failures, window) = (networks.get("failures", parse)?, networks.get("window", duration)?);
    Some(Some(NetworkBudget { failures, window }))
}

fn spray(guard: &Section<'_>, files: &mut Files<'_>) -> Option<Option<SprayConfig>> {
    let Some(spray) = guard.section("spray") else { return guard.get("spray", text).map(|_off| None) };
    let slow_down = spray.get("slow_down", duration)?;
    if slow_down > LONG_SLOW_DOWN {
        let message = "is long: each failed sign-in holds one of limits.connections meanwhile";
        files.report.warning(&spray.path("slow_down"), message, "set 30s or less");
    }
    Some(Some(SprayConfig { names: spray.get("names", parse)?, window: spray.get("window", duration)?, slow_down }))
}
