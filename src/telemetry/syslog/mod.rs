//! Audit records as syslog messages. While the server takes none, a bounded number is kept, and nobody who signs in waits.

mod connection;
mod message;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use self::connection::{Connection, Route, frame};
use self::message::Header;
use super::sink::{Entry, Left, Sink};
use crate::config::{SyslogConfig, SyslogServer};

/// Records that may wait for the server.
const KEPT: usize = 4096;
/// What is written to a stream at once, in bytes, or little more.
const BATCH: usize = 64 * 1024;
/// After a failure, it is tried again no sooner.
const PAUSE: Duration = Duration::from_secs(1);

/// Connects as the audit log does, and sends nothing: whether the server is there, and who it should be. Blocks. Of a server that
/// takes datagrams no more is known than that it has an address.
///
/// # Errors
/// The certificates to trust cannot be read; the server is not there, or not who it should be, in which case the error holds
/// [`native_tls::Error`].
pub fn reach_syslog(server: &SyslogServer) -> io::Result<()> {
    Route::new(server)?.connect()?.stays()
}

/// Where audit records go, and those that are not there yet.
pub(super) struct Syslog {
    header: Header,
    route: Route,
    connection: Option<Connection>,
    waiting: VecDeque<Entry>,
    not_before: Option<Instant>,
    given_up: u64,
}

impl Syslog {
    /// Makes ready; the server is asked for when there is something to send.
    ///
    /// # Errors
    /// The certificates to trust cannot be read.
    pub fn new(config: &SyslogConfig) -> io::Result<Self> {
        let (header, route) = (Header::new(config), Route::new(&config.server)?);
        Ok(Self { header, route, connection: None, waiting: VecDeque::new(), not_before: None, given_up: 0 })
    }

    /// Sends the first of those that wait, or as many as go at once. What was under way when a connection broke is sent
    /// again on the next, and may come twice.
    fn send_some(&mut self) -> io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.route.connect().map_err(|error| self.route.named(&error))?),
        };
        if connection.is_datagrams() {
            let Some(first) = self.waiting.front() else { return Ok(()) };
            match connection.send(&self.header.message(first)) {
                Err(error) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) => self.given_up += 1,
                sent => sent?,
            }
            self.waiting.pop_front();
            return Ok(());
        }
        let (mut batch, mut taken) = (Vec::new(), 0);
        for entry in &self.waiting {
            if batch.len() >= BATCH {
                break;
            }
            frame(&self.header.message(entry), &mut batch);
            taken += 1;
        }
        connection.send(&batch)?;
        self.waiting.drain(..taken);
        Ok(())
    }
}

impl Sink for Syslog {
    fn put(&mut self, entry: Entry) -> io::Result<()> {
        if self.waiting.len() >= KEPT {
            // An attempt makes room, if it succeeds.
            self.flush()?;
        }
        self.waiting.push_back(entry);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if self.not_before.is_some_and(|time| Instant::now() < time) {
            return Err(io::Error::new(ErrorKind::NotConnected, format!("{} takes nothing", self.route.name())));
        }
        while !self.waiting.is_empty() {
            let reused = self.connection.as_mut().is_some_and(Connection::is_open);
            if !reused {
                self.connection = None;
            }
            if let Err(error) = self.send_some() {
                self.connection = None;
                // A server that was started anew is there at once.
                if !reused {
                    self.not_before = Some(Instant::now() + PAUSE);
                    return Err(error);
                }
            }
        }
        self.not_before = None;
        Ok(())
    }

    fn left(self: Box<Self>) -> Left {
        Left::Entries(self.waiting)
    }

    fn given_up(&mut self) -> u64 {
        std::mem::take(&mut self.given_up)
    }

    fn inherit(&mut self, left: Left) -> Result<(), (io::Error, u64)> {
        let lines = match left {
            Left::Entries(entries) => {
                self.waiting.extend(entries);
                return Ok(());
            }
            Left::Lines(lines) => lines,
        };
        for line in String::from_utf8_lossy(&lines).split_inclusive('\n') {
            // Of one, a file may have the beginning: what is left of it is no record.
            if line.starts_with('{') {
                let entry = Entry { line: line.to_owned(), time: None, kind: "sign_in", notable: true };
                self.waiting.push_back(entry);
            } else {
                self.given_up += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::thread::sleep;

    use super::*;
    use crate::config::SyslogServer;
    use crate::model::Timestamp;

    fn entry(number: usize) -> Entry {
        Entry { line: format!("{{\"number\":{number}}}\n"), time: None, kind: "sign_in", notable: false }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the pause after a failure is what is waited for")]
    fn so_many_are_kept_and_sent_in_order_when_somebody_takes_them() {
        let path = std::env::temp_dir().join(format!("fedfront-syslog-{}", std::process::id()));
        let server = SyslogServer::Local(path.clone());
        let mut syslog = Syslog::new(&SyslogConfig { server, facility: 10, app_name: "x".to_owned() }).unwrap();
        let put: Vec<bool> = (0..KEPT + 10).map(|number| syslog.put(entry(number)).is_ok()).collect();
        assert!(put[..KEPT].iter().all(|kept| *kept) && !put[KEPT..].iter().any(|kept| *kept));
        let error = syslog.flush().unwrap_err();
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
        let taker = UnixDatagram::bind(&path).unwrap();
        let reader = std::thread::spawn(move || {
            let mut message = [0; 1024];
            let mut texts = Vec::new();
            while texts.len() < KEPT {
                let length = taker.recv(&mut message).unwrap();
                texts.push(String::from_utf8_lossy(&message[..length]).into_owned());
            }
            texts
        });
        sleep(PAUSE);
        syslog.flush().unwrap();
        let texts = reader.join().unwrap();
        std::fs::remove_file(&path).unwrap();
        for (number, text) in texts.iter().enumerate() {
            assert!(text.ends_with(&format!(" sign_in - {{\"number\":{number}}}")), "{text}");
        }
    }

    #[test]
    fn what_a_file_had_left_is_sent_but_for_the_rest_of_a_line() {
        let server = SyslogServer::Local("/nonexistent/log".into());
        let mut syslog = Syslog::new(&SyslogConfig { server, facility: 10, app_name: "x".to_owned() }).unwrap();
        syslog.inherit(Left::Lines(b"of a line\"}\n{\"a\":1}\n{\"b\":2}\n".to_vec())).unwrap();
        assert_eq!((syslog.waiting.len(), syslog.given_up(), syslog.given_up()), (2, 1, 0));
        assert_eq!(Box::new(syslog).left().into_lines(), b"{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn what_waited_at_a_reload_lost_its_time_and_kind() {
        let server = SyslogServer::Local("/nonexistent/log".into());
        let config = SyslogConfig { server, facility: 10, app_name: "x".to_owned() };
        let mut before = Syslog::new(&config).unwrap();
        let time = Some(Timestamp::from_unix_millis(1_767_225_600_068));
        before.put(Entry { time, kind: "guard_unlock", ..entry(7) }).unwrap();
        let mut after = Syslog::new(&config).unwrap();
        after.inherit(Box::new(before).left()).unwrap();
        let message = String::from_utf8(after.header.message(&after.waiting[0])).unwrap();
        assert!(message.starts_with("<86>1 2026-01-01T00:00:00.068Z "), "{message}");
        assert!(message.ends_with(" guard_unlock - {\"number\":7}"), "{message}");
    }
}
