//! `burstguard exec`: a command that acts for an account, in the place of burstguard itself.

use std::process::Command;

use anyhow::{Result, ensure};
use tests::{Account, Job, Outcome, Policy, SOCKET, Said, Scene, agent, ask_json, say};

use crate::rights::asks;

/// Somebody who may start what the account runs, and the agent.
struct Stage {
    person: Account,
    scene: Scene,
}

impl Stage {
    fn new() -> Result<Self> {
        let (account, person) = (Account::new()?, Account::unlisted()?);
        let who = format!("users = [{:?}]\nlaunch = [\"uid:{}\"]", account.name(), person.uid());
        let scene = Scene::of(account, |_, ground| {
            ground.fill(&ground.tree(), 30)?;
            Ok(Policy::of_nobody().and_told_by(&who, &ground.tree()))
        })?;
        Ok(Self { person, scene })
    }

    fn command(&self, user: &Account, words: &[&str]) -> Result<Command> {
        let mut command = user.command(self.scene.ground.bring(&agent()?)?);
        command.args(["exec", "--account", "a0", "--"]).args(words);
        Ok(command)
    }

    fn end(self) -> Result<()> {
        self.scene.end().map(drop)
    }
}

#[test]
fn it_is_the_same_process_with_the_same_environment_and_its_own_exit_status() -> Result<()> {
    let stage = Stage::new()?;
    let script = "echo $$ $WORD $(pwd); read line; echo $line; exit 7";
    let mut command = stage.command(&stage.person, &["sh", "-c", script])?;
    command.env("WORD", "kept").current_dir("/usr");
    let mut job = Job::start(command)?;
    job.until_says(&format!("{} kept /usr", job.pid()))?;
    let whois = ask_json(&["whois", &job.pid().to_string()])?;
    assert_eq!(whois["account"], "a0", "{whois}");
    assert!(whois.to_string().contains("burstguard exec"), "{whois}");
    job.tell("said")?;
    ensure!(job.until_ended()? == Outcome::Exited(7));
    assert!(job.output()?.ends_with("said\n"));
    // What ignores no signal does so here.
    let job = Job::start(stage.command(&stage.person, &["sh", "-c", "kill -PIPE $$"])?)?;
    ensure!(job.until_ended()? == Outcome::Killed(13));
    stage.end()
}

#[test]
fn what_it_destroys_is_the_accounts() -> Result<()> {
    let mut stage = Stage::new()?;
    // As root, who owns nothing there and may do all.
    let mut command = Command::new(agent()?);
    command.args(["exec", "--account", "a0", "--", "sh", "-c", "sh -c 'find . -type f -delete'"]);
    command.current_dir(stage.scene.tree());
    let job = Job::start(command)?;
    let burst = stage.scene.daemon.burst()?;
    assert_eq!((burst.account.as_str(), burst.comm.as_str()), ("a0", "find"));
    assert_eq!(stage.scene.destroyed(30), 11);
    drop(job);
    stage.end()
}

#[test]
fn who_may_not_does_not() -> Result<()> {
    let stage = Stage::new()?;
    let other = Account::unlisted()?;
    let made = stage.scene.ground.outside().join("made");
    let touch = ["touch", made.to_str().unwrap_or_default()];
    let refused = |said: Said, exit: i32, why: &str| {
        assert_eq!(said.exit, Some(exit), "{said:?}");
        assert!(said.complaint.contains(why), "{said:?}");
        assert!(!made.exists(), "{said:?}");
    };
    refused(say(stage.command(&other, &touch)?)?, 4, "may not start what account a0 runs");
    let nobody = [&["exec", "--account", "nobody", "--"], &touch[..]].concat();
    refused(asks(&stage.scene, &stage.person, &nobody)?, 5, "no account \"nobody\"");
    let strange = [&["exec", "--account", "a/../b", "--"], &touch[..]].concat();
    refused(asks(&stage.scene, &stage.person, &strange)?, 2, "no name of an account");
    refused(say(stage.command(&stage.person, &["no-such-program"])?)?, 127, "cannot run no-such-program");
    refused(say(stage.command(&stage.person, &["/usr"])?)?, 126, "cannot run /usr");
    stage.end()
}

#[test]
fn nobody_leaves_an_account_by_it() -> Result<()> {
    let (one, other) = (Account::new()?, Account::new()?);
    let scene = Scene::of(one, |policy, ground| Ok(policy.and(other.name(), &ground.outside())))?;
    let words = ["exec", "--account", "a1", "--", "true"];
    let said = asks(&scene, &scene.account, &words)?;
    assert_eq!(said.exit, Some(4), "{said:?}");
    assert!(said.complaint.contains("acts for account a0, which nobody leaves"), "{said:?}");
    scene.end().map(drop)
}

#[test]
fn without_a_daemon_it_runs_only_if_that_is_allowed() -> Result<()> {
    ensure!(!std::path::Path::new(SOCKET).exists(), "a daemon is there");
    let ground = tempfile::tempdir()?;
    let made = ground.path().join("made");
    let run = |option: &[&str]| {
        let mut command = Command::new(agent()?);
        command.args(["exec", "--account", "a0"]).args(option).arg("--").arg("touch").arg(&made);
        say(command)
    };
    let refused = run(&[])?;
    assert_eq!(refused.exit, Some(3), "{refused:?}");
    assert!(refused.complaint.contains("no daemon answers") && !made.exists(), "{refused:?}");
    let allowed = run(&["--allow-unguarded"])?;
    assert_eq!(allowed.exit, Some(0), "{allowed:?}");
    assert!(allowed.complaint.contains("nothing that this does is held") && made.exists(), "{allowed:?}");
    Ok(())
}
