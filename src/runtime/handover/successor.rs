//! The side of the process that serves: it starts the next one, and waits until that one serves.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;

use super::channel::{Channel, Heard};
use super::{Given, Launch, Predecessor, Word};

/// What a service manager says of sockets is meant for the process that it started.
const NOT_INHERITED: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// What a message says at most of what is to be remembered; a piece that is larger has one for itself.
const PIECES: usize = 64 * 1024;
/// What a piece has at most, which with what is around it must fit into a message. Nothing that is well has nearly as much.
const LARGEST: usize = 100 * 1024;
/// How long a successor may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process that is to take our place; killed when dropped, unless it has.
#[derive(Debug)]
pub struct Successor {
    child: Child,
    channel: Channel,
    until: Instant,
    released: bool,
}

/// What a successor says once it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The file of the admin socket that it was given is its own from here on.
    pub keeps_socket: bool,
}

/// Why a successor does not serve.
#[derive(Debug, PartialEq, Eq)]
pub enum NotReady {
    /// Its configuration is wrong: what is, as `fedfront check` would say it.
    Refused(String),
    /// Something else.
    Failed(String),
}

/// Tells a successor what it is to remember, until that has gone.
#[derive(Debug)]
pub struct Teller(Channel);

/// Ends the waiting for a successor, from wherever.
#[derive(Debug)]
pub struct Interrupt(Channel);

impl Successor {
    /// Starts one, which has until then to serve, and gives it the sockets, which stay ours, too, and what it is to remember.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(launch: &Launch, given: &[Given], memory: Vec<Value>, until: Instant) -> io::Result<Self> {
        let (channel, other) = Channel::pair()?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).stdin(Stdio::from(other));
        command.env(Predecessor::VARIABLE, std::process::id().to_string());
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        let child = command.spawn()?;
        // Else our copy of its end would outlive it.
        drop(command);
        let successor = Self { child, channel, until, released: false };
        for Given { place, socket } in given {
            successor.say(&Word::Socket(place.clone()), Some(socket))?;
        }
        for pieces in messages(memory) {
            successor.say(&Word::Remember { pieces }, None)?;
        }
        successor.say(&Word::Begin, None)?;
        Ok(successor)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What tells it more.
    ///
    /// # Errors
    /// The system has no descriptor to give.
    pub fn teller(&self) -> io::Result<Teller> {
        self.channel.try_clone().map(Teller)
    }

    /// What ends [`Successor::wait`] early.
    ///
    /// # Errors
    /// The system has no descriptor to give.
    pub fn interrupt(&self) -> io::Result<Interrupt> {
        self.channel.try_clone().map(Interrupt)
    }

    /// Waits until it serves.
    ///
    /// # Errors
    /// It does not, and is ended.
    pub fn wait(&mut self) -> Result<Ready, NotReady> {
        loop {
            return match self.channel.receive(self.until) {
                Ok(Some(Heard { word: Word::Ready(ready), .. })) => Ok(ready),
                Ok(Some(Heard { word: Word::Refused { why }, .. })) => Err(NotReady::Refused(why)),
                Ok(Some(Heard { word: Word::Failed { why }, .. })) => Err(NotReady::Failed(why)),
                Ok(Some(_)) => continue,
                Ok(None) => Err(NotReady::Failed(self.end())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    Err(NotReady::Failed("it was not ready in time, and was ended".to_owned()))
                }
                Err(error) => Err(NotReady::Failed(error.to_string())),
            };
        }
    }

    /// From here on it is the process that serves.
    ///
    /// # Errors
    /// It is gone.
    pub fn release(&mut self) -> io::Result<()> {
        self.say(&Word::Go, None)?;
        self.released = true;
        Ok(())
    }

    /// It is not to take our place after all. Returns when it has finished what it accepted meanwhile and ended, or was ended.
    pub fn dismiss(self, until: Instant) {
        self.channel.shut_ours();
        while let Ok(Some(_)) = self.channel.receive(until) {}
    }

    /// How it ended, which it has or does at once.
    fn end(&mut self) -> String {
        // One that closed its end and goes on is none of ours.
        let ended = self.child.try_wait().ok().flatten();
        let ended = ended.or_else(|| {
            let _ = self.child.kill();
            self.child.wait().ok()
        });
        ended.map_or_else(
            || "it ended before it was ready".to_owned(),
            |how| format!("it ended before it was ready: {how}"),
        )
    }

    fn say(&self, word: &Word, socket: Option<&OwnedFd>) -> io::Result<()> {
        match self.channel.send(word, socket.map(AsFd::as_fd), self.until) {
            // That it has ended already is found by waiting.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && *word != Word::Go => Ok(()),
            said => said,
        }
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if !self.released {
            self.channel.shut();
            // It has ended by itself.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Teller {
    /// Tells it.
    ///
    /// # Errors
    /// It is gone, or does not listen.
    pub fn remember(&self, memory: Vec<Value>) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        messages(memory).into_iter().try_for_each(|pieces| self.0.send(&Word::Remember { pieces }, None, until))
    }
}

/// As many pieces together as a message has room for. Those that no message has room for are left out: they are no reason to
/// take nobody's place.
fn messages(memory: Vec<Value>) -> Vec<Vec<Value>> {
    let mut messages: Vec<Vec<Value>> = Vec::new();
    let (mut room, mut left_out) = (0, 0);
    for piece in memory {
        let length = piece.to_string().len() + 1;
        if length > LARGEST {
            left_out += 1;
            continue;
        }
        match messages.last_mut().filter(|_| length <= room) {
            Some(message) => {
                room -= length;
                message.push(piece);
            }
            None => {
                room = PIECES.saturating_sub(length);
                messages.push(vec![piece]);
            }
        }
    }
    if left_out > 0 {
        warn!(left_out, "pieces of what is remembered are too large to go over, and are forgotten");
    }
    messages
}

impl Interrupt {
    /// Has the successor end, and say before that it serves, if it does.
    pub fn soon(&self) {
        self.0.shut_ours();
    }

    /// Ends the waiting.
    pub fn now(&self) {
        self.0.shut();
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_go_together_as_there_is_room() {
        let piece = |length: usize| Value::from("x".repeat(length));
        let lengths = |memory: Vec<Value>| messages(memory).iter().map(Vec::len).collect::<Vec<_>>();
        assert!(lengths(Vec::new()).is_empty());
        assert_eq!(lengths(vec![piece(10); 5]), [5]);
        assert_eq!(lengths(vec![piece(PIECES / 2 - 10); 5]), [2, 2, 1]);
        assert_eq!(lengths(vec![piece(10), piece(PIECES + 1), piece(10)]), [1, 1, 1]);
        assert_eq!(
            lengths(vec![piece(10), piece(LARGEST), piece(10)]),
            [2],
            "one of that size made every upgrade fail"
        );
        let all = messages(vec![piece(1000); 1000]);
        assert!(all.iter().all(|message| serde_json::to_vec(message).unwrap().len() <= PIECES + 2) && all.len() < 20);
    }
}
