//! An agent that ends lets go of what it has stopped.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use tests::{Account, Daemon, Event, Ground, Policy, Scene, SudoRule, Terminal, truth};

use crate::check::{FILES, each, each_of, filled, filled_by, stopped_anywhere};
use crate::maps::Loaded;

fn released(scene: &mut Scene) -> Result<Vec<u32>> {
    scene.daemon.wait_for("a release", |event| match event {
        Event::Released { pids } => Some(pids.clone()),
        _ => None,
    })
}

#[test]
fn on_sigterm_what_was_stopped_goes_on_to_its_end() -> Result<()> {
    lets_go_by(Signal::TERM)
}

#[test]
fn so_it_does_when_its_terminal_is_closed() -> Result<()> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    ground.fill(&ground.tree(), FILES)?;
    let terminal = Terminal::new()?;
    let daemon = Daemon::start_on(&terminal, &Policy::new(account.name(), &ground.tree()), ground.base())?;
    goes_on_by(Scene { daemon, ground, account }, Signal::HUP)
}

fn lets_go_by(signal: Signal) -> Result<()> {
    goes_on_by(filled()?, signal)
}

fn goes_on_by(mut scene: Scene, signal: Signal) -> Result<()> {
    let loaded = Loaded::by(&scene.daemon)?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    scene.daemon.end_by(signal)?;
    job.until_done()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), FILES);
    assert_eq!(released(&mut scene)?, [job.pid()]);
    loaded.until_gone()
}

/// The pipe is full, and so is the agent's own queue behind it. It goes on with its work, and it ends.
#[test]
fn an_agent_that_nobody_listens_to_lets_go_all_the_same() -> Result<()> {
    let mut scene = filled()?;
    scene.daemon.turn_away();
    // Each is a line to print: more than a pipe and the queue can take.
    each_of(&scene, 12_000, &["!unlink ../nothing"])?.until_done()?;
    let job = each(&scene, &["unlink {}"])?;
    job.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    let told = Instant::now();
    scene.daemon.end_unheard()?;
    assert!(told.elapsed() < Duration::from_secs(10), "it took {:?} to end", told.elapsed());
    job.until_done()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), FILES);
    Ok(())
}

#[test]
fn an_agent_may_be_told_to_end_as_soon_as_it_says_that_it_is_armed() -> Result<()> {
    // More than once, since it is a race; ending also asks that it ends in its own way.
    (0..5).try_for_each(|_| filled()?.end().map(drop))
}

#[test]
fn a_shell_that_waits_for_what_was_stopped_ends_well_too() -> Result<()> {
    let mut scene = filled()?;
    let job = scene.shell("rm -f * && echo done > ../outside/f0000")?;
    stopped_anywhere(&mut scene)?;
    scene.daemon.end()?;
    job.until_done()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), FILES);
    assert!(scene.ground.outside().join("f0000").exists());
    Ok(())
}

#[test]
fn sudo_which_stops_itself_with_its_child_ends_well_too() -> Result<()> {
    let mut scene = filled_by(Account::new()?)?;
    let Some(_rule) = SudoRule::allow_rm(&scene.account)? else {
        let error = std::process::Command::new("sudo").arg("--version").output().map(drop).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        return Ok(());
    };
    let job = scene.shell("exec sudo -n rm -f *")?;
    job.until_stopped()?;
    scene.daemon.end()?;
    job.until_done_in_the_end()?;
    assert_eq!(truth::missing(&scene.tree(), FILES), FILES);
    Ok(())
}

#[test]
fn many_stopped_processes_are_all_let_go() -> Result<()> {
    let mut scene = filled()?;
    let tripping = scene.shell("exec rm -f *")?;
    tripping.until_stopped()?;
    let jobs: Vec<_> = (0..20).map(|_| scene.shell("exec true")).collect::<Result<_>>()?;
    jobs.iter().try_for_each(|job| job.until_stopped().map(drop))?;
    scene.daemon.end()?;
    jobs.iter().try_for_each(tests::Job::until_done)?;
    tripping.until_done()
}

#[test]
fn what_someone_else_stopped_stays_stopped() -> Result<()> {
    let mut scene = filled()?;
    let own = scene.shell("kill -STOP $$; true")?;
    own.until_stopped()?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    scene.daemon.end()?;
    job.until_done()?;
    assert!(own.goes_on() && tests::proc::Process::look(own.pid()).is_some_and(|own| own.is_stopped()));
    Ok(())
}
