//! What waits says so on its terminal, and on nobody else's.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use tests::http::get;
use tests::{Account, Devpts, Scene, Session, Terminal, ask, ask_json, wait};

use crate::check::FILES;
use crate::commands::decide;
use crate::metrics::{free, measured_with};

/// The helper program destroys what it finds, on a terminal, until it is stopped.
fn stopped(scene: &Scene, terminal: &Terminal) -> Result<Session> {
    let session = terminal.start(scene.hand_command(&["each", &FILES.to_string(), "unlink {}"])?)?;
    session.until_stopped()?;
    Ok(session)
}

/// Waits until so many lines have come to this.
fn until_counted(address: SocketAddr, result: &str, lines: u32) -> Result<()> {
    let series = format!("burstguard_terminal_lines_total{{result=\"{result}\"}} {lines}\n");
    wait::until(&series, || Ok(get(address, "/metrics")?.1.contains(&series).then_some(())))
}

#[test]
fn a_process_that_is_stopped_says_why_and_whom_to_ask() -> Result<()> {
    let address = free()?;
    let mut scene = measured_with(address, |policy| policy.contact("#ops-oncall, ext. 5"))?;
    let mut terminal = Terminal::new()?;
    terminal.give(scene.account.uid())?;
    // Two processes on one terminal; the leader of its session is the last to end.
    let mut command = scene.account.shell("(while :; do /bin/true; done) & exec rm -f *");
    command.current_dir(scene.tree());
    let session = terminal.start(command)?;
    session.until_stopped()?;
    wait::until("both were stopped", || Ok((scene.daemon.stopped()?.len() >= 2).then_some(())))?;
    let shown = terminal.until_shows("burstguard why\r")?;
    let line = shown.lines().map(str::trim).find(|line| line.starts_with("burstguard: "));
    let line = line.unwrap_or_default();
    let end = format!(
        ") was stopped: 10 deletes of a0 in {} used up, incident 1; ask #ops-oncall, ext. 5; burstguard why",
        scene.tree().display()
    );
    assert!(line.starts_with("burstguard: ") && line.ends_with(&end), "{line:?}");
    let pid = session.pid().to_string();
    assert_eq!(ask_json(&["why", "--pid", &pid])?["contact"], "#ops-oncall, ext. 5");
    assert!(ask(&["why", "--pid", &pid])?.output.contains("ask #ops-oncall, ext. 5"));
    assert!(ask(&["incident", "1"])?.output.contains("  ask     #ops-oncall, ext. 5\n"));
    // The next incident says so too. By then everything was said of the first.
    decide(&["thaw", "1"])?;
    let shown = terminal.until_shows("incident 2;")?;
    assert_eq!(shown.matches("incident 1;").count(), 1, "{shown:?}");
    until_counted(address, "written", 2)?;
    drop(session);
    scene.end().map(drop)
}

#[test]
fn nobody_elses_terminal_is_written_to() -> Result<()> {
    let address = free()?;
    let scene = measured_with(address, |policy| policy)?;
    let stranger = Account::unlisted()?;
    let mut terminal = Terminal::new()?;
    let session = stopped(&scene, &terminal)?; // root's is good
    terminal.until_shows("burstguard why")?;
    until_counted(address, "written", 1)?;
    decide(&["kill", "1"])?;
    drop(session);
    scene.fill(FILES)?;
    let mut theirs = Terminal::new()?;
    let command = scene.hand_command(&["each", &FILES.to_string(), "unlink {}"])?;
    let session = theirs.start_given_to(command, stranger.uid())?;
    session.until_stopped()?;
    until_counted(address, "refused", 1)?;
    assert_eq!(theirs.shown()?, "");
    drop(session);
    scene.end().map(drop)
}

/// Terminals of a container have the numbers of ours.
#[test]
fn a_terminal_of_that_number_which_the_process_does_not_have_is_not_written_to() -> Result<()> {
    let address = free()?;
    let scene = measured_with(address, |policy| policy)?;
    let directory = scene.ground.base().join("pts");
    scene.ground.make_directory(&directory)?;
    let devpts = Devpts::mount(&directory)?;
    let inner = Terminal::of(devpts.path())?;
    inner.give(scene.account.uid())?;
    // Ours, of the same number, unless somebody has that one already.
    let number = inner.path().file_name().unwrap_or_default();
    let mut ours = Vec::new();
    while !Path::new("/dev/pts").join(number).exists() {
        ours.push(Terminal::new()?);
    }
    let session = stopped(&scene, &inner)?;
    until_counted(address, "refused", 1)?;
    for terminal in &mut ours {
        assert_eq!(terminal.shown()?, "");
    }
    // What is still mounted in the scene's directory keeps it from being removed.
    drop((session, inner, devpts));
    scene.end().map(drop)
}

#[test]
fn a_terminal_that_takes_nothing_keeps_nobody_waiting() -> Result<()> {
    let address = free()?;
    let scene = measured_with(address, |policy| policy)?;
    let terminal = Terminal::new()?;
    terminal.stop_output()?;
    let session = stopped(&scene, &terminal)?;
    until_counted(address, "blocked", 1)?;
    decide(&["kill", "1"])?;
    drop(session);
    scene.end().map(drop)
}
