//! The composition root: the only place that names every module. `prepare` makes everything of a configuration that can be
//! made without a network and is what `check` does; `run` serves with it, and reads it again when told to.

mod certificates;
mod changes;
mod errands;
mod failures;
mod history;
mod inheritance;
mod log_level;
mod online;
mod prepare;
mod process;
mod reload;
mod remedies;
mod requests;
mod rollover;
mod run;
mod running;
mod snapshot;
mod sockets;
mod start_error;
mod status;
mod tenant;
#[cfg(test)]
mod tests;
mod upgrade;
mod watching;

pub use inheritance::Inheritance;
pub use online::{Online, Sample, Tally, check_online, check_user};
pub use prepare::{Prepared, prepare};
pub use reload::Taken;
pub use run::run;
pub(crate) use run::{announce, harden};
pub use running::{Running, start};
pub use sockets::Sockets;
pub(crate) use sockets::cannot_listen;
pub use start_error::StartError;
pub use tenant::{TenantOptions, TenantProblem, TenantSettings, tenant_settings};

use crate::config::Config;
use crate::sts::Issuers;

/// Our names.
pub(crate) fn issuers(config: &Config) -> Issuers {
    Issuers { entity_id: config.issuer.entity_id.clone(), domains: config.issuer.domains.clone() }
}

/// Looks up an environment variable: for `${NAME}` in a configuration, and for who started us.
#[expect(clippy::disallowed_methods, reason = "the composition root is where the environment is read")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
