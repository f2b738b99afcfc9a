//! Freezes by hand and by the policy: nothing of what is frozen runs, and everything is put back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{
    Account, Cgroup, Daemon, Enforcement, Incident, Job, Policy, Scene, ask_json, cgroup, proc, wait,
};

use crate::check::{FILES, each, filled, filled_with};
use crate::commands::{decide, refused};

/// A process that counts in a file for as long as it runs.
struct Counting {
    job: Job,
    file: PathBuf,
}

impl Counting {
    const SCRIPT: &str = "n=0; while :; do n=$((n+1)); echo $n > \"$0\"; done";

    fn start(mut command: Command, directory: &Path) -> Result<Self> {
        let file = directory.join("count");
        command.arg(&file);
        let counting = Self { job: Job::start(command)?, file };
        counting.goes_on()?;
        Ok(counting)
    }

    fn of(scene: &Scene) -> Result<Self> {
        Self::start(scene.account.shell(Self::SCRIPT), &scene.ground.outside())
    }

    fn pid(&self) -> u32 {
        self.job.pid()
    }

    fn count(&self) -> u64 {
        // Empty for the moment in which it is written anew.
        fs::read_to_string(&self.file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    fn goes_on(&self) -> Result<()> {
        let before = self.count();
        wait::until("it counts", || Ok((self.count() > before).then_some(())))
    }

    fn stands_still(&self) -> Result<()> {
        let before = self.count();
        wait::keep_distance(Duration::from_millis(300))?;
        anyhow::ensure!(self.count() == before, "it went on from {before} to {}", self.count());
        Ok(())
    }
}

#[test]
fn an_account_is_frozen_wherever_it_runs_and_put_back() -> Result<()> {
    let mut scene = filled()?;
    let (first, second) = (Cgroup::new("first")?, Cgroup::new("second.service")?);
    let counting = Counting::of(&scene)?;
    first.take(counting.pid())?;
    let forking = scene.shell("while :; do /bin/true; done")?;
    second.take(forking.pid())?;
    scene.catch_up()?;

    let frozen = decide(&["freeze", "--account", "a0"])?;
    assert_eq!((&frozen["incident"], &frozen["left_alone"]), (&json!(1), &json!([])));
    assert!(frozen["confirmed_us"].is_u64(), "{frozen}");
    counting.stands_still()?;
    for process in proc::of_user(scene.account.uid())? {
        assert!(process.is_zombie() || cgroup::is_frozen(process.pid), "{process:?} runs");
    }
    assert!(!first.has(counting.pid()));
    // Who comes later is stopped at its first act.
    let later = scene.shell("echo new > ../outside/new")?;
    later.until_stopped()?;
    assert!(!scene.ground.outside().join("new").exists());
    let account = &ask_json(&["accounts"])?[0];
    assert_eq!((&account["standing"], &account["incident"]), (&json!("tripped"), &json!(1)));
    // Who acts while it is being frozen is stopped, too.
    assert!(account["stopped"].as_u64() >= Some(1) && account["frozen"].as_u64() >= Some(2), "{account}");

    decide(&["thaw", "1"])?;
    later.until_done()?;
    counting.goes_on()?;
    assert!(first.has(counting.pid()) && second.has(forking.pid()));
    assert_eq!((first.below(), second.below()), (Vec::new(), Vec::new()));
    assert_eq!(ask_json(&["accounts"])?[0]["standing"], "armed");
    drop((counting, forking));
    scene.end().map(drop)
}

/// Freezes what these words mean, for ever or not, and lets it go on.
fn freezes(words: &[&str], counting: &Counting) -> Result<()> {
    let frozen = decide(&[&["freeze"], words].concat())?;
    counting.stands_still()?;
    let id = frozen["incident"].to_string();
    let incident = ask_json(&["incident", &id])?;
    assert_eq!(incident["state"], "frozen", "{words:?}");
    let own = incident["processes"]
        .as_array()
        .context("processes")?
        .iter()
        .find(|one| one["pid"] == counting.pid());
    assert!(own.is_some_and(|process| process["frozen"] == true), "{words:?}: {incident}");
    decide(&["thaw", &id])?;
    counting.goes_on()
}

#[test]
fn a_user_a_group_a_unit_and_a_process_are_frozen() -> Result<()> {
    let scene = filled()?;
    let other = Account::unlisted()?;
    let unit = Cgroup::new("unit.service")?;
    let mut command = other.command("/bin/sh");
    let script = format!("({}) & wait", Counting::SCRIPT);
    command.args(["-c", &script]);
    fs::set_permissions(scene.ground.outside(), std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    let counting = Counting::start(command, &scene.ground.outside())?;
    for process in proc::of_user(other.uid())? {
        unit.take(process.pid)?;
    }
    freezes(&["--user", &other.uid().to_string()], &counting)?;
    freezes(&["--cgroup", &format!("/{}", unit.name())], &counting)?;
    freezes(&["--unit", unit.name()], &counting)?;
    // It is the child that counts.
    freezes(&["--pid", &counting.pid().to_string()], &counting)?;
    assert!(unit.has(counting.pid()) && unit.below().is_empty());
    drop(counting);
    scene.end().map(drop)
}

#[test]
fn a_freeze_ends_by_itself() -> Result<()> {
    let scene = filled()?;
    let counting = Counting::of(&scene)?;
    let frozen = decide(&["freeze", "--pid", &counting.pid().to_string(), "--for", "1s"])?;
    assert!(frozen["until"].is_string(), "{frozen}");
    counting.goes_on()?;
    let ended = wait::until("the freeze ends by itself", || {
        let incident = ask_json(&["incident", "1"])?;
        Ok((incident["state"] == "thawed").then_some(incident))
    })?;
    assert_eq!(ended["decisions"][1]["by"], json!({"kind": "deadline"}));
    drop(counting);
    scene.end().map(drop)
}

#[test]
fn the_policy_freezes_at_the_burst() -> Result<()> {
    let mut scene = filled_with(|policy| policy.response("freeze"))?;
    let counting = Counting::of(&scene)?;
    let group = Cgroup::new("group")?;
    group.take(counting.pid())?;
    scene.catch_up()?;
    let job = each(&scene, &["unlink {}"])?;
    scene.daemon.burst()?;
    wait::until("the incident is frozen", || {
        Ok((ask_json(&["incident", "1"])?["state"] == "frozen").then_some(()))
    })?;
    counting.stands_still()?;
    assert_eq!(scene.destroyed(FILES), 11);
    assert_eq!(ask_json(&["incident", "1"])?["decisions"][0]["by"], json!({"kind": "policy"}));
    // It would exceed the next budget, too.
    drop(job);
    decide(&["thaw", "1"])?;
    counting.goes_on()?;
    assert!(group.has(counting.pid()) && group.below().is_empty());
    drop(counting);
    scene.end().map(drop)
}

#[test]
fn what_is_never_frozen_is_refused_and_what_is_not_there_is_not_found() -> Result<()> {
    let scene = filled()?;
    let ended = {
        let job = scene.shell("true")?;
        job.until_done()?;
        job.pid()
    };
    let freeze = |words: &[&str]| refused(&[&["freeze"], words, &["--reason", "x"]].concat());
    // The test has started the agent, and has descendants that could be frozen.
    for pid in [scene.daemon.pid(), std::process::id()] {
        let (exit, complaint) = freeze(&["--pid", &pid.to_string()])?;
        assert_eq!(exit, Some(4), "{complaint}");
        assert!(
            complaint.contains("never frozen: burstguard itself, or what it was started by"),
            "{complaint}"
        );
    }
    let group = Cgroup::new("empty")?;
    for words in [
        ["--pid", &ended.to_string()],
        ["--unit", "bgtest-none.service"],
        ["--account", "nobody"],
        ["--cgroup", group.name()],
        ["--cgroup", "/"],
    ] {
        let (exit, complaint) = freeze(&words)?;
        assert_eq!(exit, Some(5), "{words:?}: {complaint}");
    }
    assert_eq!(ask_json(&["incidents"])?, json!([]));
    scene.end().map(drop)
}

#[test]
fn the_init_of_a_container_is_frozen_and_thawed() -> Result<()> {
    let scene = filled()?;
    let container = Cgroup::new("container")?;
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "/bin/sh", "-c", Counting::SCRIPT]);
    let counting = Counting::start(command, &scene.ground.outside())?;
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", counting.pid()))?;
    let init: u32 = children.trim().parse().context("unshare has one child")?;
    for pid in [counting.pid(), init] {
        container.take(pid)?;
    }
    assert!(fs::read_to_string(format!("/proc/{init}/status"))?.contains("\t1\n"), "it is pid 1 inside");
    freezes(&["--cgroup", container.name()], &counting)?;
    let frozen = decide(&["freeze", "--pid", &init.to_string()])?;
    counting.stands_still()?;
    assert!(cgroup::is_frozen(init) && !cgroup::is_frozen(counting.pid()));
    decide(&["thaw", &frozen["incident"].to_string()])?;
    counting.goes_on()?;
    assert!(container.has(init));
    drop(counting);
    scene.end().map(drop)
}

/// A scene whose agent leaves things as they are, something of it frozen, and the agent killed.
fn killed_while_frozen() -> Result<(Enforcement, Policy, Scene, Counting, Cgroup)> {
    let account = Account::unlisted()?;
    let ground = tests::Ground::new(&account)?;
    ground.fill(&ground.tree(), FILES)?;
    let policy = Policy::new(account.name(), &ground.tree());
    let daemon = Daemon::start_to_stay(&policy, ground.base())?;
    let mut scene = Scene { daemon, ground, account };
    let group = Cgroup::new("group")?;
    let counting = Counting::of(&scene)?;
    group.take(counting.pid())?;
    scene.catch_up()?;
    decide(&["freeze", "--account", "a0"])?;
    scene.daemon.kill()?;
    counting.stands_still()?;
    Ok((Enforcement, policy, scene, counting, group))
}

#[test]
fn the_next_agent_knows_what_an_earlier_one_has_frozen() -> Result<()> {
    let (_enforcement, policy, mut scene, counting, group) = killed_while_frozen()?;
    scene.daemon = Daemon::start_to_stay(&policy, scene.ground.base())?;
    counting.stands_still()?;
    let incidents = ask_json(&["incidents", "--open"])?;
    let [left] = &incidents.as_array().context("a list")?[..] else { panic!("{incidents}") };
    assert_eq!(
        ["id", "account", "state", "waiting", "what"].map(|key| &left[key]),
        [&json!(1), &json!("a0"), &json!("frozen"), &json!(1), &json!("freeze of a0")]
    );
    let decision = &Incident(1).show()?["decisions"][0];
    assert_eq!((&decision["verb"], &decision["reason"]), (&json!("freeze"), &json!("INC-88, a test")));
    // Its number is not given again.
    let bystander = Account::unlisted()?;
    let other = Job::start(bystander.shell("while :; do :; done"))?;
    let frozen = decide(&["freeze", "--pid", &other.pid().to_string()])?;
    assert_eq!(frozen["incident"], 2);
    decide(&["thaw", "1"])?;
    counting.goes_on()?;
    assert!(group.has(counting.pid()) && group.below().is_empty());
    assert!(cgroup::is_frozen(other.pid()));
    // Armed again, too.
    scene.shell("true")?.until_done()?;
    decide(&["thaw", "--all"])?;
    assert_eq!(ask_json(&["incidents", "--open"])?, Value::Array(Vec::new()));
    drop((counting, other));
    scene.end().map(drop)
}

#[test]
fn release_without_an_agent_thaws() -> Result<()> {
    let (_enforcement, _, scene, counting, group) = killed_while_frozen()?;
    let said = tests::release()?;
    assert!(said.contains(&counting.pid().to_string()), "{said}");
    counting.goes_on()?;
    assert!(group.has(counting.pid()) && group.below().is_empty());
    scene.shell("true")?.until_done()
}
