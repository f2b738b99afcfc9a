//! A lease lets pass what it says, in both tiers, and nothing else; and it ends by itself.

mod ends;
mod lsm;
mod tracepoint;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{Crowd, Job, Party, Tier, ask, ask_json, wait};

use crate::commands::decide;
use crate::holding::{BUDGET, FILES, each_row, holds};

/// What is tried with an account of its own. Of a burst one call more happens in the tier tracepoint: that many are past it.
type Case = fn(&mut Crowd, usize, past: usize) -> Result<()>;

const CASES: &[(&str, Case)] = &[
    ("what_is_leased_passes_and_is_told", what_is_leased_passes_and_is_told),
    ("what_exceeds_it_is_judged_as_ever", what_exceeds_it_is_judged_as_ever),
    ("it_holds_in_its_directory_and_nowhere_else", it_holds_in_its_directory_and_nowhere_else),
    ("the_innermost_counts", the_innermost_counts),
    ("a_kind_that_is_not_named_is_not_leased", a_kind_that_is_not_named_is_not_leased),
    ("what_fails_takes_nothing_of_it", what_fails_takes_nothing_of_it),
    ("many_processes_get_no_more_than_it_says", many_processes_get_no_more_than_it_says),
    ("a_rename_must_begin_and_end_in_it", a_rename_must_begin_and_end_in_it),
    ("once_revoked_it_is_over", once_revoked_it_is_over),
];

/// Every case, under one agent.
fn all(tier: Tier) -> Result<()> {
    let parties = CASES.iter().map(|_| Party::new(FILES)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, |policy| holds(policy).in_tier(tier))?;
    let past = usize::from(tier == Tier::Tracepoint);
    let rows = CASES.iter().enumerate().map(|(at, (name, case))| ((*name).to_owned(), (at, case)));
    each_row(rows, |(at, case)| case(&mut crowd, at, past))?;
    crowd.end().map(drop)
}

/// Leases the whole tree of an account to it, or a directory below.
fn lease(crowd: &Crowd, at: usize, below: &str, options: &[&str]) -> Result<Value> {
    let tree = crowd.parties[at].ground.tree().join(below);
    let tree = tree.to_str().context("a path")?.trim_end_matches('/').to_owned();
    let account = format!("a{at}");
    let words =
        [&["lease", "grant", "--account", &account, "--tree", &tree, "--for", "10m"], options].concat();
    decide(&words)
}

/// The leases in force as they are shown.
fn listed(lease: &Value) -> Result<Option<Value>> {
    let all = ask_json(&["lease", "list"])?;
    let all = all.as_array().context("a list")?;
    Ok(all.iter().find(|one| one["id"] == lease["id"]).cloned())
}

fn unlink_all(party: &Party) -> Result<Job> {
    party.each(FILES, &["unlink {}"])
}

/// The job is stopped when so many files are gone.
fn stops_at(party: &Party, job: &Job, missing: usize) -> Result<()> {
    job.until_stopped()?;
    let found = party.missing(FILES);
    ensure!(found == missing, "{found} are missing and not {missing}");
    Ok(())
}

fn what_is_leased_passes_and_is_told(crowd: &mut Crowd, at: usize, _: usize) -> Result<()> {
    let granted = lease(crowd, at, "", &[])?;
    let party = &crowd.parties[at];
    unlink_all(party)?.until_done()?;
    ensure!(party.missing(FILES) == FILES);
    let told = wait::until("all of it is told", || {
        let lease = listed(&granted)?.context("it is in force")?;
        Ok((lease["used"] == json!(FILES)).then_some(lease))
    })?;
    ensure!((&told["budget"], &told["left"]) == (&json!(null), &json!(null)), "{told}");
    let incident = ask_json(&["incident", &granted["id"].to_string()])?;
    ensure!((&incident["state"], &incident["done"]) == (&json!("leased"), &json!(FILES)), "{incident}");
    ensure!(incident["acts"].as_array().is_some_and(|acts| acts.len() == FILES), "{incident}");
    ensure!(incident["decisions"][0]["verb"] == "lease", "{incident}");
    let account = &ask_json(&["accounts"])?[at];
    ensure!((&account["standing"], &account["granted"]["by"]) == (&json!("granted"), &json!("lease")));
    let deletes = &account["budgets"][0];
    ensure!((&deletes["kind"], &deletes["used"]) == (&json!("deletes"), &json!(0)), "{account}");
    Ok(())
}

fn what_exceeds_it_is_judged_as_ever(crowd: &mut Crowd, at: usize, past: usize) -> Result<()> {
    let granted = lease(crowd, at, "", &["--budget", "deletes=15"])?;
    let party = &crowd.parties[at];
    let job = unlink_all(party)?;
    stops_at(party, &job, 15 + BUDGET + past)?;
    let lease = wait::until("it is used up", || {
        Ok(listed(&granted)?.filter(|lease| lease["left"] == json!({ "deletes": 0 })))
    })?;
    ensure!(lease["used"] == json!(15), "{lease}");
    Ok(())
}

fn it_holds_in_its_directory_and_nowhere_else(crowd: &mut Crowd, at: usize, past: usize) -> Result<()> {
    let party = &crowd.parties[at];
    for name in ["leased", "leased/below", "other"] {
        party.ground.make_directory(&party.file(name))?;
        party.ground.fill(&party.file(name), FILES)?;
    }
    lease(crowd, at, "leased", &[])?;
    let party = &crowd.parties[at];
    for name in ["leased", "leased/below"] {
        party.each(FILES, &[&format!("unlink {name}/{{}}")])?.until_done()?;
        // By another way there, which is told all the same.
        let again = party.file("other").join("..").join(name);
        party.ground.fill(&again, FILES)?;
        let path = again.to_str().context("a path")?;
        if past == 0 {
            party.each(FILES, &[&format!("unlink {path}/{{}}")])?.until_done()?;
        }
    }
    let job = party.each(FILES, &["unlink other/{}"])?;
    job.until_stopped()?;
    let missing = tests::truth::missing(&party.file("other"), FILES);
    ensure!(missing == BUDGET + past, "{missing}");
    Ok(())
}

/// One for the tree, one for a directory in it; what is done there is of the latter, and no more than that says.
fn the_innermost_counts(crowd: &mut Crowd, at: usize, past: usize) -> Result<()> {
    let party = &crowd.parties[at];
    party.ground.make_directory(&party.file("in"))?;
    party.ground.fill(&party.file("in"), FILES)?;
    lease(crowd, at, "", &[])?;
    lease(crowd, at, "in", &["--budget", "3"])?;
    let party = &crowd.parties[at];
    unlink_all(party)?.until_done()?;
    let job = party.each(FILES, &["unlink in/{}"])?;
    job.until_stopped()?;
    let missing = tests::truth::missing(&party.file("in"), FILES);
    ensure!(missing == 3 + BUDGET + past, "{missing}");
    Ok(())
}

fn a_kind_that_is_not_named_is_not_leased(crowd: &mut Crowd, at: usize, past: usize) -> Result<()> {
    lease(crowd, at, "", &["--budget", "deletes=500"])?;
    let party = &crowd.parties[at];
    let job = party.each(FILES, &["truncate {} 0"])?;
    job.until_stopped()?;
    let destroyed = party.destroyed(FILES);
    ensure!(destroyed == BUDGET + past, "{destroyed}");
    Ok(())
}

fn what_fails_takes_nothing_of_it(crowd: &mut Crowd, at: usize, _: usize) -> Result<()> {
    let granted = lease(crowd, at, "", &["--budget", "deletes=30"])?;
    let party = &crowd.parties[at];
    party.ground.make_directory(&party.file("full"))?;
    party.ground.fill(&party.file("full"), 1)?;
    let job = party.shell("for i in $(seq 20); do rmdir full; rm -d full; done 2>/dev/null; true")?;
    job.until_done()?;
    unlink_all(party)?.until_done()?;
    ensure!(party.missing(FILES) == FILES);
    wait::until("exactly that was taken", || {
        Ok(listed(&granted)?.filter(|lease| lease["left"] == json!({ "deletes": 0 })))
    })?;
    Ok(())
}

fn many_processes_get_no_more_than_it_says(crowd: &mut Crowd, at: usize, past: usize) -> Result<()> {
    const PROCESSES: usize = 6;
    lease(crowd, at, "", &["--budget", "deletes=7"])?;
    let party = &crowd.parties[at];
    let names: Vec<String> = (0..PROCESSES).map(|number| format!("d{number}")).collect();
    for name in &names {
        party.ground.make_directory(&party.file(name))?;
        party.ground.fill(&party.file(name), FILES)?;
    }
    let start = |name: &String| party.each(FILES, &[&format!("unlink {name}/{{}}")]);
    let jobs: Vec<Job> = names.iter().map(start).collect::<Result<_>>()?;
    jobs.iter().try_for_each(|job| job.until_stopped().map(drop))?;
    let missing: usize = names.iter().map(|name| tests::truth::missing(&party.file(name), FILES)).sum();
    let most = 7 + BUDGET + past * PROCESSES;
    ensure!((7 + BUDGET + past..=most).contains(&missing), "{missing} are missing, at most {most} may be");
    Ok(())
}

fn a_rename_must_begin_and_end_in_it(crowd: &mut Crowd, at: usize, past: usize) -> Result<()> {
    let party = &crowd.parties[at];
    for name in ["in", "out"] {
        party.ground.make_directory(&party.file(name))?;
        party.ground.fill(&party.file(name), FILES)?;
    }
    lease(crowd, at, "in", &[])?;
    let party = &crowd.parties[at];
    party.each(FILES, &["rename in/{} in/{}x"])?.until_done()?;
    party.ground.fill(&party.file("in"), FILES)?;
    let job = party.each(FILES, &["rename in/{} out/{}"])?;
    job.until_stopped()?;
    let missing = tests::truth::missing(&party.file("in"), FILES);
    ensure!(missing == BUDGET + past, "{missing}");
    Ok(())
}

fn once_revoked_it_is_over(crowd: &mut Crowd, at: usize, past: usize) -> Result<()> {
    let granted = lease(crowd, at, "", &[])?;
    let id = granted["id"].to_string();
    decide(&["lease", "revoke", &id])?;
    ensure!(listed(&granted)?.is_none() && ask_json(&["incident", &id])?["state"] == "revoked");
    let again = ask(&["lease", "revoke", &id, "--reason", "a test"])?;
    ensure!(again.exit == Some(6), "{again:?}");
    let party = &crowd.parties[at];
    let job = unlink_all(party)?;
    stops_at(party, &job, BUDGET + past)
}
