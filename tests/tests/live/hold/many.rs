//! However many act at once, exactly the budget is spent.

use std::process::Command;

use anyhow::Result;
use tests::{Cgroup, Crowd, Job, Party, truth, wait};

use crate::holding::{BUDGET, crowd, holds};
use crate::maps::Loaded;

#[test]
fn of_processes_at_once_all_wait_and_exactly_the_budget_is_spent() -> Result<()> {
    const SHARE: usize = 20; // more than the budget: nobody can finish within it
    const CROWDS: [usize; 3] = [1, 8, 64];
    let parties = CROWDS.iter().map(|count| Party::new(count * SHARE)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, holds)?;
    for (at, count) in CROWDS.into_iter().enumerate() {
        let (party, files) = (&crowd.parties[at], count * SHARE);
        let share = |first: usize| {
            let mut command = party.account.shell("read go; exec rm -f \"$@\"");
            command.arg("sh").args((first..files).step_by(count).map(truth::file_name));
            Job::start({
                command.current_dir(party.ground.tree());
                command
            })
        };
        let mut jobs: Vec<Job> = (0..count).map(share).collect::<Result<_>>()?;
        jobs.iter_mut().try_for_each(|job| job.tell("go"))?;
        jobs.iter().try_for_each(|job| job.until_stopped().map(drop))?;
        let held = crowd.daemon.held_of(&format!("a{at}"))?;
        held.incident.until_waiting(count)?;
        assert_eq!(party.destroyed(files), BUDGET, "{count} processes");
        held.incident.approve(&[])?;
        jobs.iter().try_for_each(Job::until_done)?;
        assert_eq!(party.missing(files), files, "{count} processes");
    }
    crowd.end().map(drop)
}

#[test]
fn of_sixteen_threads_none_gets_past_the_budget() -> Result<()> {
    const MANY: usize = 800;
    let mut crowd = Crowd::watched(vec![Party::new(MANY)?], holds)?;
    let party = &crowd.parties[0];
    let job = party.hand(&["threads", "16", &MANY.to_string()])?;
    job.until_stopped()?;
    let held = crowd.daemon.held_by(job.pid())?;
    assert_eq!(party.destroyed(MANY), BUDGET);
    held.incident.approve(&[])?;
    job.until_done()?;
    assert_eq!(party.missing(MANY), MANY);
    crowd.end().map(drop)
}

#[test]
fn of_a_fork_storm_every_child_past_the_budget_waits() -> Result<()> {
    const STORM: usize = 100;
    let mut crowd = Crowd::watched(vec![Party::new(STORM)?], holds)?;
    let party = &crowd.parties[0];
    let job = party.shell("for f in *; do rm $f & done; wait")?;
    let held = crowd.daemon.held_of("a0")?;
    held.incident.until_waiting(STORM - BUDGET)?;
    assert_eq!(party.destroyed(STORM), BUDGET);
    assert!(job.goes_on(), "the shell is not held");
    held.incident.approve(&[])?;
    job.until_done()?;
    assert_eq!(party.missing(STORM), STORM);
    crowd.end().map(drop)
}

#[test]
fn past_as_many_as_can_be_told_no_child_is_made() -> Result<()> {
    let mut crowd = crowd(1)?;
    let loaded = Loaded::by(&crowd.daemon)?;
    loaded.leave_room(4)?;
    let party = &crowd.parties[0];
    let mut job = party.hand(&["brood", "9"])?;
    job.until_says("3 children, then Resource temporarily unavailable (os error 11)")?;
    assert_eq!((loaded.members()?.len(), loaded.taken()?), (4, 4));
    // Nobody else is kept from it, and who has ended makes room.
    Job::start(Command::new("true"))?.until_done()?;
    job.tell("end")?;
    job.until_done()?;
    let mut job = party.hand(&["brood", "2"])?;
    job.until_says("2 children, then nothing")?;
    job.tell("end")?;
    job.until_done()?;
    // A child that comes to nothing takes no place: this one may not be born there.
    let group = Cgroup::new("closed")?;
    let vain = format!("!born-in {}", group.path().display());
    let mut job = party.hand(&["each", "1", &vain, "clock", "wait"])?;
    wait::until("it has tried", || Ok((!job.output()?.is_empty()).then_some(())))?;
    assert_eq!(loaded.taken()?, 1);
    job.tell("end")?;
    job.until_done()?;
    wait::until("nobody is left", || Ok((loaded.taken()? == 0).then_some(())))?;
    assert_eq!(crowd.daemon.end()?.get("lineage_full"), 1);
    Ok(())
}
