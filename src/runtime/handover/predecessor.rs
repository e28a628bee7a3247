//! The successor's side: what it is given, and what it says.

use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::stdio::dup2_stdin;
use serde_json::Value;
use tokio::sync::oneshot;

use super::channel::{Channel, Heard};
use super::{Given, Ready, Word};

/// How long the predecessor may take to say something that it has ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited for a word at a time once it has handed over: it may have none to say for hours, until it ends.
const WATCH: Duration = Duration::from_secs(3600);
/// What of a reason is told.
const REASON: usize = 16 * 1024;

/// The process that serves, and has started this one to take its place.
#[derive(Debug)]
pub struct Predecessor {
    channel: Channel,
}

/// What a process has from its predecessor.
#[derive(Debug)]
pub struct Met {
    /// Who waits to hear that we serve.
    pub predecessor: Predecessor,
    /// Its sockets.
    pub sockets: Vec<Given>,
    /// What is to be remembered.
    pub memory: Vec<Value>,
}

impl Predecessor {
    /// The environment variable that names it.
    pub const VARIABLE: &'static str = "FEDFRONT_PREDECESSOR";

    /// The process with this id, the value of [`Predecessor::VARIABLE`], if one has started us; and the sockets that it hands
    /// over.
    ///
    /// # Errors
    /// It has ended, or says nothing that makes sense.
    pub fn meet(id: Option<&str>) -> io::Result<Option<Met>> {
        let Some(id) = id else { return Ok(None) };
        if id.parse().ok() != Some(std::os::unix::process::parent_id()) {
            return Err(gone());
        }
        let channel = Channel::of(io::stdin().as_fd().try_clone_to_owned()?);
        dup2_stdin(std::fs::File::open("/dev/null")?)?;
        let (mut sockets, mut memory) = (Vec::new(), Vec::new());
        loop {
            match channel.receive(Instant::now() + PATIENCE)? {
                None => return Err(gone()),
                Some(Heard { word: Word::Socket(place), socket: Some(socket) }) => {
                    sockets.push(Given { place, socket })
                }
                Some(Heard { word: Word::Remember { pieces }, .. }) => memory.extend(pieces),
                Some(Heard { word: Word::Begin, .. }) => {
                    return Ok(Some(Met { predecessor: Self { channel }, sockets, memory }));
                }
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

    /// Listens from here on, on a thread of its own: `remember` gets what is to be remembered, and what is returned resolves
    /// once we are the process that serves, or with an error where the predecessor ends before.
    ///
    /// # Errors
    /// The system has no thread or descriptor to give.
    pub fn listen(
        &self,
        remember: impl Fn(Vec<Value>) + Send + 'static,
    ) -> io::Result<oneshot::Receiver<io::Result<()>>> {
        let channel = self.channel.try_clone()?;
        let (go, goes) = oneshot::channel();
        thread::Builder::new().name("predecessor".to_owned()).spawn(move || {
            let (mut go, soon) = (Some(go), Instant::now() + PATIENCE);
            loop {
                let until = if go.is_some() { soon } else { Instant::now() + WATCH };
                let left = match channel.receive(until) {
                    Ok(Some(Heard { word: Word::Go, .. })) => {
                        if let Some(go) = go.take() {
                            // Whoever waited has given up.
                            let _ = go.send(Ok(()));
                        }
                        continue;
                    }
                    Ok(Some(Heard { word: Word::Remember { pieces }, .. })) => {
                        remember(pieces);
                        continue;
                    }
                    Ok(Some(_)) => continue,
                    Err(error) if go.is_none() && error.kind() == io::ErrorKind::WouldBlock => continue,
                    Ok(None) => gone(),
                    Err(error) => error,
                };
                if let Some(go) = go.take() {
                    // What it says too late it must not believe to be heard.
                    channel.shut_theirs();
                    let _ = go.send(Err(left));
                }
                return;
            }
        })?;
        Ok(goes)
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
    io::Error::other("the process that started this one has ended, or serves on itself: it did not hand over")
}

fn short(why: &str) -> String {
    why.chars().take(REASON).collect()
}
