//! `check --online` and `check --user`: what needs the network, tried once and told step by step. Nobody's password is asked
//! for but the service account's.

mod access;
mod claims;
mod directories;
mod lockout;
mod merged;
mod metadata;
mod report;
mod roles;
mod service_provider;
mod shown;
mod signing;
mod sources;
mod state;
mod telemetry;
mod tls_problem;
mod tried;
mod upstream;
mod user;

use super::Prepared;
use report::Report;

pub use report::Tally;

/// What to try besides what the configuration names.
#[derive(Clone, Debug, Default)]
pub struct Online {
    /// A user to look up in the directories.
    pub user: Option<Sample>,
    /// Where the identity provider's SAML metadata is: a path on it, a URL or a file. `None`: where they usually have it.
    pub metadata: Option<String>,
}

/// A user to evaluate rules about.
#[derive(Clone, Debug)]
pub struct Sample {
    /// As they type their name.
    pub name: String,
    /// The one service provider that it is about, by its entityID; `None`: every relying party.
    pub service_provider: Option<String>,
}

/// Looks up a user and evaluates every rule about them, one line a step to `say`.
///
/// # Errors
/// Only if this process cannot begin: no thread, no memory.
pub fn check_user(prepared: &Prepared, user: &Sample, say: &mut dyn FnMut(&str)) -> Result<Tally, String> {
    let mut report = Report::new(say);
    let all: Vec<_> = prepared.directories.each().cloned().collect();
    runtime()?.block_on(user::look_up(prepared, user, &all, false, &mut report));
    Ok(report.tally())
}

/// Tries everything, one line a step to `say`.
///
/// # Errors
/// Only if this process cannot begin: no thread, no memory.
pub fn check_online(prepared: &Prepared, online: &Online, say: &mut dyn FnMut(&str)) -> Result<Tally, String> {
    let mut report = Report::new(say);
    signing::look(prepared, &mut report);
    runtime()?.block_on(async {
        let usable = directories::examine(prepared, &mut report).await;
        state::look(prepared, &mut report).await;
        telemetry::reach(prepared, &mut report).await;
        // Before the user, who may be one of a service provider in them.
        sources::try_out(prepared, &mut report).await;
        if let Some(user) = &online.user {
            user::look_up(prepared, user, &usable, true, &mut report).await;
        }
        let reached = upstream::reach(prepared, &mut report).await;
        merged::look(prepared, reached, &mut report).await;
        metadata::compare(prepared, online.metadata.as_deref(), reached, &mut report).await;
    });
    Ok(report.tally())
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))
}
