//! `cargo xtask package`: the .deb, made by cargo-deb from what agent/Cargo.toml says, and what must be true of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{product, run, setup, vm};

/// The version of cargo-deb that the package was looked at with.
const CARGO_DEB: &str = "3.8.0";
/// The oldest C library that it runs with: that of RHEL 9, Ubuntu 22.04 and Debian 12. `depends` in agent/Cargo.toml says it, too.
const GLIBC: (u32, u32) = (2, 34);
/// Each shell's name, and what its script is called where it looks for it.
const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "burstguard"), ("zsh", "_burstguard"), ("fish", "burstguard.fish")];

/// Makes it, and perhaps looks at it.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    setup::run(workspace)?;
    if check { stage(workspace, &mut Tally::default()) } else { provide(workspace).map(drop) }
}

/// Makes it from this checkout.
pub(crate) fn provide(workspace: &Workspace) -> Result<PathBuf> {
    product::build(workspace)?;
    let burstguard = workspace.release("burstguard");
    let made = workspace.release("package");
    manual(&burstguard, &made.join("man"))?;
    completions(&burstguard, &made.join("completions"))?;
    fs::copy(workspace.root.join("CHANGELOG.md"), made.join("changelog"))
        .context("cannot copy CHANGELOG.md")?;
    compress(&[made.join("changelog")])?;
    let package = made.join("burstguard.deb");
    let mut deb = cargo_deb(workspace)?;
    deb.args(["--package", "burstguard", "--no-build", "--output"]).arg(&package);
    run::to_the_end(
        deb.current_dir(workspace.root.join("agent")).env("CARGO_TARGET_DIR", &workspace.target),
    )?;
    Ok(package)
}

/// A stage of `cargo xtask test`: makes it and looks at it.
pub(crate) fn stage(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let package = provide(workspace)?;
    tally.check("the package has what it says", contents(&package));
    tally.check("it runs with the C library it asks for", floor(&workspace.release("burstguard")));
    tally.check("lintian finds nothing", vm::lintian(workspace, &package));
    ensure!(tally.failed == 0, "{} is not as it should be", package.display());
    Ok(())
}

/// cargo-deb, installed for this checkout.
fn cargo_deb(workspace: &Workspace) -> Result<Command> {
    let program = workspace.tool("cargo-deb");
    let version = || run::for_output(Command::new(&program).arg("--version"));
    if !version().is_ok_and(|version| version.contains(CARGO_DEB)) {
        println!("package: building cargo-deb {CARGO_DEB}, takes some minutes");
        // Quicker to build, and quick enough for one package.
        run::to_the_end(workspace.cargo_install("cargo-deb", CARGO_DEB).arg("--debug"))?;
    }
    Ok(Command::new(program))
}

fn manual(burstguard: &Path, directory: &Path) -> Result<()> {
    empty(directory)?;
    run::to_the_end(Command::new(burstguard).arg("manual").arg(directory))?;
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    compress(&entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>())
}

/// As Debian wants it: as well as can be, and the same each time.
fn compress(files: &[PathBuf]) -> Result<()> {
    run::to_the_end(Command::new("gzip").args(["--force", "--best", "--no-name"]).args(files))
}

fn completions(burstguard: &Path, directory: &Path) -> Result<()> {
    empty(directory)?;
    for (shell, name) in COMPLETIONS {
        let path = directory.join(name);
        let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut script = Command::new(burstguard);
        run::to_the_end(script.args(["completions", shell]).stdout(Stdio::from(file)))?;
    }
    Ok(())
}

/// What an earlier program has written there counts for nothing.
fn empty(directory: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))
}

fn contents(package: &Path) -> Result<()> {
    let listed = run::for_output(Command::new("dpkg-deb").arg("--contents").arg(package))?;
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().nth(5)).collect();
    for wanted in [
        "./usr/bin/burstguard",
        "./usr/lib/systemd/system/burstguard.service",
        "./usr/lib/systemd/user/burstguard-notify.service",
        "./usr/lib/sysusers.d/burstguard.conf",
        "./usr/lib/systemd/catalog/burstguard.catalog",
        "./etc/burstguard/policy.d/10-default.toml",
        "./usr/share/doc/burstguard/examples/policies/ai-laptop.toml",
        "./usr/share/doc/burstguard/runbook.md",
        "./usr/share/burstguard/prometheus/burstguard.rules.yml",
        "./usr/share/burstguard/grafana/burstguard.json",
        "./usr/share/man/man1/burstguard.1.gz",
        "./usr/share/man/man1/burstguard-lease-grant.1.gz",
        "./usr/share/bash-completion/completions/burstguard",
        "./usr/share/zsh/vendor-completions/_burstguard",
        "./usr/share/fish/vendor_completions.d/burstguard.fish",
    ] {
        ensure!(names.contains(&wanted), "there is no {wanted} in it:\n{listed}");
    }
    let conffiles = run::for_output(Command::new("dpkg-deb").arg("--info").arg(package).arg("conffiles"))?;
    ensure!(conffiles.trim() == "/etc/burstguard/policy.d/10-default.toml", "conffiles: {conffiles}");
    Ok(())
}

/// No symbol of a C library that is newer than what the package asks for.
fn floor(burstguard: &Path) -> Result<()> {
    let text = run::for_output(Command::new("readelf").args(["--wide", "--version-info"]).arg(burstguard))?;
    let newest = text.split("GLIBC_").skip(1).filter_map(version).max();
    let newest = newest.context("readelf finds no version of the C library")?;
    ensure!(
        newest <= GLIBC,
        "it takes glibc {}.{}, newer than {}.{}: build it on an older system, or raise the floor here and in agent/Cargo.toml",
        newest.0,
        newest.1,
        GLIBC.0,
        GLIBC.1
    );
    Ok(())
}

/// What a text begins with, if that is a version.
fn version(text: &str) -> Option<(u32, u32)> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_as_the_linker_writes_them() {
        assert_eq!(version("2.34   5 (GLIBC_2.2.5)"), Some((2, 34)));
        assert_eq!(version("2.2.5)"), Some((2, 2)));
        assert_eq!(version("PRIVATE"), None);
        assert!((2, 4) < GLIBC && (2, 35) > GLIBC);
    }
}
