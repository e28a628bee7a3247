//! Requests on streams of HTTP/2. That one stream is silent while others are not, no connection sees; and Pingora waits
//! for it without end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::SocketDigest;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::HttpApp;
use super::connection::ClientConnection;
use super::observe::{Observer, Rejection};
use crate::config::Limits;

tokio::task_local! {
    static STREAM: Arc<Stream>;
}

/// The proxy, for connections of HTTP/2: ends streams whose body does not come.
pub struct Streams {
    http: Arc<HttpApp>,
    observer: Arc<Observer>,
    server: HttpServerOptions,
    h2: H2Options,
}

const STREAMS: u32 = 100;
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

impl Streams {
    /// Holds its connections to these limits.
    pub(super) fn new(http: &Arc<HttpApp>, observer: &Arc<Observer>, limits: &Limits) -> Self {
        let mut server = http.server_options.clone().unwrap_or_default();
        server.h2_idle_timeout = Some(limits.keep_alive);
        let mut h2 = default_h2_options();
        h2.max_concurrent_streams(STREAMS);
        h2.max_header_list_size(u32::try_from(limits.headers).unwrap_or(u32::MAX));
        h2.initial_window_size(STREAM_WINDOW);
        h2.initial_connection_window_size(CONNECTION_WINDOW);
        Self { http: Arc::clone(http), observer: Arc::clone(observer), server, h2 }
    }
}

#[async_trait]
impl HttpServerApp for Streams {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let stream = Arc::new(Stream::default());
        let answering = STREAM.scope(Arc::clone(&stream), self.http.process_new_http(session, shutdown));
        tokio::select! {
            biased;
            reused = answering => reused,
            // What is dropped here resets the stream and closes the connection to the server.
            () = stream.until_silent() => {
                self.observer.rejected(Rejection::SlowBody);
                None
            }
        }
    }

    fn h2_options(&self) -> Option<H2Options> {
        Some(self.h2.clone())
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.server)
    }

    async fn http_cleanup(&self) {
        self.http.http_cleanup().await;
    }
}

/// One stream, as far as its silence is concerned.
#[derive(Debug, Default)]
pub(super) struct Stream {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// When more of the body must have come, or its end.
    due: Option<Instant>,
    connection: Option<Arc<ClientConnection>>,
    server: Option<Arc<SocketDigest>>,
    silent: bool,
}

/// How soon it is looked again whether somebody else is still waited for.
const AGAIN: Duration = Duration::from_millis(500);

impl Stream {
    /// That of the request which is being answered; `None` over HTTP/1.
    pub fn current(connection: &Arc<ClientConnection>) -> Option<Arc<Self>> {
        let stream = STREAM.try_with(Arc::clone).ok()?;
        stream.state().connection = Some(Arc::clone(connection));
        Some(stream)
    }

    /// More of the body is owed within that time, or nothing.
    pub fn owe(&self, within: Option<Duration>) {
        self.state().due = within.and_then(|within| Instant::now().checked_add(within));
        self.changed.notify_one();
    }

    /// The body goes to a server on this socket, or to none: then it is not waited for, either.
    pub fn goes_to(&self, server: Option<Arc<SocketDigest>>) {
        self.state().server = server;
    }

    /// Whether its client was silent for too long.
    pub fn is_silent(&self) -> bool {
        self.state().silent
    }

    async fn until_silent(&self) {
        let mut frame = Awaited::Unseen;
        loop {
            let due = self.state().due;
            match due {
                None => self.changed.notified().await,
                Some(due) if Instant::now() < due => {
                    frame = Awaited::Unseen;
                    tokio::time::sleep_until(due).await;
                }
                // What the server does not take, nobody reads.
                Some(_) if !self.server_has_all() => tokio::time::sleep(AGAIN).await,
                // It comes frame by frame, whole ones; a frame that drips is the connection's to cut.
                Some(_) if frame.is_to_wait_for(self.brought()) => tokio::time::sleep(AGAIN).await,
                Some(_) => {
                    self.state().silent = true;
                    return;
                }
            }
        }
    }

    /// Whether the server's system has taken all that it was sent.
    fn server_has_all(&self) -> bool {
        let info = self.state().server.as_ref().and_then(|server| server.tcp_info());
        info.is_some_and(|info| info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0)
    }

    /// The frame that is under way on the connection.
    fn brought(&self) -> u64 {
        self.state().connection.as_ref().map_or(0, |connection| connection.brought())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The frame that was under way on the connection when the body was due: it may be the body, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Unseen,
    Frame(u64),
    /// It has come; whether it was the body is known by now, or soon.
    Over,
}

impl Awaited {
    /// Whether to wait on, now that the frame of that number is under way, or none. It is waited for one frame alone:
    /// others would keep a silent stream for ever.
    fn is_to_wait_for(&mut self, under_way: u64) -> bool {
        let (next, waits) = match *self {
            Self::Unseen if under_way != 0 => (Self::Frame(under_way), true),
            Self::Frame(frame) if frame == under_way => (*self, true),
            Self::Frame(_) => (Self::Over, true),
            Self::Unseen | Self::Over => (Self::Over, false),
        };
        *self = next;
        waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_one_frame_alone() {
        for (under_way, waited) in [
            (vec![0], vec![false]),
            (vec![5, 5, 0, 0], vec![true, true, true, false]),
            (vec![5, 6, 7], vec![true, true, false]),
        ] {
            let mut frame = Awaited::Unseen;
            let waits: Vec<_> = under_way.iter().map(|each| frame.is_to_wait_for(*each)).collect();
            assert_eq!(waits, waited, "{under_way:?}");
        }
    }
}
