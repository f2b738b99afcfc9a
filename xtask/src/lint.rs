//! What must hold before any test is worth running: format, clippy, licences, sources of dependencies.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run;
use crate::workspace::Workspace;

const CARGO_DENY: &str = "0.20.2";

/// Runs every check, and stops at the first that finds something.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    run::to_the_end(&mut workspace.cargo(["fmt", "--all", "--check"]))
        .context("not formatted: run `cargo fmt --all`")?;
    run::to_the_end(&mut workspace.cargo(["clippy", "--all-targets", "--", "--deny", "warnings"]))
        .context("clippy or the compiler has something to say")?;
    let mut deny = cargo_deny(workspace)?;
    // Without `advisories`, which asks a database on the network: a checkout must lint the same offline and next year.
    deny.args(["deny", "--workspace", "check", "licenses", "bans", "sources"]).current_dir(&workspace.root);
    run::to_the_end(&mut deny).context("a dependency breaks a rule of deny.toml")
}

/// Whichever cargo-deny is there; else the pinned one, installed for this checkout.
fn cargo_deny(workspace: &Workspace) -> Result<Command> {
    let own = workspace.tool("cargo-deny");
    for path in [Path::new("cargo-deny"), &own] {
        if run::for_output(Command::new(path).arg("--version")).is_ok() {
            return Ok(Command::new(path));
        }
    }
    println!("lint: cargo-deny {CARGO_DENY} is missing: building it, once, takes some minutes");
    run::to_the_end(&mut workspace.cargo_install("cargo-deny", CARGO_DENY))?;
    Ok(Command::new(own))
}
