//! The successor's side: what it is given, and what it says.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::stdio::dup2_stdin;

use super::channel::{Channel, Heard};
use super::{Given, Ready, Word};

/// How long the predecessor may take to say something that it has ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// What of a reason is told.
const REASON: usize = 16 * 1024;

/// The process that serves, and has started this one to take its place.
#[derive(Debug)]
pub struct Predecessor {
    channel: Channel,
}

impl Predecessor {
    /// The environment variable that names it.
    pub const VARIABLE: &'static str = "FEDFRONT_PREDECESSOR";

    /// The process with this id, the value of [`Predecessor::VARIABLE`], if one has started us; and the sockets that it hands
    /// over.
    ///
    /// # Errors
    /// It has ended, or says nothing that makes sense.
    pub fn meet(id: Option<&str>) -> io::Result<Option<(Self, Vec<Given>)>> {
        let Some(id) = id else { return Ok(None) };
        if id.parse().ok() != Some(std::os::unix::process::parent_id()) {
            return Err(gone());
        }
        let channel = Channel::of(io::stdin().as_fd().try_clone_to_owned()?);
        dup2_stdin(std::fs::File::open("/dev/null")?)?;
        let mut given = Vec::new();
        loop {
            match channel.receive(Instant::now() + PATIENCE)? {
                None => return Err(gone()),
                Some(Heard { word: Word::Socket(place), socket: Some(socket) }) => given.push(Given { place, socket }),
                Some(Heard { word: Word::Begin, .. }) => return Ok(Some((Self { channel }, given))),
                Some(_) => {}
            }
        }
    }

    /// We serve.
    ///
    /// # Errors
    /// The predecessor is gone.
    pub fn ready(&self, ready: Ready) -> io::Result<()> {
        self.say(&Word::Ready(ready))
    }

    /// Waits until we are the process that serves.
    ///
    /// # Errors
    /// The predecessor is gone, and has not said so.
    pub fn gone(&self) -> io::Result<()> {
        loop {
            match self.channel.receive(Instant::now() + PATIENCE)? {
                None => return Err(gone()),
                Some(Heard { word: Word::Go, .. }) => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// Our configuration is wrong.
    pub fn refuse(&self, why: &str) {
        // Whoever is gone is not told.
        let _ = self.say(&Word::Refused { why: short(why) });
    }

    /// Something else keeps us from serving.
    pub fn fail(&self, why: &str) {
        let _ = self.say(&Word::Failed { why: short(why) });
    }

    fn say(&self, word: &Word) -> io::Result<()> {
        self.channel.send(word, None, Instant::now() + PATIENCE)
    }
}

fn gone() -> io::Error {
    io::Error::other("the process that started this one ended before it handed over")
}

fn short(why: &str) -> String {
    why.chars().take(REASON).collect()
}
