//! Another process in the place of this one, by the same command: a new version after its file was replaced, or what waits
//! for a restart. Until that one serves, nothing here changes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::reload::Reloader;
use crate::admin::{Doors, NoUpgrade, Upgraded};
use crate::runtime::{Given, Launch, NotReady, Phase, Ready, ServiceManager, Successor};
use crate::sign_in::{Memory, Recollection};
use crate::state::News;

/// How long a successor may take to serve where a signal asks for it.
pub(super) const WITHIN: Duration = Duration::from_secs(30);
/// How long the end waits for a successor that is being ended.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a successor that is to be ended may take to say that it serves already. Less than `PATIENCE`.
const LAST_WORD: Duration = Duration::from_secs(2);

const TOLD_TO_LEAVE: &str = "this process was told to end, or to drain, meanwhile";

/// Starts successors, one at a time.
pub(super) struct Upgrader {
    /// Absent where this process cannot be started again alike.
    pub launch: Option<Launch>,
    pub sockets: Mutex<Arc<Vec<Given>>>,
    pub doors: Doors,
    pub manager: ServiceManager,
    /// Held by the one upgrade that is under way.
    pub turn: tokio::sync::Mutex<()>,
    /// Resolves when a successor has been told all that there was to tell.
    pub told: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Upgrader {
    /// Starts a successor and, once it serves, ends this process as soon as what it has under way is finished.
    pub async fn upgrade(&self, reloader: &Reloader, within: Duration) -> Upgraded {
        let Ok(_turn) = self.turn.try_lock() else { return other("another upgrade is under way") };
        let upgraded = self.start(reloader, within).await;
        if upgraded.is_err() {
            reloader.process.memory.keep();
        }
        match &upgraded {
            Ok(told) => info!("{}", told.trim_end()),
            Err(NoUpgrade::Configuration(why) | NoUpgrade::Other(why)) => {
                error!("no upgrade, this process serves on: {}", why.trim_end());
            }
        }
        upgraded
    }

    /// Returns when no upgrade is under way.
    pub async fn decided(&self) {
        drop(self.turn.lock().await);
    }

    /// Returns when no successor is being started any more, or soon.
    pub async fn settled(&self) {
        if timeout(PATIENCE, self.turn.lock()).await.is_err() {
            warn!("a successor that was being started may be left");
        }
    }

    /// Returns when a successor, if there is one, has been told how the last tries ended, or soon.
    pub async fn tell_last(&self, memory: &Memory) {
        memory.keep();
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(told) = told {
            // An error says that it was told.
            drop(timeout(PATIENCE, told).await);
        }
    }

    /// Closes what was kept for a successor, so that the sockets close where nobody else has them.
    pub fn forget_sockets(&self) {
        *self.sockets.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    async fn start(&self, reloader: &Reloader, within: Duration) -> Upgraded {
        let life = &reloader.lifecycle;
        match life.phase() {
            Phase::Serving if !life.is_handed_over() => {}
            Phase::LameDuck if !life.is_ending() => {
                return other("this process was told to drain, which its successor would not know: restart it");
            }
            _ => return other("this process ends already"),
        }
        if std::process::id() == 1 {
            return other("this is the first process of a container, which would end with it: replace the container");
        }
        let Some(launch) = self.launch.clone() else { return other("this process cannot be started again alike") };
        // What is read here meanwhile would not be in use there.
        let _reload = reloader.turn.lock().await;
        let until = Instant::now() + within;
        info!(program = %launch.program.display(), "starting a successor");
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let program = launch.program.display().to_string();
        let (follower, follows) = mpsc::unbounded_channel();
        let memory = reloader.process.memory.clone();
        let starting = move || {
            let pieces = memory.hand_over(follower).into_iter().map(serde_json::to_value);
            Successor::start(&launch, &sockets, pieces.collect::<Result<_, _>>()?, until)
        };
        let started = spawn_blocking(starting).await;
        let successor = match started.map_err(io::Error::other).and_then(|started| started) {
            Ok(successor) => successor,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return other(&format!("{program}: it was not ready in time, and was ended"));
            }
            Err(error) => return other(&format!("{program}: {error}{}", remedy(&error))),
        };
        match follow(&successor, follows) {
            Ok(told) => *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told),
            Err(error) => return other(&error.to_string()),
        }
        let (successor, ready) = match self.serves(successor, reloader).await {
            Ok(serves) => serves,
            Err(NotReady::Refused(why)) => {
                return Err(NoUpgrade::Configuration(why));
            }
            Err(NotReady::Failed(why)) => return other(&format!("{program}: {why}")),
        };
        self.hand_over(successor, ready, reloader).await
    }

    /// Waits until it serves, or this process is told to end, which ends both; what the successor accepted it finishes.
    async fn serves(&self, mut successor: Successor, reloader: &Reloader) -> Result<(Successor, Ready), NotReady> {
        let failed = |error: &dyn std::fmt::Display| NotReady::Failed(error.to_string());
        let interrupt = successor.interrupt().map_err(|error| failed(&error))?;
        let mut waiting = spawn_blocking(move || successor.wait().map(|ready| (successor, ready)));
        tokio::select! {
            biased;
            () = reloader.lifecycle.leaving() => {
                interrupt.soon();
                let waited = match timeout(LAST_WORD, &mut waiting).await {
                    Ok(waited) => waited,
                    Err(_) => {
                        interrupt.now();
                        waiting.await
                    }
                };
                if let Ok(Ok((successor, _))) = waited {
                    dismiss(successor, reloader);
                }
                Err(NotReady::Failed(TOLD_TO_LEAVE.to_owned()))
            }
            waited = &mut waiting => waited.unwrap_or_else(|error| Err(failed(&error))),
        }
    }

    async fn hand_over(&self, mut successor: Successor, ready: Ready, reloader: &Reloader) -> Upgraded {
        let id = successor.id();
        let (manager, life, doors) = (self.manager.clone(), reloader.lifecycle.clone(), self.doors.clone());
        let handing_over = move || {
            // It must not speak for the service before the service manager knows that it may.
            manager.hand_over(id, life.phase().label());
            let handed_over = life.hand_over(|| {
                successor.release()?;
                doors.close(ready.keeps_socket);
                Ok(())
            });
            if !matches!(handed_over, Ok(true)) {
                manager.take_back(life.phase().label());
            }
            (handed_over, successor)
        };
        match spawn_blocking(handing_over).await {
            Ok((Ok(true), _)) => {}
            Ok((Ok(false), successor)) => {
                dismiss(successor, reloader);
                return other(TOLD_TO_LEAVE);
            }
            Ok((Err(error), successor)) => {
                dismiss(successor, reloader);
                return other(&format!("process {id} is gone, or waits no more: {error}"));
            }
            Err(error) => return other(&error.to_string()),
        }
        let life = reloader.lifecycle.clone();
        tokio::spawn(async move { life.make_way().await });
        Ok(format!("process {id} serves now; process {} ends once it has finished what it began\n", std::process::id()))
    }
}

/// Ends a successor that serves already, on a thread of its own: it has as long as this process to finish what it accepted.
fn dismiss(successor: Successor, reloader: &Reloader) {
    let until = Instant::now() + reloader.snapshots.load().config().limits.drain + PATIENCE;
    let dismissing = thread::Builder::new().name("successor".to_owned()).spawn(move || successor.dismiss(until));
    if let Err(error) = dismissing {
        warn!(%error, "a successor was ended with what it had accepted");
    }
}

/// Tells a successor how the tries end that are under way here, and what is unlocked, until nobody tells of more; then what is
/// returned resolves.
fn follow(successor: &Successor, mut follows: mpsc::UnboundedReceiver<News>) -> io::Result<oneshot::Receiver<()>> {
    let teller = successor.teller()?;
    let (telling, told) = oneshot::channel::<()>();
    let following = move || {
        let _telling = telling;
        let mut news = Vec::new();
        while let Some(first) = follows.blocking_recv() {
            news.push(first);
            news.extend(std::iter::from_fn(|| follows.try_recv().ok()));
            let pieces = news.drain(..).map(|news| serde_json::to_value(Recollection::from(news)));
            if let Ok(pieces) = pieces.collect()
                && teller.remember(pieces).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new().name("successor".to_owned()).spawn(following).map(|_| told)
}

fn other(why: &str) -> Upgraded {
    Err(NoUpgrade::Other(why.to_owned()))
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; install the new version there",
        io::ErrorKind::PermissionDenied => "; it must be a file that the user running fedfront may execute",
        io::ErrorKind::ExecutableFileBusy => "; replace the file instead of writing into it, as `install` and `mv` do",
        _ => "",
    }
}
