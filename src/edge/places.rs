//! How many connections are open, and how many may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::watch;

use crate::telemetry::Metrics;

/// `limits.connections`, which may change at any time.
pub(super) struct Places {
    most: AtomicU32,
    open: watch::Sender<u32>,
    metrics: Arc<Metrics>,
}

/// One of them, from accepting to closing.
pub(super) struct Place(Arc<Places>);

impl Places {
    /// So many, and none taken.
    pub fn new(most: u32, metrics: Arc<Metrics>) -> Arc<Self> {
        let places = Self { most: AtomicU32::new(0), open: watch::Sender::new(0), metrics };
        places.allow(most);
        Arc::new(places)
    }

    /// So many from now on. Where more are taken, they stay so; none is given until there are fewer.
    pub fn allow(&self, most: u32) {
        self.most.store(most, Ordering::Relaxed);
        self.metrics.connections_limit.set(most.into());
    }

    /// One, if there is one.
    pub fn take(self: &Arc<Self>) -> Option<Place> {
        let most = self.most.load(Ordering::Relaxed);
        let taken = self.open.send_if_modified(|open| {
            let free = *open < most;
            *open += u32::from(free);
            free
        });
        taken.then(|| {
            self.metrics.connections_open.inc();
            Place(Arc::clone(self))
        })
    }

    /// Resolves when none is taken.
    pub async fn free(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
        self.0.metrics.connections_open.dec();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_has_a_place_keeps_it_when_there_are_fewer() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let places = Places::new(3, metrics.clone());
        let mut taken: Vec<_> = (0..3).map(|_| places.take().expect("a free place")).collect();
        assert!(places.take().is_none());
        places.allow(1);
        assert_eq!((metrics.connections_limit.get(), metrics.connections_open.get()), (1, 3));
        for left in [2, 1] {
            taken.pop();
            assert_eq!(metrics.connections_open.get(), left);
            assert!(places.take().is_none(), "{left} are open");
        }
        taken.pop();
        assert!(places.free().now_or_never().is_some());
        taken.push(places.take().expect("a free place"));
        assert!(places.free().now_or_never().is_none());
        places.allow(2);
        taken.push(places.take().expect("one more"));
        assert!(places.take().is_none());
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.free().await }
        });
        drop(taken);
        waiting.await.unwrap();
    }
}
