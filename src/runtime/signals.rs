//! The signals of the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::Lifecycle;

/// The process's signals, caught. SIGHUP, SIGUSR1 and SIGUSR2 would otherwise kill it, so this is made before anything else; what arrives until
/// [`Signals::obey`] is kept.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: Signal,
    upgrade: Signal,
}

/// What signals other than those that end the process call for. Each must return soon.
pub struct Calls {
    /// SIGHUP.
    pub reload: Box<dyn Fn() + Send>,
    /// SIGUSR1.
    pub reopen: Box<dyn Fn() + Send>,
    /// SIGUSR2.
    pub upgrade: Box<dyn Fn() + Send>,
}

impl Signals {
    /// Catches SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            upgrade: signal(SignalKind::user_defined2())?,
        })
    }

    /// Obeys from now on: SIGTERM ends the process by lame duck and drain, SIGINT by drain alone, a second of either at
    /// once, the others as `calls` says. The task ends with the process's life.
    pub fn obey(mut self, life: Lifecycle, calls: Calls) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut asked = false;
            loop {
                let lame_duck = tokio::select! {
                    _ = self.terminate.recv() => true,
                    _ = self.interrupt.recv() => false,
                    () = life.done() => return,
                    _ = self.hang_up.recv() => {
                        info!("SIGHUP");
                        (calls.reload)();
                        continue;
                    }
                    _ = self.user.recv() => {
                        info!("SIGUSR1");
                        (calls.reopen)();
                        continue;
                    }
                    _ = self.upgrade.recv() => {
                        info!("SIGUSR2");
                        (calls.upgrade)();
                        continue;
                    }
                };
                if asked || (life.is_ending() && !life.is_handed_over()) {
                    warn!("signalled again: ending at once");
                    life.finish();
                    return;
                }
                asked = true;
                if life.is_handed_over() {
                    info!("ending already: another process serves, and what is under way here is finished");
                    continue;
                }
                info!("ending: {}", life.outlook(lame_duck));
                let life = life.clone();
                tokio::spawn(async move { if lame_duck { life.terminate().await } else { life.interrupt().await } });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::super::Phase;
    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    fn send(name: &str) {
        let pid = std::process::id().to_string();
        let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// One test, since signals belong to the whole process.
    #[tokio::test]
    async fn hang_up_calls_back_and_the_second_end_is_at_once() {
        for (first, phase) in [("TERM", Phase::LameDuck), ("INT", Phase::Draining)] {
            let life = Lifecycle::lasting(NEVER, NEVER);
            let (called, mut heard) = mpsc::unbounded_channel();
            let calls = |name| {
                let called = called.clone();
                Box::new(move || called.send(name).unwrap())
            };
            let signals = Signals::catch().unwrap();
            send("HUP");
            let calls = Calls { reload: calls("HUP"), reopen: calls("USR1"), upgrade: calls("USR2") };
            let obeying = signals.obey(life.clone(), calls);
            assert_eq!(heard.recv().await, Some("HUP"));
            for name in ["USR1", "USR2"] {
                send(name);
                assert_eq!(heard.recv().await, Some(name));
            }
            assert_eq!(life.phase(), Phase::Serving);
            send(first);
            life.subscribe().wait_for(|reached| *reached == phase).await.unwrap();
            send("TERM");
            life.done().await;
            obeying.await.unwrap();
        }
        // Another process serves: whoever ends both must not cut what is under way in the first.
        let life = Lifecycle::lasting(NEVER, NEVER);
        let obeying = Signals::catch()
            .unwrap()
            .obey(life.clone(), Calls { reload: Box::new(|| {}), reopen: Box::new(|| {}), upgrade: Box::new(|| {}) });
        let handing_over = life.clone();
        assert!(handing_over.hand_over(|| Ok(())).unwrap());
        tokio::spawn(async move { handing_over.make_way().await });
        life.draining().await;
        let mut sent = 0;
        while tokio::time::timeout(Duration::from_millis(50), life.done()).await.is_err() {
            assert_eq!(life.phase(), Phase::Draining);
            send("TERM");
            sent += 1;
        }
        assert!(sent > 1);
        life.done().await;
        obeying.await.unwrap();
    }
}
