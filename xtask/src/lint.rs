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
    run::to_the_end(&mut workspace.cargo(["clippy", "--all-targets", "--", "--deny", "warnings"]))?;
    run::to_the_end(&mut clippy_for_the_kernel_programs(workspace))?;
    // Without `advisories`, which asks a database on the network: a commit must lint the same offline and next year.
    let mut deny = cargo_deny(workspace)?;
    deny.args(["deny", "--workspace", "check", "licenses", "bans", "sources"]).current_dir(&workspace.root);
    run::to_the_end(&mut deny).context("a dependency breaks a rule of deny.toml")
}

/// The stable clippy, as if the programs were for this host: that needs neither the source of `core` nor a linker.
fn clippy_for_the_kernel_programs(workspace: &Workspace) -> Command {
    let mut clippy = workspace.cargo(["clippy", "-p", "agent-ebpf", "--", "--deny", "warnings"]);
    // Build scripts of common crates look at RUSTC_BOOTSTRAP: in the usual target directory all would be rebuilt.
    clippy.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", workspace.target.join("lint"));
    // As on the BPF target, which cannot unwind; nor can a program without std on this one.
    clippy.env("CARGO_PROFILE_DEV_PANIC", "abort");
    clippy
}

/// Whichever cargo-deny is there; else the pinned one, installed for this checkout.
fn cargo_deny(workspace: &Workspace) -> Result<Command> {
    let own = workspace.tool("cargo-deny");
    for path in [Path::new("cargo-deny"), &own] {
        if run::for_output(Command::new(path).arg("--version")).is_ok() {
            return Ok(Command::new(path));
        }
    }
    println!("lint: building cargo-deny {CARGO_DENY}, once, takes about a minute");
    let mut install = workspace.cargo_install("cargo-deny", CARGO_DENY);
    // Not optimised: it then runs for two seconds, but builds in a third of the time.
    run::to_the_end(install.args(["--debug", "--no-default-features"]))?;
    Ok(Command::new(own))
}
