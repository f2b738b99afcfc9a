//! What keeps enforcement up without an agent is taken away: in a BPF file system that only the test sees.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tests::{BpfFs, Daemon, Event, Job, Manager, Tmpfs, generations, wait};

use crate::check::FILES;
use crate::maps::Loaded;
use crate::restart::{Stage, is_stopped};

/// Waits until it says that the pins were lost; why they are not there again, if so.
fn lost(daemon: &mut Daemon) -> Result<Option<String>> {
    daemon.wait_for("lost pins", |event| match event {
        Event::PinsLost { error } => Some(error.clone()),
        _ => None,
    })
}

#[test]
fn pins_that_are_removed_are_made_again() -> Result<()> {
    let _own = BpfFs::of_our_own()?;
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    for pin in fs::read_dir(&generations()?[0])? {
        // What remains are the mounts that hold trees.
        let _ = fs::remove_file(pin?.path());
    }
    assert_eq!(lost(&mut daemon)?, None);
    assert_eq!(generations()?.len(), 1);
    daemon.kill()?;
    stage.shell("exec rm -f *")?.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    Ok(())
}

#[test]
fn an_unmounted_file_system_is_mounted_again() -> Result<()> {
    let bpffs = BpfFs::of_our_own()?;
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    bpffs.unmount()?;
    assert_eq!(lost(&mut daemon)?, None);
    daemon.kill()?;
    // Nor may anything else of the account go on; and the next agent carries on.
    stage.shell("true")?.until_stopped()?;
    let next = stage.start()?;
    assert!(job.goes_on() && is_stopped(job.pid()));
    assert_eq!((generations()?.len(), stage.missing()), (1, 11));
    drop(next);
    tests::release()?;
    job.until_done()
}

/// Nobody can pin where there is no directory for it.
#[test]
fn without_pins_the_descriptors_enforce_and_nobody_stays_stopped() -> Result<()> {
    let bpffs = BpfFs::of_our_own()?;
    let stage = Stage::new()?;
    let mut daemon = stage.start()?;
    let covered = Tmpfs::mount(Path::new("/sys/fs"))?;
    let why = lost(&mut daemon)?.unwrap_or_default();
    assert!(why.contains("cannot mount the BPF file system"), "{why}");
    drop(covered);
    daemon.wait_for("it is pinned again", |event| matches!(event, Event::PinnedAgain).then_some(()))?;
    bpffs.unmount()?;
    let _covered = Tmpfs::mount(Path::new("/sys/fs"))?;
    let job = stage.shell("exec rm -f *")?;
    job.until_stopped()?;
    assert_eq!(stage.missing(), 11);
    let complaint = "everything is let go";
    assert!(!daemon.complaints()?.contains(complaint));
    daemon.end()?;
    daemon.until_complains(complaint)?;
    job.until_done()?;
    assert_eq!(stage.missing(), FILES);
    Ok(())
}

/// What a service manager has kept of an agent that was killed while there were no pins, and what that has stopped since.
struct Kept {
    // Dropped in this order: the file system that it is pinned in goes last.
    job: Job,
    loaded: Loaded,
    manager: Manager,
    stage: Stage,
    _own: BpfFs,
}

impl Kept {
    fn of_one_that_was_killed() -> Result<Self> {
        let bpffs = BpfFs::of_our_own()?;
        let stage = Stage::new()?;
        let manager = Manager::new(stage.ground.base())?;
        let mut daemon = Daemon::start_as_service(&stage.policy(), stage.ground.base(), &manager)?;
        let pinned = fs::read_dir(&generations()?[0])?.count() - 1;
        let handed_over = || Ok((manager.names().len() == pinned).then_some(()));
        wait::until("all but the trees is handed over", handed_over)?;
        let loaded = Loaded::by(&daemon)?;
        bpffs.unmount()?;
        let covered = Tmpfs::mount(Path::new("/sys/fs"))?;
        assert!(lost(&mut daemon)?.is_some());
        daemon.kill()?;
        drop(covered);
        let job = stage.shell("exec rm -f *")?;
        job.until_stopped()?;
        Ok(Self { job, loaded, manager, stage, _own: bpffs })
    }
}

#[test]
fn what_a_service_manager_keeps_enforces() -> Result<()> {
    let Kept { _own, stage, manager, loaded, job } = Kept::of_one_that_was_killed()?;
    assert_eq!((generations()?.len(), stage.missing()), (0, 11));
    manager.forget();
    loaded.until_gone()?;
    job.continue_it()?;
    job.until_done()?;
    assert_eq!(stage.missing(), FILES);
    Ok(())
}

#[test]
fn the_next_agent_carries_on_from_what_was_kept() -> Result<()> {
    let Kept { _own, stage, manager, loaded, job } = Kept::of_one_that_was_killed()?;
    let kept = manager.names();
    let mut next = Daemon::start_as_service(&stage.policy(), stage.ground.base(), &manager)?;
    next.until_complains("the service manager had kept it")?;
    stage.shell("true")?.until_stopped()?;
    assert!(job.goes_on() && is_stopped(job.pid()));
    wait::until("the one before is dropped", || {
        Ok((!manager.names().iter().any(|name| kept.contains(name))).then_some(()))
    })?;
    loaded.until_gone()?;
    assert_eq!(manager.names().len(), kept.len());
    next.end()?;
    drop(next);
    tests::release()?;
    job.until_done()
}
