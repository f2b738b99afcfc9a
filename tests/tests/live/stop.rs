//! What a stop reaches, and how much gets past the budget.

use anyhow::{Context as _, Result};
use tests::{Account, Job, Scene, proc, truth};

use crate::check::{FILES, each, each_of, filled};

#[test]
fn a_fork_storm_loses_one_file_for_each_stopped_child_at_most() -> Result<()> {
    const STORM: usize = 300;
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), STORM)?;
        Ok(policy)
    })?;
    let job = scene.shell("for f in *; do rm $f & done; wait")?;
    job.until_stopped()?;
    // A child past the budget was in its one call when the account tripped, and is stopped for it; a child that was not
    // is stopped before; and once stopped, the shell makes no more of them.
    let children = scene.all_stopped()? - 1;
    let destroyed = scene.destroyed(STORM);
    assert!(destroyed <= 10 + children, "{destroyed} destroyed, {children} children stopped");
    assert!(destroyed > 10, "stopped with {destroyed} destroyed, within the budget");
    scene.daemon.burst()?;
    assert!(job.goes_on());
    scene.end().map(drop)
}

#[test]
fn of_eight_processes_each_completes_one_call_at_most() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), 800)?;
        Ok(policy)
    })?;
    let eighth = |first: usize| {
        let mut command = scene.account.shell("read go; exec rm \"$@\"");
        command.arg("sh").args((first..800).step_by(8).map(truth::file_name)).current_dir(scene.tree());
        Job::start(command)
    };
    let mut jobs: Vec<Job> = (0..8).map(eighth).collect::<Result<_>>()?;
    jobs.iter_mut().try_for_each(|job| job.tell("go"))?;
    jobs.iter().try_for_each(|job| job.until_stopped().map(drop))?;
    let destroyed = scene.destroyed(800);
    assert!((11..=10 + 8).contains(&destroyed), "{destroyed} destroyed");
    scene.daemon.burst()?;
    drop(jobs);
    scene.end().map(drop)
}

#[test]
fn of_sixteen_threads_each_completes_one_call_at_most() -> Result<()> {
    sixteen_threads()
}

/// The thread that is told to stop may have to wait for a CPU: the others must not go on meanwhile.
#[test]
fn so_it_is_when_every_cpu_is_busy() -> Result<()> {
    let other = Account::unlisted()?;
    let busy = || Job::start(other.shell("while :; do :; done"));
    let _busy: Vec<_> = (0..8).map(|_| busy()).collect::<Result<_>>()?;
    sixteen_threads()
}

fn sixteen_threads() -> Result<()> {
    let mut scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), 800)?;
        Ok(policy)
    })?;
    let job = scene.hand(&["threads", "16", "800"])?;
    job.until_stopped()?;
    let destroyed = scene.destroyed(800);
    assert_eq!(scene.daemon.burst()?.pid, job.pid());
    // Its end first: a call that the kernel passed over is a fault, and another matter.
    scene.end()?;
    assert!((11..=10 + 16).contains(&destroyed), "{destroyed} destroyed");
    Ok(())
}

/// Another process of the account does this, after the account has tripped.
fn later(step: &str) -> Result<()> {
    let mut scene = filled()?;
    let mut other = each_of(&scene, 1, &["wait", step, "unlink f0029"])?;
    other.until_says("waiting")?; // so that nothing else of it is what stops it
    each(&scene, &["unlink {}"])?.until_stopped()?;
    other.tell("go")?;
    other.until_stopped()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), 11, "{step}");
    assert_eq!(scene.all_stopped()?, 1, "{step}");
    scene.catch_up()?;
    assert!(scene.daemon.stopped()?.contains(&other.pid()), "{step}");
    drop(other);
    scene.end().map(drop)
}

#[test]
fn a_tripped_accounts_open_is_its_last() -> Result<()> {
    later("open f0029")?;
    later("create-new {outside}/new")
}

#[test]
fn a_tripped_accounts_fork_makes_no_child() -> Result<()> {
    later("fork-unlink f0029")
}

#[test]
fn a_tripped_accounts_exec_runs_no_instruction() -> Result<()> {
    later("exec /bin/rm f0029")
}

#[test]
fn a_tripped_account_starts_nothing() -> Result<()> {
    let mut scene = filled()?;
    each(&scene, &["unlink {}"])?.until_stopped()?;
    for script in ["rm f0029", "echo new > f0029"] {
        scene.shell(script)?.until_stopped()?;
    }
    assert_eq!(truth::missing(&scene.tree(), FILES), 11);
    assert_eq!(scene.destroyed(FILES), 11);
    scene.catch_up()?;
    scene.end().map(drop)
}

#[test]
fn the_processes_that_are_stopped_are_the_accounts_alone() -> Result<()> {
    let mut scene = filled()?;
    each(&scene, &["unlink {}"])?.until_stopped()?;
    scene.catch_up()?;
    let own = std::process::id();
    let agent = scene.daemon.pid();
    for pid in [own, agent] {
        assert!(proc::Process::look(pid).is_some_and(|process| !process.is_stopped()));
        assert!(!scene.daemon.stopped()?.contains(&pid));
    }
    scene.end().map(drop)
}

/// Another process of the account does this to the one that was stopped. Returns how many files are gone then.
fn to_the_stopped(step: impl FnOnce(u32) -> String, goes_on: bool) -> Result<usize> {
    let mut scene = filled()?;
    let mut stopped = scene.shell("read go; exec rm -f *")?;
    let step = step(stopped.pid());
    let mut other = each_of(&scene, 1, &["wait", &step, &step, "unlink f0029"])?;
    other.until_says("waiting")?;
    stopped.tell("go")?;
    stopped.until_stopped()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), 11);
    other.tell("go")?;
    other.until_stopped().context(step)?;
    if goes_on {
        stopped.until_stopped()?;
    }
    scene.catch_up()?;
    assert!(scene.daemon.stopped()?.contains(&other.pid()));
    let gone = truth::missing(&scene.tree(), FILES);
    drop(other); // before the process that it may trace
    drop(stopped);
    scene.end()?;
    Ok(gone)
}

#[test]
fn who_continues_a_stopped_process_of_its_account_is_stopped_for_it() -> Result<()> {
    // The signal is sent nevertheless, so the other gets one call further; but nobody is left to send another.
    for by in ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"] {
        assert_eq!(to_the_stopped(|pid| format!("continue {by} {pid}"), true)?, 12, "{by}");
    }
    Ok(())
}

#[test]
fn who_traces_a_stopped_process_of_its_account_is_stopped_before_it_can_continue_it() -> Result<()> {
    assert_eq!(to_the_stopped(|pid| format!("trace {pid}"), false)?, 11);
    Ok(())
}
