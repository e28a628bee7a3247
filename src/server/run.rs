//! `fedfront run`: the runtime, the sockets and the signals around what serves.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZero;

use tracing::{debug, error, warn};

use super::{Prepared, Sockets, StartError, environment, start};
use crate::config::Config;
use crate::runtime::{ServiceManager, Signals, raise_open_files, refuse_core_dumps};
use crate::telemetry::{IntCounter, log};

/// Serves until a signal ends it.
///
/// # Errors
/// What keeps it from starting, named.
pub fn run(prepared: Prepared) -> Result<(), StartError> {
    let telemetry = &prepared.config.telemetry;
    let metrics = &prepared.metrics;
    let log = log::init(telemetry.format, &telemetry.level, &metrics.log_lines_dropped);
    let _log = log.map_err(|error| StartError::System(error.to_string()))?;
    count_panics(metrics.panics.clone());
    harden();
    let runtime = runtime(&prepared.config).map_err(|error| StartError::System(format!("no runtime: {error}")))?;
    let ended = runtime.block_on(async {
        let signals = Signals::catch().map_err(|error| StartError::System(format!("signals: {error}")))?;
        let sockets = Sockets::bind(&prepared.config)?;
        let running = start(prepared, sockets)?;
        for (address, tls) in running.addresses() {
            // Certificates are for names, and a loopback address is tried by that one.
            let host = if address.ip().is_loopback() { "localhost".to_owned() } else { host(address) };
            announce(&format!("ready {}://{host}:{}", if tls { "https" } else { "http" }, address.port()));
        }
        let manager = ServiceManager::at(environment("NOTIFY_SOCKET").as_deref());
        running.until_ended(signals, manager).await;
        Ok(())
    });
    // What a resolver or a disk still keeps waiting must not hold up the end.
    runtime.shutdown_background();
    ended
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
