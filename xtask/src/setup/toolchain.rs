//! Compilers that can build `core` for the BPF target: they have its source, and are a nightly or pass for one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::debian;
use crate::run;

/// The kernel programs share the workspace's manifests, so its oldest compiler is theirs too.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");
/// Where Debian's compiler is.
const DEBIAN: &str = "/usr";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// An installed compiler and what decides whether it will do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// The directory that holds bin/rustc and bin/cargo.
    pub(crate) directory: PathBuf,
    release: String,
    /// Major version of its LLVM.
    pub(crate) llvm: u32,
    has_core_source: bool,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, release, llvm, .. } = self;
        write!(f, "rustc {release}, LLVM {llvm}, {}", directory.display())
    }
}

/// The installed compilers that will do, best first.
///
/// Nightlies were made for this; a stable one with the source, ours or Debian's, passes for one.
pub(crate) fn installed() -> Vec<Toolchain> {
    let listed = run::for_output(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let nightlies =
        nightlies(&listed).map(|name| sysroot(Command::new("rustup").args(["run", name, "rustc"])));
    let directories = nightlies.chain([sysroot(&mut Command::new("rustc")), Ok(DEBIAN.into())]);
    let mut found: Vec<Toolchain> = Vec::new();
    for toolchain in directories.filter_map(|directory| inspect(directory.ok()?).ok()) {
        if unfit(&toolchain).is_none() && !found.contains(&toolchain) {
            found.push(toolchain);
        }
    }
    found
}

/// Installs Debian's compiler.
pub(crate) fn from_debian() -> Result<Toolchain> {
    debian::install(&DEBIAN_PACKAGES).context("installing Debian's compiler")?;
    let toolchain = inspect(DEBIAN.into()).context("Debian's compiler is installed but does not run")?;
    match unfit(&toolchain) {
        Some(why) => bail!("{toolchain}: {why}"),
        None => Ok(toolchain),
    }
}

impl Toolchain {
    pub(crate) fn rustc(&self) -> Command {
        Command::new(self.directory.join("bin/rustc"))
    }

    /// Whether it takes unstable features by itself.
    pub(crate) fn is_nightly(&self) -> bool {
        self.release.ends_with("-nightly")
    }
}

fn inspect(directory: PathBuf) -> Result<Toolchain> {
    let version = run::for_output(Command::new(directory.join("bin/rustc")).arg("-vV"))?;
    let (release, llvm) = parse_version(&version)
        .with_context(|| format!("no release and LLVM version in what `rustc -vV` says:\n{version}"))?;
    let has_core_source = directory.join("lib/rustlib/src/rust/library/core").is_dir();
    Ok(Toolchain { directory, release, llvm, has_core_source })
}

/// Why a compiler will not do, if so.
fn unfit(toolchain: &Toolchain) -> Option<String> {
    if !toolchain.has_core_source {
        Some("the source of `core` is missing".to_owned())
    } else if numbers(&toolchain.release) < numbers(OLDEST) {
        Some(format!("older than {OLDEST}"))
    } else {
        None
    }
}

/// The leading numbers of a version: of `1.97.0-nightly`, 1 97 0.
fn numbers(version: &str) -> Vec<u32> {
    version.split(['.', '-']).map_while(|number| number.parse().ok()).collect()
}

/// The release and LLVM's major version in the output of `rustc -vV`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let value = |key| text.lines().find_map(|line: &str| line.strip_prefix(key));
    let llvm = value("LLVM version: ")?.split('.').next()?;
    Some((value("release: ")?.to_owned(), llvm.parse().ok()?))
}

/// The names of nightly toolchains in the output of `rustup toolchain list`.
fn nightlies(listed: &str) -> impl Iterator<Item = &str> {
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| name.starts_with("nightly"))
}

fn sysroot(rustc: &mut Command) -> Result<PathBuf> {
    let path = run::for_output(rustc.args(["--print", "sysroot"]))?;
    Ok(Path::new(path.trim()).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(release: &str, has_core_source: bool) -> Toolchain {
        Toolchain { directory: DEBIAN.into(), release: release.to_owned(), llvm: 22, has_core_source }
    }

    #[test]
    fn version_and_llvm_are_read() {
        let text =
            "rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(parse_version(text), Some(("1.96.0".to_owned(), 22)));
        assert_eq!(parse_version("release: 1.96.0"), None);
    }

    #[test]
    fn only_nightlies_are_listed() {
        let listed = "stable-x86_64-unknown-linux-gnu (active, default)\nnightly-2026-05-19-x86_64-unknown-linux-gnu\n\
                      1.95.0-x86_64-unknown-linux-gnu\nnightly-x86_64-unknown-linux-gnu (override)\n";
        let found: Vec<_> = nightlies(listed).collect();
        assert_eq!(
            found,
            ["nightly-2026-05-19-x86_64-unknown-linux-gnu", "nightly-x86_64-unknown-linux-gnu"]
        );
        assert_eq!(nightlies("no installed toolchains\n").count(), 0);
    }

    #[test]
    fn without_source_or_too_old_will_not_do() {
        assert_eq!(unfit(&toolchain("1.96.0", true)), None);
        assert_eq!(unfit(&toolchain("1.100.0-nightly", true)), None);
        assert!(unfit(&toolchain("1.96.0", false)).is_some());
        assert!(unfit(&toolchain("1.85.0", true)).is_some());
    }
}
