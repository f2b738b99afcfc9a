//! Who acts for an account, and who does not.

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::process::Command;

use anyhow::{Context as _, Result};
use tests::{Account, Daemon, Event, Ground, Job, Policy, SudoRule, ask_json, proc, truth, wait};

use crate::check::{FILES, each, filled, filled_by, is_protected, stopped_anywhere};
use crate::maps::Loaded;

#[test]
fn a_childs_child_is_a_member() -> Result<()> {
    let mut scene = filled()?;
    let _job = scene.shell("(sh -c 'rm -f *; true'; true); true")?;
    assert_eq!(stopped_anywhere(&mut scene)?.comm, "rm");
    assert_eq!(scene.destroyed(FILES), 11);
    scene.end().map(drop)
}

#[test]
fn a_daemon_is_a_member_after_everything_that_started_it_has_ended() -> Result<()> {
    let mut scene = filled()?;
    let gate = scene.ground.outside().join("gate");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        CString::new(gate.to_str().context("a path of ours is UTF-8")?)?,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )?;
    scene.ground.give(&gate)?;
    let job = scene.shell("setsid -f sh -c '(read go < ../outside/gate; exec rm -f *) & exit'")?;
    job.until_done()?;
    let mut gate = wait::until("the daemon opens the gate", || {
        match File::options().write(true).custom_flags(libc::O_NONBLOCK).open(&gate) {
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
            opened => Ok(Some(opened?)),
        }
    })?;
    // Only now: what has not made a session of its own yet ends with the job.
    drop(job);
    writeln!(gate, "go")?;
    assert_eq!(stopped_anywhere(&mut scene)?.comm, "rm");
    assert_eq!(scene.destroyed(FILES), 11);
    scene.end().map(drop)
}

#[test]
fn root_through_sudo_is_a_member() -> Result<()> {
    let mut scene = filled_by(Account::new()?)?;
    let Some(_rule) = SudoRule::allow_rm(&scene.account)? else {
        let error = Command::new("sudo").arg("--version").output().map(drop).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        return Ok(());
    };
    let job = scene.shell("exec sudo -n rm -f *")?;
    job.until_stopped()?;
    let burst = stopped_anywhere(&mut scene)?;
    assert_eq!(proc::Process::look(burst.pid).map(|rm| (rm.uid, rm.comm)), Some((0, "rm".to_owned())));
    assert_eq!(scene.destroyed(FILES), 11);
    scene.end().map(drop)
}

#[test]
fn a_process_lives_on_without_its_leader_and_ends_with_its_last_thread() -> Result<()> {
    let mut scene = filled()?;
    let ended = scene.hand(&["without-leader", "2"])?;
    ended.until_done()?;
    let job = scene.hand_command(&["without-leader", "30"])?;
    for number in 0..2 {
        fs::write(scene.file(truth::file_name(number)), "")?;
        scene.ground.give(&scene.file(truth::file_name(number)))?;
    }
    let job = Job::start(job)?;
    job.until_stopped()?;
    // Two were deleted before: nine more, one of them over the budget.
    assert_eq!(truth::missing(&scene.tree(), FILES), 9);
    assert_eq!(scene.daemon.burst()?.pid, job.pid());
    let members = Loaded::by(&scene.daemon)?.members()?;
    assert!(!members.contains(&ended.pid()) && members.contains(&job.pid()));
    scene.end().map(drop)
}

#[test]
fn an_exec_from_another_thread_changes_nothing() -> Result<()> {
    let mut scene = filled()?;
    let hand = scene.ground.hand()?;
    let job = scene.shell(&format!("exec {} exec-from-thread rm -- -f *", hand.display()))?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    assert_eq!((scene.daemon.burst()?.pid, scene.daemon.burst()?.comm.as_str()), (job.pid(), "rm"));
    scene.end().map(drop)
}

#[test]
fn a_process_that_has_ended_leaves_no_entry() -> Result<()> {
    let mut scene = filled()?;
    let mut pids = Vec::new();
    for script in ["true", "exit 3", "true & true & wait", "kill -9 $$", "setsid true"] {
        let job = scene.shell(script)?;
        job.until_ended()?;
        pids.push(job.pid());
    }
    let threads = scene.hand(&["threads", "8", "8"])?;
    threads.until_done()?;
    pids.push(threads.pid());
    scene.catch_up()?;
    let joined = scene.daemon.seen()?.iter().filter(|event| matches!(event, Event::Joined { .. })).count();
    assert!(joined > pids.len());
    // What is waited for here are children that nobody told us of.
    let loaded = Loaded::by(&scene.daemon)?;
    wait::until("no entry is left", || Ok(loaded.members()?.is_empty().then_some(())))?;
    scene.end().map(drop)
}

/// Also not for whoever looks at what runs, while its parent has not asked for it.
#[test]
fn a_process_that_has_ended_is_not_taken_on_by_the_next_generation() -> Result<()> {
    let mut scene = filled()?;
    let job = scene.shell("exit 0")?;
    job.until_done()?;
    scene.catch_up()?;
    let count = || -> Result<_> { Ok(ask_json(&["accounts"])?[0]["processes"].clone()) };
    wait::until("nobody acts for it", || Ok((count()? == 0).then_some(())))?;
    ask_json(&["reload", "--reason", "a test"])?;
    assert_eq!(count()?, 0);
    assert!(proc::Process::look(job.pid()).is_some_and(|process| process.is_zombie()), "this shows nothing");
    scene.end().map(drop)
}

#[test]
fn another_user_is_never_touched() -> Result<()> {
    let mut scene = filled()?;
    fs::set_permissions(scene.tree(), Permissions::from_mode(0o777))?;
    let other = Account::unlisted()?;
    let mut command = other.shell("rm -f * && echo new > f0000");
    command.current_dir(scene.tree());
    Job::start(command)?.until_done()?;
    // Nor after the account has tripped.
    scene.fill(FILES)?;
    each(&scene, &["unlink {}"])?.until_stopped()?;
    let mut command = other.shell("exec rm -f *");
    command.current_dir(scene.tree());
    let job = Job::start(command)?;
    job.until_done()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), FILES);
    scene.catch_up()?;
    assert!(!scene.daemon.stopped()?.contains(&job.pid()));
    assert_eq!(scene.daemon.operations()?.len(), 11);
    scene.end().map(drop)
}

#[test]
fn an_effective_user_alone_makes_no_member() -> Result<()> {
    let mut scene = filled()?;
    let mut command = Command::new(scene.ground.hand()?);
    command.args(["as-effective", &scene.account.uid().to_string(), &FILES.to_string()]);
    command.current_dir(scene.tree());
    let job = Job::start(command)?;
    job.until_done()?;
    scene.catch_up()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), FILES);
    assert_eq!(scene.daemon.operations()?, []);
    scene.end().map(drop)
}

#[test]
fn a_process_that_was_there_before_the_agent_is_a_member() -> Result<()> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    ground.fill(&ground.tree(), FILES)?;
    let mut command = account.command(ground.hand()?);
    command.args(["each", "30", "wait", "unlink {}"]).current_dir(ground.tree());
    let mut job = Job::start(command)?;
    let mut daemon = Daemon::start(&Policy::new(account.name(), &ground.tree()), ground.base())?;
    (0..FILES).try_for_each(|_| job.tell("go"))?;
    job.until_stopped()?;
    assert_eq!(truth::missing(&ground.tree(), FILES), 11);
    drop(job);
    daemon.end().map(drop)
}

#[test]
fn a_user_may_be_named_by_its_name() -> Result<()> {
    // In all other tests it is a mere number.
    is_protected(filled_by(Account::new()?)?)
}
