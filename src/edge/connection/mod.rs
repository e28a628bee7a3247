//! One client connection: socket, TLS, permit, deadlines.

mod capabilities;
mod http2;
mod messages;

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http2::Http2;
use messages::Messages;
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{ALPN, SocketDigest, Ssl};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::patience::Patience;
use super::places::Place;
use super::transport::Transport;
use crate::config::Limits;
use crate::proxy::{App, ClientConnection, LINGER, Phase};
use crate::telemetry::Metrics;

/// A response's headers and the beginning of its body leave in one TLS record, at most this large.
const RECORD: usize = 16 * 1024;
/// Most requests are smaller.
const FIRST_READ: usize = 2048;
/// Headers are refused politely up to this much over the limit; after that the connection is cut.
const HEADERS_SLACK: usize = 64 * 1024;

/// Deadlines and sizes that a connection enforces itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub handshake_deadline: Duration,
    pub header_deadline: Duration,
    pub keep_alive: Duration,
    pub headers: usize,
    pub body_silence: Duration,
    pub body_rate: u32,
}

impl Bounds {
    pub fn of(limits: &Limits) -> Self {
        Self {
            handshake_deadline: limits.handshake_deadline,
            header_deadline: limits.header_deadline,
            keep_alive: limits.keep_alive,
            headers: limits.headers,
            body_silence: limits.body_silence,
            body_rate: limits.body_rate,
        }
    }
}

/// One client connection. Dropping it gives back its place.
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
    messages: Messages,
    patience: Patience,
    /// What came while a request was waited for, and is not read yet.
    early: Bytes,
    out: BytesMut,
    http2: Option<Box<Http2>>,
    /// Whether the client was too slow once.
    cut: bool,
    /// Whether Pingora took what came for no request.
    refused: bool,
    app: App,
    metrics: Arc<Metrics>,
    _place: Place,
}

impl Connection {
    pub fn new(
        transport: Transport,
        client: ClientConnection,
        bounds: Bounds,
        app: App,
        metrics: Arc<Metrics>,
        place: Place,
    ) -> Result<Self, Box<pingora::Error>> {
        let client = Arc::new(client);
        let socket_digest = SocketDigest::from_raw_fd(transport.tcp().as_raw_fd());
        let _ = socket_digest.peer_addr.set(Some(client.peer.into()));
        // Pingora carries this object, which it made for its own client side, to every request of a connection.
        let proxy_digest =
            ProxyDigest::new(Box::new(ResponseHeader::build(200, Some(0))?), Some(Box::new(Arc::clone(&client))));
        let http2 = transport.tls().and_then(Ssl::selected_alpn_proto) == Some(ALPN::H2);
        Ok(Self {
            transport,
            client,
            proxy_digest: Arc::new(proxy_digest),
            socket_digest: Arc::new(socket_digest),
            bounds,
            deadline: Instant::now() + bounds.header_deadline,
            waiting: Phase::Headers,
            header_bytes: 0,
            messages: Messages::default(),
            patience: Patience::new(bounds.body_silence, bounds.body_rate),
            early: Bytes::new(),
            out: BytesMut::new(),
            http2: http2.then(Default::default),
            cut: false,
            refused: false,
            app,
            metrics,
            _place: place,
        })
    }

    /// Whether HTTP/2 is spoken on it.
    pub fn is_http2(&self) -> bool {
        self.http2.is_some()
    }

    /// Whether the next byte that comes begins a request: nothing is left over from those before.
    pub fn is_between_requests(&self) -> bool {
        self.early.is_empty() && self.messages.is_between() && self.client.begun() == self.messages.whole()
    }

    /// Waits for the beginning of a request, within the time that there is for it. False if none comes.
    pub async fn next_request(&mut self) -> bool {
        if self.client.phase() == Phase::Request {
            self.client.enter(Phase::Idle);
        }
        let begun = std::future::poll_fn(|cx| {
            let mut room = [0; FIRST_READ];
            let mut buf = ReadBuf::new(&mut room);
            let ended = ready!(Pin::new(&mut *self).poll_read(cx, &mut buf));
            Poll::Ready(ended.map(|()| Bytes::copy_from_slice(buf.filled())))
        });
        self.early = begun.await.unwrap_or_default();
        !self.early.is_empty()
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

    /// Counts bytes of a request's headers; the first of them starts their deadline.
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() || self.http2.is_some() {
            return Ok(());
        }
        if self.waiting == Phase::Idle {
            self.client.enter(Phase::Headers);
            self.waiting = Phase::Headers;
            self.header_bytes = 0;
            self.deadline = Instant::now() + self.bounds.header_deadline;
        }
        self.header_bytes += bytes.len();
        if self.header_bytes > self.bounds.headers + HEADERS_SLACK {
            self.reject("header_size");
            return Err(io::Error::new(io::ErrorKind::InvalidData, "headers far over the limit"));
        }
        Ok(())
    }

    /// What is waited for now: headers or the next request to an end, a body at a pace, or nothing of the client's.
    fn awaited(&self, answering: bool) -> Awaited {
        match &self.http2 {
            _ if !answering => Awaited::Until(self.deadline),
            Some(http2) => http2.awaited(),
            None if self.client.owes_body() => Awaited::Body,
            None => Awaited::Nothing,
        }
    }

    /// Whether the client has kept us waiting for too long.
    fn is_too_slow(&mut self, cx: &mut Context<'_>, answering: bool) -> bool {
        match self.awaited(answering) {
            Awaited::Nothing => self.patience.no_body_is_due(),
            Awaited::Until(deadline) if self.patience.is_over(cx, deadline) => {
                if self.waiting != Phase::Idle {
                    self.reject("header_timeout");
                }
                return true;
            }
            Awaited::Until(_) => {}
            Awaited::Body if self.patience.is_over_for_body(cx) => {
                self.client.mark_slow();
                self.reject("slow_body");
                return true;
            }
            Awaited::Body => {}
        }
        false
    }

    fn reject(&self, reason: &str) {
        self.metrics.connections_rejected.with_label_values(&[reason]).inc();
    }

    /// Whether what is written now is Pingora's answer to what it takes for no request: it writes at no other time before
    /// one is understood. Ours takes its place.
    fn is_refusal(&mut self) -> bool {
        if self.http2.is_some() || self.client.phase() == Phase::Request {
            return false;
        }
        if !std::mem::replace(&mut self.refused, true) {
            self.reject("malformed");
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
            self.patience.reader_took();
            self.out.advance(written);
        }
        // An idle connection keeps no buffer.
        self.out = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    /// The socket takes nothing more for now.
    fn stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let socket = &self.socket_digest;
        let taken = || socket.tcp_info().map_or(0, |info| info.tcpi_bytes_acked);
        if !self.patience.is_over_for_reader(cx, taken) {
            return Poll::Pending;
        }
        self.cut = true;
        self.reject("slow_reader");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn written(&mut self, bytes: &[u8]) {
        self.patience.reader_took();
        if self.http2.as_mut().is_some_and(|http2| http2.gives_up(bytes)) {
            self.reject("malformed");
        }
    }
}

/// What a connection waits for.
enum Awaited {
    Nothing,
    Until(Instant),
    Body,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.early.is_empty() {
            let early = this.early.split_to(this.early.len().min(buf.remaining()));
            buf.put_slice(&early);
            return Poll::Ready(Ok(()));
        }
        let answering = this.answering();
        let before = buf.filled().len();
        if let Poll::Ready(result) = this.transport.poll_read(cx, buf) {
            let bytes = buf.filled().get(before..).unwrap_or_default();
            if let Some(http2) = &mut this.http2 {
                http2.received(bytes, this.bounds.header_deadline);
                this.client.brings(http2.body());
            } else if !this.client.is_upgraded() {
                this.messages.read(bytes);
                if let Some(request) = this.messages.garbled() {
                    this.client.mark_garbled(request);
                }
            }
            if answering {
                this.patience.body_came(bytes.len());
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
        if this.is_too_slow(cx, answering) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.cut {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.is_refusal() {
            return Poll::Ready(Ok(data.len()));
        }
        if this.out.len() >= RECORD {
            ready!(this.poll_drain(cx))?;
        }
        // HTTP/2 frames are gathered by their codec already; a full record gains nothing by being copied.
        if this.out.is_empty() && (this.http2.is_some() || data.len() >= RECORD) {
            return match this.transport.poll_write(cx, data) {
                Poll::Pending => this.stalled(cx),
                Poll::Ready(Ok(count)) => {
                    this.written(data.get(..count).unwrap_or_default());
                    Poll::Ready(Ok(count))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
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

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("client", &self.client).finish_non_exhaustive()
    }
}
