//! Serving: sockets, the edge, the admin listener, and the end.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::StatusCode;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout};
use tracing::{error, info, warn};

use super::Prepared;
use crate::admin::{Admin, Status};
use crate::config::Config;
use crate::edge::{self, Edge, Listener};
use crate::handler::{self, Context, Documents, NativeRequest, Reply};
use crate::model::{Clock, Ids};
use crate::proxy::{App, Native, ProxySettings};
use crate::runtime::{
    Lifecycle, RandomIds, Readiness, Signals, SigningPool, SystemClock, raise_open_files, refuse_core_dumps,
};
use crate::sign_in::SignIn;
use crate::state::Replay;
use crate::sts::Issuers;
use crate::telemetry::{Audit, log};

/// Signatures that may wait: about a second's work of one core.
const WAITING_SIGNATURES: usize = 4096;
/// How long the audit log may take to write what it has, at the end.
const AUDIT_CLOSE: Duration = Duration::from_secs(3);
const RESIGN_METADATA: Duration = Duration::from_secs(24 * 3600);
const COUNT_LOCKED: Duration = Duration::from_secs(5);

/// Bound sockets, one for each listener of the configuration, in its order.
pub struct Sockets(pub Vec<TcpListener>);

/// Why an address cannot be bound, and what to do.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> io::Error {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "; end what listens there, or choose another port",
        io::ErrorKind::PermissionDenied => "; a port below 1024 needs the capability CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; it is no address of this machine",
        _ => "",
    };
    io::Error::new(error.kind(), format!("listen {address}: {error}{remedy}"))
}

/// A fedfront that serves.
pub struct Running {
    edge: Edge,
    admin: Admin,
    lifecycle: Lifecycle,
    audit: Arc<Audit>,
    chores: Vec<JoinHandle<()>>,
    tls: Vec<bool>,
}

/// Serves until a signal ends it.
///
/// # Errors
/// What keeps it from starting, named.
pub fn run(prepared: Prepared) -> Result<(), String> {
    harden();
    let telemetry = &prepared.config.telemetry;
    let _log = log::init(telemetry.format, &telemetry.level).map_err(|error| error.to_string())?;
    let runtime = runtime(&prepared.config).map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let signals = Signals::catch().map_err(|error| format!("signals: {error}"))?;
        let sockets = Sockets::bind(&prepared.config).map_err(|error| error.to_string())?;
        let running = start(prepared, sockets).map_err(|error| error.to_string())?;
        for (address, tls) in running.addresses() {
            // Certificates are for names, and a loopback address is tried by that one.
            let host = if address.ip().is_loopback() { "localhost".to_owned() } else { host(address) };
            announce(&format!("ready {}://{host}:{}", if tls { "https" } else { "http" }, address.port()));
        }
        running.until_ended(signals).await;
        Ok(())
    })
}

impl Sockets {
    /// Binds every address of the configuration.
    ///
    /// # Errors
    /// The first address that cannot be bound, named.
    pub fn bind(config: &Config) -> io::Result<Self> {
        let bind = |address: SocketAddr| edge::bind(address).map_err(|error| cannot_listen(address, &error));
        config.listen.iter().map(|listen| bind(listen.address)).collect::<io::Result<_>>().map(Self)
    }
}

/// Starts serving on the current runtime.
///
/// # Errors
/// A socket, file or thread that cannot be had.
pub fn start(prepared: Prepared, sockets: Sockets) -> io::Result<Running> {
    let readiness = Readiness::new();
    let listening = readiness.latch("listeners");
    let lifecycle = Lifecycle::new(&prepared.config.limits);
    let (config, metrics) = (prepared.config.clone(), prepared.metrics.clone());
    metrics.signing_certificate_not_after.with_label_values(&["current"]).set(prepared.signing_key_ends as f64);
    let ends = prepared.certificates.iter().flatten().map(|certificates| certificates.not_after()).min();
    metrics.tls_certificate_not_after.set(ends.unwrap_or_default() as f64);

    let listeners: Vec<Listener> = sockets
        .0
        .into_iter()
        .zip(prepared.certificates)
        .zip(&config.listen)
        .map(|((socket, tls), listen)| Listener {
            socket,
            tls: tls.map(|tls| Arc::new(ArcSwap::from_pointee(tls))),
            proxy_protocol: listen.proxy_protocol,
        })
        .collect();
    let tls = listeners.iter().map(|listener| listener.tls.is_some()).collect();

    let audit = Arc::new(Audit::open(&config.telemetry.audit)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let sign_in =
        SignIn::new(&config, prepared.directories, clock.clone(), metrics.clone()).map_err(io::Error::other)?;
    let documents = Documents::render(&config, &prepared.signing_key, clock.now(), &*ids).map_err(io::Error::other)?;
    let context = Arc::new(Context {
        parties: prepared.parties,
        issuers: Issuers { entity_id: config.issuer.entity_id.clone(), domains: config.issuer.domains.clone() },
        signing_key: prepared.signing_key,
        documents,
        ecp_addresses: handler::ecp_addresses(&config),
        sign_in: Arc::new(sign_in),
        signing: Arc::new(SigningPool::new(0, WAITING_SIGNATURES, metrics.clone())?),
        replay: Arc::new(Replay::default()),
        clock,
        ids,
        metrics: metrics.clone(),
        audit: audit.clone(),
        config: config.clone(),
    });
    let settings = ProxySettings::new(&config).map_err(io::Error::other)?;
    let chores = vec![tokio::spawn(resign_metadata(context.clone())), tokio::spawn(count_locked(context.clone()))];
    let native = Arc::new(Service { context: ArcSwap::new(context), settings: ArcSwap::from_pointee(settings) });

    let app = App::new(native, &config.limits, &metrics);
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
    Ok(Running { edge, admin, lifecycle, audit, chores, tls })
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
        self.chores.iter().for_each(JoinHandle::abort);
        if timeout(AUDIT_CLOSE, self.audit.close()).await.is_err() {
            error!("the audit log did not finish in time");
        }
        info!("ended");
    }
}

/// What the proxy asks of us; a request keeps what it got from here.
struct Service {
    context: ArcSwap<Context>,
    settings: ArcSwap<ProxySettings>,
}

#[async_trait]
impl Native for Service {
    fn settings(&self) -> Arc<ProxySettings> {
        self.settings.load_full()
    }

    async fn answer(&self, request: NativeRequest) -> Reply {
        let context = self.context.load_full();
        handler::answer(&request, &context).await
    }

    async fn refuse(&self, request: NativeRequest, status: StatusCode) -> Reply {
        let context = self.context.load_full();
        handler::refuse(&request, status, &context).await
    }
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// A runtime with as many workers as the configuration says.
pub(crate) fn runtime(config: &Config) -> io::Result<tokio::runtime::Runtime> {
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

/// Room for connections, and no core dump to hold passwords.
pub(crate) fn harden() {
    if let Err(error) = raise_open_files() {
        warn!(%error, "the limit of open files stays as it is");
    }
    if let Err(error) = refuse_core_dumps() {
        warn!(%error, "core dumps stay allowed");
    }
}

async fn resign_metadata(context: Arc<Context>) {
    let mut day = interval(RESIGN_METADATA);
    day.tick().await;
    loop {
        day.tick().await;
        let renewed =
            context.documents.renew(&context.config, &context.signing_key, context.clock.now(), &*context.ids);
        if let Err(error) = renewed {
            error!(%error, "the metadata is not signed again; the one of yesterday stays");
        }
    }
}

async fn count_locked(context: Arc<Context>) {
    let mut often = interval(COUNT_LOCKED);
    loop {
        often.tick().await;
        let locked = context.sign_in.locked().await;
        context.metrics.lockouts_active.set(i64::try_from(locked).unwrap_or(i64::MAX));
    }
}
