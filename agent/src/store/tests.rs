//! The record on a disk of its own.

mod bounds;
mod disk;
mod kill;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::{
    Bounds, Entry, News, Past, Says, Step, Store, Wanted,
    book::Book,
    fault::Fault,
    file::FILE,
    proof::{Anchors, prove},
    *,
};
use crate::api::{Bytes, Decision, IncidentDetail, IncidentSummary, Responder, State, Verb};

/// A state directory.
pub(super) struct Ground(TempDir);

impl Ground {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("state")).expect("a directory");
        fs::set_permissions(directory.path().join("state"), fs::Permissions::from_mode(0o700))
            .expect("its mode");
        Self(directory)
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.0.path().join("state")
    }

    pub(super) fn file(&self) -> PathBuf {
        self.directory().join(FILE)
    }

    pub(super) fn book(&self) -> Book {
        self.try_book().expect("a record")
    }

    fn try_book(&self) -> Result<Book, Fault> {
        Book::open(&self.directory(), Timestamp::now(), 7)
    }

    /// As somebody with another program would.
    pub(super) fn alter(&self, sql: &str) {
        let db = Connection::open(self.file()).expect("the file");
        let mut altered = db.prepare(sql).expect("a statement");
        let mut rows = altered.query([]).expect("altered");
        while rows.next().expect("a row").is_some() {}
    }

    fn start(&self) -> Scene {
        let (store, opening) = Store::open(self.directory(), Bounds::default());
        let Opened { last_incident: last, left } = opening.wait(Duration::from_secs(10)).unwrap_or_default();
        store.leave();
        Scene { store, last, left, ticket: 0 }
    }
}

/// A daemon's life with the record.
struct Scene {
    store: Store,
    last: u64,
    left: Vec<Left>,
    ticket: Ticket,
}

impl Scene {
    /// As a kill would, but that the file is closed when it returns.
    fn end(self) {
        let shared = Arc::clone(&self.store.shared);
        drop(self);
        let began = Instant::now();
        while Arc::strong_count(&shared) > 1 {
            assert!(began.elapsed() < Duration::from_secs(10), "the recorder does not end");
            std::thread::yield_now();
        }
    }

    /// The first news of this kind, within patience.
    fn news<T>(&mut self, choose: impl Fn(News) -> Option<T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let found = async {
                loop {
                    if let Some(found) = choose(self.store.news().await) {
                        return found;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(20), found).await.expect("news")
        })
    }

    /// Whether it is on the disk.
    fn write(&mut self, entry: Entry) -> Result<Head, String> {
        self.ticket += 1;
        let ticket = self.ticket;
        assert!(self.store.write(vec![entry], Some(ticket)));
        self.news(|news| match news {
            News::Written { tickets, head } if tickets.contains(&ticket) => Some(Ok(head)),
            News::NotWritten { tickets, why } if tickets.contains(&ticket) => Some(Err(why)),
            _ => None,
        })
    }

    fn look(&mut self, wanted: Wanted) -> Past {
        self.ticket += 1;
        assert!(self.store.look(wanted, self.ticket));
        self.news(|news| match news {
            News::Found { past, .. } => Some(past),
            _ => None,
        })
    }

    fn shown(&mut self, id: u64) -> IncidentDetail {
        *self.look(Wanted::One(id)).shown.expect("an incident")
    }
}

fn detail(id: u64, state: State) -> Box<IncidentDetail> {
    let mut detail: IncidentDetail = serde_json::from_value(json!({
        "id": id, "opened_at": "2026-11-22T03:12:41Z", "account": "deployer", "what": "2 deletes in 1 ms in /etc",
        "done": 2, "state": "held", "waiting": 1, "refused": 0, "approved": 0, "until": null, "then": null, "by": null,
        "closed_at": null, "held": [], "kinds": [["delete", 2]], "processes": [], "decisions": [],
        "next": ["burstguard approve 1"],
        "acts": [{
            "at": "2026-11-22T03:12:41Z", "kinds": ["delete"], "path": "a", "tree": "/etc", "pid": 7, "comm": "rm",
            "over": false, "before": null, "after": 0,
        }],
    }))
    .expect("an incident");
    detail.summary.state = state;
    if matches!(state, State::Approved | State::Thawed) {
        detail.summary.closed_at = Some(Timestamp::UNIX_EPOCH);
    }
    Box::new(detail)
}

fn entry(step: Step, detail: Box<IncidentDetail>) -> Entry {
    Entry { at: 9, wall: Timestamp::now(), says: Says::Incident(step, detail), carry: None }
}

pub(super) fn opened(id: u64) -> Entry {
    entry(Step::Opened, detail(id, State::Held))
}

fn decided(id: u64, outcome: &str) -> Entry {
    let mut detail = detail(id, if outcome.is_empty() { State::Held } else { State::Approved });
    detail.decisions.push(Decision {
        at: Timestamp::UNIX_EPOCH,
        verb: Verb::Approve,
        by: Responder::User { uid: 0, name: None, login: None, pid: 1 },
        reason: "CHG-1".to_owned(),
        outcome: outcome.to_owned(),
    });
    entry(if outcome.is_empty() { Step::Decided } else { Step::Closed }, detail)
}

fn proven(book: &Book) -> bool {
    let rows = book.all().expect("rows");
    prove(rows.into_iter(), &book.checkpoints(), &Anchors::from_iter([book.head()])).is_ok()
}

#[test]
fn what_was_written_is_there_for_the_next() {
    let ground = Ground::new();
    let mut first = ground.start();
    assert_eq!(first.last, 0);
    first.write(opened(1)).expect("written");
    let head = first.write(decided(1, "1 processes")).expect("written");
    assert_eq!(head.seq, 3); // the first says that it begun
    assert_eq!(first.shown(1).decisions[0].outcome, "1 processes");
    first.end();
    let mut next = ground.start();
    assert_eq!(next.last, 1);
    assert_eq!(next.shown(1).summary.state, State::Approved);
    assert_eq!(next.look(Wanted::List { most: 1000 }).listed.len(), 1);
    assert_eq!(next.store.standing().head, Some(head));
}

/// The decision was on the disk before anybody acted on it; nobody has said what came of it.
#[test]
fn a_decision_that_was_not_carried_out_says_so_to_the_next() {
    let ground = Ground::new();
    let mut killed = ground.start();
    killed.write(opened(1)).expect("written");
    killed.write(decided(1, "")).expect("written");
    killed.write(opened(2)).expect("written");
    killed.end();
    let mut next = ground.start();
    let left = next.shown(1);
    assert_eq!((left.summary.state, left.decisions[0].outcome.as_str()), (State::Left, UNKNOWN));
    assert_eq!(left.decisions[0].reason, "CHG-1");
    assert!(left.next.is_empty() && left.summary.closed_at.is_some());
    assert_eq!(next.shown(2).summary.state, State::Left);
    let was_left: Vec<u64> = next.left.iter().map(|left| left.detail.summary.id).collect();
    assert_eq!(was_left, [1, 2]);
    next.end();
    // Once: it is over now.
    let before = ground.book().head();
    ground.start().end();
    assert_eq!(ground.book().head(), before);
}

/// A freeze keeps its number, but the daemon that finds it knows neither who decided it nor why.
#[test]
fn an_incident_that_goes_on_keeps_what_an_earlier_daemon_knew() {
    let ground = Ground::new();
    let mut first = ground.start();
    first.write(opened(1)).expect("written");
    first.write(decided(1, "")).expect("written");
    first.end();
    let mut next = ground.start();
    let mut found = detail(1, State::Frozen);
    (found.acts, found.kinds, found.summary.done) = (Vec::new(), Vec::new(), 0);
    next.write(entry(Step::Opened, found.clone())).expect("written");
    found.summary.state = State::Thawed;
    for step in [Step::Closed, Step::Counted] {
        next.write(entry(step, found.clone())).expect("written");
        let shown = next.shown(1);
        assert_eq!((shown.summary.done, shown.acts.len(), shown.decisions.len()), (2, 1, 1), "{step:?}");
        assert_eq!(shown.decisions[0].outcome, UNKNOWN);
    }
    next.end();
}

#[test]
fn a_corrupt_file_is_moved_aside_and_said() {
    let ground = Ground::new();
    let mut first = ground.start();
    first.write(opened(1)).expect("written");
    first.end();
    fs::write(
        ground.file(),
        b"this was a record, and somebody has written over it with something else".repeat(99),
    )
    .expect("overwritten");
    let mut next = ground.start();
    next.write(opened(1)).expect("written");
    assert_eq!(next.store.standing().degraded, None);
    next.end();
    let names: Vec<String> = fs::read_dir(ground.directory())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    assert!(names.iter().any(|name| name.starts_with("incidents.db.corrupt-")), "{names:?}");
    let book = ground.book();
    let begun = String::from_utf8(book.all().expect("rows")[0].body.clone()).expect("text");
    assert!(begun.contains("corrupt") && proven(&book), "{begun}");
}

#[test]
fn a_file_that_is_not_ours_is_moved_aside_and_a_later_one_left_alone() {
    let ground = Ground::new();
    Connection::open(ground.file())
        .and_then(|db| db.execute_batch("CREATE TABLE theirs (x)"))
        .expect("theirs");
    drop(ground.book());
    ground.alter("PRAGMA user_version = 99");
    let before = fs::read(ground.file()).expect("the file");
    let fault = ground.try_book().expect_err("a later version");
    assert!(fault.to_string().contains("is of version 99"), "{fault}");
    assert_eq!(fs::read(ground.file()).expect("the file"), before);
}

#[test]
fn a_directory_that_others_write_to_is_refused() {
    let ground = Ground::new();
    fs::set_permissions(ground.directory(), fs::Permissions::from_mode(0o777)).expect("its mode");
    let fault = ground.try_book().expect_err("anybody's");
    assert!(fault.to_string().contains("only its owner"), "{fault}");
    fs::remove_dir(ground.directory()).expect("empty");
    drop(ground.book());
    let mode = |path: PathBuf| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(ground.directory()), mode(ground.file())), (0o700, 0o600));
}

/// Degraded, said, and by itself well again when there is a directory.
#[test]
fn what_cannot_be_written_waits_and_is_written_when_it_can() {
    let ground = Ground::new();
    fs::remove_dir(ground.directory()).expect("empty");
    fs::write(ground.directory(), b"in the way").expect("a file");
    let mut scene = ground.start();
    let why = scene.write(opened(1)).expect_err("no directory");
    assert!(why.contains("is no directory"), "{why}");
    assert!(scene.store.standing().degraded.is_some());
    fs::remove_file(ground.directory()).expect("out of the way");
    let missed = scene.news(|news| match news {
        News::Healed { missed } => Some(missed),
        _ => None,
    });
    assert_eq!((missed, scene.store.standing().degraded.clone()), (0, None));
    assert_eq!(scene.shown(1).summary.id, 1);
}

#[test]
fn a_file_that_is_taken_away_is_begun_anew() {
    let ground = Ground::new();
    let mut scene = ground.start();
    scene.write(opened(1)).expect("written");
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", ground.file().display())); // one may not be there
    }
    scene.write(opened(2)).expect_err("taken away");
    scene.news(|news| matches!(news, News::Healed { .. }).then_some(()));
    assert_eq!(scene.shown(2).summary.id, 2);
}

#[test]
fn the_newest_are_listed_each_as_it_was_written_last() {
    let ground = Ground::new();
    let mut scene = ground.start();
    for id in [1, 2, 5, 9] {
        scene.write(opened(id)).expect("written");
    }
    scene.write(decided(5, "1 processes")).expect("written");
    let mut listed = |most| scene.look(Wanted::List { most }).listed;
    let of = |one: &IncidentSummary| (one.id, one.state);
    let two: Vec<_> = listed(2).iter().map(of).collect();
    assert_eq!(two, [(9, State::Held), (5, State::Approved)]);
    let all: Vec<u64> = listed(1000).iter().map(|one| one.id).collect();
    assert_eq!(all, [9, 5, 2, 1]);
    assert!(listed(0).is_empty());
}

#[test]
fn more_than_may_wait_is_counted_as_lost_and_said_in_the_record() {
    const MANY: u64 = 700;
    let ground = Ground::new();
    fs::remove_dir(ground.directory()).expect("empty");
    fs::write(ground.directory(), b"in the way").expect("a file");
    let mut scene = ground.start();
    for id in 1..=MANY {
        assert!(scene.store.write(vec![opened(id)], None));
    }
    fs::remove_file(ground.directory()).expect("out of the way");
    let missed = scene.news(|news| match news {
        News::Healed { missed } => Some(missed),
        _ => None,
    });
    assert_eq!(missed, MANY - 512);
    assert!(scene.store.finish());
    assert_eq!(scene.look(Wanted::List { most: 1000 }).listed.len(), 512);
    scene.end();
    let book = ground.book();
    assert!(book.all().expect("rows").iter().any(|row| row.kind == "missed"));
    assert!(proven(&book));
}

#[test]
fn a_reader_keeps_nobody_from_writing() {
    let ground = Ground::new();
    let mut book = ground.book();
    book.append(&[opened(1)]).expect("written");
    let reader = file::open_to_read(&ground.directory()).expect("a reader");
    reader.execute_batch("BEGIN; SELECT * FROM entry").expect("reads");
    let began = Instant::now();
    book.append(&[opened(2)]).expect("written");
    assert!(began.elapsed() < Duration::from_secs(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// SQL, escapes of terminals, bytes that are no text: all of it comes out as it went in.
    #[test]
    fn any_name_comes_out_as_it_went_in(path: Vec<u8>, comm: Vec<u8>, account in "\\PC*", reason in "\\PC*") {
        let ground = Ground::new();
        let mut book = ground.book();
        let mut told = detail(1, State::Held);
        told.acts[0].path = Bytes::from(&path[..]);
        told.acts[0].comm = Bytes::from(&comm[..]);
        told.summary.account = Some(account);
        told.summary.what = format!("'); DROP TABLE entry; -- \u{1b}]0;x\u{7} {reason}");
        book.append(&[entry(Step::Opened, told.clone())]).expect("written");
        prop_assert_eq!(book.incident(1).expect("read"), Some(*told));
        prop_assert!(proven(&book));
    }
}
