//! The audit log: every decision, one JSON object a line, apart from the log.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::event::AuditEvent;
use super::record::{AuditRecord, AuditResult};
use super::sink::{Entry, Opened};
use super::{IntCounter, IntGauge, Metrics, ShadowRecord, SprayRecord};
use crate::config::AuditSink;

/// Writes audit records on a thread of its own, so that a slow disk holds up nobody until so many wait that it has no room.
pub struct Audit {
    commands: mpsc::Sender<Command>,
    counts: Counts,
}

/// What is told of it.
#[derive(Clone)]
struct Counts {
    lost: IntCounter,
    available: IntGauge,
}

impl Counts {
    fn of(metrics: &Metrics) -> Self {
        Self { lost: metrics.audit_records_lost.clone(), available: metrics.audit_available.clone() }
    }
}

/// Records that may wait for the disk before requests do.
pub const WAITING: usize = 4096;

/// The writer rests this long after each batch, so that under load one waking serves many records: 2 µs of CPU each,
/// where a waking apiece takes 13. It is also what a killed process may lose.
const REST: Duration = Duration::from_millis(5);

/// While it cannot be written, what waits is tried again so often, whether or not more comes.
const AGAIN: Duration = Duration::from_millis(100);

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
    fn entry(&self) -> serde_json::Result<Entry> {
        let (line, time, kind, notable) = match self {
            Self::Decision(record) => (record.line()?, record.time, "sign_in", record.result != AuditResult::Success),
            Self::Operator(event) => (event.line()?, event.time, event.action.label(), true),
            Self::Shadow(record) => (record.line()?, record.time, ShadowRecord::LABEL, true),
            Self::Spray(record) => (record.line()?, record.time, record.label(), true),
        };
        Ok(Entry { line, time: Some(time), kind, notable })
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
        let counts = Counts::of(metrics);
        Self::start(sink, WAITING, counts)
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
        (Self { commands, counts: Counts::of(metrics) }, Undecided(kept))
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
            self.counts.lost.inc();
            error!("the audit log has stopped; a record is lost");
        }
    }

    fn start(sink: Opened, waiting: usize, counts: Counts) -> io::Result<Self> {
        let (commands, received) = mpsc::channel(waiting);
        counts.available.set(1);
        let told = counts.clone();
        thread::Builder::new().name("audit".to_owned()).spawn(move || write_all(received, sink, &told))?;
        Ok(Self { commands, counts })
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

/// Flushes whenever nothing more waits, so that a burst costs few writes.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, with nothing else to do")]
fn write_all(mut commands: mpsc::Receiver<Command>, sink: Opened, counts: &Counts) {
    let mut sink = sink.0;
    let mut failing = None;
    loop {
        let mut next = if failing.is_none() {
            match commands.blocking_recv() {
                Some(command) => Some(command),
                None => return,
            }
        } else {
            thread::sleep(AGAIN);
            match commands.try_recv() {
                Ok(command) => Some(command),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        };
        let mut done = None;
        let mut outcome = Ok(());
        while let Some(command) = next {
            match command {
                // What there is no room for is lost; what there is, is tried again with the next batch.
                Command::Write(line) => {
                    let put = line.entry().map_err(io::Error::from).and_then(|entry| sink.put(entry));
                    outcome = outcome.and(put.inspect_err(|_| counts.lost.inc()));
                }
                Command::Switch(to) => {
                    // What cannot be written here is written there.
                    let _ = sink.flush();
                    let left = std::mem::replace(&mut sink, to.0).left();
                    outcome = outcome.and(sink.inherit(left).map_err(|(error, lost)| {
                        counts.lost.inc_by(lost);
                        error
                    }));
                }
                Command::Close(closed) => {
                    done = Some(closed);
                    break;
                }
            }
            next = commands.try_recv().ok();
        }
        outcome = outcome.and(sink.flush());
        counts.lost.inc_by(sink.given_up());
        tell(&outcome, &mut failing, counts);
        if let Some(closed) = done {
            if let Err(error) = &outcome {
                error!(%error, "the audit log ends with records that nobody took; they are lost");
            }
            // Whoever closed may have stopped waiting.
            let _ = closed.send(());
        }
        thread::sleep(REST);
    }
}

/// Says when it begins to fail and when it works again. `failing` is how many records were lost until it began.
fn tell(outcome: &io::Result<()>, failing: &mut Option<u64>, counts: &Counts) {
    counts.available.set(i64::from(outcome.is_ok()));
    match (outcome, *failing) {
        (Err(error), None) => {
            *failing = Some(counts.lost.get());
            error!(%error, "the audit log cannot be written; records wait, and those there is no room for are lost");
        }
        (Ok(()), Some(before)) => {
            *failing = None;
            info!(lost = counts.lost.get().saturating_sub(before), "the audit log is written again");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
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

    fn counts() -> Counts {
        let metrics = Metrics::new().unwrap();
        Counts { lost: metrics.audit_records_lost, available: metrics.audit_available }
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
        let sink = Opened::stream(Box::new(SlowDisk { announce, leave }));
        (Audit::start(sink, waiting, counts()).unwrap(), announced, give)
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
        let (disk, counts) = (FullDisk::default(), counts());
        let audit = Audit::start(Opened::stream(Box::new(disk.clone())), 8, counts.clone()).unwrap();
        audit.write(record("first")).await;
        audit.close().await;
        assert_eq!(counts.available.get(), 0);
        disk.0.0.store(true, Ordering::SeqCst);
        audit.write(record("second")).await;
        audit.close().await;
        let written = String::from_utf8(disk.0.1.lock().unwrap().clone()).unwrap();
        assert!(written.contains("first") && written.contains("second"), "{written}");
        assert_eq!((counts.lost.get(), counts.available.get()), (0, 1));
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
        assert_eq!(audit.counts.lost.get(), 1000 - kept);
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
        audit.switch(Opened::stream(Box::new(SlowDisk { announce, leave: take_leave }))).await;
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
