//! The host as its administrators work on it.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tests::{Said, ask, say, wait};

/// The package, as it was brought along.
pub const PACKAGE: &str = "/opt/tests/burstguard.deb";

/// Whom a call that waits waits for: of the group burstguard, and not root.
pub const RESPONDER: &str = "oncall";

/// Runs a command to its end; what it printed.
pub fn run(words: &[&str]) -> Result<String> {
    let said = attempt(words)?;
    ensure!(said.exit == Some(0), "{words:?}: {said:?}");
    Ok(said.output.trim().to_owned())
}

/// Runs a command to its end; how that was.
pub fn attempt(words: &[&str]) -> Result<Said> {
    let (program, arguments) = words.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    say(command)
}

/// The same as somebody else.
pub fn attempt_as(user: &str, words: &[&str]) -> Result<Said> {
    attempt(&[&["runuser", "-u", user, "--"], words].concat())
}

/// A property of a unit, as systemd has it.
pub fn property(unit: &str, name: &str) -> Result<String> {
    run(&["systemctl", "show", "--value", &format!("--property={name}"), unit])
}

/// Fails unless the unit is active.
pub fn ensure_active(unit: &str) -> Result<()> {
    let state = property(unit, "ActiveState")?;
    ensure!(state == "active", "{unit} is {state}");
    Ok(())
}

/// Waits until a unit is in this state.
pub fn until_state(unit: &str, state: &str) -> Result<()> {
    until_property(unit, "ActiveState", state)
}

/// Waits until a property of a unit has this value.
pub fn until_property(unit: &str, name: &str, value: &str) -> Result<()> {
    let mut last = String::new();
    wait::until(&format!("{name} of {unit} is {value}"), || {
        last = property(unit, name)?;
        Ok((last == value).then_some(()))
    })
    .with_context(|| format!("it is {last}"))
}

/// Whether systemd does what it is asked: it reads its units anew and starts one.
pub fn ensure_responsive() -> Result<()> {
    run(&["systemctl", "daemon-reload"])?;
    run(&["systemd-run", "--quiet", "--wait", "true"]).map(drop)
}

/// What is worth reading when a scene has failed.
pub fn circumstances() -> String {
    let looks: [&[&str]; 4] = [
        &["burstguard", "status"],
        &["burstguard", "incidents", "--open"],
        &["systemctl", "--no-pager", "list-jobs"],
        &["journalctl", "--no-pager", "--lines=60", "--output=cat", "--unit=burstguard"],
    ];
    let told = looks.map(|words| match attempt(words) {
        Ok(said) => format!("$ {}\n{}{}", words.join(" "), said.output, said.complaint),
        Err(error) => format!("$ {}: {error:#}\n", words.join(" ")),
    });
    told.concat()
}

/// Whatever waits goes on, and who is refused begins anew: the scene is over.
pub fn calm() {
    // Each may fail: it is what the scene may have broken.
    let _ = run(&["systemctl", "start", "burstguard"]);
    let _ = ask(&["thaw", "--all", "--reason", "the scene is over"]);
}
