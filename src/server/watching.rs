//! Reading everything again by itself, when a file is other than when it was last read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::error;

use super::changes::named;
use super::history::Cause;
use super::reload::Reloader;
use crate::config::Contents;
use crate::runtime::{Burst, QUIET, Watch};

/// How often the files are looked at though nobody tells that they changed: not every file system does.
const LOOK: Duration = Duration::from_secs(60);

/// What was in the files when they were looked at.
pub(super) struct Looked {
    contents: Contents,
    /// Dropped when it has been heeded.
    _heeded: oneshot::Sender<()>,
}

/// What was last read, whether it is in use or wrong: only what differs from that is worth reading again.
pub(super) struct Tried {
    last: Mutex<Contents>,
    /// Told when it is another, so that its files are watched.
    another: Notify,
}

impl Tried {
    /// What is in use from the start.
    pub fn new(contents: Contents) -> Self {
        Self { last: Mutex::new(contents), another: Notify::new() }
    }

    /// These were read. Of what is `wrong` not all files are known: those of before stay, as they were when somebody `looked`.
    pub fn note(&self, read: Contents, right: bool, looked: Option<&Looked>) {
        let mut last = self.last();
        let mut now = read;
        if !right {
            if let Some(Looked { contents, .. }) = looked {
                now.join(contents);
            }
            now.join(&last);
        }
        *last = now;
        self.another.notify_one();
    }

    /// Whether a file is other than when it was last read.
    pub fn differs(&self, looked: &Looked) -> bool {
        differs(&looked.contents, &self.last())
    }

    /// The files that are.
    pub fn changed(&self, looked: &Looked) -> Vec<String> {
        named(&looked.contents, looked.contents.changed_since(&self.last()))
    }

    fn files(&self) -> Vec<PathBuf> {
        self.last().files().map(Path::to_owned).collect()
    }

    fn last(&self) -> MutexGuard<'_, Contents> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn differs(now: &Contents, before: &Contents) -> bool {
    now.changed_since(before).next().is_some()
}

impl Reloader {
    /// Tells of each change of a file that is in use, or that would have been if all had been right, until the process ends; a
    /// change that it tells of has been heeded before it looks for the next.
    pub async fn watch(self: Arc<Self>, tell: mpsc::Sender<Looked>) {
        let changed = Arc::new(Notify::new());
        let mut watch = Watch::new(changed.clone());
        while !self.lifecycle.is_ending() {
            if !self.snapshots.load().config().admin.watch_files {
                watch = Watch::new(changed.clone());
                self.tried.another.notified().await;
                continue;
            }
            let files = self.tried.files();
            let looking = spawn_blocking(move || {
                let files = || files.iter().map(PathBuf::as_path);
                // Watched first, so that what changes while it is looked at is noticed.
                watch.follow(files().collect::<Vec<_>>());
                (Contents::of(files()), watch)
            });
            let Ok((contents, following)) = looking.await else {
                return error!(
                    "looking at files broke off: they are read again only when SIGHUP or fedfront reload says so"
                );
            };
            watch = following;
            let (heeded, heeding) = oneshot::channel();
            let looked = Looked { contents, _heeded: heeded };
            if !self.tried.differs(&looked) {
                self.wait(&changed).await;
                continue;
            }
            if tell.send(looked).await.is_err() {
                return;
            }
            // It ends with an error, for nothing is ever sent.
            let _ = heeding.await;
            // However often a file changes, requests are not made to wait for each.
            sleep(QUIET).await;
        }
    }

    /// Opens the audit file again, and reads everything again if a file has changed since: as if told by a signal, which may have
    /// reached the process before instead.
    pub async fn catch_up(self: Arc<Self>) {
        let turn = self.turn.lock().await;
        self.reopen_audit().await;
        let files = self.tried.files();
        let looking = spawn_blocking(move || Contents::of(files.iter().map(PathBuf::as_path)));
        let Ok(contents) = looking.await else { return };
        let looked = Looked { contents, _heeded: oneshot::channel().0 };
        if self.tried.differs(&looked) {
            drop(self.reload(turn, Cause::Itself, Some(looked)).await);
        }
    }

    /// Until there is a reason to look again.
    async fn wait(&self, changed: &Notify) {
        let (mut burst, latest) = (Burst::default(), Instant::now() + LOOK);
        loop {
            tokio::select! {
                () = changed.notified() => burst.changed(Instant::now()),
                () = self.tried.another.notified() => return,
                () = sleep_until(burst.due().unwrap_or(latest)) => return,
            }
        }
    }
}
