//! How much is kept.

use super::*;
use crate::store::prune::Clock;

#[test]
fn what_is_too_old_goes_and_the_rest_is_proven() {
    let ground = Ground::new();
    let mut book = ground.book();
    let day = |ago: i64| Timestamp::now() - jiff::SignedDuration::from_hours(24 * ago);
    for ago in [100, 95, 80, 1] {
        book.append(&[Entry { wall: day(ago), ..opened(200 - ago.unsigned_abs()) }]).expect("written");
    }
    // The first entry, that the record began, is young: the clock was set back.
    ground.alter("UPDATE entry SET wall_us = 0 WHERE seq = 1");
    let bounds = Bounds::default();
    book.prune(bounds, Timestamp::now(), 7, true).expect("pruned");
    let kept: Vec<u64> = book.all().expect("rows").iter().map(|row| row.seq).collect();
    assert_eq!(kept, [4, 5, 6]);
    let before = book.head();
    book.prune(bounds, Timestamp::now(), 7, true).expect("nothing to do");
    assert_eq!(book.head(), before);
    assert!(proven(&book));
}

#[test]
fn a_record_stays_as_large_as_it_may_be() {
    const SIZE: u64 = 1 << 20;
    let ground = Ground::new();
    let mut book = ground.book();
    let bounds = Bounds { size: SIZE, ..Bounds::default() };
    let mut long = detail(1, State::Held);
    long.summary.what = "x".repeat(20_000);
    for id in 1..=300 {
        long.summary.id = id;
        book.append(&[entry(Step::Opened, long.clone())]).expect("written");
        book.prune(bounds, Timestamp::now(), 7, true).expect("pruned");
        assert!(book.size().expect("a size") <= SIZE, "after {id}");
    }
    assert!(fs::metadata(ground.file()).expect("metadata").len() <= SIZE + (1 << 20));
    assert!(book.incident(300).expect("read").is_some() && book.incident(1).expect("read").is_none());
    assert!(proven(&book));
    // Whoever comes next goes on from the same checkpoint.
    drop(book);
    assert!(proven(&ground.book()));
}

/// A look each ten minutes, as the recorder has it, and a clock that is ten years ahead at one of them, or from the start.
#[test]
fn a_clock_that_was_ahead_for_a_moment_throws_nothing_away() {
    const MINUTES: u64 = 60_000_000_000;
    let years = jiff::SignedDuration::from_hours(24 * 3652);
    for ahead in [150..151, 0..3, 150..290] {
        let ground = Ground::new();
        let mut book = ground.book();
        let began = Timestamp::now();
        book.append(&[opened(1), opened(2), opened(3)]).expect("written");
        let mut clock: Option<Clock> = None;
        let mut told = 0;
        for look in 0..500 {
            let at = look * 10 * MINUTES;
            let truth = began + jiff::SignedDuration::from_nanos(at.cast_signed());
            let wall = if ahead.contains(&look) { truth + years } else { truth };
            let by_age = clock.get_or_insert_with(|| Clock::new(wall, at)).is_steady(wall, at);
            told += u64::from(by_age);
            book.prune(Bounds::default(), wall, at, by_age).expect("pruned");
        }
        assert_eq!(book.all().expect("rows").len(), 4, "{ahead:?}");
        assert!(told > 50, "ages can be told all the same, {told} times");
    }
}

#[test]
fn a_clock_that_is_slewed_is_steady_and_one_that_is_set_is_not() {
    const SECOND: u64 = 1_000_000_000;
    let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).expect("a time");
    let day = 86_400;
    let mut clock = Clock::new(at(0), 0);
    assert!(!clock.is_steady(at(day - 1), (day - 1).unsigned_abs() * SECOND));
    assert!(clock.is_steady(at(day + 50), day.unsigned_abs() * SECOND));
    assert!(clock.is_steady(at(day + 100), (day + 1).unsigned_abs() * SECOND));
    assert!(!clock.is_steady(at(day - 3600), (day + 2).unsigned_abs() * SECOND));
    assert!(!clock.is_steady(at(day + 3), (day + 3).unsigned_abs() * SECOND));
    assert!(clock.is_steady(at(2 * day + 3), (2 * day + 3).unsigned_abs() * SECOND));
    // Times that cannot be are no panic.
    assert!(!clock.is_steady(Timestamp::MIN, u64::MAX) && !clock.is_steady(Timestamp::MAX, 0));
}
