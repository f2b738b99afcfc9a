//! Where the programs are that the tests run.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

/// The binary under test: `BURSTGUARD_BIN`, else the one beside us, else the release build beside our build.
pub fn agent() -> Result<PathBuf> {
    if let Some(named) = env::var_os("BURSTGUARD_BIN") {
        let path = PathBuf::from(named);
        ensure!(path.is_file(), "BURSTGUARD_BIN={}: there is no such program", path.display());
        return Ok(path);
    }
    let own = directory()?;
    let mut places = vec![own.join("burstguard")];
    places.extend(own.parent().map(|target| target.join("release/burstguard")));
    let found = places.iter().find(|path| path.is_file());
    found.cloned().with_context(|| {
        format!(
            "there is no burstguard at {places:?}: run `cargo build --release -p burstguard`, \
             or say in BURSTGUARD_BIN where it is"
        )
    })
}

/// The helper program of this crate, which does what no tool does; see `hand --help`.
pub fn hand() -> Result<PathBuf> {
    beside_us("hand")
}

/// The benchmarks; see `bench --help`.
pub fn bench() -> Result<PathBuf> {
    beside_us("bench")
}

fn beside_us(name: &str) -> Result<PathBuf> {
    let path = directory()?.join(name);
    ensure!(path.is_file(), "there is no {}: run `cargo build -p tests`", path.display());
    Ok(path)
}

/// Where cargo put us; a test lies one level deeper than a program.
fn directory() -> Result<PathBuf> {
    let mut directory = env::current_exe().context("cannot tell which program this is")?;
    directory.pop();
    if directory.ends_with("deps") {
        directory.pop();
    }
    Ok(directory)
}
