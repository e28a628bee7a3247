//! A failure that is reserved for one try.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{Inner, News, Settled};
use crate::guard::{Asking, Held, Outcome, PasswordDigest, Place, Rule, Verdict};
use crate::model::{EntryId, Timestamp};

/// A failure reserved for one try. Dropped without a word (a panic), the bind may have been sent, and counts as unanswered.
pub struct Reservation {
    inner: Arc<Inner>,
    /// Until it is settled.
    tried: Option<Tried>,
    admitted: Timestamp,
    /// Whether somebody has it who may bind.
    handed_out: bool,
}

/// One try.
pub(super) struct Tried {
    entry: EntryId,
    password: PasswordDigest,
    place: Place,
    id: u64,
}

impl Reservation {
    pub(super) fn new(
        inner: &Arc<Inner>,
        entry: &EntryId,
        password: &PasswordDigest,
        place: Place,
        id: u64,
        now: Timestamp,
    ) -> Self {
        let tried = Some(Tried { entry: entry.clone(), password: *password, place, id });
        Self { inner: inner.clone(), tried, admitted: now, handed_out: false }
    }

    /// Nothing was reserved.
    pub(super) fn forgo(&mut self) {
        self.tried = None;
    }

    /// Whoever has it from here on may bind.
    pub(super) fn hand_out(&mut self) {
        self.handed_out = true;
    }

    /// Reserves it in the store, or here while that is away; and why it would not have been, where nothing is enforced. In a
    /// task of its own: whoever gives up waiting must not leave a reservation behind.
    pub(super) async fn ask(self, asking: Asking) -> Result<(Self, Option<Held>), Held> {
        let began = Instant::now();
        let asked = tokio::spawn(async move {
            let Some(tried) = &self.tried else { return Ok((self, None)) };
            match self.inner.reserve(tried, asking, self.admitted, began).await {
                Ok(told) => Ok((self, told)),
                Err(held) => {
                    let mut unreserved = self;
                    unreserved.forgo();
                    Err(held)
                }
            }
        });
        asked.await.unwrap_or(Err(Held { verdict: Verdict::Unanswered, rule: Rule::SamePassword }))
    }

    /// Records how the try ended.
    pub async fn settle(mut self, outcome: Outcome, now: Timestamp) {
        if let Some(tried) = self.tried.take() {
            self.inner.settle(&tried, outcome, now).await;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let Some(tried) = self.tried.take() else { return };
        let (inner, now) = (self.inner.clone(), self.admitted);
        let outcome = if self.handed_out { Outcome::Unanswered } else { Outcome::NotCounted };
        match (inner.shared.is_some(), Handle::try_current()) {
            (true, Ok(runtime)) => drop(runtime.spawn(async move { inner.settle(&tried, outcome, now).await })),
            _ => inner.settle_here(&tried, outcome, now),
        }
    }
}

impl Inner {
    /// Reserves a failure, in its turn; a password that is not tried then is no longer noted as such.
    async fn reserve(
        &self,
        tried: &Tried,
        asking: Asking,
        admitted: Timestamp,
        began: Instant,
    ) -> Result<Option<Held>, Held> {
        let Tried { entry, id, .. } = tried;
        let now = || admitted.plus(began.elapsed());
        let asking_the_store = async {
            let now = now();
            // While it waited for its turn, others have looked.
            let believed = self.records.of(entry, |kept, policy| kept.believed(policy, &asking, now)).flatten();
            if believed.is_some() {
                return believed;
            }
            let here = || {
                self.records.step(entry, now, |kept, policy| {
                    if !self.shared.is_some() {
                        return kept.counts.admit(policy, &asking, *id, now);
                    }
                    let mut apart = kept.apart.take().unwrap_or_default();
                    let held = apart.admit(&kept.counts, policy, &asking, *id, now);
                    kept.apart = Some(apart).filter(|apart| !apart.is_empty());
                    held
                })
            };
            let Some(store) = self.shared.store() else { return here() };
            let asked = self.on_store(&store, entry, now, |counts, policy| counts.admit(policy, &asking, *id, now));
            asked.await.unwrap_or_else(|_| here())
        };
        let Some(held) = self.in_turn(entry, admitted, asking_the_store).await else { return Ok(None) };
        self.records.step(entry, now(), |kept, policy| {
            if !policy.enforced {
                return Ok(Some(held).filter(|held| held.verdict != Verdict::Busy));
            }
            kept.passwords.end(&tried.password, Outcome::NotCounted, now());
            kept.tell();
            Err(held)
        })
    }

    /// Settles in the store, in its turn, or here while that is away.
    async fn settle(&self, tried: &Tried, outcome: Outcome, now: Timestamp) {
        let Tried { entry, place, id, .. } = tried;
        let Some(store) = self.shared.store() else { return self.settle_here(tried, outcome, now) };
        let settling = async {
            let step =
                self.on_store(&store, entry, now, |counts, policy| counts.settle(policy, *id, *place, outcome, now));
            step.await.unwrap_or_else(|_| self.count_here(tried, outcome, now));
        };
        self.in_turn(entry, now, settling).await;
        self.ended(tried, outcome, now);
    }

    /// Settles without asking anybody.
    fn settle_here(&self, tried: &Tried, outcome: Outcome, now: Timestamp) {
        self.count_here(tried, outcome, now);
        self.ended(tried, outcome, now);
    }

    fn count_here(&self, tried: &Tried, outcome: Outcome, now: Timestamp) {
        let Tried { id, place, .. } = *tried;
        let settled = Settled { entry: tried.entry.clone(), id, place, outcome, at: now };
        self.records.step_and_tell(News::Settled(settled), |kept, policy, _| {
            if self.shared.is_some() {
                kept.apart.get_or_insert_default().settle(policy, id, place, outcome, now);
            } else {
                kept.counts.settle(policy, id, place, outcome, now);
            }
        });
    }

    fn ended(&self, tried: &Tried, outcome: Outcome, now: Timestamp) {
        self.records.step(&tried.entry, now, |kept, _| {
            kept.passwords.end(&tried.password, outcome, now);
            kept.tell();
        });
    }
}
