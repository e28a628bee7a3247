//! The socket between a process and its successor: a word a message, with a descriptor or without.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown, socketpair,
};

use super::Word;

/// What a message has at most; the system takes some more.
const MESSAGE: usize = 128 * 1024;

/// One end.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

/// What came.
#[derive(Debug)]
pub(super) struct Heard {
    pub word: Word,
    pub socket: Option<OwnedFd>,
}

impl Channel {
    /// Both ends. The second is closed in a process that is started, unless it is given to it.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), other))
    }

    /// An end that was given to this process.
    pub fn of(end: OwnedFd) -> Self {
        Self(end)
    }

    /// The same end once more.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Says a word, with a socket or without.
    pub fn send(&self, word: &Word, socket: Option<BorrowedFd<'_>>, until: Instant) -> io::Result<()> {
        set_socket_timeout(&self.0, Timeout::Send, Some(left(until)))?;
        let message = serde_json::to_vec(word)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let sockets: Vec<_> = socket.into_iter().collect();
        if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
            return Err(io::Error::other("no room for a descriptor"));
        }
        rustix::io::retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(&message)], &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Waits for a word. `None` says that the other end is closed.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the time is over.
    pub fn receive(&self, until: Instant) -> io::Result<Option<Heard>> {
        set_socket_timeout(&self.0, Timeout::Recv, Some(left(until)))?;
        let mut message = vec![0; MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length = rustix::io::retry_on_intr(|| {
            let mut room = [IoSliceMut::new(&mut message)];
            recvmsg(&self.0, &mut room, &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        let length = match length {
            Ok(received) => received.bytes,
            // It ended with words of ours unread.
            Err(rustix::io::Errno::CONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        let Some(message) = message.get(..length).filter(|message| !message.is_empty()) else { return Ok(None) };
        let word = serde_json::from_slice(message).map_err(|_| io::Error::other("what was said is no word"))?;
        let socket = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
            _ => None,
        });
        Ok(Some(Heard { word, socket }))
    }

    /// Says nothing more: the other end hears that this one is closed.
    pub fn shut_ours(&self) {
        // It is closed then already.
        let _ = shutdown(&self.0, Shutdown::Write);
    }

    /// Hears nothing more: who says something at the other end is told so.
    pub fn shut_theirs(&self) {
        // It is closed then already.
        let _ = shutdown(&self.0, Shutdown::Read);
    }

    /// Closes it for both, whoever waits.
    pub fn shut(&self) {
        // It is closed then already.
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Never zero, which would be without end.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::super::{Place, Ready};
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn pair() -> (Channel, Channel) {
        let (one, other) = Channel::pair().unwrap();
        (one, Channel::of(other))
    }

    #[test]
    fn a_socket_goes_over_and_serves_there() {
        let (one, other) = pair();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let word = Word::Socket(Place::Listen { address });
        one.send(&word, Some(listener.as_fd()), soon()).unwrap();
        one.send(&Word::Begin, None, soon()).unwrap();
        drop(listener);
        let heard = other.receive(soon()).unwrap().unwrap();
        assert_eq!(heard.word, word);
        let listener = TcpListener::from(heard.socket.unwrap());
        let mut client = TcpStream::connect(address).unwrap();
        listener.accept().unwrap().0.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        let heard = other.receive(soon()).unwrap().unwrap();
        assert!(heard.word == Word::Begin && heard.socket.is_none());
    }

    #[test]
    fn what_is_said_too_late_is_not_taken_for_heard() {
        let (one, other) = pair();
        one.shut_theirs();
        assert_eq!(other.send(&Word::Go, None, soon()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        one.send(&Word::Begin, None, soon()).unwrap();
        assert_eq!(other.receive(soon()).unwrap().unwrap().word, Word::Begin);
    }

    #[test]
    fn a_word_of_another_version_is_passed_over_and_nonsense_is_not() {
        let (one, other) = pair();
        for (said, expected) in [
            (
                r#"{"word": "ready", "keeps_socket": true, "besides": 7}"#,
                Some(Word::Ready(Ready { keeps_socket: true })),
            ),
            (r#"{"word": "applause", "how": "loud"}"#, Some(Word::Unknown)),
            ("ready", None),
        ] {
            rustix::net::send(&one, said.as_bytes(), SendFlags::empty()).unwrap();
            assert_eq!(other.receive(soon()).ok().map(|heard| heard.unwrap().word), expected, "{said}");
        }
    }

    #[test]
    fn waiting_ends_with_the_other_side_and_with_the_time() {
        let (one, other) = pair();
        let over = one.receive(Instant::now()).unwrap_err();
        assert_eq!(over.kind(), io::ErrorKind::WouldBlock);
        drop(other);
        assert!(one.receive(soon()).unwrap().is_none());
        assert!(one.send(&Word::Go, None, soon()).is_err());
        let (one, other) = pair();
        one.shut_ours();
        assert!(other.receive(soon()).unwrap().is_none());
        other.send(&Word::Failed { why: "nobody waits".to_owned() }, None, soon()).unwrap();
        assert!(one.receive(soon()).unwrap().is_some());
        drop(other);
        assert!(one.receive(soon()).unwrap().is_none());
        let (one, other) = pair();
        one.send(&Word::Go, None, soon()).unwrap();
        other.shut();
        assert!(one.receive(soon()).unwrap().is_none());
    }
}
