//! Threads for signatures, so that forwarded traffic never waits behind them.

use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use crate::model::Unavailable;
use crate::telemetry::Metrics;

/// Jobs of those who have proven nothing that may wait for their one place: a second's work of a slow key.
const ASIDE: usize = 128;

/// A fixed number of threads with a bounded queue before them. A hand-over costs some 15 µs of CPU, as every way of doing
/// it: an RSA-2048 signature takes 230.
pub struct SigningPool {
    jobs: async_channel::Sender<Job>,
    /// The one place of those who have proven nothing,
    aside: Arc<Semaphore>,
    /// and those before it.
    before_aside: Semaphore,
    metrics: Arc<Metrics>,
}

type Job = Box<dyn FnOnce() + Send>;

impl SigningPool {
    /// Starts `threads` threads (0: one a core) before which `queue` jobs, at least one, may wait.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn new(threads: usize, queue: usize, metrics: Arc<Metrics>) -> io::Result<Self> {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            some => some,
        };
        let (jobs, waiting) = async_channel::bounded::<Job>(queue.max(1));
        for number in 0..threads {
            let waiting = waiting.clone();
            thread::Builder::new().name(format!("sign-{number}")).spawn(move || {
                while let Ok(job) = waiting.recv_blocking() {
                    job();
                }
            })?;
        }
        Ok(Self { jobs, aside: Arc::new(Semaphore::new(1)), before_aside: Semaphore::new(ASIDE), metrics })
    }

    /// Runs `work` on a thread of the pool. If the caller gives up before its turn comes, it is not run at all.
    ///
    /// # Errors
    /// The queue is full, or `work` panicked.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let waits = Waits::new(self.metrics.clone());
        let job = move || {
            drop(waits);
            if reply.is_closed() {
                return;
            }
            // Caught, the panic costs the pool no thread; `reply` goes, and that tells the caller.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(work)) {
                let _ = reply.send(result);
            }
        };
        let unavailable = |reason| Unavailable::new("signing", reason);
        self.jobs.try_send(Box::new(job)).map_err(|_| unavailable("the queue is full"))?;
        answer.await.map_err(|_| unavailable("the signature panicked"))
    }

    /// Runs `work` for somebody who has proven nothing: such work goes one at a time, so that a crowd of strangers leaves the
    /// queue to those who have signed in.
    ///
    /// # Errors
    /// As [`SigningPool::run`], and too many wait.
    pub async fn run_aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let full = |_| Unavailable::new("signing", "too many refusals wait to be signed");
        let _waiting = self.before_aside.try_acquire().map_err(full)?;
        let place = self.aside.clone().acquire_owned().await;
        // Whoever gives up while it runs has the place until it ends: else one after the other would take every thread.
        self.run(move || {
            let _place = place;
            work()
        })
        .await
    }
}

/// Counts as waiting while it lives.
struct Waits(Arc<Metrics>);

impl Waits {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.signing_queue.inc();
        Self(metrics)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.signing_queue.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use futures::FutureExt;

    use super::*;

    fn pool(queue: usize) -> (SigningPool, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new().unwrap());
        (SigningPool::new(1, queue, metrics.clone()).unwrap(), metrics)
    }

    /// Work that says when it runs and ends when let.
    fn held() -> (impl FnOnce() -> u8 + Send + 'static, Receiver<()>, Sender<()>) {
        let ((runs, running), (release, released)) = (channel(), channel());
        let work = move || {
            runs.send(()).unwrap();
            released.recv().unwrap();
            1
        };
        (work, running, release)
    }

    #[tokio::test]
    async fn a_full_queue_is_unavailable_and_counted() {
        let (pool, metrics) = pool(1);
        let (work, running, release) = held();
        let mut first = Box::pin(pool.run(work));
        assert!(first.as_mut().now_or_never().is_none());
        running.recv().unwrap();
        let mut second = Box::pin(pool.run(|| 2));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(metrics.signing_queue.get(), 1);
        let refused = pool.run(|| 3).await.unwrap_err();
        assert_eq!((refused.what.as_str(), metrics.signing_queue.get()), ("signing", 1));
        release.send(()).unwrap();
        assert_eq!((first.await, second.await), (Ok(1), Ok(2)));
        assert_eq!(metrics.signing_queue.get(), 0);
    }

    /// Strangers' work waits for strangers' work, and takes one place of the queue at most.
    #[tokio::test]
    async fn those_who_have_proven_nothing_leave_room() {
        let (pool, metrics) = pool(2);
        let (work, running, release) = held();
        let mut first = Box::pin(pool.run_aside(work));
        assert!(first.as_mut().now_or_never().is_none());
        running.recv().unwrap();
        let mut strangers: Vec<_> = (0..8).map(|number| Box::pin(pool.run_aside(move || number))).collect();
        for stranger in &mut strangers {
            assert!(stranger.as_mut().now_or_never().is_none());
        }
        assert_eq!(metrics.signing_queue.get(), 0);
        let mut known = [10, 11].map(|number| Box::pin(pool.run(move || number)));
        for one in &mut known {
            assert!(one.as_mut().now_or_never().is_none());
        }
        release.send(()).unwrap();
        let [ten, eleven] = known;
        assert_eq!((first.await, ten.await, eleven.await), (Ok(1), Ok(10), Ok(11)));
        for (number, stranger) in strangers.into_iter().enumerate() {
            assert_eq!(stranger.await, Ok(number));
        }
    }

    #[tokio::test]
    async fn who_has_proven_nothing_and_gives_up_has_one_place_all_the_same() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let pool = SigningPool::new(2, 2, metrics).unwrap();
        let (work, running, release) = held();
        let mut first = Box::pin(pool.run_aside(work));
        assert!(first.as_mut().now_or_never().is_none());
        running.recv().unwrap();
        drop(first);
        let (runs, ran) = channel();
        let mut second = Box::pin(pool.run_aside(move || runs.send(()).unwrap()));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(pool.run(|| 7).await, Ok(7), "there is another thread");
        assert!(second.as_mut().now_or_never().is_none() && ran.try_recv().is_err());
        release.send(()).unwrap();
        assert_eq!(second.await, Ok(()));
    }

    #[tokio::test]
    async fn those_who_have_proven_nothing_wait_in_bounds() {
        let (pool, _) = pool(2);
        let (work, running, release) = held();
        let mut first = Box::pin(pool.run_aside(work));
        assert!(first.as_mut().now_or_never().is_none());
        running.recv().unwrap();
        let mut strangers: Vec<_> = (1..ASIDE).map(|number| Box::pin(pool.run_aside(move || number))).collect();
        for stranger in &mut strangers {
            assert!(stranger.as_mut().now_or_never().is_none());
        }
        assert_eq!(pool.run_aside(|| 0).now_or_never().unwrap().unwrap_err().what, "signing");
        // Whoever goes makes room.
        strangers.pop();
        let mut another = Box::pin(pool.run_aside(|| 0));
        assert!(another.as_mut().now_or_never().is_none());
        release.send(()).unwrap();
        assert_eq!(first.await, Ok(1));
        for (number, stranger) in (1..).zip(strangers) {
            assert_eq!(stranger.await, Ok(number));
        }
        assert_eq!(another.await, Ok(0));
    }

    #[tokio::test]
    async fn a_panic_costs_no_thread() {
        let (pool, _) = pool(1);
        assert!(pool.run(|| panic!("a test's")).await.is_err());
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_run() {
        let (pool, _) = pool(4);
        let (work, running, release) = held();
        let mut first = Box::pin(pool.run(work));
        assert!(first.as_mut().now_or_never().is_none());
        running.recv().unwrap();
        let (ran, runs) = channel();
        let mut abandoned = Box::pin(pool.run(move || ran.send(()).unwrap()));
        assert!(abandoned.as_mut().now_or_never().is_none());
        drop(abandoned);
        release.send(()).unwrap();
        first.await.unwrap();
        pool.run(|| ()).await.unwrap();
        assert!(runs.recv().is_err());
    }
}
