//! `cargo xtask setup`: a compiler that builds `core` for BPF, a linker that reads what it writes, and a note of both.
//!
//! The stable toolchain that builds the rest has neither. Each step looks before it installs, so that a second run
//! only says what it found.

mod backports;
pub(crate) mod debian;
mod linker;
mod toolchain;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Serialize;

use crate::workspace::Workspace;
use toolchain::Toolchain;

/// What agent/build.rs reads to build the kernel programs.
#[derive(Serialize)]
struct KernelToolchain<'a> {
    /// The directory that holds bin/cargo and bin/rustc; `rustup run` takes it like a name.
    toolchain: &'a Path,
    linker: &'a Path,
    /// Not a nightly: it needs RUSTC_BOOTSTRAP=1 to build `core`.
    bootstrap: bool,
}

const BY_HAND: &str = "\
By hand, any of these makes the kernel programs build:
  rustup component add rust-src                        # then run this again
  apt-get install rustc-web cargo-web rust-web-src     # on Debian, then run this again
and a bpf-linker 0.13.0 on PATH whose LLVM is not older than the compiler's (`rustc -vV` tells):
  https://github.com/aya-rs/bpf-linker#installation";

/// Finds or installs everything, and writes it down.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    fs::create_dir_all(&workspace.tools)
        .with_context(|| format!("cannot make {} for the tools", workspace.tools.display()))?;
    let (toolchain, linker) = provide(workspace)?;
    let note = workspace.tools.join("kernel-toolchain.json");
    let content = serde_json::to_string_pretty(&KernelToolchain {
        toolchain: &toolchain.directory,
        linker: &linker,
        bootstrap: !toolchain.is_nightly(),
    })?;
    write_if_changed(&note, &content)?;
    say("toolchain", &toolchain.to_string());
    say("linker", &format!("bpf-linker {}, {}", linker::VERSION, linker.display()));
    to_show();
    say("ready", &note.display().to_string());
    Ok(())
}

/// The first toolchain for which there is, or can be made, a linker.
fn provide(workspace: &Workspace) -> Result<(Toolchain, PathBuf)> {
    let mut refused = Vec::new();
    for toolchain in toolchain::installed() {
        match linker::provide(workspace, &toolchain) {
            Ok(linker) => return Ok((toolchain, linker)),
            Err(error) => refused.push(format!("{toolchain}: {error:#}")),
        }
    }
    if !refused.is_empty() {
        bail!(
            "no linker for any compiler that could build the kernel programs:\n  {}\n{BY_HAND}",
            refused.join("\n  ")
        );
    }
    say("toolchain", "no installed compiler has the source of `core`");
    let toolchain = toolchain::from_debian().map_err(|error| anyhow!("{error:#}\n{BY_HAND}"))?;
    let linker = linker::provide(workspace, &toolchain).map_err(|error| anyhow!("{error:#}\n{BY_HAND}"))?;
    Ok((toolchain, linker))
}

/// What building does not need, and what for it is there: without sudo the demonstration leaves out one scenario; without the others the
/// tests of pages, of the live screen and of notifications fail.
const TO_SHOW: [(&str, &[&str]); 4] = [
    ("sudo", &["sudo"]),
    ("browser", &["chromium-headless-shell", "fonts-dejavu-core"]),
    ("tmux", &["tmux"]),
    ("bus", &["dbus-daemon", "dbus-bin", "dbus-tests", "systemd"]),
];

fn to_show() {
    for (what, packages) in TO_SHOW {
        match debian::install_missing(packages) {
            Ok(()) => say(what, "is there"),
            Err(error) => say(what, &format!("left out: {error:#}")),
        }
    }
}

/// The emulator, as a package.
const EMULATOR: &str = "qemu-system-x86";

/// What a virtual machine takes; nothing else needs it, so it is installed when the first one is booted.
pub(crate) fn virtual_machine(workspace: &Workspace) -> Result<()> {
    debian::install_missing(&["mmdebstrap", "e2fsprogs"]).context("for a virtual machine")?;
    if debian::is_installed(EMULATOR) {
        return Ok(());
    }
    // A newer one is quicker, and does not run into instructions that are just being exchanged; where other tools of QEMU's are newer
    // already, the release's own cannot be installed beside them.
    if rustix::process::geteuid().is_root()
        && let Err(error) = backports::install(&workspace.target.join("apt"), &[EMULATOR])
    {
        say("packages", &format!("{error:#}; taking the release's own"));
    }
    debian::install_missing(&[EMULATOR]).context("for a virtual machine")
}

/// An unchanged note keeps its time, and so does not rebuild the kernel programs.
fn write_if_changed(path: &Path, content: &str) -> Result<()> {
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.with_context(|| format!("cannot read {}", path.display()))?),
    };
    if before.as_deref() != Some(content) {
        fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn say(what: &str, text: &str) {
    println!("setup: {what:<9} {text}");
}
