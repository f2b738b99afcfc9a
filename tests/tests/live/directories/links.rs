//! Second names of what lies in a tree, outside of it: what is lost by one of them is lost to the tree.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use tests::{Crowd, Party, truth};

use crate::holding::{BUDGET, FILES, each_row, holds};

/// A second name of each file, how the account makes it, and the step by which it loses the file. Where it does not make it,
/// root has, before there was an agent.
struct Way(&'static str, &'static [&'static str], &'static str);

const WAYS: &[Way] = &[
    Way("{outside}/{}", &["link {} {outside}/{}"], "creat"),
    Way("{outside}/{}", &[], "truncate 0"),
    Way("{outside}/{}", &["link {} {outside}/{}"], "overwrite"),
    // Of an exception.
    Way("{}.swp", &["link {} {}.swp"], "creat"),
    // The kernel has the newest first.
    Way(
        "{outside}/{}",
        &["link {} {outside}/{}", "link {} {outside}/a{}", "link {} {outside}/b{}", "link {} {outside}/c{}"],
        "creat",
    ),
    // It comes and goes while the account looks for a way past.
    Way("{outside}/{}", &["link {} {outside}/a", "link {} {outside}/{}", "unlink {outside}/a"], "creat"),
];

#[test]
fn what_is_lost_by_a_second_name_is_lost_to_the_tree() -> Result<()> {
    let parties = WAYS.iter().map(|_| Party::new(FILES)).collect::<Result<Vec<_>>>()?;
    for (party, Way(name, made, _)) in parties.iter().zip(WAYS) {
        if made.is_empty() {
            (0..FILES).try_for_each(|number| {
                let file = truth::file_name(number);
                fs::hard_link(party.file(&file), Path::new(&party.ground.expand(&name.replace("{}", &file))))
            })?;
        }
    }
    let mut crowd = Crowd::watched(parties, |policy| holds(policy).except(&["**/*.swp".to_owned()]))?;
    let rows = WAYS.iter().enumerate().map(|(at, way)| (format!("{:?} {}", way.1, way.2), (at, way)));
    each_row(rows, |(at, way)| is_lost(&mut crowd, at, way))?;
    crowd.end().map(drop)
}

fn is_lost(crowd: &mut Crowd, at: usize, Way(name, made, loses): &Way) -> Result<()> {
    let party = &crowd.parties[at];
    if !made.is_empty() {
        party.each(FILES, made)?.until_done()?;
    }
    let (verb, length) = loses.split_once(' ').unwrap_or((loses, ""));
    let job = party.each(FILES, &[&format!("{verb} {name} {length}")])?;
    let held = crowd.daemon.held_by(job.pid())?;
    // By the name that the tree knows it by.
    ensure!(held.path == truth::file_name(BUDGET), "it is shown as {}", held.path);
    ensure!(party.destroyed(FILES) == BUDGET, "{} are destroyed", party.destroyed(FILES));
    held.incident.approve(&["--once"])?;
    let next = truth::file_name(BUDGET + 1);
    let next = crowd.daemon.held(|held| held.pid == job.pid() && held.path == next)?;
    let party = &crowd.parties[at];
    ensure!(party.destroyed(FILES) == BUDGET + 1, "{} are destroyed then", party.destroyed(FILES));
    next.incident.approve(&[])?;
    job.until_done_in_the_end()?;
    ensure!(party.destroyed(FILES) == FILES);
    Ok(())
}
