//! What has to be there before the first request: each part holds a latch and opens it when it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Every latch; ready when all are open. It never depends on the identity provider or the directory: a sidecar starts
/// before the one, and an outage of the other must not take forwarding down.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Vec<Check>>>);

struct Check {
    name: &'static str,
    open: Arc<AtomicBool>,
}

/// One part's promise to say when it is ready. Dropped unopened, as by a panic, it stays shut.
#[must_use = "what never opens its latch never becomes ready"]
pub struct Latch(Arc<AtomicBool>);

impl Readiness {
    /// Ready, until a latch is taken.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part that is not ready yet. `name` is what `?verbose` shows.
    pub fn latch(&self, name: &'static str) -> Latch {
        let open = Arc::new(AtomicBool::new(false));
        self.checks().push(Check { name, open: open.clone() });
        Latch(open)
    }

    /// Whether every latch is open.
    pub fn is_ready(&self) -> bool {
        self.checks().iter().all(Check::is_open)
    }

    /// Each part, in the order in which they were added, and whether it is ready.
    pub fn states(&self) -> Vec<(&'static str, bool)> {
        self.checks().iter().map(|check| (check.name, check.is_open())).collect()
    }

    fn checks(&self) -> MutexGuard<'_, Vec<Check>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Latch {
    /// The part is ready, from now on.
    pub fn open(self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_latch_is_open() {
        let readiness = Readiness::new();
        let (listeners, key) = (readiness.latch("listeners"), readiness.latch("signing-key"));
        assert!(!readiness.is_ready());
        key.open();
        assert_eq!(readiness.states(), [("listeners", false), ("signing-key", true)]);
        assert!(!readiness.is_ready());
        listeners.open();
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_part_that_gave_up_is_not_ready() {
        let readiness = Readiness::new();
        drop(readiness.latch("listeners"));
        assert!(!readiness.is_ready());
    }
}
