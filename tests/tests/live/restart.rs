//! Enforcement outlives the agent, and the next agent carries on.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tests::{
    Account, Counters, Daemon, Enforcement, Event, Ground, Job, Policy, generations, proc, truth, wait,
};

use crate::check::FILES;
use crate::maps::Loaded;

/// An account and its ground, watched by agents that come and go.
pub(crate) struct Stage {
    // Dropped in this order: whatever holds the account's processes goes first.
    _enforcement: Enforcement,
    pub(crate) ground: Ground,
    pub(crate) account: Account,
}

impl Stage {
    pub(crate) fn new() -> Result<Self> {
        Self::with(FILES)
    }

    pub(crate) fn with(files: usize) -> Result<Self> {
        let account = Account::new()?;
        let ground = Ground::new(&account)?;
        ground.fill(&ground.tree(), files)?;
        Ok(Self { _enforcement: Enforcement, ground, account })
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::new(self.account.name(), &self.ground.tree())
    }

    pub(crate) fn start(&self) -> Result<Daemon> {
        Daemon::start_to_stay(&self.policy(), self.ground.base())
    }

    pub(crate) fn shell(&self, script: &str) -> Result<Job> {
        let mut command = self.account.shell(script);
        command.current_dir(self.ground.tree());
        Job::start(command)
    }

    pub(crate) fn hand(&self, words: &[&str]) -> Result<Job> {
        Job::start(self.ground.hand_command(&self.account, words)?)
    }

    pub(crate) fn missing(&self) -> usize {
        truth::missing(&self.ground.tree(), FILES)
    }
}

pub(crate) fn is_stopped(pid: u32) -> bool {
    proc::Process::look(pid).is_some_and(|process| process.is_stopped())
}

fn until_missing(stage: &Stage, count: usize) -> Result<()> {
    wait::until("so many files are gone", || Ok((stage.missing() == count).then_some(())))
}

#[test]
fn a_burst_is_stopped_though_the_agent_was_killed() -> Result<()> {
    let stage = Stage::new()?;
    stage.start()?.kill()?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    // Nor may anything else of the account go on.
    stage.shell("true")?.until_stopped().map(drop)
}

#[test]
fn sigterm_leaves_things_as_they_are() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    let counters: Counters = daemon.end()?;
    assert!(counters.faults().is_empty(), "{:?}", counters.faults());
    assert!(!daemon.seen()?.iter().any(|event| matches!(event, Event::Released { .. })));
    assert!(job.goes_on() && is_stopped(job.pid()));
    stage.shell("true")?.until_stopped().map(drop)
}

#[test]
fn the_next_agent_finds_what_was_stopped_and_the_account_tripped() -> Result<()> {
    let stage = Stage::new()?;
    let mut first = stage.start()?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    first.kill()?;
    let before = generations()?;
    let mut next = stage.start()?;
    assert_eq!((generations()?.len(), before.len()), (1, 1));
    assert_ne!(generations()?, before);
    assert!(job.goes_on() && is_stopped(job.pid()));
    // Before the other, which it would count as well if it came in time.
    let found = next.wait_for("what waits", |event| match event {
        Event::Found { target, processes, .. } => Some((target.clone(), *processes)),
        _ => None,
    })?;
    assert_eq!(found, ("a0".to_owned(), 1));
    let other = stage.shell("true")?;
    other.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    // It knows both as stopped by us: letting go lets both go on.
    next.end()?;
    drop(next);
    assert!(is_stopped(job.pid()) && is_stopped(other.pid()));
    tests::release()?;
    other.until_done()?;
    job.until_done()?;
    assert_eq!(stage.missing(), FILES);
    Ok(())
}

#[test]
fn half_a_budget_stays_half_a_budget() -> Result<()> {
    let stage = Stage::new()?;
    let policy = stage.policy().budget("deletes", "10/1h");
    let mut first = Daemon::start_to_stay(&policy, stage.ground.base())?;
    let mut job = stage.hand(&["each", "30", "wait", "unlink {}"])?;
    (0..3).try_for_each(|_| job.tell("go"))?;
    wait::until("it has reported these", || Ok((first.operations()?.len() == 3).then_some(())))?;
    first.kill()?;
    (0..3).try_for_each(|_| job.tell("go"))?;
    until_missing(&stage, 6)?;
    let mut next = Daemon::start_to_stay(&policy, stage.ground.base())?;
    (0..24).try_for_each(|_| job.tell("go"))?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    assert_eq!(next.burst()?.pid, job.pid());
    // What was done meanwhile is reported, too.
    wait::until("eight are reported", || Ok((next.operations()?.len() == 8).then_some(())))
}

#[test]
fn a_name_that_went_before_is_a_recreate_after() -> Result<()> {
    let stage = Stage::new()?;
    let mut first = stage.start()?;
    stage.hand(&["each", "4", "unlink {}"])?.until_done()?;
    first.kill()?;
    let mut next = stage.start()?;
    let job = stage.hand(&["each", "4", "create-new {}"])?;
    job.until_stopped()?;
    assert_eq!(next.burst()?.kinds, ["recreate"]);
    Ok(())
}

/// What nobody could tell from /proc: a process that is root's, whose parents have ended.
#[test]
fn who_joined_and_forked_while_no_agent_ran_is_known() -> Result<()> {
    let stage = Stage::new()?;
    stage.start()?.kill()?;
    let setpriv = stage.ground.bring(Path::new("/usr/bin/setpriv"))?;
    fs::set_permissions(&setpriv, Permissions::from_mode(0o4755))?;
    let script = "exec setsid -f sh -c 'echo $$; read go; rm -f *; true'";
    let become_root = format!("exec {} --reuid 0 --clear-groups sh -c \"{script}\"", setpriv.display());
    let mut job = stage.shell(&become_root.replace("$$", "\\$\\$"))?;
    job.until_done()?;
    let pid = wait::until("the process says who it is", || Ok(job.output()?.trim().parse::<u32>().ok()))?;
    let process = proc::Process::look(pid).context("it waits for us")?;
    ensure!(process.uid == 0, "it is user {}", process.uid);
    let mut next = stage.start()?;
    job.tell("go")?;
    let burst = next.burst()?;
    wait::until("it is stopped", || Ok(is_stopped(burst.pid).then_some(())))?;
    assert_eq!((burst.comm.as_str(), stage.missing()), ("rm", 11));
    Ok(())
}

/// One agent after the other, while the account works: it gets not one operation more than its budget.
#[test]
fn a_busy_account_gains_nothing_by_a_restart() -> Result<()> {
    const MANY: usize = 400;
    let stage = Stage::with(MANY)?;
    let policy = stage.policy().budget("deletes", "300/1h");
    let start = || Daemon::start_to_stay(&policy, stage.ground.base());
    let mut daemon = start()?;
    let _job = stage.shell("for f in *; do rm $f; sleep 0.01; done")?;
    let stopped =
        || Ok::<_, anyhow::Error>(proc::of_user(stage.account.uid())?.iter().any(proc::Process::is_stopped));
    let mut restarts = 0;
    wait::until("a process is stopped", || {
        restarts += 1;
        daemon.kill()?;
        daemon = start()?;
        Ok(stopped()?.then_some(()))
    })?;
    let missing = truth::missing(&stage.ground.tree(), MANY);
    // A call that is under way while one generation succeeds another may be counted by both, or too late to stop it.
    assert!((298..=302).contains(&missing), "{missing} of a budget of 300, {restarts} restarts");
    assert!(restarts > 1, "the account was faster than the agent could be started anew");
    Ok(())
}

#[test]
fn an_account_that_is_not_in_the_new_policy_is_let_go() -> Result<()> {
    let stage = Stage::new()?;
    let other = Stage::new()?;
    let both = stage.policy().and(other.account.name(), &other.ground.tree());
    let mut first = Daemon::start_to_stay(&both, stage.ground.base())?;
    let jobs = [stage.shell("exec rm -f *")?, other.shell("exec rm -f *")?];
    jobs.iter().try_for_each(|job| job.until_stopped().map(drop))?;
    first.kill()?;
    // The one that stays has another index now.
    let mut next = Daemon::start_to_stay(
        &Policy::named("a1", other.account.name(), &other.ground.tree()),
        stage.ground.base(),
    )?;
    jobs[0].until_done()?;
    assert_eq!(stage.missing(), FILES);
    let released = next.wait_for("a release", |event| match event {
        Event::Released { pids } => Some(pids.clone()),
        _ => None,
    })?;
    assert_eq!(released, [jobs[0].pid()]);
    next.until_complains("nobody is held to the budgets of a0")?;
    assert!(jobs[1].goes_on() && is_stopped(jobs[1].pid()));
    stage.shell("true")?.until_done()?;
    other.shell("true")?.until_stopped().map(drop)
}

#[test]
fn without_an_agent_everything_can_be_let_go() -> Result<()> {
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    // One that runs is asked to, which takes a reason.
    let refusal = tests::release().err().context("it lets go without a reason")?;
    assert!(refusal.to_string().contains("a reason is required"), "{refusal}");
    daemon.kill()?;
    assert!(tests::release()?.contains(&job.pid().to_string()));
    job.until_done()?;
    assert_eq!(stage.missing(), FILES);
    assert_eq!(generations()?, [] as [&Path; 0]);
    // And again, with nothing there.
    tests::release().map(drop)
}

#[test]
fn generations_that_cannot_be_carried_on_from_go() -> Result<()> {
    let stage = Stage::new()?;
    let mut first = stage.start()?;
    let loaded = Loaded::by(&first)?;
    first.kill()?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    let pinned = generations()?;
    let [pinned] = &pinned[..] else { panic!("{pinned:?}") };
    // As another version would have left it; and one whose agent died while it was pinning.
    fs::rename(pinned, pinned.with_file_name("0000abcd-7"))?;
    let (abi, _) = pinned.to_str().and_then(|path| path.split_once('-')).context("ABI-NUMBER")?;
    fs::create_dir(format!("{abi}-9"))?;
    let next = stage.start()?;
    assert_eq!(generations()?, [Path::new(&format!("{abi}-10"))]);
    next.until_complains("nothing is carried over")?;
    // What it had stopped it does not know, and says so; but it watches.
    assert!(is_stopped(job.pid()));
    loaded.until_gone()?;
    job.continue_it()?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), 22);
    Ok(())
}

/// A file system too small for the self-test's files.
struct Narrow;

impl Narrow {
    const AT: &str = "/run/burstguard";

    fn mount() -> Result<Self> {
        fs::create_dir_all(Self::AT)?;
        mount("tests", Self::AT, "tmpfs", MountFlags::empty(), c"nr_inodes=3")?;
        Ok(Self)
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        if let Err(error) = unmount(Self::AT, UnmountFlags::DETACH) {
            eprintln!("{} stays mounted: {error}", Self::AT);
        }
    }
}

#[test]
fn a_self_test_that_fails_changes_nothing() -> Result<()> {
    let stage = Stage::new()?;
    stage.start()?.kill()?;
    let before = generations()?;
    {
        let _narrow = Narrow::mount()?;
        let refusal = Daemon::refused(&stage.ground.base().join("policy.toml"), |_| {})?;
        assert!(refusal.complaint.contains("the self-test failed"), "{}", refusal.complaint);
        assert!(refusal.complaint.contains("nothing was changed"), "{}", refusal.complaint);
    }
    assert_eq!(generations()?, before);
    stage.shell("exec rm -f *")?.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    Ok(())
}
