//! Threads that call into a library, which may never come back from it: whoever wants something of a device waits no longer
//! than they mean to.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// Calls at once: as many as sessions wait for each key.
pub(super) const MOST_CALLS: usize = 16;

/// Calls that nobody waits for any longer. When as many have not come back, the library hangs, and no other is made.
const MOST_OVERDUE: isize = 4;

/// The threads of one library.
pub(super) struct Attendants {
    calls: async_channel::Sender<Call>,
    overdue: Arc<AtomicIsize>,
}

type Call = Box<dyn FnOnce() + Send>;

impl Attendants {
    /// Starts them.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start() -> io::Result<Self> {
        // Each that waits is of a thread that waits: of those who sign there are only so many.
        let (calls, waiting) = async_channel::unbounded::<Call>();
        for number in 0..MOST_CALLS {
            let waiting = waiting.clone();
            thread::Builder::new().name(format!("hsm-{number}")).spawn(move || {
                while let Ok(call) = waiting.recv_blocking() {
                    // Caught, a panic costs no thread; whoever waits is told by the channel.
                    let _ = catch_unwind(AssertUnwindSafe(call));
                }
            })?;
        }
        Ok(Self { calls, overdue: Arc::default() })
    }

    /// What comes of a call, if it comes within `patience`. A call that was begun goes on; one whose turn comes later than that
    /// is not made.
    pub fn ask<T: Send + 'static>(&self, patience: Duration, call: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        if self.overdue.load(Ordering::Relaxed) >= MOST_OVERDUE {
            return None;
        }
        let (until, (answer, answered)) = (Instant::now() + patience, sync_channel(1));
        let parting = Arc::new(AtomicBool::new(false));
        let made = Made { parting: parting.clone(), overdue: self.overdue.clone() };
        let call = move || {
            let _made = made;
            if Instant::now() < until {
                // Perhaps nobody waits for it any longer.
                let _ = answer.send(call());
            }
        };
        self.calls.try_send(Box::new(call)).ok()?;
        let answer = answered.recv_timeout(patience);
        if answer.is_err() && !parting.swap(true, Ordering::Relaxed) {
            self.overdue.fetch_add(1, Ordering::Relaxed);
        }
        answer.ok()
    }
}

/// The end of a call. Whether it or the caller's patience ends first decides who counts.
struct Made {
    parting: Arc<AtomicBool>,
    overdue: Arc<AtomicIsize>,
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.parting.swap(true, Ordering::Relaxed) {
            self.overdue.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);
    const NONE: Duration = Duration::from_millis(20);

    /// A call that hangs until its sender is dropped.
    fn hanging() -> (impl FnOnce() + Send + 'static, Sender<()>) {
        let (release, released) = channel::<()>();
        let hangs = move || {
            let _ = released.recv();
        };
        (hangs, release)
    }

    #[test]
    fn a_call_that_hangs_is_left_and_only_so_many_are_made() {
        let attendants = Attendants::start().unwrap();
        let mut held = Vec::new();
        for _ in 0..MOST_OVERDUE {
            assert_eq!(attendants.ask(PATIENCE, || 7), Some(7));
            let (call, release) = hanging();
            held.push(release);
            assert_eq!(attendants.ask(NONE, call), None);
        }
        // At once, and without making it.
        let (made, is_made) = channel();
        let began = Instant::now();
        assert_eq!(attendants.ask(PATIENCE, move || made.send(()).unwrap()), None);
        assert!(began.elapsed() < PATIENCE && is_made.recv().is_err());
        drop(held);
        let until = Instant::now() + PATIENCE;
        while attendants.overdue.load(Ordering::Relaxed) > 0 {
            assert!(Instant::now() < until, "they have come back");
            thread::yield_now();
        }
        assert_eq!(attendants.ask(PATIENCE, || 7), Some(7));
    }

    #[test]
    fn who_comes_while_all_are_busy_waits_for_a_turn_and_too_late_it_is_not_made() {
        let attendants = Arc::new(Attendants::start().unwrap());
        let (begins, began) = channel();
        let mut held = Vec::new();
        let busy: Vec<_> = (0..MOST_CALLS)
            .map(|_| {
                let (attendants, begins, (call, release)) = (attendants.clone(), begins.clone(), hanging());
                held.push(release);
                let begun = move || {
                    begins.send(()).unwrap();
                    call();
                };
                thread::spawn(move || attendants.ask(PATIENCE, begun))
            })
            .collect();
        (0..MOST_CALLS).for_each(|_| began.recv_timeout(PATIENCE).unwrap());
        let waiting: Vec<_> = (0..3 * MOST_CALLS)
            .map(|number| {
                let attendants = attendants.clone();
                thread::spawn(move || attendants.ask(PATIENCE, move || number))
            })
            .collect();
        let until = Instant::now() + PATIENCE;
        while attendants.calls.len() < waiting.len() {
            assert!(Instant::now() < until, "all of them wait");
            thread::yield_now();
        }
        let (made, is_made) = channel();
        assert_eq!(attendants.ask(NONE, move || made.send(()).unwrap()), None);
        drop(held);
        assert!(busy.into_iter().all(|call| call.join().unwrap() == Some(())));
        for (number, call) in waiting.into_iter().enumerate() {
            assert_eq!(call.join().unwrap(), Some(number));
        }
        assert!(is_made.recv_timeout(PATIENCE).is_err());
    }

    #[test]
    fn a_call_that_panics_is_no_answer_and_costs_no_thread() {
        let attendants = Attendants::start().unwrap();
        for _ in 0..2 * MOST_CALLS {
            assert_eq!(attendants.ask(PATIENCE, || panic!("a test's")), None::<()>);
        }
        assert_eq!(attendants.ask(PATIENCE, || 7), Some(7));
    }
}
