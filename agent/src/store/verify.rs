//! `burstguard verify`: whether anything was changed in the record or removed from it. Needs no daemon.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    book,
    chain::{Head, Row},
    directory,
    fault::Fault,
    file::{self, FILE},
    journal,
    proof::{Anchors, Flaw, Proof, prove},
};
use crate::{
    api::{Code, Problem, VERSION},
    clean::Clean,
    progress::Progress,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the record [default: STATE_DIRECTORY as systemd sets it, else /var/lib/burstguard].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What the record must agree with, as an event "anchor" says it, instead of what the journal has of them.
    #[arg(long, value_name = "SEQ:HASH")]
    anchor: Vec<Head>,
}

/// What came of it.
#[derive(Debug)]
struct Verified {
    file: PathBuf,
    proven: Result<Proof, Flaw>,
    /// Why there is nothing to hold the end against, if so.
    no_anchor: Option<String>,
}

/// Verifies and says what came of it.
pub(crate) fn run(arguments: Arguments, json: bool) -> ExitCode {
    let progress = if json { Progress::none() } else { Progress::waiting("proving the record") };
    let verified = verify(arguments);
    drop(progress);
    match verified {
        Ok(verified) => {
            if json {
                println!("{}", json!({ "version": VERSION, "verify": verified.view() }));
            } else if verified.proven.is_ok() {
                println!("{}", verified.text());
            }
            match verified.proven {
                Ok(_) => ExitCode::SUCCESS,
                Err(_) => {
                    eprintln!("error: {}   (exit 1)", verified.text());
                    ExitCode::FAILURE
                }
            }
        }
        Err(fault) => {
            let code = if matches!(fault, Fault::Absent(_)) { Code::NotFound } else { Code::Failed };
            let problem = Problem::new(code, fault.to_string());
            let exit = code.exit_status();
            if json {
                println!("{}", json!({ "version": VERSION, "problem": problem }));
            }
            eprintln!("error: {}   (exit {exit})", Clean(&problem.message));
            ExitCode::from(exit)
        }
    }
}

fn verify(arguments: Arguments) -> Result<Verified, Fault> {
    let Arguments { state, anchor } = arguments;
    let directory = directory(state);
    let directory = directory.canonicalize().unwrap_or(directory);
    let file = directory.join(FILE);
    let (anchors, no_anchor) = if anchor.is_empty() { journal::anchors(&file) } else { (anchor, None) };
    let proven = prove_file(&directory, &file, &anchors.into_iter().collect())?;
    Ok(Verified { file, proven, no_anchor })
}

/// Proves a file as it is at one moment, whoever writes to it meanwhile.
fn prove_file(directory: &Path, file: &Path, anchors: &Anchors) -> Result<Result<Proof, Flaw>, Fault> {
    let unreadable = |seq: u64, fault: &dyn std::fmt::Display| Flaw {
        seq,
        what: format!("entry {seq} cannot be read, nor what comes after it: {fault}"),
    };
    let db = match file::open_to_read(directory) {
        Err(Fault::Corrupt(why)) => return Ok(Err(unreadable(1, &why))),
        db => db?,
    };
    let fault = |error: rusqlite::Error| Fault::sql("read", file, &error);
    db.execute_batch("BEGIN").map_err(fault)?;
    let checkpoints = match book::checkpoints(&db) {
        Ok(checkpoints) => checkpoints,
        Err(error) => return Ok(Err(unreadable(1, &error))),
    };
    let mut reading = Reading::new(&db, file);
    let proven = prove(&mut reading, &checkpoints, anchors);
    Ok(match reading.failed {
        Some(fault) => Err(unreadable(reading.next, &fault)),
        None => proven,
    })
}

/// The entries in their order, a few at a time; ends where one cannot be read.
struct Reading<'a> {
    db: &'a rusqlite::Connection,
    file: &'a Path,
    read: std::vec::IntoIter<Row>,
    next: u64,
    failed: Option<Fault>,
}

impl<'a> Reading<'a> {
    fn new(db: &'a rusqlite::Connection, file: &'a Path) -> Self {
        Self { db, file, read: Vec::new().into_iter(), next: 0, failed: None }
    }
}

impl Iterator for Reading<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.read.len() == 0 {
            match book::rows(self.db, self.next) {
                Ok(rows) => self.read = rows.into_iter(),
                Err(error) => self.failed = Some(Fault::sql("read", self.file, &error)),
            }
        }
        let row = self.read.next()?;
        self.next = row.seq + 1;
        Some(row)
    }
}

/// For `--json`.
#[derive(Debug, Serialize)]
struct View<'a> {
    file: String,
    whole: bool,
    entries: Option<u64>,
    first: Option<u64>,
    last: Option<u64>,
    hash: Option<String>,
    anchors: Option<u64>,
    anchors_pruned: Option<u64>,
    no_anchor: Option<&'a str>,
    flaw: Option<FlawView<'a>>,
}

#[derive(Debug, Serialize)]
struct FlawView<'a> {
    seq: u64,
    what: &'a str,
}

impl Verified {
    fn view(&self) -> View<'_> {
        let proof = self.proven.as_ref().ok();
        View {
            file: self.file.display().to_string(),
            whole: proof.is_some(),
            entries: proof.map(|proof| proof.entries),
            first: proof.map(|proof| proof.first),
            last: proof.map(|proof| proof.head.seq),
            hash: proof.map(|proof| proof.head.hash.to_string()),
            anchors: proof.map(|proof| proof.anchors),
            anchors_pruned: proof.map(|proof| proof.pruned),
            no_anchor: self.no_anchor.as_deref(),
            flaw: self.proven.as_ref().err().map(|flaw| FlawView { seq: flaw.seq, what: &flaw.what }),
        }
    }

    fn text(&self) -> String {
        let clean = |text: &str| Clean(text).to_string();
        let file = clean(&self.file.display().to_string());
        match &self.proven {
            Err(Flaw { seq, what }) => {
                format!("{file} is not what it was, from entry {seq} on: {}", clean(what))
            }
            Ok(Proof { head, first, entries, anchors, pruned }) => {
                let before = match first {
                    1 => String::new(),
                    first => format!(", {} before them pruned", first - 1),
                };
                let gone = match pruned {
                    0 => String::new(),
                    pruned => format!(" ({pruned} more are of pruned entries)"),
                };
                let held = match (&self.no_anchor, anchors) {
                    (Some(why), _) => format!(
                        "no anchor, so nothing is said of entries removed from the end, nor of a record made anew: {why}; \
                         give one with --anchor",
                        why = clean(why),
                    ),
                    (None, anchors) => format!("it agrees with {anchors} anchors{gone}"),
                };
                format!(
                    "{file} is whole: {entries} entries{before}, none changed or removed\n  {held}\n  last {head}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Ground, opened};

    fn proven(ground: &Ground, anchors: &[Head]) -> Result<Proof, Flaw> {
        let (directory, file) = (ground.directory(), ground.file());
        prove_file(&directory, &file, &anchors.iter().copied().collect()).expect("a record")
    }

    /// A record of nine entries, its first being that it begun; its last one.
    fn nine(ground: &Ground) -> Head {
        let mut book = ground.book();
        for id in 1..=8 {
            book.append(&[opened(id)]).expect("written");
        }
        book.head()
    }

    #[test]
    fn what_was_left_alone_is_whole() {
        let ground = Ground::new();
        let head = nine(&ground);
        let proof = proven(&ground, &[head]).expect("whole");
        assert_eq!((proof.entries, proof.first, proof.head, proof.anchors), (9, 1, head, 1));
    }

    #[test]
    fn one_changed_byte_one_removed_row_and_a_cut_off_end_are_noticed() {
        for (change, seq) in [
            (
                "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'deployer', 'deploier') AS BLOB) WHERE seq = 4",
                4,
            ),
            ("UPDATE entry SET at_ns = at_ns + 1 WHERE seq = 5", 5),
            ("UPDATE entry SET incident = 99 WHERE seq = 5", 5),
            ("DELETE FROM entry WHERE seq = 6", 6),
            ("DELETE FROM entry WHERE seq = 1", 1),
            ("DELETE FROM entry WHERE seq > 7", 8),
            ("DELETE FROM entry", 1),
        ] {
            let ground = Ground::new();
            let head = nine(&ground);
            ground.alter(change);
            assert_eq!(proven(&ground, &[head]).expect_err(change).seq, seq, "{change}");
        }
    }

    /// In the file itself, wherever it is.
    #[test]
    fn no_changed_byte_of_an_entry_is_passed_over() {
        let ground = Ground::new();
        let head = nine(&ground);
        ground.alter("PRAGMA wal_checkpoint(TRUNCATE)");
        let whole = std::fs::read(ground.file()).expect("the file");
        let at = whole.windows(8).rposition(|window| window == b"deployer").expect("an account");
        for (offset, bit) in [(0, 1), (3, 4), (7, 16)] {
            let mut changed = whole.clone();
            changed[at + offset] ^= bit;
            std::fs::write(ground.file(), &changed).expect("changed");
            assert!(proven(&ground, &[head]).is_err(), "byte {offset}");
        }
        std::fs::write(ground.file(), &whole).expect("as before");
        assert!(proven(&ground, &[head]).is_ok());
    }

    #[test]
    fn a_file_that_makes_no_sense_is_broken_and_none_is_absent() {
        let ground = Ground::new();
        let verified = |ground: &Ground| prove_file(&ground.directory(), &ground.file(), &Anchors::default());
        assert!(matches!(verified(&ground), Err(Fault::Absent(_))));
        std::fs::write(
            ground.file(),
            b"this is no database, but long enough to be looked at as if it were one".repeat(9),
        )
        .expect("a file");
        assert_eq!(verified(&ground).expect("a file").expect_err("nonsense").seq, 1);
    }

    #[test]
    fn what_it_says() {
        let head = Head { hash: super::super::chain::Hash([0xab; 32]), seq: 9 };
        let proof = Proof { head, first: 3, entries: 7, anchors: 2, pruned: 1 };
        let file = PathBuf::from("/s/incidents.db");
        let said = |proven, no_anchor: Option<&str>| {
            Verified { file: file.clone(), proven, no_anchor: no_anchor.map(str::to_owned) }.text()
        };
        assert_eq!(
            said(Ok(proof.clone()), None),
            format!(
                "/s/incidents.db is whole: 7 entries, 2 before them pruned, none changed or removed\n  it agrees with 2 anchors \
                 (1 more are of pruned entries)\n  last {head}"
            )
        );
        assert!(
            said(Ok(proof), Some("this host has no journalctl"))
                .contains("nothing is said of entries removed from the end")
        );
        let forged = Verified {
            file: "/s\n/s is whole: 9 entries\u{1b}]0;x\u{7}/incidents.db".into(),
            proven: Err(Flaw { seq: 4, what: "a kind\nthat is\u{9b}2J none".to_owned() }),
            no_anchor: None,
        };
        let said_of_forged = forged.text();
        assert!(!said_of_forged.contains(char::is_control), "{said_of_forged}");
        let flaw = Flaw { seq: 4, what: "entry 4 does not fit its hash: it was changed".to_owned() };
        assert_eq!(
            said(Err(flaw), None),
            "/s/incidents.db is not what it was, from entry 4 on: entry 4 does not fit its hash: it was changed"
        );
    }
}
