//! What else Pingora wants of a connection.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
};
use tokio::io::AsyncWriteExt;

use super::Connection;
use crate::proxy::Phase;

#[async_trait]
impl Shutdown for Connection {
    async fn shutdown(&mut self) {
        // The other side may be gone already, or take nothing; then there is nobody to say goodbye to.
        let _ = tokio::time::timeout(self.bounds.body_silence, AsyncWriteExt::shutdown(self)).await;
        if self.refused {
            self.linger().await;
        }
    }
}

impl UniqueID for Connection {
    fn id(&self) -> i32 {
        self.transport.tcp().as_raw_fd()
    }
}

impl Ssl for Connection {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.transport.tls()?.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.transport.tls()?.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.transport.tls()?.selected_alpn_proto()
    }
}

impl GetTimingDigest for Connection {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Connection {
    /// Pingora asks for this when it begins to wait for a request, and at no other time: so it also marks the end of the
    /// one before.
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        if self.client.phase() == Phase::Request {
            self.client.enter(Phase::Idle);
        }
        Some(Arc::clone(&self.proxy_digest))
    }
}

impl GetSocketDigest for Connection {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.socket_digest))
    }
}

impl Peek for Connection {}
