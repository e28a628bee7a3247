//! One client connection: socket, TLS, permit, deadlines.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::request_line::RequestLine;
use super::transport::Transport;
use crate::proxy::{App, ClientConnection, LINGER, Phase};
use crate::telemetry::Metrics;

/// A response's headers and the beginning of its body leave in one TLS record, at most this large.
const RECORD: usize = 16 * 1024;
/// A client that takes nothing for this long is gone.
const WRITE_STALL: Duration = Duration::from_secs(60);
/// Headers are refused politely up to this much over the limit; after that the connection is cut.
const HEADERS_SLACK: usize = 64 * 1024;

/// Deadlines and sizes that a connection enforces itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub header_deadline: Duration,
    pub keep_alive: Duration,
    pub headers: usize,
    pub body_silence: Duration,
    pub body_rate: u32,
}

/// One client connection. Dropping it gives back its permit.
pub(super) struct Connection {
    transport: Transport,
    client: Arc<ClientConnection>,
    proxy_digest: Arc<ProxyDigest>,
    socket_digest: Arc<SocketDigest>,
    bounds: Bounds,
    /// When the phase that the client keeps us waiting in ends.
    deadline: Instant,
    waiting: Phase,
    header_bytes: usize,
    request_line: RequestLine,
    body_came: bool,
    write_deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    out: BytesMut,
    http2: bool,
    /// Whether Pingora took what came for no request.
    refused: bool,
    app: App,
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    pub fn new(
        transport: Transport,
        client: ClientConnection,
        bounds: Bounds,
        app: App,
        metrics: Arc<Metrics>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, Box<pingora::Error>> {
        let client = Arc::new(client);
        let socket_digest = SocketDigest::from_raw_fd(transport.tcp().as_raw_fd());
        let _ = socket_digest.peer_addr.set(Some(client.peer.into()));
        // Pingora carries this object, which it made for its own client side, to every request of a connection.
        let proxy_digest =
            ProxyDigest::new(Box::new(ResponseHeader::build(200, Some(0))?), Some(Box::new(Arc::clone(&client))));
        let http2 = transport.tls().and_then(Ssl::selected_alpn_proto) == Some(ALPN::H2);
        metrics.connections_open.inc();
        Ok(Self {
            transport,
            client,
            proxy_digest: Arc::new(proxy_digest),
            socket_digest: Arc::new(socket_digest),
            bounds,
            deadline: Instant::now() + bounds.header_deadline,
            waiting: Phase::Headers,
            header_bytes: 0,
            request_line: RequestLine::default(),
            body_came: false,
            write_deadline: None,
            timer: None,
            out: BytesMut::new(),
            http2,
            refused: false,
            app,
            metrics,
            _permit: permit,
        })
    }

    /// Follows the phase that the proxy says the connection is in. True while a request is being answered.
    fn answering(&mut self) -> bool {
        let phase = self.client.phase();
        if phase == Phase::Idle && self.waiting != Phase::Idle {
            self.deadline = Instant::now() + self.bounds.keep_alive;
        }
        self.waiting = phase;
        phase == Phase::Request
    }

    /// Counts and watches bytes of a request's headers; the first of them starts their deadline.
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() || self.http2 {
            return Ok(());
        }
        if self.waiting == Phase::Idle {
            self.client.enter(Phase::Headers);
            self.waiting = Phase::Headers;
            self.header_bytes = 0;
            self.deadline = Instant::now() + self.bounds.header_deadline;
            self.request_line = self.request_line.next(std::mem::take(&mut self.body_came));
        }
        if !self.request_line.read(bytes) {
            self.client.mark_garbled();
        }
        self.header_bytes += bytes.len();
        if self.header_bytes > self.bounds.headers + HEADERS_SLACK {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "headers far over the limit"));
        }
        Ok(())
    }

    /// Whether `deadline` has passed; if not, this task is woken when it does. The timer is only moved when it must ring
    /// earlier: one that rings too early is wound again.
    fn expired(&mut self, cx: &mut Context<'_>, deadline: Instant) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            timer.as_mut().reset(deadline);
        }
        false
    }

    /// Whether what is written now is Pingora's answer to what it takes for no request: it writes at no other time before
    /// one is understood. Ours takes its place.
    fn is_refusal(&mut self) -> bool {
        if self.http2 || self.client.phase() == Phase::Request {
            return false;
        }
        if !std::mem::replace(&mut self.refused, true) {
            self.out.extend_from_slice(&self.app.refuse(self.client.peer.ip()));
        }
        true
    }

    /// Throws away what the client sends until it has read why it is refused and closes.
    async fn linger(&mut self) {
        let mut waste = [0; 4096];
        let drained = async { while matches!(self.transport.read(&mut waste).await, Ok(1..)) {} };
        let _ = tokio::time::timeout(LINGER, drained).await;
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = match self.transport.poll_write(cx, &self.out) {
                Poll::Ready(written) => written?,
                Poll::Pending => return self.stalled(cx),
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.write_deadline = None;
            self.out.advance(written);
        }
        // An idle connection keeps no buffer.
        self.out = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    fn stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let deadline = *self.write_deadline.get_or_insert_with(|| Instant::now() + WRITE_STALL);
        if self.expired(cx, deadline) { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let answering = this.answering();
        let before = buf.filled().len();
        if let Poll::Ready(result) = this.transport.poll_read(cx, buf) {
            let bytes = buf.filled().get(before..).unwrap_or_default();
            if answering {
                this.body_came |= !bytes.is_empty();
            } else if result.is_ok() {
                this.received(bytes)?;
            }
            return Poll::Ready(result);
        }
        // Whoever waits for the client has nothing more to write for now.
        if !this.out.is_empty()
            && let Poll::Ready(Err(error)) = this.poll_drain(cx)
        {
            return Poll::Ready(Err(error));
        }
        if !answering && this.expired(cx, this.deadline) {
            if this.waiting == Phase::Headers {
                this.metrics.connections_rejected.with_label_values(&["header_timeout"]).inc();
            }
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.is_refusal() {
            return Poll::Ready(Ok(data.len()));
        }
        if this.out.len() >= RECORD {
            ready!(this.poll_drain(cx))?;
        }
        // HTTP/2 frames are gathered by their codec already; a full record gains nothing by being copied.
        if this.out.is_empty() && (this.http2 || data.len() >= RECORD) {
            return match this.transport.poll_write(cx, data) {
                Poll::Pending => this.stalled(cx),
                ready => {
                    this.write_deadline = None;
                    ready
                }
            };
        }
        let taken = data.len().min(RECORD - this.out.len());
        this.out.extend_from_slice(data.get(..taken).unwrap_or_default());
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_drain(cx))?;
        this.transport.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_drain(cx))?;
        this.transport.poll_shutdown(cx)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.metrics.connections_open.dec();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("client", &self.client).finish_non_exhaustive()
    }
}

#[async_trait]
impl Shutdown for Connection {
    async fn shutdown(&mut self) {
        // The other side may be gone already; then there is nobody to say goodbye to.
        let _ = AsyncWriteExt::shutdown(self).await;
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
