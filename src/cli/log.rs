//! `fedfront log`: what a running fedfront logs.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::users::Place;
use crate::admin::client;
use crate::config;
use crate::telemetry::log::check_level;

/// What was raised to find something out is not to fill a disk.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Subcommand)]
pub(super) enum LogCommand {
    /// Log more, or less, for a while; without LEVEL, print what is logged. A reload or restart goes back to telemetry.level at
    /// once. Passwords are in no log, whatever the level.
    Level {
        /// error, warn, info, debug or trace; or by module, such as info,fedfront::directory=debug.
        #[arg(value_parser = level)]
        level: Option<String>,
        /// For how long, at most 24h; then telemetry.level holds again.
        #[arg(long = "for", value_name = "DURATION", default_value = "10m", value_parser = while_of, requires = "level")]
        during: Duration,
        #[command(flatten)]
        place: Place,
    },
}

impl LogCommand {
    pub(super) fn run(self) -> ExitCode {
        let Self::Level { level, during, place } = self;
        place.ask("log level", |socket| match &level {
            Some(level) => client::set_log_level(socket, level, during),
            None => client::log_level(socket),
        })
    }
}

fn level(text: &str) -> Result<String, String> {
    check_level(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn while_of(text: &str) -> Result<Duration, String> {
    let duration = config::duration(text).filter(|during| (Duration::from_secs(1)..=LONGEST).contains(during));
    duration.ok_or_else(|| "a duration from 1s to 24h, such as 10m".to_owned())
}
