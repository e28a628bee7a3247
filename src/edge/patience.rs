//! How long a connection waits for its client.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::proxy::Pace;

/// The timer of a connection, and what is measured with it.
pub(super) struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
    fresh: Pace,
    silence: Duration,
    pace: Pace,
    /// Since when a body is waited for.
    hungry: Option<Instant>,
    stall: Option<Stall>,
}

/// The client takes nothing.
struct Stall {
    deadline: Instant,
    /// What its system had taken, in bytes.
    taken: u64,
}

impl Patience {
    /// A client may be silent for `silence`, and send and take `rate` bytes a second.
    pub fn new(silence: Duration, rate: u32) -> Self {
        let fresh = Pace::new(silence, rate);
        Self { timer: None, fresh, silence, pace: fresh, hungry: None, stall: None }
    }

    /// Whether `deadline` has passed; if not, this task is woken when it does. The timer is only moved when it must ring
    /// earlier: one that rings too early is wound again.
    pub fn is_over(&mut self, cx: &mut Context<'_>, deadline: Instant) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            timer.as_mut().reset(deadline);
        }
        false
    }

    /// More of a body is due, and nothing is there. Whether it has been too slow.
    pub fn is_over_for_body(&mut self, cx: &mut Context<'_>) -> bool {
        let since = *self.hungry.get_or_insert_with(Instant::now);
        let deadline = since.checked_add(self.pace.left());
        deadline.is_some_and(|deadline| self.is_over(cx, deadline))
    }

    /// So much of a body came.
    pub fn body_came(&mut self, bytes: usize) {
        let waited = self.hungry.take().map(|since| since.elapsed()).unwrap_or_default();
        self.pace.came(bytes, waited);
    }

    /// No body is due.
    pub fn no_body_is_due(&mut self) {
        self.hungry = None;
        self.pace = self.fresh;
    }

    /// The client has no room for what is written. Whether it takes too little; `taken` is what its system has taken so
    /// far. That it sends nothing meanwhile is no fault.
    pub fn is_over_for_reader(&mut self, cx: &mut Context<'_>, taken: impl Fn() -> u64) -> bool {
        self.hungry = None;
        let mut stall = self.stall.take().unwrap_or_else(|| self.stall_from(taken()));
        while self.is_over(cx, stall.deadline) {
            let now = taken();
            if now.saturating_sub(stall.taken) < self.fresh.least().max(1) {
                return true;
            }
            stall = self.stall_from(now);
        }
        self.stall = Some(stall);
        false
    }

    /// It had room.
    pub fn reader_took(&mut self) {
        self.stall = None;
    }

    fn stall_from(&self, taken: u64) -> Stall {
        let now = Instant::now();
        Stall { deadline: now.checked_add(self.silence).unwrap_or(now + CENTURY), taken }
    }
}

/// As good as never.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
