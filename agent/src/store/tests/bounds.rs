//! How much is kept.

use super::*;

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
    book.prune(bounds, Timestamp::now(), 7).expect("pruned");
    let kept: Vec<u64> = book.all().expect("rows").iter().map(|row| row.seq).collect();
    assert_eq!(kept, [4, 5, 6]);
    let before = book.head();
    book.prune(bounds, Timestamp::now(), 7).expect("nothing to do");
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
        book.prune(bounds, Timestamp::now(), 7).expect("pruned");
        assert!(book.size().expect("a size") <= SIZE, "after {id}");
    }
    assert!(fs::metadata(ground.file()).expect("metadata").len() <= SIZE + (1 << 20));
    assert!(book.incident(300).expect("read").is_some() && book.incident(1).expect("read").is_none());
    assert!(proven(&book));
    // Whoever comes next goes on from the same checkpoint.
    drop(book);
    assert!(proven(&ground.book()));
}
