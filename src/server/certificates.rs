//! The listeners' TLS certificates, and all else that can be replaced while they serve.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::{info, warn};

use crate::config::Config;
use crate::edge::{Listener, Reception, TlsCertificates};
use crate::keys::Description;
use crate::telemetry::Metrics;

/// Each listener's address as configured, and how it receives connections. A clone is the same.
#[derive(Clone)]
pub(super) struct Certificates(Vec<(SocketAddr, Arc<ArcSwap<Reception>>)>);

impl Certificates {
    /// As `config` says, in the order of its listeners.
    pub fn new(config: &Config, read: Vec<Option<TlsCertificates>>) -> Self {
        let receptions = config.listen.iter().zip(read);
        let each = receptions.map(|(listen, tls)| {
            let reception = Reception { tls, proxy_protocol: listen.proxy_protocol };
            (listen.address, Arc::new(ArcSwap::from_pointee(reception)))
        });
        Self(each.collect())
    }

    /// The listeners, each with its socket.
    pub fn listeners(&self, sockets: Vec<TcpListener>) -> Vec<Listener> {
        let receptions = self.0.iter().map(|(_, reception)| reception.clone());
        sockets.into_iter().zip(receptions).map(|(socket, reception)| Listener { socket, reception }).collect()
    }

    /// Whether each listener is by TLS.
    pub fn tls(&self) -> impl Iterator<Item = bool> {
        self.0.iter().map(|(_, reception)| reception.load().tls.is_some())
    }

    /// Each listener's address as configured, and how it receives now.
    pub fn each(&self) -> impl Iterator<Item = (SocketAddr, Arc<Reception>)> {
        self.0.iter().map(|(address, reception)| (*address, reception.load_full()))
    }

    /// Receives as `config` says from the next connection on, at each address that is in it still.
    pub fn replace(&self, config: &Config, read: Vec<Option<TlsCertificates>>) {
        let mut read: Vec<_> = config.listen.iter().enumerate().zip(read).collect();
        for (address, in_use) in &self.0 {
            let Some(at) = read.iter().position(|((_, listen), _)| listen.address == *address) else { continue };
            let ((number, listen), tls) = read.remove(at);
            let reception = Reception { tls, proxy_protocol: listen.proxy_protocol };
            tell(number, &in_use.load(), &reception);
            in_use.store(Arc::new(reception));
        }
    }

    /// Shows when the first of them ends.
    pub fn show(&self, metrics: &Metrics) {
        let ends = self.0.iter().filter_map(|(_, reception)| Some(reception.load().tls.as_ref()?.not_after())).min();
        metrics.tls_certificate_not_after.set(ends.unwrap_or_default() as f64);
    }
}

/// Tells what the next connection will find.
fn tell(number: usize, before: &Reception, now: &Reception) {
    match (&before.tls, &now.tls) {
        (Some(before), Some(now)) if now.sends_the_same(before) => {}
        (_, Some(now)) => {
            if let Some(Description { subject, ends, sha256, .. }) = now.description() {
                let ends = ends.map(|ends| ends.to_string());
                info!(key = %format_args!("listen[{number}].tls"), subject, ends, sha256, "another certificate is served");
            }
        }
        (Some(_), None) => warn!(key = %format_args!("listen[{number}].tls"), "plain HTTP is served, without TLS"),
        (None, None) => {}
    }
}
