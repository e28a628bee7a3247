//! What a service manager such as systemd is told: sd_notify(3), for `Type=notify`.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tracing::warn;

/// How long a service manager that does not listen may hold us up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who started us and wants to know how we are; nobody, where `NOTIFY_SOCKET` is not set.
#[derive(Clone, Default)]
pub struct ServiceManager(Option<SocketAddr>);

impl ServiceManager {
    /// The one that listens at `socket`, the value of `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    pub fn at(socket: Option<&str>) -> Self {
        let Some(socket) = socket.filter(|socket| !socket.is_empty()) else { return Self(None) };
        match address(socket) {
            Ok(address) => Self(Some(address)),
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

    fn tell(&self, what: &str, status: &str) {
        self.send(&format!("{what}\nSTATUS={}\n", one_line(status)));
    }

    fn send(&self, message: &str) {
        let Some(address) = &self.0 else { return };
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.send_to_addr(message.as_bytes(), address)
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
    fn nobody_is_told_nothing() {
        for nobody in [None, Some(""), Some("/nowhere/notify"), Some("\0")] {
            ServiceManager::at(nobody).ready("serving");
        }
    }
}
