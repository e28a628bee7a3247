//! What happened lately, minute by minute for an hour and half-hour by half-hour for a day: a bounded memory of counts, fed
//! from the metrics every few seconds. It ends with the process.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::model::Timestamp;
use crate::telemetry::Totals;

/// What happened lately.
pub struct Recent(Mutex<Inside>);

struct Inside {
    since: Timestamp,
    /// Up to when all is accounted for.
    last: Totals,
    hour: Ring,
    day: Ring,
}

/// Counts by period, the last one not over yet. Periods in which nobody looked are missing.
struct Ring {
    seconds: i64,
    most: usize,
    periods: VecDeque<(i64, Totals)>,
}

/// The last hour and the last day. Each list has one number for each period, oldest first; `null` before the process began.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Activity {
    /// When counting began: with the process.
    pub since: String,
    /// The last 60 minutes.
    pub hour: Course,
    /// The last 24 hours.
    pub day: Course,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Course {
    /// When the first period begins.
    pub start: String,
    /// How long each lasts.
    pub step_seconds: i64,
    /// Sign-ins that succeeded.
    pub signed_in: Vec<Option<u64>>,
    /// Sign-ins that were refused: wrong passwords, unknown names and all else.
    pub refused: Vec<Option<u64>>,
    /// Sign-ins that the guard kept from being tried.
    pub locked: Vec<Option<u64>>,
    /// Sign-ins about which a directory could say nothing.
    pub unavailable: Vec<Option<u64>>,
    /// Tokens issued.
    pub tokens: Vec<Option<u64>>,
    /// Requests forwarded.
    pub forwarded: Vec<Option<u64>>,
    /// Those of them that were answered by 5xx.
    pub forward_errors: Vec<Option<u64>>,
    /// In how many milliseconds 95 % of the forwarded requests were answered; `null` where there was none.
    pub forward_ms_95: Vec<Option<f64>>,
    /// The whole.
    pub total: Sum,
}

/// All periods together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sum {
    /// See [`Course`].
    pub signed_in: u64,
    /// See [`Course`].
    pub refused: u64,
    /// See [`Course`].
    pub locked: u64,
    /// See [`Course`].
    pub unavailable: u64,
    /// See [`Course`].
    pub tokens: u64,
    /// See [`Course`].
    pub forwarded: u64,
    /// See [`Course`].
    pub forward_errors: u64,
    /// In how many milliseconds half of the forwarded requests were answered.
    pub forward_ms_50: Option<f64>,
    /// In how many milliseconds 95 % were.
    pub forward_ms_95: Option<f64>,
    /// Sign-ins for which no directory was asked, out of `cache_lookups`.
    pub cache_hits: u64,
    /// Sign-ins of which it was looked for whether they are remembered.
    pub cache_lookups: u64,
}

impl Recent {
    /// Begins at `now`, when all that has happened is `totals`.
    pub fn new(totals: Totals, now: Timestamp) -> Self {
        let ring = |seconds, most| Ring { seconds, most, periods: VecDeque::new() };
        Self(Mutex::new(Inside { since: now, last: totals, hour: ring(60, 60), day: ring(1800, 48) }))
    }

    /// Takes in what has happened since the last look.
    pub fn look(&self, totals: Totals, now: Timestamp) {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inside { last, hour, day, .. } = &mut *inside;
        let news = totals.since(last);
        *last = totals;
        hour.add(&news, now);
        day.add(&news, now);
    }

    /// The last hour and the last day at `now`.
    pub fn activity(&self, now: Timestamp) -> Activity {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inside { since, hour, day, .. } = &*inside;
        Activity { since: since.to_string(), hour: hour.course(*since, now), day: day.course(*since, now) }
    }
}

impl Ring {
    fn period(&self, at: Timestamp) -> i64 {
        at.unix_millis().div_euclid(1000 * self.seconds)
    }

    /// A clock that was set back leaves what happens in the latest period.
    fn add(&mut self, news: &Totals, now: Timestamp) {
        let period = self.period(now);
        match self.periods.back_mut() {
            Some((latest, totals)) if *latest >= period => *totals = totals.plus(news),
            _ => self.periods.push_back((period, *news)),
        }
        while self.periods.len() > self.most {
            self.periods.pop_front();
        }
    }

    fn course(&self, since: Timestamp, now: Timestamp) -> Course {
        let last = self.period(now).max(self.periods.back().map_or(i64::MIN, |(latest, _)| *latest));
        let first = last - i64::try_from(self.most).unwrap_or(i64::MAX) + 1;
        let began = self.period(since).min(last);
        let known = |period: i64| {
            let found = self.periods.iter().find(|(other, _)| *other == period);
            (period >= began).then(|| found.map(|(_, totals)| *totals).unwrap_or_default())
        };
        let periods: Vec<Option<Totals>> = (first..=last).map(known).collect();
        let each = |of: fn(&Totals) -> u64| periods.iter().map(|period| period.as_ref().map(of)).collect();
        let whole = periods.iter().flatten().fold(Totals::default(), |whole, period| whole.plus(period));
        Course {
            start: Timestamp::from_unix_millis(first * self.seconds * 1000).to_string(),
            step_seconds: self.seconds,
            signed_in: each(|totals| totals.signed_in),
            refused: each(|totals| totals.refused),
            locked: each(|totals| totals.locked),
            unavailable: each(|totals| totals.unavailable),
            tokens: each(|totals| totals.tokens),
            forwarded: each(|totals| totals.forwarded),
            forward_errors: each(|totals| totals.forward_errors),
            forward_ms_95: periods.iter().map(|period| millis(period.as_ref()?, 0.95)).collect(),
            total: Sum::of(&whole),
        }
    }
}

impl Sum {
    fn of(whole: &Totals) -> Self {
        Self {
            signed_in: whole.signed_in,
            refused: whole.refused,
            locked: whole.locked,
            unavailable: whole.unavailable,
            tokens: whole.tokens,
            forwarded: whole.forwarded,
            forward_errors: whole.forward_errors,
            forward_ms_50: millis(whole, 0.5),
            forward_ms_95: millis(whole, 0.95),
            cache_hits: whole.cache_hits,
            cache_lookups: whole.cache_lookups,
        }
    }
}

/// To a tenth: it is an estimate.
fn millis(totals: &Totals, share: f64) -> Option<f64> {
    totals.answered_within(share).map(|seconds| (seconds * 10_000.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full half-hour.
    const START: i64 = 1_767_225_600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis((START + seconds) * 1000)
    }

    fn signed_in(count: u64) -> Totals {
        Totals { signed_in: count, ..Totals::default() }
    }

    fn hour(recent: &Recent, seconds: i64) -> (Vec<Option<u64>>, u64) {
        let course = recent.activity(at(seconds)).hour;
        (course.signed_in, course.total.signed_in)
    }

    #[test]
    fn what_happens_is_counted_in_its_minute_and_forgotten_after_an_hour() {
        let recent = Recent::new(signed_in(100), at(0));
        recent.look(signed_in(103), at(5));
        recent.look(signed_in(107), at(65));
        let (minutes, whole) = hour(&recent, 70);
        assert_eq!((minutes.len(), &minutes[58..], whole), (60, &[Some(3), Some(4)][..], 7));
        assert!(minutes[..58].iter().all(Option::is_none), "the process had not begun");
        assert_eq!(recent.activity(at(70)).hour.start, at(60 - 59 * 60).to_string());
        let (minutes, whole) = hour(&recent, 3600);
        assert_eq!((minutes[0], minutes[1], whole), (Some(4), Some(0), 4));
        assert_eq!(hour(&recent, 3660).1, 0);
        assert_eq!(recent.activity(at(3660)).day.total.signed_in, 7);
        assert_eq!(recent.activity(at(25 * 3600)).day.total.signed_in, 0);
    }

    #[test]
    fn memory_is_bounded_and_a_clock_may_be_set_back() {
        let recent = Recent::new(signed_in(0), at(0));
        for minute in 0..3000 {
            recent.look(signed_in(minute), at(i64::try_from(minute).unwrap() * 60));
        }
        let inside = recent.0.lock().unwrap();
        assert_eq!((inside.hour.periods.len(), inside.day.periods.len()), (60, 48));
        drop(inside);
        recent.look(signed_in(3010), at(0));
        let activity = recent.activity(at(0));
        assert_eq!((activity.hour.signed_in.len(), activity.hour.signed_in[59]), (60, Some(12)));
    }
}
