//! `fedfront run`: the runtime, the sockets and the signals around what serves.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;

use serde_json::Value;
use tokio::task::spawn_blocking;
use tracing::{debug, error, info, warn};

use super::running::{Begun, begin};
use super::{Inheritance, Prepared, Running, Sockets, StartError, environment, inheritance, reload};
use crate::config::Config;
use crate::runtime::{Given, Launch, Predecessor, Ready, ServiceManager, Signals, raise_open_files, refuse_core_dumps};
use crate::telemetry::{IntCounter, log};

/// Serves until a signal ends it, or another process serves in its place.
///
/// # Errors
/// What keeps it from starting, named; who handed something over has been told.
pub fn run(prepared: Prepared, inheritance: Inheritance) -> Result<(), StartError> {
    let file = prepared.file.clone();
    let Inheritance { sockets, predecessor, memory } = inheritance;
    let predecessor = predecessor.map(Arc::new);
    let ended = serve(prepared, sockets, memory, predecessor.clone());
    if let Err(error) = &ended {
        inheritance::tell(predecessor.as_deref(), &file, error);
    }
    ended
}

fn serve(
    prepared: Prepared,
    given: Vec<Given>,
    memory: Vec<Value>,
    predecessor: Option<Arc<Predecessor>>,
) -> Result<(), StartError> {
    let launch = Launch::of_this_process();
    let telemetry = &prepared.config.telemetry;
    let metrics = &prepared.metrics;
    let log = log::init(telemetry.format, &telemetry.level, &metrics.log_lines_dropped);
    let _log = log.map_err(|error| StartError::System(error.to_string()))?;
    if prepared.logs_warnings() {
        reload::tell(&prepared.file, &prepared.warnings);
    }
    count_panics(metrics.panics.clone());
    harden();
    let runtime = runtime(&prepared.config).map_err(|error| StartError::System(format!("no runtime: {error}")))?;
    let ended = runtime.block_on(async {
        let signals = Signals::catch().map_err(|error| StartError::System(format!("signals: {error}")))?;
        let sockets = Sockets::take(&prepared.config, given)?;
        let begun = begin(prepared, sockets, memory)?;
        let running = match predecessor {
            Some(predecessor) => succeed(predecessor, begun).await?,
            None => begun.open()?,
        };
        for (address, tls) in running.addresses() {
            // Certificates are for names, and a loopback address is tried by that one.
            let host = if address.ip().is_loopback() { "localhost".to_owned() } else { host(address) };
            announce(&format!("ready {}://{host}:{}", if tls { "https" } else { "http" }, address.port()));
        }
        let manager = ServiceManager::at(environment("NOTIFY_SOCKET").as_deref());
        let launch = launch.inspect_err(|error| warn!(%error, "it is not known what runs: no upgrade"));
        running.until_ended(signals, manager, launch.ok()).await;
        Ok(())
    });
    // What a resolver or a disk still keeps waiting must not hold up the end.
    runtime.shutdown_background();
    ended
}

/// Takes the place of the process that started this one.
async fn succeed(predecessor: Arc<Predecessor>, begun: Begun) -> Result<Running, StartError> {
    let ready = Ready { keeps_socket: begun.adopts_file };
    let goes = predecessor.listen(begun.remember())?;
    let said = spawn_blocking(move || predecessor.ready(ready)).await.map_err(io::Error::other).and_then(|said| said);
    let handed_over = match said {
        Ok(()) => goes.await.map_err(io::Error::other).and_then(|goes| goes),
        Err(error) => Err(error),
    };
    match handed_over {
        Ok(()) => {
            info!("taking the place of process {}", std::os::unix::process::parent_id());
            let mut running = begun.open()?;
            running.catch_up();
            Ok(running)
        }
        Err(error) => {
            begun.end().await;
            Err(error.into())
        }
    }
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// A runtime with as many workers as the configuration says.
fn runtime(config: &Config) -> io::Result<tokio::runtime::Runtime> {
    let threads = match config.limits.threads {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        threads => threads,
    };
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

/// Prints a line that others wait for.
pub(crate) fn announce(line: &str) {
    // A closed standard output is no reason not to serve.
    let _ = writeln!(io::stdout(), "{line}");
    let _ = io::stdout().flush();
}

/// Has every panic counted and logged by its place. Its words may quote what a client sent, so they are left out.
fn count_panics(panics: IntCounter) {
    std::panic::set_hook(Box::new(move |panic| {
        panics.inc();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        error!(place, thread, "a defect of fedfront broke off what it was found in");
    }));
}

/// Room for connections, and no core dump to hold passwords.
pub(crate) fn harden() {
    if let Err(error) = raise_open_files() {
        warn!(%error, "the limit of open files stays as it is");
    }
    match refuse_core_dumps() {
        Ok(()) => debug!("core dumps are off, and no process of the same user may read this one's memory"),
        Err(error) => warn!(%error, "core dumps stay allowed"),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, set_hook, take_hook};

    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn a_panic_is_counted() {
        let panics = Metrics::new().unwrap().panics;
        let before = take_hook();
        count_panics(panics.clone());
        let broke_off = catch_unwind(|| panic!("a test's")).is_err();
        set_hook(before);
        // Another test may have had one meanwhile.
        assert!(broke_off && panics.get() >= 1);
    }
}
