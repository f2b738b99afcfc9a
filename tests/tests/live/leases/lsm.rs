//! Where calls wait.

use anyhow::{Result, ensure};
use tests::{Crowd, Party, Tier, wait};

use super::{FILES, lease, unlink_all};
use crate::holding::{BUDGET, all, cases, waits};

#[test]
fn it_lets_pass_what_it_says() -> Result<()> {
    super::all(Tier::Lsm)
}

#[test]
fn what_waits_and_what_goes_at_once() -> Result<()> {
    all(cases![
        what_waits_goes_on_waiting_and_is_decided_as_ever,
        a_directory_may_leave_its_tree,
        no_number_of_deletes_is_a_whole_tree,
        who_is_denied_has_no_lease,
        both_names_of_an_exchange_count,
    ])
}

/// A lease is for what comes; a person is asked about what waits already.
fn what_waits_goes_on_waiting_and_is_decided_as_ever(crowd: &mut Crowd, at: usize) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    lease(crowd, at, "", &[])?;
    ensure!(crate::holding::is_stopped(job.pid()) && crowd.parties[at].missing(FILES) == BUDGET);
    held.incident.approve(&["--once"])?;
    job.until_done()?;
    ensure!(crowd.parties[at].missing(FILES) == FILES, "the rest is leased");
    Ok(())
}

fn a_directory_may_leave_its_tree(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    party.ground.make_directory(&party.file("d"))?;
    party.ground.fill(&party.file("d"), FILES)?;
    lease(crowd, at, "", &[])?;
    let party = &crowd.parties[at];
    party.shell("mv d {outside}/d")?.until_done()?;
    ensure!(party.ground.outside().join("d").exists() && !party.file("d").exists());
    Ok(())
}

/// The tree itself, renamed away: one call, and everything is gone.
fn no_number_of_deletes_is_a_whole_tree(crowd: &mut Crowd, at: usize) -> Result<()> {
    lease(crowd, at, "", &["--budget", "deletes=500"])?;
    let party: &Party = &crowd.parties[at];
    let job = party.shell("cd .. && exec mv tree tree.away")?;
    job.until_stopped()?;
    crowd.daemon.held_by(job.pid())?.incident.until_waiting(1)?;
    ensure!(crowd.parties[at].ground.tree().exists());
    Ok(())
}

fn with_directory(party: &Party, name: &str) -> Result<()> {
    party.ground.make_directory(&party.file(name))?;
    party.ground.fill(&party.file(name), FILES)
}

/// What was seen of it since comes first.
fn who_is_denied_has_no_lease(crowd: &mut Crowd, at: usize) -> Result<()> {
    with_directory(&crowd.parties[at], "in")?;
    lease(crowd, at, "in", &[])?;
    let (job, held) = waits(crowd, at)?;
    let party = &crowd.parties[at];
    let other = party.each(1, &["unlink in/{}"])?;
    other.until_stopped()?;
    held.incident.decide("deny", &[])?;
    ensure!(
        job.until_ended()? != tests::Outcome::Exited(0) && other.until_ended()? != tests::Outcome::Exited(0)
    );
    ensure!(party.each(1, &["unlink in/{}"])?.until_ended()? != tests::Outcome::Exited(0));
    ensure!(tests::truth::missing(&party.file("in"), FILES) == 0);
    held.incident.decide("thaw", &[])?;
    party.each(FILES, &["unlink in/{}"])?.until_done()
}

fn both_names_of_an_exchange_count(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    for name in ["in", "in/other"] {
        with_directory(party, name)?;
    }
    let granted = lease(crowd, at, "in", &["--budget", "replaces=20"])?;
    let party = &crowd.parties[at];
    party.each(10, &["exchange in/{} in/other/{}"])?.until_done()?;
    wait::until("ten exchanges are twenty names", || {
        Ok(super::listed(&granted)?.filter(|lease| lease["left"]["replaces"] == 0))
    })?;
    Ok(())
}

/// With the programs of another policy in force.
#[test]
fn it_is_carried_over_a_reload() -> Result<()> {
    let mut crowd = crate::holding::crowd(2)?;
    let granted = lease(&crowd, 1, "", &["--budget", "deletes=500"])?;
    crate::commands::decide(&["reload"])?;
    let job = unlink_all(&crowd.parties[1])?;
    job.until_done()?;
    assert_eq!(crowd.parties[1].missing(FILES), FILES);
    wait::until("it is told what is left", || {
        Ok(super::listed(&granted)?.filter(|lease| lease["left"]["deletes"] == 500 - FILES))
    })?;
    let job = unlink_all(&crowd.parties[0])?;
    job.until_stopped()?;
    crowd.daemon.held_by(job.pid())?;
    assert_eq!(crowd.parties[0].missing(FILES), BUDGET);
    drop(job);
    crowd.end().map(drop)
}
