//! A fedfront that serves, from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{Instant, interval, timeout};
use tracing::{error, info, warn};

use super::process::Process;
use super::snapshot::Snapshot;
use super::{Prepared, Sockets};
use crate::admin::{Admin, Status};
use crate::edge::{Edge, Listener};
use crate::proxy::App;
use crate::runtime::{Chores, Lifecycle, Readiness, Signals};

/// How long the audit log may take to write what it has, at the end.
const AUDIT_CLOSE: Duration = Duration::from_secs(3);
const COUNT_LOCKED: Duration = Duration::from_secs(5);

/// A fedfront that serves.
pub struct Running {
    edge: Edge,
    admin: Admin,
    lifecycle: Lifecycle,
    process: Arc<Process>,
    chores: Chores,
    tls: Vec<bool>,
}

/// Starts serving on the current runtime.
///
/// # Errors
/// A socket, file or thread that cannot be had.
pub fn start(mut prepared: Prepared, sockets: Sockets) -> io::Result<Running> {
    let readiness = Readiness::new();
    let listening = readiness.latch("listeners");
    let (config, metrics) = (prepared.config.clone(), prepared.metrics.clone());
    let lifecycle = Lifecycle::new(&config.limits);
    let ends = prepared.certificates.iter().flatten().map(|certificates| certificates.not_after()).min();
    metrics.tls_certificate_not_after.set(ends.unwrap_or_default() as f64);

    let certificates = std::mem::take(&mut prepared.certificates);
    let tls = certificates.iter().map(Option::is_some).collect();
    let listener =
        |(socket, tls): (_, Option<_>)| Listener { socket, tls: tls.map(ArcSwap::from_pointee).map(Arc::new) };
    let listeners: Vec<Listener> = sockets.0.into_iter().zip(certificates).map(listener).collect();

    let process = Arc::new(Process::new(&config, metrics.clone())?);
    let snapshot = Snapshot::new(prepared, &process, None)?;
    metrics.signing_certificate_not_after.with_label_values(&["current"]).set(snapshot.signing_key_ends() as f64);
    let snapshots = Arc::new(ArcSwap::from_pointee(snapshot));
    let mut chores = Chores::default();
    chores.spawn(count_locked(snapshots.clone(), process.clone()));

    let app = App::new(snapshots, &config.limits, &metrics);
    let status = Status {
        metrics: metrics.clone(),
        readiness,
        lifecycle: lifecycle.clone(),
        information: Vec::new(),
        started: std::time::Instant::now(),
    };
    let admin = Admin::start(&config.admin, status)?;
    let edge = Edge::start(listeners, app, &config.limits, metrics)?;
    listening.open();
    info!(version = env!("CARGO_PKG_VERSION"), addresses = ?edge.addresses(), admin = %admin.address(), "serving");
    Ok(Running { edge, admin, lifecycle, process, chores, tls })
}

impl Running {
    /// Where it listens, and whether by TLS.
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.edge.addresses().iter().copied().zip(self.tls.iter().copied())
    }

    /// Where metrics and health are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Serves until a signal, and to the end of what was being served then.
    pub async fn until_ended(self, signals: Signals) {
        drop(signals.obey(self.lifecycle.clone(), || warn!("SIGHUP: reloading is not offered in this version")));
        self.lifecycle.leaving().await;
        self.edge.end_keep_alive();
        let deadline = self.lifecycle.draining().await;
        self.end(deadline).await;
    }

    /// Ends now: accepts nothing more, and gives what is being served until `deadline`.
    pub async fn end(self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        tokio::select! {
            drained = self.edge.drain(left) => if !drained {
                warn!("limits.drain is over: what was still being served is cut");
            },
            () = self.lifecycle.done() => {}
        }
        self.lifecycle.finish();
        self.chores.end();
        if timeout(AUDIT_CLOSE, self.process.audit.close()).await.is_err() {
            error!("the audit log did not finish in time");
        }
        info!("ended");
    }
}

/// A chore of the process, not of a snapshot: what is locked outlives a configuration.
async fn count_locked(snapshots: Arc<ArcSwap<Snapshot>>, process: Arc<Process>) {
    let mut often = interval(COUNT_LOCKED);
    loop {
        often.tick().await;
        let locked = snapshots.load_full().locked().await;
        process.metrics.lockouts_active.set(i64::try_from(locked).unwrap_or(i64::MAX));
    }
}
