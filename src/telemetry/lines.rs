//! Lines on their way to standard error, gathered for a few milliseconds: one system call then serves many of them, and
//! no request waits for the terminal, file or pipe behind it. Where nobody takes them, new ones are dropped and counted:
//! a log that stands still must not hold up those who sign in.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::IntCounter;

/// What a killed process may lose, and how late a line is at most.
const REST: Duration = Duration::from_millis(5);
/// Bytes that may wait.
const MOST: usize = 4 * 1024 * 1024;
/// How long the end of the process waits for somebody to take what waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where lines are put. A clone is the same.
#[derive(Clone)]
pub(super) struct Lines {
    gathered: Arc<Gathered>,
    writer: Thread,
}

#[derive(Default)]
struct Gathered {
    lines: Mutex<Waiting>,
    /// Told after each write.
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Lines for which there was no room.
    dropped: u64,
    /// Whether the writer holds some that are not written yet.
    writing: bool,
}

impl Lines {
    /// Starts the thread that writes to `out`. `dropped` makes the line that says how many there was no room for, and
    /// `counter` counts them.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(
        out: impl Write + Send + 'static,
        dropped: impl Fn(u64) -> String + Send + 'static,
        counter: IntCounter,
    ) -> io::Result<Self> {
        let gathered = Arc::new(Gathered::default());
        let taken = gathered.clone();
        let writer =
            thread::Builder::new().name("log".to_owned()).spawn(move || taken.write_all(out, dropped, &counter))?;
        Ok(Self { gathered, writer: writer.thread().clone() })
    }

    /// Returns when everything put before is written, or nobody takes it for a second.
    pub fn flush(&self) {
        self.writer.unpark();
        let waits = |waiting: &mut Waiting| waiting.writing || !waiting.bytes.is_empty();
        drop(self.gathered.written.wait_timeout_while(self.gathered.lock(), PATIENCE, waits));
    }

    fn put(&self, line: &[u8]) {
        let mut waiting = self.gathered.lock();
        if waiting.bytes.len() + line.len() > MOST {
            waiting.dropped += 1;
            return;
        }
        let wakes = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if wakes {
            self.writer.unpark();
        }
    }
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::disallowed_methods, reason = "a thread of its own, with nothing else to do")]
    fn write_all(&self, mut out: impl Write, dropped: impl Fn(u64) -> String, counter: &IntCounter) {
        let mut taken = Vec::new();
        loop {
            let mut waiting = self.lock();
            mem::swap(&mut waiting.bytes, &mut taken);
            if waiting.dropped > 0 {
                counter.inc_by(waiting.dropped);
                taken.extend_from_slice(dropped(mem::take(&mut waiting.dropped)).as_bytes());
            }
            waiting.writing = !taken.is_empty();
            drop(waiting);
            if taken.is_empty() {
                thread::park();
                continue;
            }
            // There is nowhere to tell of it.
            let _ = out.write_all(&taken).and_then(|()| out.flush());
            taken.clear();
            self.lock().writing = false;
            self.written.notify_all();
            thread::sleep(REST);
        }
    }
}

/// Each write is one whole line, as tracing-subscriber makes them.
impl<'w> MakeWriter<'w> for Lines {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Announces each write and waits for leave to finish it.
    struct Slow {
        announce: Sender<Vec<u8>>,
        leave: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.announce.send(bytes.to_vec()).unwrap();
            self.leave.recv().unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Lines, Receiver<Vec<u8>>, Sender<()>) {
        let ((announce, announced), (give, leave)) = (channel(), channel());
        let counter = crate::telemetry::Metrics::new().unwrap().log_lines_dropped;
        (
            Lines::start(Slow { announce, leave }, |dropped| format!("{dropped} dropped\n"), counter).unwrap(),
            announced,
            give,
        )
    }

    #[test]
    fn lines_that_come_while_others_are_written_go_together_and_in_order() {
        let (lines, announced, give) = slow();
        lines.put(b"first\n");
        assert_eq!(announced.recv().unwrap(), b"first\n");
        lines.put(b"second\n");
        lines.put(b"third\n");
        give.send(()).unwrap();
        give.send(()).unwrap();
        lines.flush();
        assert_eq!(announced.recv().unwrap(), b"second\nthird\n");
    }

    #[test]
    fn what_nobody_takes_holds_up_nobody_and_is_counted() {
        let (lines, announced, give) = slow();
        lines.put(b"first\n");
        announced.recv().unwrap();
        lines.put(&vec![b'x'; MOST]);
        lines.put(b"no room\n");
        lines.put(b"nor here\n");
        lines.flush();
        give.send(()).unwrap();
        give.send(()).unwrap();
        let next = announced.recv().unwrap();
        assert!(next.starts_with(b"xxx") && next.ends_with(b"x2 dropped\n"));
        lines.put(b"last\n");
        give.send(()).unwrap();
        assert_eq!(announced.recv().unwrap(), b"last\n");
    }
}
