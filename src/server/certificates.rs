//! The listeners' TLS certificates, which can be replaced while they serve.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::info;

use crate::config::Config;
use crate::edge::{Listener, TlsCertificates};
use crate::keys::Description;
use crate::telemetry::Metrics;

/// Each listener's address as configured and its certificates; none where it is plain HTTP.
pub(super) struct Certificates(Vec<(SocketAddr, Option<Arc<ArcSwap<TlsCertificates>>>)>);

impl Certificates {
    /// Those that `config` names, in the order of its listeners.
    pub fn new(config: &Config, read: Vec<Option<TlsCertificates>>) -> Self {
        let replaceable = |read: Option<_>| read.map(ArcSwap::from_pointee).map(Arc::new);
        let addresses = config.listen.iter().map(|listen| listen.address);
        Self(addresses.zip(read.into_iter().map(replaceable)).collect())
    }

    /// The listeners of `config`, each with its socket.
    pub fn listeners(&self, config: &Config, sockets: Vec<TcpListener>) -> Vec<Listener> {
        let certificates = self.0.iter().map(|(_, tls)| tls.clone());
        let listeners = sockets.into_iter().zip(certificates).zip(&config.listen);
        listeners
            .map(|((socket, tls), listen)| Listener { socket, tls, proxy_protocol: listen.proxy_protocol })
            .collect()
    }

    /// Whether each listener is by TLS.
    pub fn tls(&self) -> impl Iterator<Item = bool> {
        self.0.iter().map(|(_, tls)| tls.is_some())
    }

    /// Serves what was read for `config` from the next handshake on, at each address that is in it still.
    pub fn replace(&self, config: &Config, read: Vec<Option<TlsCertificates>>) {
        let listen = config.listen.iter().enumerate();
        let mut read: Vec<_> =
            listen.zip(read).map(|((number, listen), read)| (number, listen.address, read)).collect();
        for (address, in_use) in &self.0 {
            let Some(at) = read.iter().position(|(_, other, _)| other == address) else { continue };
            if let (number, _, Some(certificates)) = read.remove(at)
                && let Some(in_use) = in_use
            {
                tell(number, &in_use.load(), &certificates);
                in_use.store(Arc::new(certificates));
            }
        }
    }

    /// Shows when the first of them ends.
    pub fn show(&self, metrics: &Metrics) {
        let ends = self.0.iter().filter_map(|(_, tls)| Some(tls.as_ref()?.load().not_after())).min();
        metrics.tls_certificate_not_after.set(ends.unwrap_or_default() as f64);
    }
}

fn tell(number: usize, before: &TlsCertificates, now: &TlsCertificates) {
    if let Some(Description { subject, ends, sha256 }) = now.description()
        && !now.sends_the_same(before)
    {
        let ends = ends.map(|ends| ends.to_string());
        info!(key = %format_args!("listen[{number}].tls"), subject, ends, sha256, "another certificate is served");
    }
}
