//! What is known of a client connection, shared by the edge, which owns the socket, and the proxy, which owns the
//! requests on it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use crate::keys::ShownCertificate;
use crate::model::ClientAddress;

/// One client connection.
#[derive(Debug)]
pub struct ClientConnection {
    /// Who is at the other end of the socket; asked of the kernel once.
    pub peer: SocketAddr,
    /// Whether by TLS.
    pub tls: bool,
    /// The certificate that its client has proved to have the key of, where the listener asks for one.
    pub certificate: Option<ShownCertificate>,
    /// Whether `peer` speaks for somebody whom it does not name: then it is not to be believed in anything else either.
    pub(super) unnamed: bool,
    id: u64,
    phase: AtomicU8,
    pinned: AtomicBool,
    begun: AtomicU64,
    garbled: AtomicU64,
    frame: AtomicU64,
    owes_body: AtomicBool,
    upgraded: AtomicBool,
    slow: AtomicBool,
    server: AtomicUsize,
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The rest of a request's headers.
    Headers = 0,
    /// A request is being answered.
    Request = 1,
    /// The next request.
    Idle = 2,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that was never given before and never will be, for upstream connections that nobody may share.
pub(super) fn unique() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed) | 1 << 63
}

impl ClientConnection {
    /// A connection that was just accepted and owes its first request.
    pub fn new(peer: SocketAddr, tls: bool) -> Self {
        Self {
            peer,
            tls,
            certificate: None,
            unnamed: false,
            id: unique(),
            phase: AtomicU8::new(Phase::Headers as u8),
            pinned: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            garbled: AtomicU64::new(u64::MAX),
            frame: AtomicU64::new(0),
            owes_body: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            server: AtomicUsize::new(usize::MAX),
        }
    }

    /// One of a balancer that does not say whose bytes it passes on.
    pub fn unnamed(balancer: SocketAddr, tls: bool) -> Self {
        Self { unnamed: true, ..Self::new(balancer, tls) }
    }

    /// What it is waiting for.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Headers,
            1 => Phase::Request,
            _ => Phase::Idle,
        }
    }

    /// It now waits for something else.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// A request is being answered from now on.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.enter(Phase::Request);
    }

    /// How many have begun.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// That request, counted from 0, has no request line, though Pingora makes one of what it has.
    pub fn mark_garbled(&self, request: u64) {
        self.garbled.store(request, Ordering::Relaxed);
    }

    /// Whether the last one that has begun is such a one, or comes after it.
    pub(super) fn is_garbled(&self) -> bool {
        self.garbled.load(Ordering::Relaxed) < self.begun()
    }

    /// Whether the client of an HTTP/1 connection owes more of a body that is forwarded. One that waits to be told to
    /// continue owes none.
    pub(super) fn owe_body(&self, owes: bool) {
        self.owes_body.store(owes && !self.is_upgraded(), Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn owes_body(&self) -> bool {
        self.owes_body.load(Ordering::Relaxed)
    }

    /// Over HTTP/2, the frame of that number, of a body, has begun and is not over; 0 is none.
    pub fn brings(&self, frame: u64) {
        self.frame.store(frame, Ordering::Relaxed);
    }

    /// That frame.
    pub(super) fn brought(&self) -> u64 {
        self.frame.load(Ordering::Relaxed)
    }

    /// Another protocol is spoken on it from now on, of which we know nothing.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
        self.owe_body(false);
    }

    /// Whether it is so.
    pub fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Relaxed)
    }

    /// Its client sent the body too slowly and gets no more time.
    pub fn mark_slow(&self) {
        self.slow.store(true, Ordering::Relaxed);
        self.owe_body(false);
    }

    /// Whether it is so.
    pub(super) fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    /// From now on its requests use upstream connections of its own, because NTLM and Negotiate sign in a connection
    /// (RFC 4559 6).
    pub(super) fn pin(&self) {
        self.pinned.store(true, Ordering::Relaxed);
    }

    /// The group of upstream connections that is its own, once pinned. A proxy in front of us may bring several clients
    /// on one connection; each of them has a group.
    pub(super) fn own_group(&self, client: ClientAddress) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        (self.id, client.0).hash(&mut hasher);
        self.pinned.load(Ordering::Relaxed).then(|| hasher.finish() | 1 << 63)
    }

    /// The server that its own upstream connection goes to.
    pub(super) fn server(&self) -> Option<usize> {
        Some(self.server.load(Ordering::Relaxed)).filter(|server| *server != usize::MAX)
    }

    pub(super) fn use_server(&self, server: usize) {
        self.server.store(server, Ordering::Relaxed);
    }
}
