use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{Dropped, WAITING, Webhooks, keep, message::Message, queue::Queue};
use crate::{policy::Webhook, report::Event};

fn message(number: u64) -> Message {
    let at = Timestamp::from_second(1_700_000_000 + number as i64).unwrap();
    Message { at, id: format!("{number:032x}"), body: format!("{{\"n\":{number}}}") }
}

fn messages(numbers: std::ops::Range<u64>) -> Vec<Message> {
    numbers.map(message).collect()
}

/// All that waits, taken away one after the other.
fn drain(queue: &mut Queue) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some((place, message)) = queue.next() {
        queue.remove(place, &message);
        found.push(message);
    }
    assert_eq!((queue.waiting(), queue.oldest()), (0, None));
    found
}

#[test]
fn what_waits_is_found_by_the_next_daemon_in_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("webhook/n.db");
    let mut queue = Queue::new(file.clone());
    assert_eq!(queue.append(messages(0..3), 100), 0);
    let (place, first) = queue.next().unwrap();
    queue.remove(place, &first);
    std::mem::forget(queue); // as a kill does
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let mut next = Queue::new(file);
    next.open();
    assert_eq!((next.waiting(), next.oldest()), (2, Some(message(1).at)));
    assert_eq!(next.append(messages(3..4), 100), 0);
    assert_eq!(drain(&mut next), messages(1..4));
}

#[test]
fn past_the_bound_the_oldest_go() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = Queue::new(directory.path().join("webhook/n.db"));
    assert_eq!(queue.append(messages(0..5), 3), 2);
    assert_eq!(queue.append(messages(5..6), 3), 1);
    assert_eq!((queue.waiting(), queue.oldest()), (3, Some(message(3).at)));
    assert_eq!(queue.append(Vec::new(), 2), 1);
    assert_eq!(drain(&mut queue), messages(4..6));
}

#[test]
fn one_that_was_dropped_while_it_was_sent_takes_no_other_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = Queue::new(directory.path().join("webhook/n.db"));
    queue.append(messages(0..2), 2);
    let (place, sent) = queue.next().unwrap();
    assert_eq!(queue.append(messages(2..3), 2), 1);
    queue.remove(place, &sent);
    assert_eq!(queue.waiting(), 2);
    assert_eq!(drain(&mut queue), messages(1..3));
}

#[test]
fn without_a_disk_it_waits_in_memory_and_comes_to_the_disk_later() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("webhook/n.db");
    fs::write(file.parent().unwrap(), "no directory").unwrap();
    let mut queue = Queue::new(file.clone());
    assert_eq!(queue.append(messages(0..4), 3), 1);
    assert!(queue.degraded().is_some());
    let (place, sent) = queue.next().unwrap();
    assert_eq!((&sent, queue.waiting()), (&message(1), 3));
    fs::remove_file(file.parent().unwrap()).unwrap();
    assert_eq!(queue.append(messages(4..5), 3), 1);
    assert!(queue.degraded().is_none() && file.exists());
    queue.remove(place, &sent); // dropped meanwhile
    assert_eq!(drain(&mut queue), messages(2..5));
}

#[test]
fn what_is_sent_from_memory_and_has_come_to_the_disk_is_removed_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("webhook/n.db");
    fs::write(file.parent().unwrap(), "no directory").unwrap();
    let mut queue = Queue::new(file.clone());
    queue.append(messages(0..2), 9);
    let (place, sent) = queue.next().unwrap();
    fs::remove_file(file.parent().unwrap()).unwrap();
    queue.append(messages(2..3), 9);
    queue.remove(place, &sent);
    assert_eq!(drain(&mut queue), messages(1..3));
}

/// Whatever a torn write leaves of the file: it opens, and what is in it is whole.
#[test]
fn a_torn_file_is_begun_anew_or_whole() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("webhook/n.db");
    let mut queue = Queue::new(file.clone());
    queue.append(messages(0..50), 100);
    drop(queue);
    let whole = fs::read(&file).unwrap();
    assert!(!file.with_extension("db-wal").exists());
    for keep in (0..whole.len()).step_by(509) {
        for garbage in [false, true] {
            let mut torn = whole[..keep].to_vec();
            if garbage {
                torn.resize(whole.len(), 0xa5);
            }
            fs::write(&file, torn).unwrap();
            let mut queue = Queue::new(file.clone());
            assert_eq!(queue.append(messages(50..51), 100), 0);
            assert_eq!(queue.degraded(), None, "{keep} {garbage}");
            let all = drain(&mut queue);
            assert_eq!(all.last(), Some(&message(50)), "{keep} {garbage}");
            assert!(all.len() == 1 || all == messages(0..51), "{keep} {garbage}: {}", all.len());
        }
    }
}

/// The same of what is not in the file itself yet.
#[test]
fn a_torn_log_loses_its_end_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (file, copy) = (directory.path().join("webhook/n.db"), directory.path().join("webhook/copy.db"));
    let mut queue = Queue::new(file.clone());
    (0..20).for_each(|number| assert_eq!(queue.append(messages(number..number + 1), 100), 0));
    let (whole, log) = (fs::read(&file).unwrap(), fs::read(file.with_extension("db-wal")).unwrap());
    assert!(log.len() > 4096, "nothing is tested");
    for keep in (0..log.len()).step_by(1021) {
        fs::write(&copy, &whole).unwrap();
        fs::write(copy.with_extension("db-wal"), &log[..keep]).unwrap();
        let _ = fs::remove_file(copy.with_extension("db-shm"));
        let mut torn = Queue::new(copy.clone());
        torn.open();
        let all = drain(&mut torn);
        assert_eq!(all, messages(0..all.len() as u64), "{keep}");
    }
}

/// A disk that does not answer is nobody's business but the webhook's.
#[test]
fn a_disk_that_hangs_keeps_nobody_waiting_and_what_is_lost_is_counted() {
    const EVENTS: u64 = 3000;
    let directory = tempfile::tempdir().unwrap();
    let hook = Webhook {
        name: "n".to_owned(),
        url: "http://127.0.0.1:1/".parse().unwrap(),
        secret_file: directory.path().join("none"),
        events: None,
        timeout: Webhook::TIMEOUT,
        queue: 10_000,
    };
    let mut webhooks = Webhooks::open(&directory.path().join("state"), &[hook]);
    let desk = Arc::clone(&webhooks.hooks[0].desk);
    let held = desk.queue();
    (0..EVENTS).for_each(|_| webhooks.event(&Event::On));
    let standing = webhooks.standing().remove(0).1;
    let most_kept = WAITING as u64 + keep::BATCH as u64;
    assert!(standing.dropped(Dropped::Busy) >= EVENTS - most_kept, "{standing:?}");
    drop(held);
    webhooks.settle();
    let standing = webhooks.standing().remove(0).1;
    assert_eq!(standing.queued + standing.dropped(Dropped::Busy), EVENTS, "{standing:?}");
    assert_eq!((standing.waiting, standing.dropped(Dropped::Full)), (standing.queued, 0));
    // Its threads have no business any more once the policy has none of that name.
    webhooks.follow(&[]);
    drop(webhooks);
    let until = Instant::now() + Duration::from_secs(20);
    while Arc::strong_count(&desk) > 1 {
        assert!(Instant::now() < until, "its threads go on");
        thread::yield_now();
    }
}
