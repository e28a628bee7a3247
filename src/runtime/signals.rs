//! The signals of the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::Lifecycle;

/// The process's signals, caught. SIGHUP and SIGUSR1 would otherwise kill it, so this is made before anything else; what arrives until
/// [`Signals::obey`] is kept.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: Signal,
}

impl Signals {
    /// Catches SIGTERM, SIGINT, SIGHUP and SIGUSR1. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Obeys from now on: SIGTERM ends the process by lame duck and drain, SIGINT by drain alone, a second of either at
    /// once; SIGHUP calls `on_hang_up` and SIGUSR1 `on_user`, which must return soon. The task ends with the process's life.
    pub fn obey(
        mut self,
        life: Lifecycle,
        on_hang_up: impl Fn() + Send + 'static,
        on_user: impl Fn() + Send + 'static,
    ) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut asked = false;
            loop {
                let lame_duck = tokio::select! {
                    _ = self.terminate.recv() => true,
                    _ = self.interrupt.recv() => false,
                    () = life.done() => return,
                    _ = self.hang_up.recv() => {
                        info!("SIGHUP");
                        on_hang_up();
                        continue;
                    }
                    _ = self.user.recv() => {
                        info!("SIGUSR1");
                        on_user();
                        continue;
                    }
                };
                if asked || life.is_ending() {
                    warn!("signalled again: ending at once");
                    life.finish();
                    return;
                }
                asked = true;
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
            let (called, mut calls) = mpsc::unbounded_channel();
            let user_called = called.clone();
            let signals = Signals::catch().unwrap();
            send("HUP");
            let obeying = signals.obey(
                life.clone(),
                move || called.send("HUP").unwrap(),
                move || user_called.send("USR1").unwrap(),
            );
            assert_eq!(calls.recv().await, Some("HUP"));
            send("USR1");
            assert_eq!(calls.recv().await, Some("USR1"));
            assert_eq!(life.phase(), Phase::Serving);
            send(first);
            life.subscribe().wait_for(|reached| *reached == phase).await.unwrap();
            send("TERM");
            life.done().await;
            obeying.await.unwrap();
        }
    }
}
