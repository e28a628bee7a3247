//! `fedfront demo`: a whole installation in one folder, served from this process, and every endpoint used once.

mod files;
mod identity_provider;
mod tour;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::LogFormat;
use crate::edge;
use crate::runtime::{ServiceManager, Signals};
use crate::server::{self, Sockets};
use crate::telemetry::log;

/// How long the tour's own connections may take to close.
const FAREWELL: Duration = Duration::from_secs(2);

/// What was asked for on the command line.
pub struct Options {
    /// Where the files go.
    pub dir: PathBuf,
    /// Where HTTPS is served; port 0 takes a free one.
    pub https: SocketAddr,
    /// Where metrics and health are; port 0 takes a free one.
    pub admin: SocketAddr,
    /// Whether to end after the tour.
    pub exit: bool,
}

/// Makes the files, serves, shows each endpoint at work, and goes on serving unless told to end.
///
/// # Errors
/// What keeps it from serving, or what did not work, in one sentence.
pub fn run(options: &Options) -> Result<(), String> {
    let fail = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    server::harden();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| fail("no runtime", &error))?;
    let entered = runtime.enter();
    let taken = |what: &str, address, error| format!("{} (--{what})", server::cannot_listen(what, address, &error));
    let socket = edge::bind(options.https).map_err(|error| taken("https", options.https, error))?;
    let https = socket.local_addr().map_err(|error| fail("listen", &error))?;
    let behind = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| fail("stand-in identity provider", &error))?;
    let behind_address = behind.local_addr().map_err(|error| fail("stand-in identity provider", &error))?;
    let admin = free_port(options.admin).map_err(|error| taken("admin", options.admin, error))?;

    say(&format!("Making certificates, users and a configuration in {}", options.dir.display()));
    let made = files::make(&options.dir, https, admin, behind_address)?;
    let prepared = server::prepare(&made.configuration).map_err(|diagnostics| {
        diagnostics.iter().map(|diagnostic| diagnostic.render(&made.configuration)).collect::<Vec<_>>().join("\n")
    })?;
    let _log =
        log::init(LogFormat::Text, "warn", &prepared.metrics.log_lines_dropped).map_err(|error| error.to_string())?;

    drop(entered);
    runtime.block_on(async {
        let signals = Signals::catch().map_err(|error| fail("signals", &error))?;
        identity_provider::serve(behind).map_err(|error| fail("stand-in identity provider", &error))?;
        let running = server::start(prepared, Sockets::of(vec![socket])).map_err(|error| error.to_string())?;
        server::announce(&format!("ready https://localhost:{}", https.port()));

        let toured = tour::tour(&made, https, running.admin_address()).await;
        match &toured {
            Ok(()) => say("All four worked."),
            Err(problem) => say(&format!("It did not work: {problem}")),
        }
        if options.exit {
            running.end(Instant::now() + FAREWELL).await;
            return toured;
        }
        say(&files::invitation(&made, https, running.admin_address()));
        running.until_ended(signals, ServiceManager::default(), None).await;
        toured
    })
}

/// The address, with a port that is free where it says 0.
fn free_port(address: SocketAddr) -> std::io::Result<SocketAddr> {
    TcpListener::bind(address)?.local_addr()
}

fn say(line: &str) {
    server::announce(line);
}
