//! Lockout protection.

use std::time::Duration;

use ipnet::IpNet;

/// Lockout protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// Whether who would be refused is; else it is only told.
    pub enforced: bool,
    /// Failures within `window` before an entry is refused.
    pub threshold: u32,
    /// How many of them may come from places unknown to an entry that has familiar ones.
    pub unknown_threshold: u32,
    /// How long failures count.
    pub window: Duration,
    /// How long a place is familiar; `None`: places are not told apart.
    pub familiar_for: Option<Duration>,
    /// Whether what the directory has counted itself counts, too.
    pub directory_count: bool,
    /// How many failures a network may cause.
    pub networks: Option<NetworkBudget>,
    /// When failures of many names are a spray.
    pub spray: Option<SprayConfig>,
    /// All failed sign-ins are answered this long after they arrived.
    pub failure_delay: Duration,
    /// Those who speak for many clients, and are believed in what they say of them.
    pub forwarders: Vec<IpNet>,
}

/// Failures of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkBudget {
    /// How many before whoever is there and not familiar is refused.
    pub failures: u32,
    /// How long they count.
    pub window: Duration,
}

/// Failures of many names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SprayConfig {
    /// It takes more names than this.
    pub names: usize,
    /// How long they count.
    pub window: Duration,
    /// How much longer failed sign-ins from unknown places take while it lasts.
    pub slow_down: Duration,
}
