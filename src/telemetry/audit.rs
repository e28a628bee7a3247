//! The audit log: every decision, one JSON object a line, apart from the log.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::event::AuditEvent;
use super::record::AuditRecord;
use super::{IntCounter, Metrics, ShadowRecord, SprayRecord};
use crate::config::AuditSink;

/// Writes audit records on a thread of its own, so that a slow disk holds up nobody until so many wait that it has no room.
pub struct Audit {
    commands: mpsc::Sender<Command>,
    lost: IntCounter,
}

/// Records that may wait for the disk before requests do.
pub const WAITING: usize = 4096;

/// The writer rests this long after each batch, so that under load one waking serves many records: 2 µs of CPU each,
/// where a waking apiece takes 13. It is also what a killed process may lose.
const REST: Duration = Duration::from_millis(5);

/// How long a change of where to write waits for a place.
const SWITCH: Duration = Duration::from_secs(5);

/// What is written.
enum Line {
    Decision(Box<AuditRecord>),
    Operator(Box<AuditEvent>),
    Spray(Box<SprayRecord>),
    Shadow(Box<ShadowRecord>),
}

impl Line {
    fn text(&self) -> serde_json::Result<String> {
        match self {
            Self::Decision(record) => record.line(),
            Self::Operator(event) => event.line(),
            Self::Spray(record) => record.line(),
            Self::Shadow(record) => record.line(),
        }
    }
}

enum Command {
    Write(Line),
    Switch(Opened),
    Close(oneshot::Sender<()>),
}

impl Audit {
    /// Opens the sink. A file is appended to; a new one is for its owner alone (0600).
    ///
    /// # Errors
    /// The file cannot be opened, or no thread started.
    pub fn open(sink: &AuditSink, metrics: &Metrics) -> io::Result<Self> {
        Self::begin(Opened::new(sink)?, metrics)
    }

    /// Begins with a sink that is open.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn begin(sink: Opened, metrics: &Metrics) -> io::Result<Self> {
        Self::start(sink, WAITING, metrics.audit_records_lost.clone())
    }

    /// Writes elsewhere from here on: what was handed over before is still written where it was, if that takes it.
    pub async fn switch(&self, to: Opened) {
        if self.commands.send_timeout(Command::Switch(to), SWITCH).await.is_err() {
            error!("the audit log has stopped, or what it writes to takes nothing; it is not opened again");
        }
    }

    /// Hands a record over. Where too many wait for the disk already, waits for a place: none is lost.
    pub async fn write(&self, record: AuditRecord) {
        self.send(Line::Decision(Box::new(record))).await;
    }

    /// As [`Audit::write`], of a password spray.
    pub async fn write_spray(&self, record: SprayRecord) {
        self.send(Line::Spray(Box::new(record))).await;
    }

    /// As [`Audit::write`], of what fedfront would have answered otherwise than the identity provider.
    pub async fn write_difference(&self, record: ShadowRecord) {
        self.send(Line::Shadow(Box::new(record))).await;
    }

    /// One that writes nothing, and from which the record of one request can be taken.
    pub fn aside(metrics: &Metrics) -> (Self, Undecided) {
        let (commands, kept) = mpsc::channel(1);
        (Self { commands, lost: metrics.audit_records_lost.clone() }, Undecided(kept))
    }

    /// Hands over what an operator did, as [`Audit::write`] does a record.
    pub async fn tell(&self, event: AuditEvent) {
        self.send(Line::Operator(Box::new(event))).await;
    }

    /// Returns when everything handed over before is written.
    pub async fn close(&self) {
        let (done, written) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            // An error says that the thread is gone, which `write` has told.
            drop(written.await);
        }
    }

    async fn send(&self, line: Line) {
        if self.commands.send(Command::Write(line)).await.is_err() {
            self.lost.inc();
            error!("the audit log has stopped; a record is lost");
        }
    }

    fn start(sink: Opened, waiting: usize, lost: IntCounter) -> io::Result<Self> {
        let (commands, received) = mpsc::channel(waiting);
        let losing = lost.clone();
        thread::Builder::new().name("audit".to_owned()).spawn(move || write_all(received, sink, &losing))?;
        Ok(Self { commands, lost })
    }
}

/// What would have been recorded, had it been decided.
pub struct Undecided(mpsc::Receiver<Command>);

impl Undecided {
    /// The record, if there is one.
    pub fn record(mut self) -> Option<AuditRecord> {
        match self.0.try_recv().ok()? {
            Command::Write(Line::Decision(record)) => Some(*record),
            _ => None,
        }
    }
}

/// A sink that is open.
pub struct Opened(Box<dyn Write + Send>);

impl Opened {
    /// Opens the sink. A file is appended to; a new one is for its owner alone (0600).
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn new(sink: &AuditSink) -> io::Result<Self> {
        Ok(Self(match sink {
            AuditSink::Stdout => Box::new(io::stdout()),
            AuditSink::File(path) => {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
                Box::new(file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?)
            }
        }))
    }
}

/// Flushes whenever nothing more waits, so that a burst costs few writes.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, with nothing else to do")]
fn write_all(mut commands: mpsc::Receiver<Command>, sink: Opened, lost: &IntCounter) {
    let mut writer = buffered(sink);
    let mut failing = false;
    while let Some(first) = commands.blocking_recv() {
        let mut done = None;
        let mut outcome = Ok(());
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                // What does not get as far as the buffer is lost; what is in it is tried again with the next batch.
                Command::Write(line) => {
                    outcome = outcome.and(write(&mut writer, line.text()).inspect_err(|_| lost.inc()));
                }
                Command::Switch(to) => {
                    let (taken, moved) = switched(writer, to);
                    (writer, outcome) = (taken, outcome.and(moved));
                }
                Command::Close(closed) => {
                    done = Some(closed);
                    break;
                }
            }
            next = commands.try_recv().ok();
        }
        outcome = outcome.and(writer.flush());
        if let Err(error) = &outcome
            && !failing
        {
            error!(%error, "the audit log cannot be written; records may be lost");
        }
        failing = outcome.is_err();
        if let Some(closed) = done {
            // Whoever closed may have stopped waiting.
            let _ = closed.send(());
        }
        thread::sleep(REST);
    }
}

fn buffered(sink: Opened) -> BufWriter<Box<dyn Write + Send>> {
    BufWriter::with_capacity(64 * 1024, sink.0)
}

/// Goes on with another sink, which also gets what the one before no longer takes.
fn switched(
    mut from: BufWriter<Box<dyn Write + Send>>,
    to: Opened,
) -> (BufWriter<Box<dyn Write + Send>>, io::Result<()>) {
    // What cannot be written here is written there.
    let _ = from.flush();
    let (_, left) = from.into_parts();
    let mut writer = buffered(to);
    let moved = writer.write_all(&left.unwrap_or_default());
    (writer, moved)
}

fn write(writer: &mut impl Write, line: serde_json::Result<String>) -> io::Result<()> {
    writer.write_all(line?.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};

    use futures::FutureExt;

    use super::super::record::tests::record;
    use super::*;

    #[tokio::test]
    async fn a_file_is_appended_to_and_private() {
        let path = std::env::temp_dir().join(format!("fedfront-audit-{}.log", std::process::id()));
        for user in ["alice", "bob\nbob"] {
            let audit = Audit::open(&AuditSink::File(path.clone()), &Metrics::new().unwrap()).unwrap();
            audit.write(record(user)).await;
            audit.close().await;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((text.lines().count(), mode & 0o777), (2, 0o600), "{text}");
        assert!(text.contains(r#""user":"bob\nbob""#), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let sink = AuditSink::File("/nonexistent/audit.log".into());
        let error = Audit::open(&sink, &Metrics::new().unwrap()).err().unwrap();
        assert!(error.to_string().contains("/nonexistent/audit.log"), "{error}");
    }

    /// Announces each write and waits for leave to finish it.
    struct SlowDisk {
        announce: Sender<Vec<u8>>,
        leave: Receiver<io::Result<()>>,
    }

    impl Write for SlowDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.announce.send(bytes.to_vec()).unwrap();
            self.leave.recv().unwrap()?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(waiting: usize) -> (Audit, Receiver<Vec<u8>>, Sender<io::Result<()>>) {
        let ((announce, announced), (give, leave)) = (channel(), channel());
        let lost = Metrics::new().unwrap().audit_records_lost;
        (Audit::start(Opened(Box::new(SlowDisk { announce, leave })), waiting, lost).unwrap(), announced, give)
    }

    #[tokio::test]
    async fn a_slow_disk_delays_only_when_the_queue_is_full_and_loses_nothing() {
        let (audit, announced, give) = slow(2);
        audit.write(record("first")).await;
        let first = announced.recv().unwrap();
        for user in ["second", "third"] {
            assert!(audit.write(record(user)).now_or_never().is_some(), "{user} found a place");
        }
        let mut fourth = Box::pin(audit.write(record("fourth")));
        assert!(fourth.as_mut().now_or_never().is_none(), "no place is left");
        for _ in 0..8 {
            give.send(Ok(())).unwrap();
        }
        fourth.await;
        audit.close().await;
        let written: Vec<u8> = first.into_iter().chain(announced.try_iter().flatten()).collect();
        let text = String::from_utf8(written).unwrap();
        let users: Vec<&str> =
            text.lines().filter_map(|line| line.split(r#""user":""#).nth(1)?.split('"').next()).collect();
        assert_eq!(users, ["first", "second", "third", "fourth"]);
    }

    /// Full until it is told that it is not.
    #[derive(Clone, Default)]
    struct FullDisk(Arc<(AtomicBool, Mutex<Vec<u8>>)>);

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.0.0.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_a_full_disk_refused_is_written_when_it_has_room() {
        let (disk, lost) = (FullDisk::default(), Metrics::new().unwrap().audit_records_lost);
        let audit = Audit::start(Opened(Box::new(disk.clone())), 8, lost.clone()).unwrap();
        audit.write(record("first")).await;
        audit.close().await;
        disk.0.0.store(true, Ordering::SeqCst);
        audit.write(record("second")).await;
        audit.close().await;
        let written = String::from_utf8(disk.0.1.lock().unwrap().clone()).unwrap();
        assert!(written.contains("first") && written.contains("second"), "{written}");
        assert_eq!(lost.get(), 0);
    }

    #[tokio::test]
    async fn what_a_full_disk_leaves_no_room_for_is_counted() {
        let audit = Audit::open(&AuditSink::File("/dev/full".into()), &Metrics::new().unwrap()).unwrap();
        let long = "x".repeat(255);
        for _ in 0..1000 {
            audit.write(record(&long)).await;
        }
        audit.close().await;
        let kept = 64 * 1024 / record(&long).line().unwrap().len() as u64;
        assert_eq!(audit.lost.get(), 1000 - kept);
    }

    #[tokio::test]
    async fn each_record_is_written_where_the_log_was_when_it_came() {
        let (audit, before, give) = slow(8);
        give.send(Ok(())).unwrap();
        audit.write(record("first")).await;
        audit.close().await;
        give.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        audit.write(record("second")).await;
        audit.close().await;
        // It stays refused there.
        give.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        let (announce, after) = channel();
        let (leave, take_leave) = channel();
        (0..8).for_each(|_| leave.send(Ok(())).unwrap());
        audit.switch(Opened(Box::new(SlowDisk { announce, leave: take_leave }))).await;
        audit.write(record("third")).await;
        audit.close().await;
        let users = |written: &Receiver<Vec<u8>>| {
            let text = String::from_utf8(written.try_iter().flatten().collect()).unwrap();
            ["first", "second", "third"].map(|user| text.contains(user))
        };
        // What was refused was announced there, too.
        assert_eq!((users(&before), users(&after)), ([true, true, false], [false, true, true]));
    }
}
