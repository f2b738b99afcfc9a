//! Destructive commands: which they are, however they are run, and what becomes of one past the budget.

mod lsm;
mod shipped;
mod tracepoint;
mod wrapped;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tests::{Operation, Policy, Scene};

/// Programs of these names, which do nothing but to say in a file `done` beside them how they were called.
fn stand_ins<'n>(scene: &Scene, names: impl IntoIterator<Item = &'n str>) -> Result<PathBuf> {
    let directory = scene.ground.outside().join("bin");
    fs::create_dir_all(&directory)?;
    for name in names {
        let program = directory.join(name);
        fs::write(&program, "#!/bin/sh\necho \"${0##*/} $*\" >>\"${0%/*}/done\"\n")
            .and_then(|()| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", program.display()))?;
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
    Ok(directory)
}

/// How they were called so far.
fn done(scene: &Scene) -> Vec<String> {
    let text = fs::read_to_string(scene.ground.outside().join("bin/done")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What the account's commands were, as they were reported: the kinds of each and its words.
fn commands(scene: &mut Scene) -> Result<Vec<(String, String)>> {
    scene.catch_up()?;
    let is_one = |one: &Operation| one.kinds.iter().any(|kind| kind == "command" || kind == "recreate");
    let operations = scene.daemon.operations()?.into_iter().filter(is_one);
    Ok(operations.map(|one| (one.kinds.join("+"), one.path)).collect())
}

/// One that may be run once.
fn once(policy: Policy) -> Policy {
    policy.budget("commands", "1/10m")
}
