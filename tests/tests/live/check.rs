//! What most tests are: the account takes steps, and is or is not stopped.

use anyhow::{Context as _, Result};
use tests::{Account, Burst, Daemon, Ground, Job, Policy, Scene, proc, tracepoints, truth, wait};

/// How many files there are to destroy, unless a test says otherwise.
pub(crate) const FILES: usize = 30;

/// Steps of the helper program, and what comes of taking them for each file.
pub(crate) struct Row {
    pub(crate) steps: &'static [&'static str],
    /// Stopped when this many files are destroyed on disk, with a burst of these kinds; none: not stopped, and nothing
    /// that was done is an operation.
    pub(crate) stopped: Option<(usize, &'static str)>,
}

/// Steps that are stopped.
pub(crate) const fn stops(steps: &'static [&'static str], destroyed: usize, kind: &'static str) -> Row {
    Row { steps, stopped: Some((destroyed, kind)) }
}

/// Steps that cost nothing.
pub(crate) const fn costs_nothing(steps: &'static [&'static str]) -> Row {
    Row { steps, stopped: None }
}

/// Every row is true, for an account of its own, under the usual budgets.
pub(crate) fn hold(rows: &[Row]) -> Result<()> {
    hold_with(rows, |policy| policy)
}

/// Every row is true, for an account of its own: one agent watches them all.
pub(crate) fn hold_with(rows: &[Row], change: impl FnOnce(Policy) -> Policy) -> Result<()> {
    let parties: Vec<_> = rows.iter().map(|_| party()).collect::<Result<_>>()?;
    let mut parties_left = parties.iter();
    let (ground, account) = parties_left.next().context("a table has rows")?;
    let first = Policy::new(account.name(), &ground.tree());
    let policy =
        parties_left.fold(first, |policy, (ground, account)| policy.and(account.name(), &ground.tree()));
    let mut daemon = Daemon::start(&change(policy), ground.base())?;
    tracepoints::keep_in_use();
    for (Row { steps, stopped }, (ground, account)) in rows.iter().zip(&parties) {
        let context = || format!("steps {steps:?}");
        let job = Job::start(ground.hand_command(account, &[&["each", "30"], *steps].concat())?)?;
        match *stopped {
            Some((destroyed, kind)) => {
                job.until_stopped().with_context(context)?;
                let burst = daemon.burst_by(job.pid()).with_context(context)?;
                assert_eq!(
                    truth::destroyed(&ground.tree(), FILES),
                    destroyed,
                    "destroyed on disk by {steps:?}"
                );
                assert_eq!(burst.kinds.join("+"), kind, "kinds of the burst by {steps:?}");
                assert!(!burst.whole, "the burst by {steps:?}");
            }
            None => {
                job.until_done().with_context(context)?;
                daemon.catch_up(account)?;
                let operations = daemon.operations()?;
                let own: Vec<_> = operations.iter().filter(|one| one.pid == job.pid()).collect();
                assert!(own.is_empty(), "{steps:?}: {own:?}");
            }
        }
    }
    daemon.end_well().map(drop)
}

fn party() -> Result<(Ground, Account)> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    ground.fill(&ground.tree(), FILES)?;
    Ok((ground, account))
}

/// A scene with [`FILES`] files in its tree.
pub(crate) fn filled() -> Result<Scene> {
    filled_with(|policy| policy)
}

/// The same with another policy.
pub(crate) fn filled_with(change: impl FnOnce(Policy) -> Policy) -> Result<Scene> {
    let scene = Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        Ok(change(policy))
    })?;
    tracepoints::keep_in_use();
    Ok(scene)
}

/// The same for a certain user.
pub(crate) fn filled_by(account: Account) -> Result<Scene> {
    Scene::of(account, |policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        Ok(policy)
    })
}

/// A scene with [`FILES`] files in the directory `sub` of its tree.
pub(crate) fn filled_below() -> Result<Scene> {
    Scene::with(|policy, ground| {
        fill_below(ground)?;
        Ok(policy)
    })
}

pub(crate) fn fill_below(ground: &Ground) -> Result<()> {
    let sub = ground.tree().join("sub");
    ground.make_directory(&sub)?;
    ground.fill(&sub, FILES)
}

/// Starts the steps for each file.
pub(crate) fn each(scene: &Scene, steps: &[&str]) -> Result<Job> {
    each_of(scene, FILES, steps)
}

/// Starts the steps for each of the first `count` files.
pub(crate) fn each_of(scene: &Scene, count: usize, steps: &[&str]) -> Result<Job> {
    let count = count.to_string();
    scene.hand(&[&["each", &count], steps].concat())
}

/// Unlinking all files is stopped after the eleventh.
pub(crate) fn is_protected(mut scene: Scene) -> Result<()> {
    let job = each(&scene, &["unlink {}"])?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    assert_eq!(scene.daemon.burst()?.pid, job.pid());
    drop(job);
    scene.end().map(drop)
}

/// The steps, taken for each file, end well and are not a burst.
pub(crate) fn passes(scene: &mut Scene, steps: &[&str]) -> Result<()> {
    each(scene, steps)?.until_done()?;
    scene.catch_up()?;
    assert!(!scene.daemon.has_burst()?, "a burst by {steps:?}");
    Ok(())
}

/// Waits for the burst and until its process, which need not be a child of ours, is stopped.
pub(crate) fn stopped_anywhere(scene: &mut Scene) -> Result<Burst> {
    let burst = scene.daemon.burst()?;
    wait::until("the process of the burst is stopped", || {
        Ok(proc::Process::look(burst.pid).is_some_and(|process| process.is_stopped()).then_some(()))
    })?;
    Ok(burst)
}
