//! The real binary, and what the `tests` crate builds on top of it: the demonstration and the benchmarks.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;
use crate::{run, setup};

/// How the tests and the demonstration find the binary they drive.
pub(crate) const BINARY_VARIABLE: &str = "BURSTGUARD_BIN";

/// Builds `target/release/burstguard`.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    run::to_the_end(&mut workspace.cargo(["build", "--release", "-p", "burstguard"]))
}

/// Builds everything and becomes `target/release/<program>`; comes back only with an error.
///
/// It is executed in our place, so that Ctrl-C and the exit status are its own and it can put back what it changed.
pub(crate) fn exec(workspace: &Workspace, program: &str, args: &[OsString]) -> Result<ExitCode> {
    setup::run(workspace)?;
    run::to_the_end(&mut workspace.cargo(["build", "--release", "-p", "burstguard", "-p", "tests"]))?;
    let path = workspace.release(program);
    let error = Command::new(&path).args(args).env(BINARY_VARIABLE, workspace.release("burstguard")).exec();
    Err(error).with_context(|| format!("cannot start {}, a program of the crate `tests`", path.display()))
}
