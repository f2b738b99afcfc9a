//! Compilers that can build `core` for the BPF target: they have its source, and are a nightly or pass for one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::debian;
use crate::run;

/// The kernel programs share the workspace's manifests, so its oldest compiler is theirs too.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");
/// Where Debian's compiler is. `rustup run` takes a directory as well as a name.
const DEBIAN: &str = "/usr";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// An installed compiler and what decides whether it will do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// As `rustup run` takes it.
    pub(crate) name: String,
    pub(crate) release: String,
    pub(crate) nightly: bool,
    /// Major version of its LLVM.
    pub(crate) llvm: u32,
    pub(crate) has_core_source: bool,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, release, llvm, .. } = self;
        write!(f, "rustc {release} of {name}, LLVM {llvm}")
    }
}

/// The installed compilers that will do, best first: a nightly was made for this, Debian's is asked to pass for one.
pub(crate) fn installed() -> Result<Vec<Toolchain>> {
    let names = match rustup() {
        Some(listed) => nightlies(&listed).chain([DEBIAN.to_owned()]).collect(),
        // aya-build then takes the cargo on PATH, whatever name we give it.
        None => vec![sysroot(&mut Command::new("rustc"))?.display().to_string()],
    };
    let found = names.into_iter().filter_map(|name| inspect(name).ok());
    Ok(found.filter(|toolchain| unfit(toolchain).is_none()).collect())
}

/// Installs Debian's compiler.
pub(crate) fn from_debian() -> Result<Toolchain> {
    debian::install(&DEBIAN_PACKAGES).context("installing Debian's compiler")?;
    let toolchain = inspect(DEBIAN.to_owned()).context("Debian's compiler is installed but does not run")?;
    match unfit(&toolchain) {
        Some(why) => bail!("{toolchain}: {why}"),
        None => Ok(toolchain),
    }
}

impl Toolchain {
    /// The compiler itself, for what is done without cargo.
    pub(crate) fn rustc(&self) -> Command {
        rustc(&self.name)
    }
}

fn inspect(name: String) -> Result<Toolchain> {
    let version = run::for_output(rustc(&name).arg("-vV"))?;
    let sysroot = sysroot(&mut rustc(&name))?;
    let has_core_source = sysroot.join("lib/rustlib/src/rust/library/core").is_dir();
    parse_version(&version)
        .map(|(release, llvm)| Toolchain {
            nightly: release.ends_with("-nightly"),
            name,
            release,
            llvm,
            has_core_source,
        })
        .with_context(|| format!("no release and LLVM version in what `rustc -vV` says:\n{version}"))
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
fn nightlies(listed: &str) -> impl Iterator<Item = String> {
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| name.starts_with("nightly")).map(str::to_owned)
}

fn rustup() -> Option<String> {
    run::for_output(Command::new("rustup").args(["toolchain", "list"])).ok()
}

fn rustc(name: &str) -> Command {
    if rustup().is_none() {
        return Command::new("rustc");
    }
    let mut rustc = Command::new("rustup");
    rustc.args(["run", name, "rustc"]);
    rustc
}

fn sysroot(rustc: &mut Command) -> Result<PathBuf> {
    let path = run::for_output(rustc.args(["--print", "sysroot"]))?;
    Ok(Path::new(path.trim()).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(release: &str, has_core_source: bool) -> Toolchain {
        let name = DEBIAN.to_owned();
        Toolchain { name, release: release.to_owned(), nightly: false, llvm: 22, has_core_source }
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
