//! Calls that are refused, and for how long.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{Crowd, Incident, Outcome, Party, ask_json};

use crate::holding::{BUDGET, FILES, all, cases, crowd_with, each_row, waits};

/// Every step of these, with each file, fails with EPERM.
const REFUSED: &[&str] = &[
    "unlink {}",
    "unlinkat . {}",
    "rename {} {outside}/{}",
    "rename {} {}.bak",
    "truncate {} 0",
    "ftruncate {} 0",
    "creat {}",
    "overwrite {}",
    "rmdir empty",
    "int80-unlink {}",
    "io-uring-unlink {}",
];

/// Nothing of the rest of its files can be destroyed, by any process of the account.
fn everything_is_refused(party: &Party) -> Result<()> {
    if !party.file("empty").exists() {
        party.ground.make_directory(&party.file("empty"))?;
    }
    let before = party.destroyed(FILES);
    each_row(REFUSED.iter().map(|step| ((*step).to_owned(), *step)), |step| {
        let name = "f0029";
        let job = party.hand(&["each", "1", &step.replace("{}", name)])?;
        let outcome = job.until_ended()?;
        let complaint = job.complaint()?;
        ensure!(
            outcome == Outcome::Exited(1) && complaint.contains("os error 1)"),
            "{outcome:?} {complaint}"
        );
        Ok(())
    })?;
    ensure!(party.destroyed(FILES) == before, "{} were destroyed", party.destroyed(FILES) - before);
    // What destroys nothing works.
    party.shell("echo new > new-$$ && cat f0029 && ls")?.until_done()
}

/// A budget more, and then the next call waits or fails.
fn has_a_budget(party: &Party) -> Result<()> {
    party.ground.fill(&party.ground.tree(), FILES)?;
    party.each(BUDGET, &["unlink {}"])?.until_done()?;
    ensure!(party.missing(FILES) == BUDGET, "{} are missing", party.missing(FILES));
    Ok(())
}

#[test]
fn what_is_denied_fails_until_it_is_thawed() -> Result<()> {
    all(cases![
        a_denied_call_fails_and_so_does_every_other_until_it_is_thawed,
        a_denied_rm_goes_on_and_destroys_nothing_more,
    ])
}

fn a_denied_call_fails_and_so_does_every_other_until_it_is_thawed(
    crowd: &mut Crowd,
    at: usize,
) -> Result<()> {
    let (job, held) = waits(crowd, at)?;
    held.incident.decide("deny", &[])?;
    ensure!(job.until_ended_at_last()? == Outcome::Exited(1));
    ensure!(job.complaint()?.contains("os error 1)"), "{}", job.complaint()?);
    let party = &crowd.parties[at];
    ensure!(party.missing(FILES) == BUDGET);
    everything_is_refused(party)?;
    let shown = held.incident.show()?;
    ensure!((&shown["state"], &shown["waiting"]) == (&json!("denied"), &json!(0)));
    let account = &ask_json(&["accounts"])?[at];
    ensure!((&account["standing"], &account["incident"]) == (&json!("denied"), &json!(held.incident.0)));
    held.incident.decide("thaw", &[])?;
    ensure!(ask_json(&["accounts"])?[at]["standing"] == "armed");
    has_a_budget(party)?;
    // It was one incident, and the next one is another.
    let next = party.hand(&["each", "1", "unlink f0029"])?;
    next.until_stopped()?;
    ensure!(crowd.daemon.held_by(next.pid())?.incident != held.incident);
    drop(next);
    Ok(())
}

fn a_denied_rm_goes_on_and_destroys_nothing_more(crowd: &mut Crowd, at: usize) -> Result<()> {
    let party = &crowd.parties[at];
    let job = party.shell("exec rm -f *")?;
    let held = crowd.daemon.held_by(job.pid())?;
    held.incident.decide("deny", &[])?;
    ensure!(job.until_ended_at_last()? == Outcome::Exited(1));
    let complaint = job.complaint()?;
    ensure!(complaint.matches("Operation not permitted").count() == FILES - BUDGET, "{complaint}");
    ensure!(party.missing(FILES) == BUDGET);
    Ok(())
}

#[test]
fn several_held_calls_are_denied_together() -> Result<()> {
    const JOBS: usize = 8;
    let mut crowd = crowd_with(1, |policy| policy.budget("deletes", "0/1h"))?;
    let party = &crowd.parties[0];
    let jobs: Vec<_> = (0..JOBS)
        .map(|number| party.hand(&["each", "1", &format!("unlink f{number:04}")]))
        .collect::<Result<_>>()?;
    let held = crowd.daemon.held_of("a0")?;
    held.incident.until_waiting(JOBS)?;
    held.incident.decide("deny", &[])?;
    for job in &jobs {
        assert_eq!(job.until_ended_at_last()?, Outcome::Exited(1));
    }
    assert_eq!(party.missing(FILES), 0);
    crowd.end().map(drop)
}

#[test]
fn the_response_deny_refuses_at_once_and_stops_nobody() -> Result<()> {
    let mut crowd = crowd_with(3, |policy| policy.response("deny"))?;
    let party = &crowd.parties[0];
    let job = party.shell("exec rm -f *")?;
    assert_eq!(job.until_ended()?, Outcome::Exited(1)); // an error if it was stopped
    let complaint = job.complaint()?;
    assert_eq!(complaint.matches("Operation not permitted").count(), FILES - BUDGET, "{complaint}");
    assert_eq!(party.missing(FILES), BUDGET);
    crowd.daemon.burst_by(job.pid())?;
    everything_is_refused(party)?;
    let account = &ask_json(&["accounts"])?[0];
    assert_eq!(account["standing"], "denied");
    let incident = Incident(account["incident"].as_u64().unwrap_or_default());
    assert_eq!(incident.show()?["state"], "denied");
    incident.decide("thaw", &[])?;
    has_a_budget(party)?;

    // Many at once, too: it is the hook that counts.
    let other = &crowd.parties[1];
    let job = other.shell("for f in *; do rm -f $f 2>/dev/null & done; wait")?;
    job.until_done()?;
    assert_eq!(other.missing(FILES), BUDGET);

    // What is refused is to open the file.
    let third = &crowd.parties[2];
    let job = third.each(FILES, &["overwrite {}"])?;
    assert_eq!(job.until_ended()?, Outcome::Exited(1));
    assert!(job.complaint()?.contains("overwrite f0010"), "{}", job.complaint()?);
    assert_eq!(third.destroyed(FILES), BUDGET);
    everything_is_refused(third)?;
    crowd.end().map(drop)
}
