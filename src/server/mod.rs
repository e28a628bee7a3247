//! The composition root: the only place that names every module. `prepare` makes everything of a configuration that can be
//! made without a network and is what `check` does; `run` serves with it.

mod online;
mod prepare;
mod serve;

pub use online::{Online, Tally, check_online};
pub use prepare::{Prepared, prepare};
pub use serve::{Running, Sockets, run, start};
pub(crate) use serve::{announce, cannot_listen, harden};

/// Looks up an environment variable for `${NAME}` in a configuration.
#[expect(clippy::disallowed_methods, reason = "the composition root is where the environment is read")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
