//! A port of this host, and files that are jobs, in the tier lsm.

use std::fs;

use anyhow::{Result, ensure};
use tests::{Outcome, Tier};

use super::super::{elsewhere::Stage, escape};

#[test]
fn a_connection_to_a_port_of_this_host_waits() -> Result<()> {
    let mut stage = Stage::new(Tier::Lsm, "hold")?;
    stage.others_are_free()?;
    let job = stage.steps(&[&format!("ask-port {}", stage.port)])?;
    job.until_stopped()?;
    let held = stage.crowd.daemon.held_by(job.pid())?;
    ensure!(held.incident == escape("held", "by test, port")?);
    ensure!(stage.service.asked() == 0);
    held.incident.approve(&[])?;
    job.until_done()?;
    ensure!(stage.service.asked() == 1);
    stage.crowd.end().map(drop)
}

#[test]
fn a_job_waits_before_anything_is_in_it_and_one_approval_is_for_all_of_it() -> Result<()> {
    let mut stage = Stage::new(Tier::Lsm, "hold")?;
    stage.others_are_free()?;
    // As crontab does: written aside in the same directory, then renamed.
    let job = stage.steps(&["create {home}/jobs/tmp", "rename {home}/jobs/tmp {home}/jobs/user"])?;
    job.until_stopped()?;
    let held = stage.crowd.daemon.held_by(job.pid())?;
    ensure!(held.incident == escape("held", "a job in")?);
    ensure!(fs::read(stage.job("tmp"))?.is_empty() && !stage.job("user").exists());
    held.incident.approve(&[])?;
    job.until_done()?;
    ensure!(fs::read_to_string(stage.job("user"))?.contains("made by hand"));
    // Another's, and a file that is moved there.
    let job = stage.steps(&["rename {outside}/f {home}/jobs/moved"])?;
    job.until_stopped()?;
    let held = stage.crowd.daemon.held_by(job.pid())?;
    ensure!(!stage.job("moved").exists());
    held.incident.decide("deny", &[])?;
    ensure!(job.until_ended()? == Outcome::Exited(1) && !stage.job("moved").exists());
    held.incident.decide("thaw", &[]).ok(); // so that the next is not refused for its account's sake
    // One that is there already, in each way to write to it, and a second name for a file.
    let was = fs::read_to_string(stage.job("user"))?;
    for step in [
        "create {home}/jobs/user",
        "append {home}/jobs/user",
        "overwrite {home}/jobs/user",
        "link {outside}/f {home}/jobs/second",
    ] {
        let job = stage.steps(&[step])?;
        job.until_stopped()?;
        let held = stage.crowd.daemon.held_by(job.pid())?;
        held.incident.decide("deny", &[])?;
        ensure!(job.until_ended()? == Outcome::Exited(1), "{step}");
        held.incident.decide("thaw", &[]).ok();
    }
    ensure!(fs::read_to_string(stage.job("user"))? == was && !stage.job("second").exists());
    // The directory itself is no tree.
    stage.steps(&["rmdir {home}/jobs/d", "rename {home}/jobs {home}/no-jobs"])?.until_done()?;
    stage.crowd.end().map(drop)
}
