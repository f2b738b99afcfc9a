//! What agents leave in the kernel.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::program;

const HOME: &str = "/sys/fs/bpf/burstguard";

/// What agents leave in force is taken away when this is dropped.
#[derive(Default)]
pub struct Enforcement;

impl Drop for Enforcement {
    fn drop(&mut self) {
        if let Err(error) = release() {
            eprintln!("kernel programs may be left behind: {error:#}");
        }
    }
}

/// Lets go without an agent; what it says.
pub fn release() -> Result<String> {
    let output = Command::new(program::agent()?).arg("release").output().context("cannot run release")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "release failed: {said}");
    Ok(said + &String::from_utf8_lossy(&output.stdout))
}

/// The directories of the generations that are pinned.
pub fn generations() -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(HOME) else { return Ok(Vec::new()) };
    let mut found = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    found.retain(|path| !path.ends_with("mounted"));
    found.sort();
    Ok(found)
}
