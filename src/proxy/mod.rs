//! Forwarding, with Pingora; and the way to our own endpoints.

mod answer;
mod client;
mod connection;
mod context;
mod failure;
mod headers;
mod health;
mod hop;
mod identity;
mod native;
mod observe;
mod pace;
mod route;
mod service;
mod settings;
mod shadow;
mod streams;
mod target;
mod understand;
mod upstream;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::StatusCode;
use pingora::apps::HttpServerOptions;
use pingora::proxy::HttpProxy;
use pingora::server::configuration::ServerConf;
use tokio::sync::Semaphore;

use crate::config::{Limits, Upstream};
use crate::handler::{NativeRequest, Reply};
use crate::model::ClientAddress;
use crate::telemetry::Metrics;
use observe::{Access, Observer};

pub use answer::LINGER;
pub use client::client_address;
pub use connection::{ClientConnection, Phase};
pub use pace::Pace;
pub use route::{Routed, Routes};
pub use service::Forwarder;
pub use settings::ProxySettings;
pub use streams::Streams;
pub use upstream::ServerBehind;

/// Where the proxy finds the configuration that holds now.
pub trait Snapshots: Send + Sync + 'static {
    /// That of a request which begins now, and keeps it to its end.
    fn current(&self) -> Arc<dyn Native>;
}

impl<N: Native> Snapshots for ArcSwap<N> {
    fn current(&self) -> Arc<dyn Native> {
        self.load_full()
    }
}

/// One configuration at work.
#[async_trait]
pub trait Native: Send + Sync + 'static {
    /// What of it concerns the proxy.
    fn settings(&self) -> Arc<ProxySettings>;

    /// The answer to a request on one of our endpoints.
    async fn answer(&self, request: NativeRequest) -> Reply;

    /// The answer to one whose body is too large (413) or did not arrive in time (408); `request` has none of it.
    async fn refuse(&self, request: NativeRequest, status: StatusCode) -> Reply;
}

/// The proxy as an application of Pingora's.
pub type HttpApp = HttpProxy<Forwarder>;

/// The proxy, ready for connections.
#[derive(Clone)]
pub struct App {
    http: Arc<HttpApp>,
    streams: Arc<ArcSwap<Streams>>,
    snapshots: Arc<dyn Snapshots>,
    observer: Arc<Observer>,
    draining: Arc<AtomicBool>,
    forwarding: Arc<Semaphore>,
}

/// Idle connections to the servers behind, for each worker thread.
const IDLE_UPSTREAM_CONNECTIONS: usize = 128;
/// Attempts to forward one request, or as many as there are servers if that is more: servers that cannot be reached, and
/// idle connections that turn out to be closed.
const ATTEMPTS: usize = 4;

impl App {
    /// Builds the proxy. Of `limits`, those of an HTTP/2 connection are in force until [`App::take_limits`]; those of a request
    /// are read from [`Native::settings`]. Must be called on the runtime that serves.
    pub fn new(snapshots: Arc<dyn Snapshots>, limits: &Limits, metrics: &Metrics) -> Self {
        let threads = match limits.threads {
            0 => std::thread::available_parallelism().map_or(1, Into::into),
            threads => threads,
        };
        let conf = ServerConf {
            threads,
            upstream_keepalive_pool_size: IDLE_UPSTREAM_CONNECTIONS,
            // Each request counts its own.
            max_retries: Upstream::MOST_SERVERS + 1,
            ..ServerConf::default()
        };
        let draining = Arc::new(AtomicBool::new(false));
        let observer = Arc::new(Observer::new(metrics));
        let forwarding = Arc::new(Semaphore::new(0));
        let forwarder = Forwarder {
            snapshots: Arc::clone(&snapshots),
            observer: Arc::clone(&observer),
            draining: Arc::clone(&draining),
            forwarding: Arc::clone(&forwarding),
        };
        let mut http = pingora::proxy::http_proxy(&Arc::new(conf), forwarder);
        let mut options = HttpServerOptions::default();
        // Pingora answers CONNECT with its own page; ours is the one that is logged.
        options.allow_connect_method_proxying = true;
        http.server_options = Some(options);
        let http = Arc::new(http);
        let streams = Arc::new(ArcSwap::from_pointee(Streams::new(&http, &observer, limits)));
        Self { streams, http, snapshots, observer, draining, forwarding }
    }

    /// Holds connections of HTTP/2 that begin from now on to other limits.
    pub(crate) fn take_limits(&self, limits: &Limits) {
        self.streams.store(Arc::new(Streams::new(&self.http, &self.observer, limits)));
    }

    /// For the edge: so many more requests may be forwarded at a time, each on a connection of its own. At first, none.
    pub(crate) fn forward(&self, requests: u32) {
        self.forwarding.add_permits(requests as usize);
    }

    /// From now on each answer on an HTTP/1 connection is its last.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// For the edge: whether the settings of now trust that peer to say whom it speaks for.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        client::is_trusted(peer, &self.snapshots.current().settings().trusted_proxies)
    }

    /// For the edge: counts and logs what a peer sent in place of an HTTP/1 request; the answer to it.
    pub(crate) fn refuse(&self, peer: IpAddr) -> Vec<u8> {
        let correlation_id = context::random_id();
        if let Some(in_flight) = self.observer.begin("refused") {
            let unread = Access {
                method: "-",
                path: b"-",
                status: Some(StatusCode::BAD_REQUEST),
                client: ClientAddress(peer),
                correlation_id: &correlation_id,
                sent: 0,
                trace_id: None,
            };
            self.observer.end(&in_flight, &unread);
        }
        answer::bad_request(&correlation_id)
    }

    /// For the edge: what connections of HTTP/2 that begin now are handed to.
    pub fn streams(&self) -> Arc<Streams> {
        self.streams.load_full()
    }

    /// For the edge: what connections are handed to.
    pub fn http(&self) -> &Arc<HttpApp> {
        &self.http
    }
}
