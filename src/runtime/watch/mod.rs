//! Noticing that files change: inotify on the folders on the way to them.

mod burst;
mod trails;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tracing::warn;

use self::trails::Trails;

pub use burst::{Burst, QUIET};

/// How often the ways are looked at again because they changed while they were looked at.
const TRIES: usize = 3;

/// Tells when one of some files may have changed, come or gone, or any link or folder on the way to it. Where the system cannot
/// tell, as on some network file systems, somebody has to look.
pub struct Watch {
    changed: Arc<Notify>,
    trails: Arc<Trails>,
    /// Whether a folder that is watched is no longer where it was.
    stale: Arc<AtomicBool>,
    /// Ended when it is dropped.
    watcher: Option<RecommendedWatcher>,
    /// Folders that cannot be watched, as the log was told.
    told: BTreeSet<PathBuf>,
}

impl Watch {
    /// Watches nothing yet. `changed` is told.
    pub fn new(changed: Arc<Notify>) -> Self {
        let (trails, stale) = (Arc::default(), Arc::default());
        Self { changed, trails, stale, watcher: None, told: BTreeSet::new() }
    }

    /// Watches these from now on, by their absolute paths, wherever these lead now. To be called again after each change, for
    /// folders and links may be others then. Reads the file system.
    pub fn follow<'a>(&mut self, files: impl IntoIterator<Item = &'a Path> + Clone) {
        for _ in 0..TRIES {
            let trails = Trails::to(files.clone());
            if trails == *self.trails && !self.stale.load(Ordering::SeqCst) && self.watcher.is_some() {
                return;
            }
            self.begin(Arc::new(trails));
            if self.watcher.is_none() {
                return;
            }
        }
    }

    /// Another watcher takes the place of the one before, so that nothing of that one is left.
    fn begin(&mut self, trails: Arc<Trails>) {
        let stale = Arc::new(AtomicBool::new(false));
        let (changed, heeded, noted) = (self.changed.clone(), trails.clone(), stale.clone());
        let heed = move |event: notify::Result<Event>| match event {
            Ok(event) => heed(&event, &heeded, &noted, &changed),
            Err(_) => changed.notify_one(),
        };
        let begun = RecommendedWatcher::new(heed, Config::default());
        let mut failed = BTreeSet::new();
        let watcher = match begun {
            Ok(mut watcher) => {
                for folder in trails.folders.keys() {
                    if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                        self.tell(folder, &error);
                        failed.insert(folder.clone());
                    }
                }
                Some(watcher)
            }
            Err(error) => {
                self.tell(Path::new("/"), &error);
                failed.insert(PathBuf::from("/"));
                None
            }
        };
        self.told = failed;
        (self.trails, self.stale, self.watcher) = (trails, stale, watcher);
    }

    fn tell(&self, folder: &Path, error: &notify::Error) {
        if !self.told.contains(folder) {
            let folder = folder.display();
            warn!(%folder, %error, "the system does not tell of changes in this folder: they are noticed within a minute");
        }
    }
}

/// Called on the thread of the watcher.
fn heed(event: &Event, trails: &Trails, stale: &AtomicBool, changed: &Notify) {
    // Who only reads changes nothing, and we do it ourselves.
    let reads = matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
    let concerns = event.need_rescan() || event.paths.iter().any(|path| trails.has(path));
    if reads || !concerns {
        return;
    }
    let moved = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
    if moved && event.paths.iter().any(|path| trails.folders.contains_key(path)) {
        stale.store(true, Ordering::SeqCst);
    }
    changed.notify_one();
}

#[cfg(test)]
mod tests;
