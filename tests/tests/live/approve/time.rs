//! Who does not decide in time has decided too: as the policy says.

use anyhow::Result;
use serde_json::json;
use tests::Outcome;

use crate::holding::{BUDGET, FILES, crowd_with, waits};

#[test]
fn at_its_deadline_a_call_is_refused() -> Result<()> {
    let mut crowd = crowd_with(1, |policy| policy.hold("3s", "deny"))?;
    let (job, held) = waits(&mut crowd, 0)?;
    assert!(held.incident.show()?["until"].is_string());
    assert_eq!(job.until_ended_at_last()?, Outcome::Exited(1));
    assert_eq!(crowd.parties[0].missing(FILES), BUDGET);
    let decided = &held.incident.until("denied")?["decisions"][0];
    assert_eq!((&decided["verb"], &decided["by"]), (&json!("deny"), &json!({"kind": "deadline"})));
    crowd.end().map(drop)
}

#[test]
fn at_its_deadline_a_call_is_approved_if_the_policy_says_so() -> Result<()> {
    let mut crowd = crowd_with(1, |policy| policy.hold("3s", "approve"))?;
    let (job, held) = waits(&mut crowd, 0)?;
    job.until_done()?;
    assert_eq!(crowd.parties[0].missing(FILES), FILES);
    let decided = &held.incident.show()?["decisions"][0];
    assert_eq!((&decided["verb"], &decided["by"]), (&json!("approve"), &json!({"kind": "deadline"})));
    crowd.end().map(drop)
}

#[test]
fn an_approval_ends_with_its_time() -> Result<()> {
    let mut crowd = crowd_with(1, |policy| policy.budget("deletes", "0/1h"))?;
    let mut job = crowd.parties[0].each(3, &["unlink {}", "wait"])?;
    let held = crowd.daemon.held_by(job.pid())?;
    job.until_stopped()?;
    held.incident.approve(&["--for", "2s"])?;
    job.until_says("waiting")?;
    tests::wait::keep_distance(std::time::Duration::from_secs(3))?;
    job.tell("go")?;
    job.until_stopped()?;
    assert_eq!(crowd.parties[0].missing(FILES), 1);
    drop(job);
    crowd.end().map(drop)
}
