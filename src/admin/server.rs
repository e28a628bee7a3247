//! Accepting and serving, apart from the edge's threads.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::bound::Bound;
use super::errands::BODY;
use super::routes::{Answer, Door, Status, answer, text};

/// The admin listener; serves until it is dropped.
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    doors: Doors,
}

/// Closes the admin listener to new connections. A clone closes the same.
#[derive(Clone, Default)]
pub struct Doors(watch::Sender<Option<Closed>>);

#[derive(Clone, Copy)]
struct Closed {
    /// The socket's file is another's from here on.
    leaves_file: bool,
}

/// Connections served at once, by TCP and by the socket each; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long those who are connected at the end are still answered: what has ended the process among them.
const LAST: Duration = Duration::from_secs(1);
/// A connection's whole life: one request and its answer.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(10);
/// The same on the socket, where an answer may be what a reload has found.
const RELOAD_DEADLINE: Duration = Duration::from_secs(60);

impl Admin {
    /// Serves where it was bound.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(bound: Bound, status: Status) -> io::Result<Self> {
        let Bound { network, address, mut socket } = bound;
        if let Some((_, file)) = &mut socket {
            file.own();
        }
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, mut stopped) = oneshot::channel();
        let doors = Doors::default();
        let mut closed = doors.0.subscribe();
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            let (listener, mut file) = socket.unzip();
            runtime.block_on(async {
                let permits = Permits::default();
                let closes = tokio::select! {
                    Err(error) = serve(network, listener, Arc::new(status), &permits) => {
                        warn!(%error, "the admin listener has stopped");
                        false
                    }
                    // An error says that `Admin` is gone, which also means to stop.
                    _ = &mut stopped => false,
                    Ok(_) = closed.wait_for(Option::is_some) => true,
                };
                if closes {
                    let _ = stopped.await;
                }
                let _ = timeout(LAST, permits.all_back()).await;
            });
            // Looked at last: who closes the doors may stop us in the same moment.
            if closed.borrow().is_some_and(|closed| closed.leaves_file)
                && let Some(file) = &mut file
            {
                file.leave();
            }
            drop(file);
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread), doors })
    }

    /// What closes it to new connections.
    pub fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// The address bound, with the port that was free if the configuration says 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Doors {
    /// Takes no new connections from here on, since another process does; `leaves_file` where it also has the socket's file.
    pub fn close(&self, leaves_file: bool) {
        self.0.send_replace(Some(Closed { leaves_file }));
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked, or it has ended; either way it has stopped.
            let _ = thread.join();
        }
    }
}

/// One for each connection, by TCP and by the socket.
struct Permits([Arc<Semaphore>; 2]);

impl Default for Permits {
    fn default() -> Self {
        Self([(); 2].map(|()| Arc::new(Semaphore::new(CONNECTIONS))))
    }
}

impl Permits {
    /// Nobody is connected.
    async fn all_back(&self) {
        for permits in &self.0 {
            drop(permits.acquire_many(CONNECTIONS as u32).await);
        }
    }
}

async fn serve(
    network: TcpListener,
    socket: Option<UnixListener>,
    status: Arc<Status>,
    Permits([of_network, of_socket]): &Permits,
) -> io::Result<Infallible> {
    let network = tokio::net::TcpListener::from_std(network)?;
    let loopback = network.local_addr()?.ip().to_canonical().is_loopback();
    let door = if loopback { Door::Loopback } else { Door::Network };
    let socket = socket.map(tokio::net::UnixListener::from_std).transpose()?;
    let by_network =
        accept(door, status.clone(), of_network, async || network.accept().await.map(|(stream, _)| stream));
    match socket {
        None => Ok(by_network.await),
        Some(socket) => {
            let by_socket =
                accept(Door::Socket, status, of_socket, async || socket.accept().await.map(|(stream, _)| stream));
            tokio::select! {
                never = by_network => Ok(never),
                never = by_socket => Ok(never),
            }
        }
    }
}

async fn accept<S>(
    door: Door,
    status: Arc<Status>,
    permits: &Arc<Semaphore>,
    next: impl AsyncFn() -> io::Result<S>,
) -> Infallible
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let deadline = if door == Door::Socket { RELOAD_DEADLINE } else { CONNECTION_DEADLINE };
    loop {
        let permit = permits.clone().acquire_owned().await;
        match next().await {
            Ok(stream) => {
                let connection = connection(door, status.clone(), stream, deadline);
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Most likely no file is free; a pause leaves others time to close some.
                warn!(%error, "an admin connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection<S>(door: Door, status: Arc<Status>, stream: S, deadline: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let status = status.clone();
        async move { Ok::<_, Infallible>(served(door, request, &status).await) }
    });
    // One request a connection keeps the bound on its life simple; probes and scrapes are few.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadline.min(CONNECTION_DEADLINE) / 2)
        .max_buf_size(16 * 1024)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(deadline, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "an admin connection ended early"),
        Err(_) => debug!("an admin connection was cut at its deadline"),
    }
}

/// By the network nothing is asked for that has a body: it is not read.
async fn served(door: Door, request: http::Request<Incoming>, status: &Status) -> Answer {
    let (parts, body) = request.into_parts();
    let body = if door == Door::Socket && !body.is_end_stream() {
        match Limited::new(body, BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long, or broke off\n"),
        }
    } else {
        Bytes::new()
    };
    answer(door, &parts.method, &parts.uri, &parts.headers, &body, status).await
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write as _};
    use std::net::TcpStream;

    use tokio::io::AsyncWriteExt;

    use super::super::client;
    use super::super::routes::tests::status;
    use super::super::{Asked, Errand};
    use super::*;
    use crate::config;
    use crate::runtime::Phase;

    fn start(status: Status, socket: Option<std::path::PathBuf>) -> Admin {
        let config = config::Admin { address: ([127, 0, 0, 1], 0).into(), socket, watch_files: true };
        Admin::start(Bound::new(&config, None, Vec::new()).unwrap(), status).unwrap()
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn it_answers_and_closes() {
        let admin = start(status(), None);
        let answer = ask(admin.address(), "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
        let answer = ask(admin.address(), "GET /status.json HTTP/1.1\r\nHost: rebound.example\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("localhost"), "{answer}");
        let answer = ask(admin.address(), "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[test]
    fn silent_connections_do_not_keep_others_out() {
        let admin = start(status(), None);
        let silent: Vec<TcpStream> =
            (0..CONNECTIONS - 1).map(|_| TcpStream::connect(admin.address()).unwrap()).collect();
        assert!(ask(admin.address(), "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 200"));
        drop(silent);
    }

    #[tokio::test]
    async fn whoever_says_nothing_or_too_little_or_does_not_read_is_cut() {
        for said in ["", "GET /livez HTTP/1.1\r\nHos", "GET /metrics HTTP/1.1\r\n\r\n"] {
            let (mut client, server) = tokio::io::duplex(64);
            client.write_all(said.as_bytes()).await.unwrap();
            connection(Door::Network, Arc::new(status()), server, Duration::from_millis(50)).await;
        }
    }

    #[test]
    fn it_drains_by_its_socket_and_takes_the_file_along() {
        let path = std::env::temp_dir().join(format!("fedfront-admin-{}.sock", std::process::id()));
        let status = status();
        let life = status.lifecycle.clone();
        let admin = start(status, Some(path.clone()));
        client::drain(&path).unwrap();
        assert_eq!(life.phase(), Phase::LameDuck);
        assert!(ask(admin.address(), "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 503"));
        drop(admin);
        assert!(!path.exists());
        let error = client::drain(&path).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }

    #[test]
    fn what_is_asked_by_its_socket_is_done_and_told() {
        let path = std::env::temp_dir().join(format!("fedfront-reload-{}.sock", std::process::id()));
        let (server, mut asked) = tokio::sync::mpsc::channel(1);
        let admin = start(Status { server, ..status() }, Some(path.clone()));
        let process = thread::spawn(move || {
            for found in [Ok("read again\n".to_owned()), Err("line 7\n".to_owned())] {
                match asked.blocking_recv().unwrap() {
                    Asked::Reload(asked) => asked.send(found).unwrap(),
                    _ => panic!("told something else"),
                }
            }
            match asked.blocking_recv().unwrap() {
                Asked::Promote(asked) => asked.send(Ok("promoted\n".to_owned())).unwrap(),
                _ => panic!("told something else"),
            }
            while let Some(Asked::Errand(errand, told)) = asked.blocking_recv() {
                let done = matches!(errand, Errand::Unlock { .. });
                told.send(if done { Err(format!("{errand:?}")) } else { Ok(format!("{errand:?}")) }).unwrap();
                if done {
                    break;
                }
            }
        });
        assert_eq!(client::reload(&path).unwrap(), Ok("read again\n".to_owned()));
        assert_eq!(client::reload(&path).unwrap(), Err("line 7\n".to_owned()));
        assert_eq!(client::promote(&path).unwrap(), Ok("promoted\n".to_owned()));
        let name = "al\"ice\n";
        assert_eq!(client::flush(&path, None).unwrap(), Ok("Flush { user: None }".to_owned()));
        let told = client::flush(&path, Some(name)).unwrap();
        assert_eq!(told, Ok(format!("{:?}", Errand::Flush { user: Some(name.to_owned()) })));
        assert_eq!(client::failures(&path, 7, true).unwrap(), Ok("Failures { most: 7, json: true }".to_owned()));
        let told = client::failures_of(&path, name, false).unwrap();
        assert_eq!(told, Ok(format!("{:?}", Errand::FailuresOf { user: name.to_owned(), json: false })));
        let error = client::flush(&path, Some(&"x".repeat(BODY))).unwrap_err();
        assert!(error.to_string().contains("413"), "{error}");
        assert_eq!(client::unlock(&path, None).unwrap(), Err("Unlock { user: None }".to_owned()));
        process.join().unwrap();
        assert!(client::reload(&path).unwrap_err().to_string().contains("503"));
        drop(admin);
    }

    #[test]
    fn what_is_handed_over_is_served_by_the_next_and_by_it_alone() {
        let path = std::env::temp_dir().join(format!("fedfront-handed-over-{}.sock", std::process::id()));
        let config =
            config::Admin { address: ([127, 0, 0, 1], 0).into(), socket: Some(path.clone()), watch_files: true };
        let bound = Bound::new(&config, None, Vec::new()).unwrap();
        let mut copies = bound.copies(config.address).unwrap();
        let network = TcpListener::from(copies.remove(0).socket);
        let first_status = status();
        let first_life = first_status.lifecycle.clone();
        let first = Admin::start(bound, first_status).unwrap();
        let next = Bound::new(&config, Some(network), copies).unwrap();
        assert!(next.adopts_file());
        let next_status = status();
        let next_life = next_status.lifecycle.clone();
        first.doors().close(true);
        let next = Admin::start(next, next_status).unwrap();
        assert_eq!(next.address(), first.address());
        drop(first);
        client::drain(&path).unwrap();
        assert_eq!((first_life.phase(), next_life.phase()), (Phase::Serving, Phase::LameDuck));
        assert!(ask(next.address(), "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 503"));
        drop(next);
        assert!(!path.exists());
    }

    /// It was stopped in the moment in which it handed over.
    #[test]
    fn the_file_of_a_process_that_hands_over_and_ends_at_once_was_removed() {
        let path = std::env::temp_dir().join(format!("fedfront-at-once-{}.sock", std::process::id()));
        for _ in 0..50 {
            let admin = start(status(), Some(path.clone()));
            admin.doors().close(true);
            drop(admin);
            assert!(path.exists());
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn an_address_in_use_is_named() {
        let admin = start(status(), None);
        let config = config::Admin { address: admin.address(), socket: None, watch_files: true };
        let error = Bound::new(&config, None, Vec::new()).err().unwrap();
        assert!(error.to_string().contains(&admin.address().to_string()), "{error}");
    }
}
