//! What waits, where it takes two people.

use anyhow::Result;
use serde_json::json;
use tests::{Account, Outcome, Terminal, ask, say};

use crate::holding::{BUDGET, FILES, crowd_with, waits};

/// What they allow is what both do: the second does not let go on what the first has not seen.
#[test]
fn two_people_let_a_call_go_on_and_one_does_not() -> Result<()> {
    let second = Account::unlisted()?;
    let mut crowd = crowd_with(1, |policy| policy.approvals(2).role("respond", second.uid()))?;
    let (job, held) = waits(&mut crowd, 0)?;
    let id = held.incident.0.to_string();
    let approve = ["approve", &id, "--reason", "x"];
    let first = ask(&approve)?;
    assert_eq!(first.exit, Some(0), "{first:?}");
    assert!(first.output.contains("1 of 2: nothing goes on yet"), "{first:?}");
    for again in [&approve[..], &["thaw", &id, "--reason", "x"]] {
        assert_eq!(ask(again)?.exit, Some(6), "{again:?}");
    }
    let shown = held.incident.show()?;
    assert_eq!((&shown["state"], &shown["then"]), (&json!("held"), &json!("deny")));
    assert!(shown["until"].is_string(), "{shown}");
    assert!(job.goes_on(), "it waits still");
    assert_eq!(crowd.parties[0].missing(FILES), BUDGET);
    // Once, says the other: one call more, and the next waits for another decision.
    let mut command = second.command(crowd.parties[0].ground.bring(&tests::agent()?)?);
    command.args(approve).arg("--once");
    let said = say(command)?;
    assert_eq!(said.exit, Some(0), "{said:?}");
    job.until_stopped()?;
    assert_eq!(crowd.parties[0].missing(FILES), BUDGET + 1);
    let decisions = held.incident.show()?["decisions"].clone();
    assert_eq!((&decisions[0]["by"]["uid"], &decisions[1]["by"]["uid"]), (&json!(0), &json!(second.uid())));
    drop(job);
    crowd.end().map(drop)
}

#[test]
fn one_refuses_and_what_waits_says_so_on_its_terminal() -> Result<()> {
    let mut crowd = crowd_with(1, |policy| policy.approvals(2).contact("#ops"))?;
    let mut terminal = Terminal::new()?;
    let party = &crowd.parties[0];
    let command = party.ground.hand_command(&party.account, &["each", "30", "unlink {}"])?;
    let session = terminal.start(command)?;
    session.until_stopped()?;
    let held = crowd.daemon.held_by(session.pid())?;
    let line = format!(
        "burstguard: hand (pid {}) waits: {BUDGET} deletes of a0 in {} used up, incident {}; ask #ops; burstguard why",
        session.pid(),
        crowd.parties[0].ground.tree().display(),
        held.incident.0
    );
    terminal.until_shows(&line)?;
    held.incident.decide("deny", &[])?;
    assert_eq!(session.until_ended()?, Outcome::Exited(1));
    assert_eq!(crowd.parties[0].missing(FILES), BUDGET);
    crowd.end().map(drop)
}
