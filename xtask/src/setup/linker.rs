//! bpf-linker: one that is there and reads what the compiler writes, else built for this checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::debian;
use super::toolchain::Toolchain;
use crate::run;
use crate::workspace::Workspace;

/// The version that the kernel programs were verified with.
pub(crate) const VERSION: &str = "0.13.0";

/// The smallest library that shows whether the linker reads this compiler's bitcode.
const PROBE: &str = "#![no_std]\n#[unsafe(no_mangle)]\npub extern \"C\" fn probe(x: u64) -> u64 { x + 1 }\n";

/// The path of a bpf-linker for `toolchain`; builds one if none is there.
pub(crate) fn provide(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    let own = workspace.tool("bpf-linker");
    for path in [Some(own.clone()), on_path()].into_iter().flatten() {
        if path.exists() {
            match check(workspace, toolchain, &path) {
                Ok(()) => return Ok(path),
                Err(error) => super::say("linker", &format!("{} will not do: {error:#}", path.display())),
            }
        }
    }
    install(workspace, toolchain.llvm)?;
    check(workspace, toolchain, &own).with_context(|| format!("{}, just built", own.display()))?;
    Ok(own)
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("bpf-linker")).find(|path| path.is_file())
}

/// It is our version, and links what the compiler writes: an older LLVM does not read a newer one's bitcode.
fn check(workspace: &Workspace, toolchain: &Toolchain, linker: &Path) -> Result<()> {
    let version = run::for_output(Command::new(linker).arg("--version"))?;
    let version = version.trim().trim_start_matches("bpf-linker ");
    anyhow::ensure!(version == VERSION, "version {version}, not {VERSION}");
    let [source, bitcode, object] =
        ["probe.rs", "probe.bc", "probe.o"].map(|name| workspace.tools.join(name));
    fs::write(&source, PROBE).with_context(|| format!("cannot write {}", source.display()))?;
    let mut rustc = toolchain.rustc();
    rustc.args([
        "--edition=2024",
        "--crate-type=lib",
        "--emit=llvm-bc",
        "-Copt-level=2",
        "-Cdebuginfo=2",
        "-o",
    ]);
    run::for_output(rustc.arg(&bitcode).arg(&source))?;
    let mut link = Command::new(linker);
    link.args(["--target=bpfel-unknown-none", "--cpu=v3", "--btf", "--export=probe", "-o"]);
    run::for_output(link.arg(&object).arg(&bitcode))?;
    Ok(())
}

/// Builds it against the LLVM of that version in Debian.
fn install(workspace: &Workspace, llvm: u32) -> Result<()> {
    debian::install_missing(&[&format!("llvm-{llvm}-dev")]).context("LLVM, to build bpf-linker with")?;
    super::say("linker", &format!("building bpf-linker {VERSION} with LLVM {llvm}, takes a minute or two"));
    let mut build = workspace.cargo_install("bpf-linker", VERSION);
    build.args(["--no-default-features", "--features", &format!("llvm-{llvm}")]);
    run::to_the_end(build.env("LLVM_PREFIX", format!("/usr/lib/llvm-{llvm}")))
}
