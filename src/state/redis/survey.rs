//! One look at a server, for `check --online`.

use std::time::Duration;

use tokio::time::timeout;

use super::dial::dial;
use super::link::{trial, try_out};
use crate::config::StateConfig;

/// What a server that can be used is like.
pub struct Survey {
    /// How long the longest of some operations took.
    pub longest: Duration,
    /// Its name and version, where it tells.
    pub version: Option<String>,
    /// `maxmemory-policy`, where it tells.
    pub eviction: Option<String>,
    /// Whether it is a node of a Redis Cluster.
    pub cluster: bool,
}

/// Connects, and writes, compares and deletes under a key that is nobody else's.
///
/// # Errors
/// Why it cannot be used.
pub async fn survey(config: &StateConfig) -> Result<Survey, String> {
    let reason = |failure: super::failure::Failure| failure.reason.into_owned();
    let (connection, _driver) = dial(config).await.map_err(reason)?;
    let key = trial(config).map_err(reason)?;
    let tried = try_out(&connection, config, &key).await;
    // What it does not tell is not looked at: a user need not be allowed to ask.
    let info = match &tried {
        Ok(_) => timeout(Duration::from_secs(1), connection.info()).await,
        Err(_) => Ok(Ok(String::new())),
    };
    let info = info.ok().and_then(Result::ok).unwrap_or_default();
    let told = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.trim().chars().filter(|c| c.is_ascii_graphic()).take(40).collect::<String>())
    };
    let version = |product: &str, name| told(name).map(|version| format!("{product} {version}"));
    Ok(Survey {
        longest: tried.map_err(reason)?,
        version: version("Valkey", "valkey_version").or_else(|| version("Redis", "redis_version")),
        eviction: told("maxmemory_policy"),
        cluster: told("cluster_enabled").as_deref() == Some("1"),
    })
}
