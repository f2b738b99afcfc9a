//! Calls that are given up when they go on, by a program that does something else then: nobody judges them again.

use std::fs;

use anyhow::{Result, ensure};
use tests::{Crowd, Job, ask_json, wait};

use crate::holding::{BUDGET, FILES, all, cases};

#[test]
fn who_has_given_its_call_up_is_released() -> Result<()> {
    all(cases![
        its_file_has_gone_meanwhile,
        it_jumps_out_of_a_handler,
        though_the_call_was_approved_only_once
    ])
}

/// Removes one file more than it may, and lives on.
const REMOVE: &str = "unlink map { sprintf 'f%04d', $_ } 0..10; $| = 1; print 'goes on'; sleep 600";

fn its_file_has_gone_meanwhile(crowd: &mut Crowd, at: usize) -> Result<()> {
    let job = crowd.parties[at].shell(&format!("exec perl -e \"{}\"", REMOVE.replace('$', "\\$")))?;
    let held = crowd.daemon.held_by(job.pid())?;
    job.until_stopped()?;
    fs::remove_file(crowd.parties[at].file("f0010"))?;
    held.incident.approve(&[])?;
    released(crowd, at, &job, BUDGET + 1)
}

fn it_jumps_out_of_a_handler(crowd: &mut Crowd, at: usize) -> Result<()> {
    jumps_out(crowd, at, &[])
}

fn though_the_call_was_approved_only_once(crowd: &mut Crowd, at: usize) -> Result<()> {
    jumps_out(crowd, at, &["--once"])
}

/// A handler that perl calls at once, and not when the call has ended.
fn jumps_out(crowd: &mut Crowd, at: usize, way: &[&str]) -> Result<()> {
    let handler = "$SIG{CONT} = sub { $SIG{CONT} = 'IGNORE'; die }";
    let script = REMOVE.replace("unlink", "eval { unlink").replace("0..10;", "0..10 };");
    let script = format!("{handler}; {script}").replace('$', "\\$");
    let job = crowd.parties[at].shell(&format!("PERL_SIGNALS=unsafe exec perl -e \"{script}\""))?;
    let held = crowd.daemon.held_by(job.pid())?;
    job.until_stopped()?;
    held.incident.approve(way)?;
    released(crowd, at, &job, BUDGET)
}

/// It goes on, its call has not happened, and nothing of it waits any more.
fn released(crowd: &mut Crowd, at: usize, job: &Job, missing: usize) -> Result<()> {
    job.until_says("goes on")?;
    ensure!(job.goes_on(), "it was stopped again, or has ended");
    let party = &crowd.parties[at];
    ensure!(party.missing(FILES) == missing, "{} are missing", party.missing(FILES));
    wait::until("nothing of the account waits", || {
        let account = ask_json(&["accounts"])?[at].clone();
        Ok((account["held"] == 0 && account["stopped"] == 0).then_some(()))
    })
}
