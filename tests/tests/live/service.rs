//! What a service manager hears of the daemon: when it is ready, that its loop turns, how things stand, and that it ends.

use anyhow::{Context as _, Result, ensure};
use tests::{Daemon, Enforcement, Manager, Party, policy_of, wait};

/// Where a line was said that begins so.
fn first(said: &[String], begin: &str) -> Option<usize> {
    said.iter().position(|line| line.starts_with(begin))
}

#[test]
fn it_is_ready_when_it_watches_and_says_so_again_after_each_reload() -> Result<()> {
    let parties = [Party::new(1)?];
    let base = parties[0].ground.base();
    let manager = Manager::new(base)?;
    // A service leaves everything in force when it ends.
    let _enforcement = Enforcement;
    let mut daemon = Daemon::start_as_service(&policy_of(&parties), base, &manager)?;
    let said = wait::until("it is ready", || {
        let said = manager.said();
        Ok(first(&said, "READY=1").map(|_| said))
    })?;
    let proving = first(&said, "STATUS=loading the kernel programs and proving them");
    ensure!(proving.is_some_and(|at| at < said.len() - 1), "{said:?}");
    let status = wait::until("it says how things stand", || {
        Ok(manager.said().into_iter().find(|line| line.starts_with("STATUS=") && line.contains("tier ")))
    })?;
    ensure!(status.contains("accounts watched: 1; open incidents: 0"), "{status}");

    let signs = || manager.said().iter().filter(|line| *line == "WATCHDOG=1").count();
    let before = signs();
    wait::until("it gives three more signs of life", || Ok((signs() >= before + 3).then_some(())))?;

    let heard = manager.said().len();
    daemon.hang_up()?;
    let again = wait::until("it is ready again", || {
        let said = manager.said().split_off(heard);
        Ok(first(&said, "READY=1").map(|_| said))
    })?;
    let reloads = first(&again, "RELOADING=1").context("it does not say that it reloads")?;
    ensure!(again[reloads + 1].starts_with("MONOTONIC_USEC="), "{again:?}");
    ensure!(first(&again, "READY=1") > Some(reloads), "{again:?}");

    daemon.end()?;
    let end = manager.said().split_off(heard);
    ensure!(first(&end, "STOPPING=1").is_some(), "{end:?}");
    Ok(())
}
