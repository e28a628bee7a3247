//! The ways to a syslog server: datagrams, and streams in which each message has its length before it.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use native_tls::{Certificate, HandshakeError, TlsConnector, TlsStream};

use crate::config::SyslogServer;

/// For connecting, each step of TLS, and each write.
const PATIENCE: Duration = Duration::from_secs(1);

/// How connections to one server are made.
pub(super) struct Route {
    server: SyslogServer,
    tls: Option<TlsConnector>,
}

/// A way that is open.
pub(super) enum Connection {
    Local(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Route {
    /// Reads the certificates to trust.
    ///
    /// # Errors
    /// They cannot be read, or are none.
    pub fn new(server: &SyslogServer) -> io::Result<Self> {
        let tls = match server {
            SyslogServer::Tls { ca_file, .. } => Some(connector(ca_file.as_deref())?),
            SyslogServer::Local(_) | SyslogServer::Udp(..) | SyslogServer::Tcp(..) => None,
        };
        Ok(Self { server: server.clone(), tls })
    }

    /// # Errors
    /// The server is not there, or not who it should be.
    pub fn connect(&self) -> io::Result<Connection> {
        match &self.server {
            SyslogServer::Local(path) => local(path),
            SyslogServer::Udp(host, port) => datagrams(host, *port),
            SyslogServer::Tcp(host, port) => stream(host, *port).map(Connection::Tcp),
            SyslogServer::Tls { host, port, .. } => self.secured(host, *port),
        }
    }

    /// The error with the server's name, for people.
    pub fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name()))
    }

    /// For people.
    pub fn name(&self) -> String {
        self.server.to_string()
    }

    fn secured(&self, host: &str, port: u16) -> io::Result<Connection> {
        let Some(tls) = &self.tls else { return Err(ErrorKind::Unsupported.into()) };
        let secured = tls.connect(host, stream(host, port)?).map_err(|error| match error {
            HandshakeError::Failure(error) => io::Error::other(error),
            HandshakeError::WouldBlock(_) => ErrorKind::TimedOut.into(),
        })?;
        Ok(Connection::Tls(Box::new(secured)))
    }
}

impl Connection {
    /// Whether each message goes by itself.
    pub fn is_datagrams(&self) -> bool {
        matches!(self, Self::Local(_) | Self::Udp(_))
    }

    /// Sends one message, or a stream of framed ones.
    ///
    /// # Errors
    /// It is not known how much of it has arrived.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Local(socket) => socket.send(bytes).map(drop),
            Self::Udp(socket) => socket.send(bytes).map(drop),
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Waits for what a TLS server has against us, which in TLS 1.3 it says after the handshake.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`]: it goes away, as one does that wants a certificate of its clients.
    pub fn stays(&mut self) -> io::Result<()> {
        let Self::Tls(stream) = self else { return Ok(()) };
        let why = match stream.read(&mut [0]) {
            Ok(0) => "it is closed".to_owned(),
            Ok(_) => return Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(()),
            Err(error) => error.to_string(),
        };
        Err(io::Error::new(ErrorKind::PermissionDenied, format!("the server refuses the connection after TLS: {why}")))
    }

    /// Whether the other end has not closed it: what is written after that arrives nowhere, and no error tells.
    pub fn is_open(&mut self) -> bool {
        let mut said = [0; 256];
        let heard = match self {
            Self::Local(_) | Self::Udp(_) => return true,
            Self::Tcp(stream) => without_waiting(stream, |stream| stream.read(&mut said)),
            Self::Tls(stream) => {
                if stream.get_ref().set_nonblocking(true).is_err() {
                    return false;
                }
                let heard = stream.read(&mut said);
                match stream.get_ref().set_nonblocking(false) {
                    Ok(()) => heard,
                    Err(_) => return false,
                }
            }
        };
        match heard {
            Ok(bytes) => bytes > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

fn without_waiting(stream: &mut TcpStream, ask: impl FnOnce(&mut TcpStream) -> io::Result<usize>) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let heard = ask(stream);
    stream.set_nonblocking(false)?;
    heard
}

/// A message with its length (RFC 6587 3.4.1).
pub(super) fn frame(message: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(message.len().to_string().as_bytes());
    into.push(b' ');
    into.extend_from_slice(message);
}

fn local(path: &Path) -> io::Result<Connection> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(Connection::Local(socket))
}

fn datagrams(host: &str, port: u16) -> io::Result<Connection> {
    each_address(host, port, |address| {
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(Connection::Udp(socket))
    })
}

fn stream(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = each_address(host, port, |address| TcpStream::connect_timeout(&address, PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// What the first of a host's addresses makes that makes anything.
fn each_address<T>(
    host: &str,
    port: u16,
    mut connect: impl FnMut(std::net::SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = Err(io::Error::new(ErrorKind::NotFound, "its name has no address"));
    for address in (host, port).to_socket_addrs()? {
        last = connect(address);
        if last.is_ok() {
            break;
        }
    }
    last
}

fn connector(ca_file: Option<&Path>) -> io::Result<TlsConnector> {
    let mut builder = TlsConnector::builder();
    if let Some(file) = ca_file {
        let named = |what: String| io::Error::new(ErrorKind::InvalidData, format!("{}: {what}", file.display()));
        let pem = fs::read(file).map_err(|error| named(error.to_string()))?;
        let trusted = Certificate::stack_from_pem(&pem).map_err(|error| named(error.to_string()))?;
        if trusted.is_empty() {
            return Err(named("holds no certificate".to_owned()));
        }
        builder.disable_built_in_roots(true);
        for one in trusted {
            builder.add_root_certificate(one);
        }
    }
    builder.build().map_err(io::Error::other)
}
