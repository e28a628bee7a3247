//! Counting by example.

use std::time::Duration;

use super::*;

const POLICY: Policy = Policy { threshold: 3, unknown_threshold: 2, window: Duration::from_secs(1800), enforced: true };
const USER: Asking = Asking { place: Place::Familiar, theirs: None };
const STRANGER: Asking = Asking { place: Place::Unknown, theirs: None };
const NEW: Asking = Asking { place: Place::First, theirs: None };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn told(counts: &mut Counts, asking: &Asking, id: u64, seconds: i64) -> Option<(Verdict, Rule)> {
    counts.admit(&POLICY, asking, id, at(seconds)).map(|held| (held.verdict, held.rule))
}

fn admit(counts: &mut Counts, asking: &Asking, id: u64, seconds: i64) -> Option<Verdict> {
    told(counts, asking, id, seconds).map(|(verdict, _)| verdict)
}

fn ends(counts: &mut Counts, asking: &Asking, outcome: Outcome, seconds: i64) {
    assert_eq!(admit(counts, asking, 1, seconds), None);
    counts.settle(&POLICY, 1, asking.place, outcome, at(seconds));
}

fn fail(counts: &mut Counts, asking: &Asking, seconds: i64) {
    ends(counts, asking, Outcome::WrongPassword, seconds);
}

#[test]
fn locks_at_the_threshold_and_opens_after_the_window() {
    let mut counts = Counts::default();
    (0..3).for_each(|second| fail(&mut counts, &NEW, second));
    for second in 3..1802 {
        assert_eq!(told(&mut counts, &NEW, 9, second), Some((Verdict::Locked, Rule::Threshold)));
    }
    assert_eq!(counts.held_back(&POLICY, Place::First, at(1802)), None, "a refusal extends nothing");
    assert_eq!(admit(&mut counts, &NEW, 9, 1802), None);
}

#[test]
fn every_counted_failure_begins_the_window_anew() {
    let mut counts = Counts::default();
    fail(&mut counts, &NEW, 0);
    fail(&mut counts, &NEW, 1799);
    fail(&mut counts, &NEW, 1799 + 1799);
    assert_eq!(admit(&mut counts, &NEW, 4, 1799 + 1799 + 1799), Some(Verdict::Locked));
    assert_eq!(admit(&mut counts, &NEW, 4, 1799 + 1799 + 1800), None);
}

#[test]
fn parallel_guesses_cannot_slip_past() {
    for (asking, admitted) in [(NEW, 3), (USER, 3), (STRANGER, 2)] {
        let mut counts = Counts::default();
        let verdicts: Vec<_> = (0..1000).map(|id| admit(&mut counts, &asking, id, 0)).collect();
        assert_eq!(verdicts.iter().filter(|verdict| verdict.is_none()).count(), admitted);
        assert!(verdicts.iter().all(|verdict| [None, Some(Verdict::Busy)].contains(verdict)));
        let left = u64::from(POLICY.threshold) - admitted as u64;
        assert_eq!(admit(&mut counts, &USER, 2000, 0).is_none(), left > 0, "the user has what strangers may not spend");
    }
}

#[test]
fn what_was_not_answered_counts_and_is_told_as_an_outage() {
    let mut counts = Counts::default();
    ends(&mut counts, &NEW, Outcome::Unanswered, 0);
    ends(&mut counts, &NEW, Outcome::Unanswered, 60);
    fail(&mut counts, &NEW, 61);
    for second in 61..61 + 1800 {
        assert_eq!(admit(&mut counts, &NEW, 3, second), Some(Verdict::Unanswered), "two wrong ones would be no lock");
    }
    ends(&mut counts, &NEW, Outcome::Unanswered, 61 + 1800);
    ends(&mut counts, &NEW, Outcome::Success, 61 + 1801);
    assert_eq!(counts, Counts::default(), "a bind forgets it");
}

#[test]
fn a_lower_threshold_makes_a_lock_of_wrong_passwords_alone() {
    let mut counts = Counts::default();
    fail(&mut counts, &NEW, 0);
    ends(&mut counts, &NEW, Outcome::Unanswered, 0);
    for (threshold, expected) in [(3, None), (2, Some(Verdict::Unanswered)), (1, Some(Verdict::Locked))] {
        let policy = Policy { threshold, ..POLICY };
        let held = counts.held_back(&policy, Place::Familiar, at(1));
        assert_eq!(held.map(|held| held.verdict), expected, "{threshold}");
        assert_eq!(counts.summary(&policy, at(1)).held_back, expected);
    }
}

#[test]
fn what_was_not_sent_gives_the_reserved_failure_back() {
    let mut counts = Counts::default();
    for second in 0..100 {
        ends(&mut counts, &STRANGER, Outcome::NotCounted, second);
    }
    assert_eq!(counts, Counts::default());
}

#[test]
fn strangers_spend_their_part_and_lock_themselves_out() {
    let mut counts = Counts::default();
    fail(&mut counts, &STRANGER, 0);
    fail(&mut counts, &STRANGER, 1);
    let locked = Some((Verdict::Locked, Rule::UnknownThreshold));
    assert_eq!(told(&mut counts, &STRANGER, 2, 2), locked);
    ends(&mut counts, &USER, Outcome::Success, 3);
    assert_eq!(told(&mut counts, &STRANGER, 2, 4), locked, "they gain nothing by the user's signing in");
    (5..8).for_each(|second| fail(&mut counts, &USER, second));
    assert_eq!(told(&mut counts, &USER, 2, 8), Some((Verdict::Locked, Rule::Threshold)));
    assert_eq!(told(&mut counts, &STRANGER, 2, 1801), Some((Verdict::Locked, Rule::Threshold)));
    assert_eq!(admit(&mut counts, &STRANGER, 2, 8 + 1800), None, "and theirs ended with its own window");
}

#[test]
fn whoever_signs_in_from_a_new_place_forgives_strangers() {
    let mut counts = Counts::default();
    fail(&mut counts, &STRANGER, 0);
    ends(&mut counts, &STRANGER, Outcome::Success, 1);
    assert_eq!(counts, Counts::default());
}

#[test]
fn who_is_new_has_the_whole_threshold() {
    let mut counts = Counts::default();
    (0..3).for_each(|second| fail(&mut counts, &NEW, second));
    let summary = counts.summary(&POLICY, at(3));
    assert_eq!((summary.failures, summary.unknown_failures), (3, 3));
    assert_eq!(summary.until, Some(at(2 + 1800)));
}

#[test]
fn strangers_whose_binds_hang_leave_the_user_a_place() {
    let mut counts = Counts::default();
    assert_eq!(admit(&mut counts, &STRANGER, 1, 0), None);
    assert_eq!(admit(&mut counts, &STRANGER, 2, 0), None);
    assert_eq!(told(&mut counts, &STRANGER, 3, 0), Some((Verdict::Busy, Rule::UnknownThreshold)));
    assert_eq!(admit(&mut counts, &USER, 4, 0), None);
    assert_eq!(told(&mut counts, &USER, 5, 0), Some((Verdict::Busy, Rule::Threshold)));
}

/// The directory has counted so many, the last of them then.
fn theirs(failures: u32, seconds: i64) -> Asking {
    Asking { theirs: Some(FailureCount { failures, last: at(seconds) }), ..USER }
}

#[test]
fn what_the_directory_has_counted_itself_counts() {
    for (failures, last, expected) in [
        (3, 0, Some((Verdict::Locked, Rule::DirectoryCount))),
        (9, 0, Some((Verdict::Locked, Rule::DirectoryCount))),
        (3, -1800, None),
        (2, 0, None),
    ] {
        assert_eq!(told(&mut Counts::default(), &theirs(failures, last), 1, 0), expected, "{failures} {last}");
    }
}

/// All of them asked the directory before the first of them failed.
#[test]
fn guesses_at_once_are_no_more_than_what_the_directory_has_left() {
    let mut counts = Counts::default();
    let asking = theirs(1, 0);
    assert_eq!(admit(&mut counts, &asking, 1, 0), None);
    assert_eq!(admit(&mut counts, &asking, 2, 0), None);
    assert_eq!(admit(&mut counts, &asking, 3, 0), Some(Verdict::Busy));
    counts.settle(&POLICY, 1, Place::Familiar, Outcome::WrongPassword, at(1));
    counts.settle(&POLICY, 2, Place::Familiar, Outcome::WrongPassword, at(1));
    assert_eq!(admit(&mut counts, &asking, 3, 1), Some(Verdict::Locked));
}

/// Else strangers who guess at once would be counted twice, and lock the user out.
#[test]
fn what_the_directory_counted_of_tries_under_way_is_not_counted_again() {
    let mut counts = Counts::default();
    assert_eq!(admit(&mut counts, &STRANGER, 1, 0), None);
    let second = Asking { place: Place::Unknown, ..theirs(1, 0) };
    assert_eq!(admit(&mut counts, &second, 2, 0), None);
    for id in [1, 2] {
        counts.settle(&POLICY, id, Place::Unknown, Outcome::WrongPassword, at(1));
    }
    assert_eq!(counts.summary(&POLICY, at(1)).failures, 2);
    assert_eq!(admit(&mut counts, &theirs(2, 1), 3, 1), None, "the user is not locked out");
}

#[test]
fn a_reservation_that_nobody_settles_counts_when_its_time_is_over() {
    let mut counts = Counts::default();
    (1..=3).for_each(|id| assert_eq!(admit(&mut counts, &NEW, id, 0), None));
    assert_eq!(admit(&mut counts, &NEW, 4, 59), Some(Verdict::Busy));
    assert_eq!(admit(&mut counts, &NEW, 4, 60), Some(Verdict::Unanswered));
    assert_eq!(admit(&mut counts, &NEW, 4, 60 + 1799), Some(Verdict::Unanswered));
    assert_eq!(admit(&mut counts, &NEW, 4, 60 + 1800), None);
}

/// It may have been sent, and counted, before the window ended.
#[test]
fn a_window_does_not_end_while_a_try_is_under_way() {
    for (outcome, failures) in [(Outcome::WrongPassword, 3), (Outcome::Unanswered, 3), (Outcome::NotCounted, 0)] {
        let mut counts = Counts::default();
        fail(&mut counts, &NEW, 0);
        fail(&mut counts, &NEW, 0);
        assert_eq!(admit(&mut counts, &NEW, 7, 1799), None);
        assert_eq!(admit(&mut counts, &NEW, 8, 1801), Some(Verdict::Busy));
        counts.settle(&POLICY, 7, Place::First, outcome, at(1802));
        assert_eq!(counts.summary(&POLICY, at(1802)).failures, failures, "{outcome:?}");
    }
    let mut counts = Counts::default();
    fail(&mut counts, &NEW, 0);
    assert_eq!(admit(&mut counts, &NEW, 7, 1799), None);
    assert_eq!(counts.summary(&POLICY, at(1799 + 60)).failures, 2, "nor if nobody settles it");
    assert_eq!(counts.summary(&POLICY, at(1799 + 60 + 1800)).failures, 0);
}

#[test]
fn a_try_whose_reservation_is_gone_counts_nevertheless() {
    let mut counts = Counts::default();
    counts.settle(&POLICY, 7, Place::Unknown, Outcome::WrongPassword, at(0));
    let summary = counts.summary(&POLICY, at(0));
    assert_eq!((summary.failures, summary.unknown_failures, summary.unanswered), (1, 1, 0));
    counts.settle(&POLICY, 8, Place::Unknown, Outcome::NotCounted, at(0));
    assert_eq!(counts.summary(&POLICY, at(0)), summary);
}

#[test]
fn observing_tells_the_same_and_keeps_nobody_from_trying() {
    let observe = Policy { enforced: false, ..POLICY };
    let mut counts = Counts::default();
    for id in 0..10 {
        let held = counts.admit(&observe, &NEW, id, at(0));
        assert_eq!(held.map(|held| held.verdict), (id >= 3).then_some(Verdict::Locked), "{id}");
        counts.settle(&observe, id, Place::First, Outcome::WrongPassword, at(0));
    }
    assert_eq!(counts.summary(&observe, at(0)).failures, 10);
}

#[test]
fn a_clock_set_back_locks_nobody_out_for_longer() {
    let mut counts = Counts::default();
    (0..3).for_each(|_| fail(&mut counts, &NEW, 100_000));
    assert_eq!(admit(&mut counts, &NEW, 9, 0), Some(Verdict::Locked));
    assert_eq!(admit(&mut counts, &NEW, 9, 1799), Some(Verdict::Locked));
    assert_eq!(admit(&mut counts, &NEW, 9, 1800), None);
    let mut counts = Counts::default();
    (1..=3).for_each(|id| assert_eq!(admit(&mut counts, &NEW, id, 100_000), None));
    assert_eq!(admit(&mut counts, &NEW, 9, 0), Some(Verdict::Busy));
    assert_eq!(admit(&mut counts, &NEW, 9, 60), Some(Verdict::Unanswered), "nor reserves for longer");
}

#[test]
fn a_flood_that_is_only_observed_makes_no_record_without_end() {
    let observing = Policy { enforced: false, ..POLICY };
    let mut counts = Counts::default();
    for id in 0..5000 {
        counts.admit(&observing, &NEW, id, at(0));
    }
    assert!(counts.to_bytes().unwrap().len() < 32 * 1024);
    (0..5000).for_each(|id| counts.settle(&observing, id, NEW.place, Outcome::WrongPassword, at(1)));
    assert_eq!(counts.summary(&observing, at(1)).failures, 5000);
}

#[test]
fn an_operator_unlocks_strangers_too() {
    let mut counts = Counts::default();
    fail(&mut counts, &STRANGER, 0);
    fail(&mut counts, &STRANGER, 0);
    assert_eq!(counts.summary(&POLICY, at(1)).unknown_held_back, Some(Verdict::Locked));
    counts.unlock();
    assert_eq!(counts, Counts::default());
}

#[test]
fn the_least_important_is_what_has_the_fewest_and_oldest_failures() {
    let failed = |times: u8, seconds: i64| {
        let mut counts = Counts::default();
        (0..times).for_each(|_| fail(&mut counts, &NEW, seconds));
        counts
    };
    let mut forgiven = failed(2, 3);
    ends(&mut forgiven, &USER, Outcome::Success, 3);
    let mut trying = Counts::default();
    admit(&mut trying, &NEW, 1, 0);
    let in_order =
        [failed(0, 0), failed(1, 3), failed(1, 4), failed(2, 1), forgiven, failed(3, 0), failed(3, 2), trying];
    let importance = in_order.map(|counts| counts.importance(&POLICY, at(5)));
    assert!(importance.iter().is_sorted());
    assert_eq!(importance.iter().filter(|importance| importance.is_in_use()).count(), 1);
}
