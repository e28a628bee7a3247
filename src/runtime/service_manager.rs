//! What a service manager such as systemd is told: sd_notify(3), for `Type=notify`.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tracing::warn;

/// How long a service manager that does not listen may hold us up.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same where it matters that it has heard us.
const LONG_PATIENCE: Duration = Duration::from_secs(5);

/// Who started us and wants to know how we are; nobody, where `NOTIFY_SOCKET` is not set.
#[derive(Clone, Default)]
pub struct ServiceManager(Option<Arc<Listener>>);

struct Listener {
    address: SocketAddr,
    /// Another process speaks for the service by now.
    silent: AtomicBool,
}

impl ServiceManager {
    /// The one that listens at `socket`, the value of `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    pub fn at(socket: Option<&str>) -> Self {
        let Some(socket) = socket.filter(|socket| !socket.is_empty()) else { return Self(None) };
        match address(socket) {
            Ok(address) => Self(Some(Arc::new(Listener { address, silent: AtomicBool::new(false) }))),
            Err(error) => {
                warn!(%error, socket, "NOTIFY_SOCKET is no address of a socket; the service manager is told nothing");
                Self(None)
            }
        }
    }

    /// We serve. Also ends [`ServiceManager::reloading`].
    pub fn ready(&self, status: &str) {
        self.tell("READY=1", status);
    }

    /// We read our configuration again.
    pub fn reloading(&self) {
        // systemd 253 ignores a reload without the time; it is the clock's that cannot fail.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()), "reading the configuration again");
    }

    /// We end.
    pub fn stopping(&self, status: &str) {
        self.tell("STOPPING=1", status);
    }

    /// How we are, in words.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}\n", one_line(status)));
    }

    /// Another process is the service from here on, and speaks for it: nothing more is told by this one, which would be taken
    /// for that one's. Returns when it has been heard, since systemd passes over what the other one says before.
    pub fn hand_over(&self, process: u32, status: &str) {
        let Some(listener) = &self.0 else { return };
        self.tell(&format!("MAINPID={process}\nREADY=1"), status);
        if let Err(error) = barrier(&listener.address) {
            warn!(%error, "the service manager has not said whether it heard which process serves now");
        }
        listener.silent.store(true, Ordering::Release);
    }

    /// As if it had not been handed over: the other process is gone. systemd hears it with `NotifyAccess=all` alone, since
    /// this is not the main process by then.
    pub fn take_back(&self, status: &str) {
        if let Some(listener) = &self.0 {
            listener.silent.store(false, Ordering::Release);
            self.tell(&format!("MAINPID={}\nREADY=1", std::process::id()), status);
        }
    }

    fn tell(&self, what: &str, status: &str) {
        self.send(&format!("{what}\nSTATUS={}\n", one_line(status)));
    }

    fn send(&self, message: &str) {
        let Some(listener) = self.0.as_ref().filter(|listener| !listener.silent.load(Ordering::Acquire)) else {
            return;
        };
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.send_to_addr(message.as_bytes(), &listener.address)
        });
        if let Err(error) = sent {
            warn!(%error, "the service manager cannot be told how we are");
        }
    }
}

fn address(socket: &str) -> io::Result<SocketAddr> {
    match socket.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name),
        _ => SocketAddr::from_pathname(socket),
    }
}

/// Waits until all that was said before has been heard, as sd_notify_barrier(3): a descriptor is closed by then.
fn barrier(address: &SocketAddr) -> io::Result<()> {
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(LONG_PATIENCE))?;
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect_addr(address)?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [theirs.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(&socket, &[io::IoSlice::new(b"BARRIER=1")], &mut control, SendFlags::NOSIGNAL)?;
    drop(theirs);
    loop {
        match ours.read(&mut [0]) {
            // As when this process was stopped, and goes on.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            heard => return heard.map(drop),
        }
    }
}

/// A line's end would begin another variable.
fn one_line(status: &str) -> String {
    status.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut message = [0; 256];
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    #[test]
    fn tells_who_listens_at_a_path_or_at_an_abstract_name() {
        let path = std::env::temp_dir().join(format!("fedfront-notify-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        for name in [path.to_str().unwrap(), &format!("@fedfront-notify-{}", std::process::id())] {
            let socket = UnixDatagram::bind_addr(&address(name).unwrap()).unwrap();
            let manager = ServiceManager::at(Some(name));
            manager.ready("serving\nREADY=0");
            assert_eq!(heard(&socket), "READY=1\nSTATUS=serving READY=0\n");
            manager.reloading();
            let reloading = heard(&socket);
            let (_, time) = reloading.split_once("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            assert!(time.split_once('\n').unwrap().0.parse::<u64>().unwrap() > 0, "{reloading}");
            manager.stopping("ending");
            assert_eq!(heard(&socket), "STOPPING=1\nSTATUS=ending\n");
            manager.status("draining");
            assert_eq!(heard(&socket), "STATUS=draining\n");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn whoever_hands_over_is_heard_and_then_silent() {
        let name = format!("@fedfront-hand-over-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&address(&name).unwrap()).unwrap();
        let manager = ServiceManager::at(Some(&name));
        let telling = manager.clone();
        let handing_over = std::thread::spawn(move || telling.hand_over(7, "process 7 serves"));
        assert_eq!(heard(&socket), "MAINPID=7\nREADY=1\nSTATUS=process 7 serves\n");
        // Whoever takes a message without its descriptor closes that.
        assert_eq!(heard(&socket), "BARRIER=1");
        handing_over.join().unwrap();
        manager.clone().stopping("draining");
        manager.take_back("lame duck");
        assert_eq!(heard(&socket), format!("MAINPID={}\nREADY=1\nSTATUS=lame duck\n", std::process::id()));
        manager.status("serving");
        assert_eq!(heard(&socket), "STATUS=serving\n");
    }

    #[test]
    fn nobody_is_told_nothing() {
        for nobody in [None, Some(""), Some("/nowhere/notify"), Some("\0")] {
            ServiceManager::at(nobody).ready("serving");
        }
    }
}
