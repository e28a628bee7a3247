//! A fedfront that serves, from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex as Lock};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::{Instant, interval, timeout_at};
use tracing::{error, info, warn};

use super::certificates::Certificates;
use super::history::{Cause, History};
use super::process::Process;
use super::reload::{Reloader, Taken};
use super::requests::Requests;
use super::snapshot::Snapshot;
use super::status::{Teller, words};
use super::upgrade::Upgrader;
use super::watching::Tried;
use super::{Prepared, Sockets, StartError};
use crate::admin::{Admin, AdminError, Asked, Bound, Information, Recent, Status};
use crate::config::Diagnostic;
use crate::edge::{Edge, Farewell};
use crate::proxy::App;
use crate::runtime::{Calls, Chores, Given, Launch, Lifecycle, Phase, Readiness, ServiceManager, Signals};
use crate::telemetry::Opened;

/// Kept of `limits.drain` for the audit log to write what it has.
const AUDIT_CLOSE: Duration = Duration::from_secs(1);
const OBSERVE: Duration = Duration::from_secs(5);

/// A fedfront that serves.
pub struct Running {
    admin: Admin,
    pub(super) reloader: Arc<Reloader>,
    chores: Chores,
    asked: mpsc::Receiver<Asked>,
    /// Every listening socket once more, for who takes our place.
    sockets: Vec<Given>,
}

/// A fedfront that serves clients, and is to open its admin listener.
pub(super) struct Begun {
    running: Unopened,
    /// Whether the file of the admin socket is to be had from the process before.
    pub adopts_file: bool,
}

struct Unopened {
    bound: Bound,
    status: Status,
    reloader: Reloader,
    chores: Chores,
    asked: mpsc::Receiver<Asked>,
    sockets: Vec<Given>,
}

/// Starts serving on the current runtime.
///
/// # Errors
/// A socket, file or thread that cannot be had; which are of the configuration, the error says.
pub fn start(prepared: Prepared, sockets: Sockets) -> Result<Running, StartError> {
    begin(prepared, sockets, Vec::new())?.open()
}

/// The same, but for the admin listener: what it is told is for the process that serves, and that may be another still.
pub(super) fn begin(mut prepared: Prepared, sockets: Sockets, memory: Vec<Value>) -> Result<Begun, StartError> {
    let readiness = Readiness::new();
    let listening = readiness.latch("listeners");
    let (file, config, metrics) = (prepared.file.clone(), prepared.config.clone(), prepared.metrics.clone());
    let lifecycle = Lifecycle::new(&config.limits);
    let positions = prepared.positions.clone();
    let audit = Opened::new(&config.telemetry.audit)
        .map_err(|error| StartError::file(&positions, config.telemetry.audit.key(), &error))?;
    let process = Arc::new(Process::new(&config, audit, metrics.clone())?);
    remember(&process, memory);
    let history = Arc::new(History::new(metrics.clone(), process.clock.now()));

    let recent = Arc::new(Recent::new(metrics.totals(), process.clock.now()));
    let certificates = Certificates::new(&config, std::mem::take(&mut prepared.certificates));
    certificates.show(&metrics);
    let snapshot = Snapshot::new(prepared, &process, None).map_err(io::Error::other)?;
    snapshot.show(&metrics);
    let tried = Tried::new(snapshot.contents().clone());
    process.issued.seal_by(snapshot.seals());
    snapshot.rollover().tell();
    snapshot.rollover().tell_of_ends();
    let snapshots = Arc::new(ArcSwap::from_pointee(snapshot));
    let mut chores = Chores::default();
    chores.spawn(observe_memory(snapshots.clone()));
    chores.spawn(observe_signing(snapshots.clone()));
    chores.spawn(observe_counts(recent.clone(), process.clone()));

    let app = App::new(snapshots.clone(), &config.limits, &metrics);
    let (server, asked) = mpsc::channel(1);
    let information = information(&history, &snapshots, &process);
    let teller = Teller {
        process: process.clone(),
        snapshots: snapshots.clone(),
        certificates: certificates.clone(),
        history: history.clone(),
        readiness: readiness.clone(),
        lifecycle: lifecycle.clone(),
        recent,
        listeners: sockets.addresses()?,
    };
    let status = Status {
        metrics: metrics.clone(),
        readiness,
        lifecycle: lifecycle.clone(),
        information,
        server,
        started: std::time::Instant::now(),
        clock: process.clock.clone(),
        facts: Box::new(move || teller.facts()),
    };
    let mut copies = sockets.copies(&config)?;
    let bound = Bound::new(&config.admin, sockets.admin, sockets.others).map_err(|error| match error {
        AdminError::Socket(error) => StartError::file(&positions, "admin.socket", &error),
        AdminError::System(error) => error.into(),
    })?;
    copies.extend(bound.copies(config.admin.address)?);
    let listeners = certificates.listeners(sockets.listen);
    let edge = Arc::new(Edge::start(listeners, app, &config.limits, metrics)?);
    listening.open();
    let (first, turn) = (config, Mutex::default());
    let reloader = Reloader { file, process, snapshots, first, certificates, edge, lifecycle, history, tried, turn };
    let adopts_file = bound.adopts_file();
    Ok(Begun { running: Unopened { bound, status, reloader, chores, asked, sockets: copies }, adopts_file })
}

/// Goes on with what another process remembered.
fn remember(process: &Process, memory: Vec<Value>) {
    for piece in memory {
        match serde_json::from_value(piece) {
            Ok(recollection) => process.memory.take_over(recollection, process.clock.now()),
            Err(error) => warn!(%error, "what the process before remembered is of another form: a part is forgotten"),
        }
    }
}

impl Begun {
    /// What goes on with what another process remembers.
    pub fn remember(&self) -> impl Fn(Vec<Value>) + Send + 'static {
        let process = self.running.reloader.process.clone();
        move |memory| remember(&process, memory)
    }

    /// Opens the admin listener, too.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn open(self) -> Result<Running, StartError> {
        let Unopened { bound, status, reloader, chores, asked, sockets } = self.running;
        let admin = Admin::start(bound, status)?;
        let addresses = reloader.edge.addresses();
        let (public_url, admin_address) = (&reloader.first.public_url, admin.address());
        info!(version = env!("CARGO_PKG_VERSION"), public_url, ?addresses, admin = %admin_address, "serving");
        Ok(Running { admin, reloader: Arc::new(reloader), chores, asked, sockets })
    }

    /// Ends as [`Running::end`] does, though nobody was told that it began.
    pub async fn end(self) {
        let Unopened { reloader, chores, .. } = self.running;
        let drain = reloader.first.limits.drain;
        reloader.edge.drain(drain, Farewell::Short).await;
        reloader.close(chores, Instant::now()).await;
    }
}

/// What the probes tell besides.
fn information(history: &Arc<History>, snapshots: &Arc<ArcSwap<Snapshot>>, process: &Arc<Process>) -> Vec<Information> {
    let (history, snapshots, serving, process) =
        (history.clone(), snapshots.clone(), snapshots.clone(), process.clone());
    let (desk, shadowing) = (process.shadow.clone(), snapshots.clone());
    let (forwarding, metrics) = (snapshots.clone(), process.metrics.clone());
    vec![
        told("configuration", move || history.describe()),
        told("signing", move || snapshots.load().rollover().describe()),
        told("upstream", move || words::upstream(&forwarding.load())),
        told("directory", move || serving.load().describe_directories()),
        told("shadow", move || desk.describe(&shadowing.load().shadowed())),
        // Of nothing there is no line.
        told("state", move || process.describe_sharing().unwrap_or_default()),
        told("audit", move || words::audit(&metrics).1),
    ]
}

fn told(name: &str, state: impl Fn() -> String + Send + Sync + 'static) -> Information {
    Information { name: name.to_owned(), state: Box::new(state) }
}

impl Running {
    /// Where it listens, and whether by TLS.
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.reloader.edge.addresses().iter().copied().zip(self.reloader.certificates.tls())
    }

    /// Where metrics and health are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Reads everything again, as SIGHUP has it done.
    ///
    /// # Errors
    /// All that is wrong; what was served before is served on.
    pub async fn reload(&self) -> Result<Taken, Vec<Diagnostic>> {
        let turn = self.reloader.turn.lock().await;
        self.reloader.reload(turn, Cause::Signal, None).await
    }

    /// Makes up for what the process before was told meanwhile, when it was not said which of both is meant.
    pub(super) fn catch_up(&mut self) {
        self.chores.spawn(self.reloader.clone().catch_up());
    }

    /// Serves until a signal, or until another process does, started by `launch`; and to the end of what was being served
    /// then. `manager` is told of each step.
    pub async fn until_ended(mut self, signals: Signals, manager: ServiceManager, launch: Option<Launch>) {
        let lifecycle = self.reloader.lifecycle.clone();
        let asked = std::mem::replace(&mut self.asked, mpsc::channel(1).1);
        let upgrader = Arc::new(Upgrader {
            launch,
            sockets: Lock::new(Arc::new(std::mem::take(&mut self.sockets))),
            doors: self.admin.doors(),
            manager: manager.clone(),
            turn: Mutex::default(),
            told: Lock::default(),
        });
        let notify = || {
            let notify = Arc::new(Notify::new());
            let notified = notify.clone();
            (notify, Box::new(move || notified.notify_one()))
        };
        let (tell, changed) = mpsc::channel(1);
        let ((reload, on_reload), (reopen, on_reopen), (upgrade, on_upgrade)) = (notify(), notify(), notify());
        let requests = Requests { reload, reopen, upgrade, upgrader: upgrader.clone(), asked, changed };
        self.chores.spawn(self.reloader.clone().watch(tell));
        self.chores.spawn(self.reloader.clone().obey(requests, manager.clone()));
        let calls = Calls { reload: on_reload, reopen: on_reopen, upgrade: on_upgrade };
        drop(signals.obey(lifecycle.clone(), calls));
        manager.ready(lifecycle.phase().label());
        lifecycle.leaving().await;
        manager.status(lifecycle.phase().label());
        self.reloader.edge.end_keep_alive();
        let deadline = lifecycle.draining().await;
        manager.stopping(lifecycle.phase().label());
        upgrader.settled().await;
        upgrader.forget_sockets();
        let memory = self.reloader.process.memory.clone();
        self.end(deadline).await;
        upgrader.tell_last(&memory).await;
    }

    /// Ends now: accepts nothing more, and gives what is being served until `deadline`.
    pub async fn end(mut self, deadline: Instant) {
        self.sockets.clear();
        let Reloader { edge, lifecycle, .. } = &*self.reloader;
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left - AUDIT_CLOSE.min(left / 10);
        let farewell = if lifecycle.is_handed_over() { Farewell::Long } else { Farewell::Short };
        // Whoever signals twice ends it sooner, and is told.
        let drained = tokio::select! {
            drained = edge.drain(left, farewell) => drained,
            () = lifecycle.done() => false,
        };
        if !drained && lifecycle.phase() < Phase::Done {
            warn!("limits.drain is over: what was still being served is cut");
        }
        lifecycle.finish();
        self.reloader.close(self.chores, deadline).await;
    }
}

impl Reloader {
    /// Writes what there is to tell of what was served, until `deadline` or for a moment.
    async fn close(&self, chores: Chores, deadline: Instant) {
        let snapshot = self.snapshots.load_full();
        let traced = tokio::spawn(async move { snapshot.flush_traces().await });
        chores.end();
        let closes = timeout_at(deadline.max(Instant::now() + AUDIT_CLOSE), self.process.audit.close());
        if closes.await.is_err() {
            error!("the audit log did not finish in time");
        }
        // It takes a second at most, and began before the audit log was waited for.
        let _ = traced.await;
        info!("ended");
    }
}

/// A chore of the process, not of a snapshot: what is locked outlives a configuration.
async fn observe_memory(snapshots: Arc<ArcSwap<Snapshot>>) {
    let mut often = interval(OBSERVE);
    loop {
        often.tick().await;
        snapshots.load_full().observe_memory().await;
    }
}

/// Keeps the status page's course of what happens.
async fn observe_counts(recent: Arc<Recent>, process: Arc<Process>) {
    let mut often = interval(OBSERVE);
    loop {
        often.tick().await;
        recent.look(process.metrics.totals(), process.clock.now());
    }
}

/// Looks for a device that does not sign, so that it is noticed when it does, whoever asks for tokens meanwhile.
async fn observe_signing(snapshots: Arc<ArcSwap<Snapshot>>) {
    let mut often = interval(OBSERVE);
    loop {
        often.tick().await;
        snapshots.load_full().rollover().observe().await;
    }
}
