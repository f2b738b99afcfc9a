//! What keeps enforcement up without an agent is taken away: in a BPF file system that only the test sees.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tests::{BpfFs, Daemon, Event, Tmpfs, generations};

use crate::check::FILES;
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
    let complaint =
        |daemon: &Daemon| Ok::<_, anyhow::Error>(daemon.complaints()?.contains("everything is let go"));
    assert!(!complaint(&daemon)?);
    daemon.end()?;
    assert!(complaint(&daemon)?);
    job.until_done()?;
    assert_eq!(stage.missing(), FILES);
    Ok(())
}
