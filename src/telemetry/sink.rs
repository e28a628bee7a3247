//! Where audit records end up: a file or standard output, or syslog.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;

use super::syslog::Syslog;
use crate::config::AuditSink;
use crate::model::Timestamp;

/// One record, ready to be written.
pub(super) struct Entry {
    /// One JSON object and the end of its line.
    pub line: String,
    /// When it happened; nobody knows of one that a file left behind.
    pub time: Option<Timestamp>,
    /// What kind of record it is, at most 32 characters of visible ASCII.
    pub kind: &'static str,
    /// Whether somebody should look at it.
    pub notable: bool,
}

/// Takes records. What it cannot hand on, it keeps as far as it has room, and tries again.
pub(super) trait Sink: Send {
    /// Takes one.
    ///
    /// # Errors
    /// There is no more room: it is lost.
    fn put(&mut self, entry: Entry) -> io::Result<()>;

    /// Hands on all that it has.
    ///
    /// # Errors
    /// It could not; the rest is kept.
    fn flush(&mut self) -> io::Result<()>;

    /// How many it has given up on since it was last asked, because nobody will ever take them.
    fn given_up(&mut self) -> u64 {
        0
    }

    /// What it still has.
    fn left(self: Box<Self>) -> Left;

    /// Takes what another had left.
    ///
    /// # Errors
    /// There is not enough room for it; how many records are lost.
    fn inherit(&mut self, left: Left) -> Result<(), (io::Error, u64)>;
}

/// What a sink has not handed on when another takes its place.
pub(super) enum Left {
    /// Whole records.
    Entries(VecDeque<Entry>),
    /// Lines; of the first perhaps only the end.
    Lines(Vec<u8>),
}

impl Left {
    /// All of it, for a file.
    pub fn into_lines(self) -> Vec<u8> {
        match self {
            Self::Entries(entries) => entries.into_iter().flat_map(|entry| entry.line.into_bytes()).collect(),
            Self::Lines(lines) => lines,
        }
    }
}

/// A sink that is open.
pub struct Opened(pub(super) Box<dyn Sink>);

impl Opened {
    /// Opens the sink. A file is appended to; a new one is for its owner alone (0600). Syslog is not waited for.
    ///
    /// # Errors
    /// The file cannot be opened; the certificates to trust cannot be read.
    pub fn new(sink: &AuditSink) -> io::Result<Self> {
        Ok(match sink {
            AuditSink::Stdout => Self::stream(Box::new(io::stdout())),
            AuditSink::File(path) => {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
                let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                Self::stream(Box::new(file.map_err(named)?))
            }
            AuditSink::Syslog(config) => Self(Box::new(Syslog::new(config)?)),
        })
    }

    pub(super) fn stream(out: Box<dyn Write + Send>) -> Self {
        Self(Box::new(Stream(BufWriter::with_capacity(BUFFER, out))))
    }
}

/// Of a file: what is written at once, and what is kept while the disk is full.
const BUFFER: usize = 64 * 1024;

/// A file, or standard output.
struct Stream(BufWriter<Box<dyn Write + Send>>);

impl Sink for Stream {
    fn put(&mut self, entry: Entry) -> io::Result<()> {
        self.0.write_all(entry.line.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn left(self: Box<Self>) -> Left {
        Left::Lines(self.0.into_parts().1.unwrap_or_default())
    }

    fn inherit(&mut self, left: Left) -> Result<(), (io::Error, u64)> {
        let lines = left.into_lines();
        let count = |lines: &[u8]| lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.0.write_all(&lines).map_err(|error| (error, count(&lines)))
    }
}
