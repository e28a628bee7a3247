//! Lockout protection.

use serde_json::{Value, json};

use super::super::value::format_duration;
use super::super::{GuardConfig, NetworkBudget, SprayConfig};

pub(super) fn guard(guard: &GuardConfig) -> Value {
    let networks = |NetworkBudget { failures, window }: &NetworkBudget| json!({ "failures": failures, "window": format_duration(*window) });
    let spray = |SprayConfig { names, window, slow_down }: &SprayConfig| json!({ "names": names, "window": format_duration(*window), "slow_down": format_duration(*slow_down) });
    json!({
        "mode": if guard.enforced { "enforce" } else { "observe" },
        "threshold": guard.threshold,
        "window": format_duration(guard.window),
        "familiar_for": guard.familiar_for.map_or_else(|| "off".to_owned(), format_duration),
        "unknown_threshold": guard.unknown_threshold,
        "directory_count": guard.directory_count,
        "networks": guard.networks.as_ref().map_or(json!("off"), networks),
        "spray": guard.spray.as_ref().map_or(json!("off"), spray),
        "failure_delay": format_duration(guard.failure_delay),
        "forwarders": guard.forwarders.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
