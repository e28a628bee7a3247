//! The phases of the process's life, in which nobody loses a request when it ends.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::config::Limits;

/// How far the end has come. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// Everything is served, but `/readyz` says no and connections are not kept alive, so that balancers turn away.
    LameDuck,
    /// Nothing new is accepted; what was is finished.
    Draining,
    /// The process may end, whatever is still open.
    Done,
}

impl Phase {
    /// The word for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::LameDuck => "lame duck",
            Self::Draining => "draining",
            Self::Done => "done",
        }
    }
}

/// The phase of this process, shared by all who end it or watch it end. A clone is the same life.
#[derive(Clone)]
pub struct Lifecycle(Arc<Life>);

struct Life {
    phase: watch::Sender<Phase>,
    pace: Mutex<Pace>,
    /// When the lame duck began.
    announced: OnceLock<Instant>,
    /// When draining must be over.
    deadline: OnceLock<Instant>,
    /// Set by whoever is first to end the process.
    ending: OnceLock<()>,
    /// Set when another process serves in the place of this one.
    handed_over: AtomicBool,
    /// Held while that is decided, and whether this one leaves: the process that serves is told to, or none is.
    decision: Mutex<()>,
}

/// How long the end takes.
#[derive(Clone, Copy)]
struct Pace {
    lame_duck: Duration,
    drain: Duration,
}

impl Lifecycle {
    /// A process that serves, and will end within `lame_duck` and `drain` of being told.
    pub fn new(limits: &Limits) -> Self {
        Self::lasting(limits.lame_duck, limits.drain)
    }

    pub(crate) fn lasting(lame_duck: Duration, drain: Duration) -> Self {
        Self(Arc::new(Life {
            phase: watch::Sender::new(Phase::Serving),
            pace: Mutex::new(Pace { lame_duck, drain }),
            announced: OnceLock::new(),
            deadline: OnceLock::new(),
            ending: OnceLock::new(),
            handed_over: AtomicBool::new(false),
            decision: Mutex::default(),
        }))
    }

    /// Takes the times of another configuration, for an end that has not begun.
    pub fn take_pace(&self, limits: &Limits) {
        *self.0.pace.lock().unwrap_or_else(PoisonError::into_inner) =
            Pace { lame_duck: limits.lame_duck, drain: limits.drain };
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// The phase now and every one to come.
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.0.phase.subscribe()
    }

    /// Becomes a lame duck until somebody ends the process: what a preStop hook does by `fedfront drain`, since a sidecar
    /// gets its SIGTERM only when the main container has gone. False if another process serves, which is to be told.
    pub fn announce(&self) -> bool {
        let _decision = self.decision();
        if self.is_handed_over() {
            return false;
        }
        self.0.announced.get_or_init(Instant::now);
        self.advance(Phase::LameDuck);
        true
    }

    /// Ends the process as SIGTERM does: a lame duck for the rest of its time, then draining, then done. Returns at the
    /// end, however often it is called.
    pub async fn terminate(&self) {
        if !self.announce() {
            return self.make_way().await;
        }
        let announced = *self.0.announced.get_or_init(Instant::now);
        self.end(announced + self.pace().lame_duck).await;
    }

    /// Ends the process as Ctrl-C does: nobody at a terminal has a balancer that must turn away first.
    pub async fn interrupt(&self) {
        // Whoever has handed over ends alike.
        self.announce();
        self.end(Instant::now()).await;
    }

    /// Has another process serve in the place of this one, by `go`. False if this one was told to leave before: what is meant
    /// for the service must not get lost between two processes.
    ///
    /// # Errors
    /// That of `go`: no other process serves.
    pub fn hand_over(&self, go: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
        let _decision = self.decision();
        if self.phase() != Phase::Serving {
            return Ok(false);
        }
        go()?;
        self.0.handed_over.store(true, Ordering::Release);
        Ok(true)
    }

    /// Ends the process because another one serves in its place: no balancer has to turn away.
    pub async fn make_way(&self) {
        self.end(Instant::now()).await;
    }

    /// Whether another process serves in the place of this one.
    pub fn is_handed_over(&self) -> bool {
        self.0.handed_over.load(Ordering::Acquire)
    }

    /// What [`terminate`](Self::terminate), or without a `lame_duck` [`interrupt`](Self::interrupt), would take now, for
    /// people.
    pub fn outlook(&self, lame_duck: bool) -> String {
        let Pace { lame_duck: whole, drain } = self.pace();
        let passed = self.0.announced.get().map(|announced| announced.elapsed());
        let left = whole.saturating_sub(passed.unwrap_or_default());
        let rounded = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        if lame_duck && !rounded.is_zero() {
            format!("lame duck {rounded:?}, then {drain:?} at most")
        } else {
            format!("{drain:?} at most")
        }
    }

    /// Whether somebody ends the process already.
    pub fn is_ending(&self) -> bool {
        self.0.ending.get().is_some()
    }

    /// Ends the process now.
    pub fn finish(&self) {
        self.advance(Phase::Done);
    }

    /// Returns when accepting must stop, with the instant at which what was accepted is cut.
    pub async fn draining(&self) -> Instant {
        self.reached(Phase::Draining).await;
        *self.0.deadline.get_or_init(Instant::now)
    }

    /// Returns when the process may end.
    pub async fn done(&self) {
        self.reached(Phase::Done).await;
    }

    /// Resolves when anything but serving has begun.
    pub async fn leaving(&self) {
        self.reached(Phase::LameDuck).await;
    }

    async fn end(&self, stop_accepting: Instant) {
        if self.0.ending.set(()).is_err() {
            return self.done().await;
        }
        let deadline = stop_accepting.max(Instant::now()) + self.pace().drain;
        tokio::select! {
            () = sleep_until(stop_accepting) => {}
            () = self.done() => return,
        }
        self.0.deadline.get_or_init(|| deadline);
        self.advance(Phase::Draining);
        tokio::select! {
            () = sleep_until(deadline) => self.finish(),
            () = self.done() => {}
        }
    }

    fn decision(&self) -> MutexGuard<'_, ()> {
        self.0.decision.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> Pace {
        *self.0.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, to: Phase) {
        self.0.phase.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
    }

    async fn reached(&self, wanted: Phase) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.subscribe().wait_for(|phase| *phase >= wanted).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn the_lame_duck_and_the_drain_last_as_configured() {
        let short = Duration::from_millis(20);
        let life = Lifecycle::lasting(short, short);
        let start = Instant::now();
        let (deadline, ()) = tokio::join!(life.draining(), life.terminate());
        assert!(deadline >= start + short + short);
        assert!(Instant::now() >= deadline);
        assert_eq!(life.phase(), Phase::Done);
    }

    #[tokio::test]
    async fn the_outlook_counts_what_has_passed() {
        let life = Lifecycle::lasting(Duration::from_secs(5), Duration::from_secs(20));
        assert_eq!(life.outlook(true), "lame duck 5s, then 20s at most");
        assert_eq!(life.outlook(false), "20s at most");
        let gone = Lifecycle::lasting(Duration::ZERO, Duration::from_secs(20));
        gone.announce();
        assert_eq!(gone.outlook(true), "20s at most");
    }

    #[tokio::test]
    async fn accepting_ends_only_after_the_lame_duck() {
        let life = Lifecycle::lasting(Duration::from_millis(20), NEVER);
        let start = Instant::now();
        tokio::select! {
            () = life.terminate() => panic!("still draining"),
            _ = life.draining() => assert!(start.elapsed() >= Duration::from_millis(20)),
        }
        assert_eq!(life.phase(), Phase::Draining);
    }

    #[tokio::test]
    async fn draining_ends_at_its_deadline_or_when_finished() {
        let life = Lifecycle::lasting(Duration::ZERO, NEVER);
        let watcher = life.clone();
        let (deadline, ()) = tokio::join!(
            async {
                let deadline = watcher.draining().await;
                assert_eq!(watcher.phase(), Phase::Draining);
                watcher.finish();
                deadline
            },
            life.terminate()
        );
        assert!(deadline > Instant::now() + NEVER / 2);
        assert_eq!(life.phase(), Phase::Done);
    }

    #[tokio::test]
    async fn a_lame_duck_serves_until_told_to_end() {
        let life = Lifecycle::lasting(Duration::ZERO, Duration::ZERO);
        life.announce();
        assert_eq!((life.phase(), life.is_ending()), (Phase::LameDuck, false));
        assert!(life.draining().now_or_never().is_none());
        life.terminate().await;
        assert_eq!(life.phase(), Phase::Done);
    }

    #[tokio::test]
    async fn an_interrupt_has_no_lame_duck() {
        let life = Lifecycle::lasting(NEVER, Duration::ZERO);
        life.interrupt().await;
        assert_eq!(life.phase(), Phase::Done);
    }

    #[tokio::test]
    async fn whose_place_another_takes_has_no_lame_duck() {
        let life = Lifecycle::lasting(NEVER, Duration::ZERO);
        assert!(!life.is_handed_over());
        assert!(life.hand_over(|| Ok(())).unwrap() && life.is_handed_over());
        life.make_way().await;
        assert_eq!(life.phase(), Phase::Done);
    }

    #[tokio::test]
    async fn what_ends_the_service_was_lost_while_another_process_took_over() {
        for ends in [false, true] {
            let told =
                |life: &Lifecycle| if ends { life.terminate().now_or_never().is_none() } else { life.announce() };
            let life = Lifecycle::lasting(NEVER, NEVER);
            assert!(life.hand_over(|| Err(io::Error::other("gone"))).is_err() && !life.is_handed_over());
            assert!(told(&life));
            assert!(!life.hand_over(|| panic!("told to leave before")).unwrap());
            assert_eq!((life.phase(), life.is_handed_over()), (Phase::LameDuck, false));
        }
        let life = Lifecycle::lasting(NEVER, NEVER);
        assert!(life.hand_over(|| Ok(())).unwrap());
        assert!(!life.announce(), "the other is to be told");
        assert_eq!(life.phase(), Phase::Serving);
        tokio::select! {
            () = life.terminate() => panic!("still draining"),
            _ = life.draining() => {}
        }
    }

    #[tokio::test]
    async fn an_end_that_has_not_begun_takes_the_times_of_another_configuration() {
        let life = Lifecycle::lasting(NEVER, NEVER);
        *life.0.pace.lock().unwrap() = Pace { lame_duck: Duration::ZERO, drain: Duration::ZERO };
        life.terminate().await;
        assert_eq!(life.phase(), Phase::Done);
    }

    #[tokio::test]
    async fn finishing_cuts_the_lame_duck_short() {
        let life = Lifecycle::lasting(NEVER, NEVER);
        let mut ending = Box::pin(life.terminate());
        assert!(ending.as_mut().now_or_never().is_none());
        assert_eq!((life.phase(), life.is_ending()), (Phase::LameDuck, true));
        life.finish();
        ending.await;
        assert_eq!(life.phase(), Phase::Done);
    }
}
