//! What the agent refuses: with a clear word, an exit status, and nothing half done.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::Result;
use tests::{Account, Daemon, Ground, Policy, Refusal, agent};

use crate::check::filled;

/// Something failed.
const FAILED: i32 = 1;
/// It was called in a wrong way.
const USAGE: i32 = 2;
/// The policy says something that cannot be.
const INVALID: i32 = 7;

/// The refusal has this exit status, says these words, and nothing is left of it.
fn assert_refused(refusal: &Refusal, status: i32, words: &[&str]) -> Result<()> {
    let Refusal { status: found, complaint, output } = refusal;
    assert_eq!(found.code(), Some(status), "{complaint}");
    for word in words {
        assert!(complaint.contains(word), "{word:?} is not in {complaint:?}");
    }
    assert_eq!(output, "", "something was printed as if it had started");
    assert!(!Path::new("/run/burstguard").exists());
    Ok(())
}

/// A policy with a fault is refused.
fn check(fault: impl FnOnce(String, &Ground) -> String, status: i32, words: &[&str]) -> Result<()> {
    let account = Account::new()?;
    let ground = Ground::new(&account)?;
    let text = fault(Policy::new(account.name(), &ground.tree()).to_string(), &ground);
    let file = ground.base().join("policy.toml");
    fs::write(&file, text)?;
    assert_refused(&Daemon::refused(&file, |_| {})?, status, words)
}

#[test]
fn a_policy_that_is_no_toml() -> Result<()> {
    check(|text, _| text.replace("[account.a0]", "[account.a0"), INVALID, &["policy.toml:"])
}

#[test]
fn a_key_that_does_not_exist() -> Result<()> {
    check(|text, _| text.replace("users =", "usres ="), INVALID, &["policy.toml:", "usres"])
}

#[test]
fn a_budget_that_is_none() -> Result<()> {
    check(|text, _| text.replace("10/10s", "10 in 10s"), INVALID, &["10 in 10s", "COUNT/DURATION"])
}

#[test]
fn a_tree_that_does_not_exist() -> Result<()> {
    check(|text, _| text.replace("home/tree", "home/three"), INVALID, &["home/three", "does not exist"])
}

#[test]
fn a_user_that_does_not_exist() -> Result<()> {
    check(|text, _| text.replace("bgtest-", "nobody-called-"), INVALID, &["nobody-called-", "does not exist"])
}

#[test]
fn root_as_an_account() -> Result<()> {
    for root in ["\"root\"", "0"] {
        let change = |text: String, _: &Ground| {
            let line = text.lines().find(|line| line.starts_with("users")).unwrap_or_default().to_owned();
            text.replace(&line, &format!("users = [{root}]"))
        };
        check(change, INVALID, &["root"])?;
    }
    Ok(())
}

#[test]
fn all_faults_are_told_at_once() -> Result<()> {
    let faults = |text: String, _: &Ground| text.replace("10/10s", "ten").replace("home/tree", "home/three");
    check(faults, INVALID, &["ten", "home/three"])
}

#[test]
fn a_policy_that_is_not_there() -> Result<()> {
    let account = Account::new()?;
    let ground = Ground::new(&account)?;
    let file = ground.base().join("none.toml");
    let refusal = Daemon::refused(&file, |_| {})?;
    assert_ne!(refusal.status.code(), Some(0));
    assert_refused(&refusal, refusal.status.code().unwrap_or(0), &["none.toml", "No such file"])
}

#[test]
fn an_option_that_does_not_exist() -> Result<()> {
    let account = Account::new()?;
    let ground = Ground::new(&account)?;
    let refusal = Daemon::refused(&ground.base().join("policy.toml"), |command| {
        command.arg("--harder");
    })?;
    assert_refused(&refusal, USAGE, &["--harder"])
}

#[test]
fn a_second_agent() -> Result<()> {
    let mut scene = filled()?;
    let refusal = Daemon::refused(&scene.ground.base().join("policy.toml"), |_| {})?;
    assert_eq!(refusal.status.code(), Some(FAILED), "{}", refusal.complaint);
    assert!(refusal.complaint.contains("another agent is running"), "{}", refusal.complaint);
    assert_eq!(refusal.output, "");
    // The first one does not notice.
    crate::check::each(&scene, &["unlink {}"])?.until_stopped()?;
    assert_eq!(scene.destroyed(crate::check::FILES), 11);
    scene.daemon.burst()?;
    scene.end().map(drop)
}

#[test]
fn someone_who_is_not_root() -> Result<()> {
    let account = Account::new()?;
    let ground = Ground::new(&account)?;
    let file = ground.base().join("policy.toml");
    fs::write(&file, Policy::new(account.name(), &ground.tree()).to_string())?;
    let program = ground.bring(&agent()?)?;
    let refusal = Daemon::refused(&file, |command| {
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        *command = account.command(program);
        command.args(arguments).process_group(0);
    })?;
    assert_refused(&refusal, FAILED, &["root", &account.uid().to_string()])
}
