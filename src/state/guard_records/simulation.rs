//! Random attempts at a few entries by several replicas over one store, which goes away, comes back and loses what it has;
//! replicas that die with tries under way; clocks that are set back. Held at every step to what the directory sees:
//!
//! - While the store is there, all replicas together send no more binds that the directory may count than the threshold,
//!   within the window; where what it has counted itself is heard, with those that came by other ways.
//! - Unknown places spend no more of them than theirs.
//! - Who is at a familiar place is refused only if failures from there, or by other ways, count.
//! - Nobody is held back for longer than the window.
//!
//! While the store is away each replica goes on alone, from what it last saw: each may send the threshold once. So it is
//! after the store has lost everything. What was counted apart counts for all as soon as it is back.

use tokio::runtime::Builder;

use super::super::fake::FakeStore;
use super::*;
use crate::guard::random::{Random, for_each_seed};
use crate::guard::{Outcome, RESERVED_FOR, Rule};
use crate::model::FailureCount;

const SEEDS: u64 = 256;
const STEPS: usize = 400;
const PASSWORDS: u64 = 16;
/// At most, by who goes away while others are tried.
const WAITED: Duration = Duration::from_secs(10);

struct World {
    policy: Policy,
    metrics: Metrics,
    store: Option<Arc<FakeStore>>,
    most: usize,
    heard: bool,
    replicas: Vec<GuardRecords>,
    entries: Vec<Account>,
    under_way: Vec<Try>,
    /// Entries with a reservation of a familiar place that nobody will settle, and until when it is one.
    orphans: Vec<(usize, Timestamp)>,
    now: i64,
    began: Instant,
    away: bool,
}

/// An entry as the directory has it, and what is known of it without the guard's words.
#[derive(Default)]
struct Account {
    id: Option<EntryId>,
    counted: Chain,
    strange: Chain,
    has_familiar: bool,
    /// Whether there was a failure from a familiar place, or by another way, since it was last forgotten.
    own_fault: bool,
    forgiven: Option<Duration>,
    /// How many times the threshold may be sent besides.
    slack: usize,
}

/// Failures until the window has passed since the last of them, by a clock that nobody sets.
#[derive(Default)]
struct Chain {
    failures: usize,
    last: Duration,
}

struct Try {
    replica: usize,
    entry: usize,
    place: Place,
    since: Duration,
    reservation: Reservation,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let threshold = 1 + random.below(6) as u32;
        let unknown_threshold = 1 + random.below(u64::from(threshold)) as u32;
        let window = Duration::from_millis(1000 + random.below(300_000));
        let policy = Policy { threshold, unknown_threshold, window, enforced: true };
        let store = (random.below(8) > 0).then(FakeStore::new);
        // Where a store has all that counts, nothing is lost with a record.
        let forgetful = store.is_some() && random.below(2) == 0;
        let account = |number| Account { id: Some(entry(number)), ..Account::default() };
        let mut world = Self {
            policy,
            metrics: Metrics::new().unwrap(),
            most: if forgetful { 2 } else { 1000 },
            heard: random.below(2) == 0,
            replicas: Vec::new(),
            entries: (0..1 + random.below(4)).map(account).collect(),
            under_way: Vec::new(),
            orphans: Vec::new(),
            now: 1_767_225_600_000,
            began: Instant::now(),
            away: false,
            store,
        };
        let replicas = if world.store.is_some() { 1 + random.below(3) } else { 1 };
        world.replicas = (0..replicas).map(|_| world.replica()).collect();
        world
    }

    fn replica(&self) -> GuardRecords {
        let shared = self.store.clone().map(|store| store as Arc<dyn Shared>);
        GuardRecords::with_room_for(self.most, self.policy, &self.metrics, shared)
    }

    async fn step(&mut self, random: &mut Random) {
        match random.below(100) {
            0..50 => self.attempt(random).await,
            50..82 => self.settle(random).await,
            82..90 => self.pass(random, 20_000).await,
            90 => self.pass(random, 400_000).await,
            91 => self.now -= random.below(100_000) as i64,
            92 => self.other_way(random),
            93 => self.forget_places(random),
            94 => self.unlock(random).await,
            95 => self.die(random),
            96..98 => self.come_or_go().await,
            98 => self.lose(random),
            _ => self.tidy().await,
        }
        self.hold_to_the_promises().await;
    }

    async fn attempt(&mut self, random: &mut Random) {
        let (replica, entry) = (self.any(random, self.replicas.len()), self.any(random, self.entries.len()));
        let account = &self.entries[entry];
        let place = match (account.has_familiar, random.below(2)) {
            (false, _) => Place::First,
            (true, 0) => Place::Unknown,
            (true, _) => Place::Familiar,
        };
        let counted = account.counted.within(&self.policy, self.real());
        let theirs = FailureCount { failures: counted as u32, last: self.clock(self.now) };
        let asking = Asking { place, theirs: (self.heard && counted > 0).then_some(theirs) };
        let password = [random.below(PASSWORDS) as u8; 32];
        let now = self.clock(self.now);
        let asked = self.replicas[replica].admit(account.id.as_ref().unwrap(), &password, asking, || now);
        // Who has to wait goes away.
        let asked = timeout(Duration::from_millis(10), asked).await;
        self.now += 10 * i64::from(asked.is_err());
        match asked {
            Ok(Admission::Try(reservation, told)) => {
                assert_eq!(told, None);
                self.may_be_tried(entry, place);
                self.under_way.push(Try { replica, entry, place, since: self.real(), reservation });
            }
            Ok(Admission::Held(held)) => self.may_be_held(entry, place, held),
            Err(_) => {}
        }
    }

    fn may_be_tried(&self, entry: usize, place: Place) {
        let (account, real) = (&self.entries[entry], self.real());
        let open = |strange: bool| {
            let counts = |open: &&Try| open.entry == entry && (!strange || open.place != Place::Familiar);
            self.under_way.iter().filter(counts).count()
        };
        let (counted, slack) = (account.counted.within(&self.policy, real), account.slack);
        let most = self.policy.threshold as usize * (1 + slack);
        assert!(counted + open(false) < most, "{counted} + {} of {most}", open(false));
        if place == Place::Unknown && slack == 0 {
            let strange = account.strange.within(&self.policy, real);
            let most = self.policy.unknown_threshold as usize;
            assert!(strange + open(true) < most, "strangers spent {strange} + {} of {most}", open(true));
        }
    }

    fn may_be_held(&self, entry: usize, place: Place, held: Held) {
        let account = &self.entries[entry];
        let forgiven = account.forgiven.is_some_and(|at| self.real() - at <= BELIEVED);
        let part = self.policy.unknown_threshold < self.policy.threshold;
        if place == Place::Familiar && held.rule != Rule::SamePassword && part && account.slack == 0 && !forgiven {
            assert!(account.own_fault, "{held:?} for what strangers did");
        }
        assert!(place == Place::Unknown || held.rule != Rule::UnknownThreshold);
    }

    async fn settle(&mut self, random: &mut Random) {
        if !self.under_way.is_empty() {
            let number = self.any(random, self.under_way.len());
            self.end(random, number).await;
        }
    }

    async fn end(&mut self, random: &mut Random, number: usize) {
        let Try { entry, place, reservation, .. } = self.under_way.swap_remove(number);
        let outcome = match random.below(10) {
            0 => Outcome::Success,
            1..3 => Outcome::NotCounted,
            3..6 => Outcome::Unanswered,
            _ => Outcome::WrongPassword,
        };
        match outcome {
            Outcome::Success => self.forgive(entry, place),
            Outcome::WrongPassword => self.count(entry, place, true),
            Outcome::Unanswered => self.count(entry, place, random.below(2) == 0),
            Outcome::NotCounted => {}
        }
        reservation.settle(outcome, self.clock(self.now)).await;
    }

    fn count(&mut self, entry: usize, place: Place, by_the_directory: bool) {
        let (policy, real) = (self.policy, self.real());
        let account = &mut self.entries[entry];
        if by_the_directory {
            account.counted.count(&policy, real);
            if place != Place::Familiar {
                account.strange.count(&policy, real);
            }
        }
        account.own_fault |= place != Place::Unknown;
    }

    fn forgive(&mut self, entry: usize, place: Place) {
        let real = self.real();
        let now = self.clock(self.now);
        // A clock that is set back makes them last longer.
        self.orphans.retain(|(_, until)| *until > now);
        let others = self.under_way.iter().any(|open| open.entry == entry && open.place != Place::Unknown)
            || self.orphans.iter().any(|(orphan, _)| *orphan == entry)
            // What another replica has counted apart is not forgiven.
            || self.is_apart();
        let account = &mut self.entries[entry];
        account.counted = Chain::default();
        if place != Place::Familiar {
            account.strange = Chain::default();
        }
        (account.own_fault, account.forgiven, account.has_familiar) = (others, Some(real), true);
    }

    /// Somebody fails at the directory's other doors.
    fn other_way(&mut self, random: &mut Random) {
        if self.heard {
            let (entry, policy, real) = (self.any(random, self.entries.len()), self.policy, self.real());
            let open = self.under_way.iter().filter(|open| open.entry == entry).count();
            let account = &mut self.entries[entry];
            // Only what was there when it was asked can be heard.
            if open == 0 && account.counted.within(&policy, real) + 1 < policy.threshold as usize {
                account.counted.count(&policy, real);
                account.own_fault = true;
            }
        }
    }

    fn forget_places(&mut self, random: &mut Random) {
        let entry = self.any(random, self.entries.len());
        self.entries[entry].has_familiar = false;
    }

    /// An operator does, in the directory too.
    async fn unlock(&mut self, random: &mut Random) {
        let (replica, entry) = (self.any(random, self.replicas.len()), self.any(random, self.entries.len()));
        let had = self.entries[entry].has_familiar;
        self.forgive(entry, Place::Unknown);
        self.entries[entry].has_familiar = had;
        let (id, now) = (self.entries[entry].id.clone().unwrap(), self.clock(self.now));
        self.replicas[replica].unlock(&id, now).await;
    }

    /// With tries under way, which the directory may have counted.
    fn die(&mut self, random: &mut Random) {
        if self.store.is_none() {
            return;
        }
        let replica = self.any(random, self.replicas.len());
        let (dead, alive) = std::mem::take(&mut self.under_way).into_iter().partition(|open| open.replica == replica);
        self.under_way = alive;
        let dead: Vec<Try> = dead;
        for open in dead {
            self.count(open.entry, open.place, random.below(2) == 0);
            std::mem::forget(open.reservation);
            if open.place != Place::Unknown {
                self.orphans.push((open.entry, self.clock(self.now).plus(RESERVED_FOR)));
            }
        }
        self.replicas[replica] = self.replica();
        if self.away {
            // That they have ended dies with it, and the store still has them.
            let until = self.clock(self.now).plus(RESERVED_FOR);
            self.orphans.extend((0..self.entries.len()).map(|entry| (entry, until)));
            self.entries.iter_mut().for_each(|account| account.own_fault = true);
            self.loosen(1);
        }
    }

    async fn come_or_go(&mut self) {
        let Some(store) = self.store.clone().filter(|_| self.most > 2) else { return };
        self.away = !self.away;
        store.go(self.away);
        if self.away {
            self.loosen(self.replicas.len());
        } else {
            self.tidy().await;
        }
    }

    fn lose(&mut self, random: &mut Random) {
        let Some(store) = self.store.clone().filter(|_| self.most > 2) else { return };
        if random.below(2) == 0 {
            store.wipe()
        } else {
            store.lose_an_answer()
        }
        self.loosen(1);
    }

    fn loosen(&mut self, times: usize) {
        self.entries.iter_mut().for_each(|account| account.slack += times);
    }

    async fn tidy(&mut self) {
        for records in &self.replicas {
            records.tidy(self.clock(self.now)).await;
        }
    }

    /// No bind lasts longer than reservations do.
    async fn pass(&mut self, random: &mut Random, most: u64) {
        let millis = random.below(most);
        let then = self.real() + Duration::from_millis(millis);
        while let Some(number) = self.under_way.iter().position(|open| then >= open.since + RESERVED_FOR - WAITED) {
            self.end(random, number).await;
        }
        self.now += millis as i64;
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    async fn hold_to_the_promises(&mut self) {
        let (policy, real) = (self.policy, self.real());
        for records in &self.replicas {
            for (_, summary) in records.summaries(self.clock(self.now)).await {
                let left = summary.until.map_or(Duration::ZERO, |until| until.since(self.clock(self.now)));
                assert!(left <= policy.window, "held back for {left:?}");
            }
        }
        let apart = self.is_apart();
        for (number, account) in self.entries.iter_mut().enumerate() {
            let open = self.under_way.iter().any(|open| open.entry == number);
            let over = account.counted.within(&policy, real) == 0 && account.strange.within(&policy, real) == 0;
            // Binds of replicas that died may have been counted last when their reservations end.
            if over && !open && !apart && real > account.counted.last + policy.window + RESERVED_FOR {
                account.slack = 0;
            }
        }
    }

    /// Whether some replica has not told the others all that it did.
    fn is_apart(&self) -> bool {
        let joined = |records: &GuardRecords| {
            records.0.records.with(|inside| inside.by_entry.values().all(|kept| kept.apart.is_none()))
        };
        let unsure = self.store.as_ref().is_some_and(|store| store.is_unsure());
        self.away || unsure || !self.replicas.iter().all(joined)
    }

    fn any(&self, random: &mut Random, of: usize) -> usize {
        random.below(of as u64) as usize
    }

    fn real(&self) -> Duration {
        self.began.elapsed()
    }

    fn clock(&self, now: i64) -> Timestamp {
        Timestamp::from_unix_millis(now)
    }
}

impl Chain {
    fn count(&mut self, policy: &Policy, real: Duration) {
        self.failures = self.within(policy, real) + 1;
        self.last = real;
    }

    fn within(&self, policy: &Policy, real: Duration) -> usize {
        if real - self.last < policy.window { self.failures } else { 0 }
    }
}

fn entry(number: u64) -> EntryId {
    EntryId { directory: "d".into(), entry: number.to_string().into() }
}

#[test]
fn whatever_becomes_of_replicas_and_their_store_the_promises_hold() {
    for_each_seed(SEEDS, |random| {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(random);
            for _ in 0..STEPS {
                world.step(random).await;
            }
        });
    });
}
