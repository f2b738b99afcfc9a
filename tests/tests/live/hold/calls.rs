//! Each call that destroys is held with exactly the budget spent, and completes when it is approved.

use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use tests::{Crowd, Outcome, Party, truth};

use crate::holding::{BUDGET, FILES, crowd, each_row, holds};

/// Steps for each file, and when they wait.
struct Row {
    steps: &'static [&'static str],
    /// How many files are destroyed then.
    at: usize,
    /// How many are, of [`FILES`].
    destroyed: fn(&Party) -> usize,
}

const fn waits(steps: &'static [&'static str]) -> Row {
    Row { steps, at: BUDGET, destroyed: |party| party.destroyed(FILES) }
}

const fn waits_at(at: usize, steps: &'static [&'static str]) -> Row {
    Row { at, ..waits(steps) }
}

const ROWS: &[Row] = &[
    waits(&["unlink {}"]),
    waits(&["unlinkat . {}"]),
    waits(&["unlink ../tree/{}"]),
    waits(&["unlink {outside}/link/{}"]),
    waits(&["int80-unlink {}"]),
    Row { destroyed: directories_gone, ..waits(&["rmdir dir-{}"]) },
    waits(&["rename {} {outside}/{}"]),
    waits(&["rename {} {}.bak"]),
    waits(&["rename-new {} {}.bak"]),
    waits(&["create-new {outside}/{}", "rename {outside}/{} {}"]),
    waits(&["create-new {outside}/{}", "exchange {outside}/{} {}"]),
    // Each end counts.
    waits_at(BUDGET / 2, &["exchange {} sub/{}"]),
    waits(&["truncate {} 0"]),
    waits(&["truncate {} 4"]),
    waits(&["ftruncate {} 0"]),
    waits(&["creat {}"]),
    waits(&["create {}"]),
    waits(&["overwrite {}"]),
    waits(&["append-no-more {}"]),
    waits(&["store {}"]),
];

fn directories_gone(party: &Party) -> usize {
    (0..FILES).filter(|&number| !party.file(&format!("dir-{}", truth::file_name(number))).exists()).count()
}

/// A directory for each file, a link to the tree from outside, and as many other files below.
fn party() -> Result<Party> {
    let party = Party::new(FILES)?;
    for number in 0..FILES {
        party.ground.make_directory(&party.file(&format!("dir-{}", truth::file_name(number))))?;
    }
    symlink(party.ground.tree(), party.ground.outside().join("link"))?;
    party.ground.make_directory(&party.file("sub"))?;
    for number in 0..FILES {
        // As long as the others, and not the same.
        std::fs::write(party.file("sub").join(truth::file_name(number)), "another file\n")?;
        party.ground.give(&party.file("sub").join(truth::file_name(number)))?;
    }
    Ok(party)
}

#[test]
fn each_call_waits_at_exactly_the_budget_and_completes_when_it_is_approved() -> Result<()> {
    let parties = ROWS.iter().map(|_| party()).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, holds)?;
    let rows = ROWS.iter().enumerate().map(|(at, row)| (format!("{:?}", row.steps), (at, row)));
    each_row(rows, |(at, row)| waits_and_completes(&mut crowd, at, row))?;
    crowd.end().map(drop)
}

fn waits_and_completes(crowd: &mut Crowd, at: usize, row: &Row) -> Result<()> {
    let party = &crowd.parties[at];
    let job = party.each(FILES, row.steps)?;
    job.until_stopped()?;
    let held = crowd.daemon.held_by(job.pid())?;
    let destroyed = (row.destroyed)(party);
    ensure!(destroyed == row.at, "{destroyed} are destroyed, not {}", row.at);
    let incident = held.incident.until_waiting(1)?;
    ensure!(incident["state"] == "held" && incident["done"] == row.at, "{incident}");
    ensure!(held.path.contains(&truth::file_name(row.at)), "{held:?}");
    held.incident.approve(&[])?;
    job.until_done()?;
    let destroyed = (row.destroyed)(party);
    ensure!(destroyed == FILES, "{destroyed} are destroyed in the end, not {FILES}");
    Ok(())
}

/// A ring makes its calls in threads of the kernel, which cannot be stopped.
#[test]
fn what_a_ring_does_past_the_budget_fails() -> Result<()> {
    let rows = ["io-uring-unlink {}", "io-uring-rename {} {outside}/{}"];
    let mut crowd = crowd(rows.len())?;
    each_row(rows.iter().enumerate().map(|(at, step)| ((*step).to_owned(), (at, *step))), |(at, step)| {
        let party = &crowd.parties[at];
        let job = party.each(FILES, &[step])?;
        let outcome = job.until_ended()?;
        ensure!(outcome == Outcome::Exited(1), "{outcome:?}");
        let complaint = job.complaint()?;
        ensure!(complaint.contains("os error 1)"), "{complaint}");
        ensure!(party.missing(FILES) == BUDGET, "{} are missing", party.missing(FILES));
        crowd.daemon.burst_by(job.pid()).map(drop)
    })?;
    crowd.end().map(drop)
}

/// A tracer can keep a process from stopping, and show it what a call that waits answers inside of the kernel.
#[test]
fn a_traced_process_is_refused() -> Result<()> {
    let crowd = crowd(1)?;
    let party = &crowd.parties[0];
    let job = party.hand(&["traced", &FILES.to_string()])?;
    job.until_done()?;
    assert_eq!(job.output()?.trim(), format!("errno Some({})", libc::EPERM));
    assert_eq!(party.missing(FILES), BUDGET);
    crowd.end().map(drop)
}
