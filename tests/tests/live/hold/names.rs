//! Names that come back, that were an account's own, or that lead to a protected file from elsewhere.

use anyhow::{Result, ensure};
use tests::{Crowd, Party, Policy, truth};

use crate::check::fill_below;
use crate::holding::{FILES, each_row, holds};

/// Steps for each file, and how many files are destroyed when they wait.
struct Row(usize, &'static [&'static str]);

fn each_waits(rows: &[Row], change: impl FnOnce(Policy) -> Policy) -> Result<()> {
    let parties = rows.iter().map(|_| Party::new(FILES)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, |policy| change(holds(policy)))?;
    let rows = rows.iter().enumerate().map(|(at, row)| (format!("{:?}", row.1), (at, row)));
    each_row(rows, |(at, Row(destroyed, steps))| {
        let party = &crowd.parties[at];
        let job = party.each(FILES, steps)?;
        job.until_stopped()?;
        crowd.daemon.held_by(job.pid())?;
        ensure!(party.destroyed(FILES) == *destroyed, "{} are destroyed", party.destroyed(FILES));
        Ok(())
    })?;
    crowd.end().map(drop)
}

/// A create is never held: it would leave the host without the file. What is, is the next that destroys.
#[test]
fn past_the_budget_of_recreates_the_next_delete_waits() -> Result<()> {
    const ROWS: &[Row] = &[
        Row(4, &["unlink {}", "create-new {}"]),
        Row(4, &["unlink {}", "mkdir {}"]),
        Row(4, &["unlink {}", "symlink nothing {}"]),
        Row(4, &["unlink {}", "create-new {outside}/{}", "link {outside}/{} {}"]),
        Row(4, &["unlink {}", "create-new {outside}/{}", "rename {outside}/{} {}"]),
    ];
    each_waits(ROWS, |policy| policy.budget("deletes", "100/1h").budget("recreates", "3/1h"))
}

#[test]
fn names_are_known_again_below_a_directory_that_was_made_again() -> Result<()> {
    let party = Party::new(1)?;
    fill_below(&party.ground)?;
    let change = |policy| holds(policy).budget("deletes", "100/1h").budget("recreates", "3/1h");
    let mut crowd = Crowd::watched(vec![party], change)?;
    let party = &crowd.parties[0];
    let again = "for n in 0 1 2; do for m in 0 1 2 3 4 5 6 7 8 9; do echo new > sub/f00$n$m; done; done";
    let job = party.shell(&format!("rm -r sub; mkdir sub; {again}; exec rm f0000"))?;
    job.until_stopped()?;
    crowd.daemon.held_by(job.pid())?;
    assert_eq!(crowd.daemon.burst()?.kinds, ["recreate"]);
    assert_eq!((party.missing(1), truth::missing(&party.file("sub"), FILES)), (0, 0));
    drop(job);
    crowd.end().map(drop)
}

#[test]
fn nothing_precious_becomes_an_own_file() -> Result<()> {
    const ROWS: &[Row] = &[
        // Two deletes for each.
        Row(5, &["rename {} s-{}", "unlink s-{}"]),
        Row(5, &["create-new s-{}", "rename {} s-{}", "unlink s-{}"]),
        Row(5, &["link {} s-{}", "unlink {}", "unlink s-{}"]),
        // What took the place of a precious file is precious; the eleventh has done so.
        Row(11, &["create-new s-{}", "rename s-{} {}", "unlink {}"]),
        Row(11, &["create-new s-{}", "exchange s-{} {}", "unlink s-{}"]),
        Row(10, &["create-new s-{}", "unlink s-{}", "link {} s-{}", "truncate s-{} 0"]),
    ];
    each_waits(ROWS, |policy| policy.budget("replaces", "100/1h"))
}
