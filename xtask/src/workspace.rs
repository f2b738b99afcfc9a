//! Where things are: the checkout, what is built, and the tools that are installed for it alone.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The paths of one checkout.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, else `target`.
    pub(crate) target: PathBuf,
    /// Always under the checkout, because agent/build.rs looks there whatever the target directory.
    pub(crate) tools: PathBuf,
}

impl Workspace {
    pub(crate) fn locate() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("xtask's own directory has no parent")?.to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => std::path::absolute(&dir)
                .with_context(|| format!("CARGO_TARGET_DIR={}: not a path", dir.display()))?,
            None => root.join("target"),
        };
        let tools = root.join("target/tools");
        Ok(Self { root, target, tools })
    }

    /// The cargo that runs us, at the root of the checkout.
    pub(crate) fn cargo<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(args).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// `cargo install`s one pinned version into `tools`.
    pub(crate) fn cargo_install(&self, name: &str, version: &str) -> Command {
        let mut install =
            self.cargo(["install", name, "--version", version, "--locked", "--force", "--root"]);
        // Built in a directory that cargo removes, without debug info: nothing but the program is worth keeping.
        install.arg(&self.tools).env_remove("CARGO_TARGET_DIR");
        install.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_RELEASE_DEBUG", "0");
        install
    }

    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools.join("bin").join(name)
    }

    pub(crate) fn release(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }
}
