//! CPU time of other processes and of loops in this one, in rounds that take turns, so that all see the same machine.

use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// CPU time that the process has spent so far, all its threads together.
pub fn of_process(id: i32) -> Duration {
    read(clock_getcpuclockid(Pid::from_raw(id)).unwrap())
}

/// CPU time that the current thread spends on `work`.
pub fn of_thread(work: impl FnOnce()) -> Duration {
    let start = read(ClockId::CLOCK_THREAD_CPUTIME_ID);
    work();
    read(ClockId::CLOCK_THREAD_CPUTIME_ID) - start
}

fn read(clock: ClockId) -> Duration {
    clock.now().unwrap().into()
}

/// CPU microseconds for each request of one kind and for each of what it is held against, one pair for each round.
pub struct Comparison {
    pub what: &'static str,
    pub gate: f64,
    pub goal: f64,
    pub rounds: Vec<(f64, f64)>,
}

impl Comparison {
    pub fn new(what: &'static str, gate: f64, goal: f64) -> Self {
        Self { what, gate, goal, rounds: Vec::new() }
    }

    pub fn add(&mut self, cost: Duration, reference: Duration, requests: usize) {
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / requests as f64;
        self.rounds.push((each(cost), each(reference)));
    }

    /// Microseconds, times the reference, and how that stands to design's gate and goal.
    pub fn print(&self) {
        let [low, middle, high] = quartiles(self.rounds.iter().map(|(cost, reference)| cost / reference).collect());
        let cost = quartiles(self.rounds.iter().map(|(cost, _)| *cost).collect())[1];
        let times = format!("{middle:.3} ({low:.3}..{high:.3})");
        println!("{:<34} {cost:>8.1}  {times:<22} {:>6.2} {:>6.2}", self.what, self.gate, self.goal);
    }

    /// The line of what is held against.
    pub fn print_reference(&self, what: &str) {
        println!("{what:<34} {:>8.1}", quartiles(self.rounds.iter().map(|(_, reference)| *reference).collect())[1]);
    }
}

/// The head of the table whose lines `Comparison` prints.
pub fn print_head(title: &str) {
    println!("{title}");
    println!("{:<34} {:>8}  {:<22} {:>6} {:>6}", "", "µs", "times (quartiles)", "gate", "goal");
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
