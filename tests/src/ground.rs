//! A directory of our own for one account, with the tree to protect in it, and what is true of it on disk.
//!
//! ```text
//! /var/tmp/burstguard-XXXXXX/       root's, everybody may enter
//!     policy.toml, hand             for the agent and the account
//!     home/                         the account's
//!         tree/                     the account's, protected: f0000, f0001, …
//!         outside/                  the account's, not protected
//! ```

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::account::tool;
use crate::mount::{Mounted, Tmpfs};
use crate::truth::{file_name, original};
use crate::{Account, program};

/// The directory of one account.
pub struct Ground {
    // Dropped in this order: what is mounted inside of the directory goes first.
    mounts: Vec<Mounted>,
    in_memory: Option<Tmpfs>,
    base: TempDir,
    owner: (u32, u32),
}

impl Ground {
    /// On a disk, whatever /tmp is.
    pub fn new(account: &Account) -> Result<Self> {
        Self::make(account, false)
    }

    /// In memory.
    pub fn in_memory(account: &Account) -> Result<Self> {
        Self::make(account, true)
    }

    fn make(account: &Account, in_memory: bool) -> Result<Self> {
        let base = tempfile::Builder::new()
            .prefix("burstguard-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/var/tmp")
            .context("cannot make a directory in /var/tmp")?;
        let mut ground =
            Self { mounts: Vec::new(), in_memory: None, base, owner: (account.uid(), account.gid()) };
        if in_memory {
            ground.in_memory = Some(Tmpfs::mount(ground.base())?);
        }
        for directory in [ground.home(), ground.tree(), ground.outside()] {
            ground.make_directory(&directory)?;
        }
        Ok(ground)
    }

    /// Where all of it lies.
    #[must_use]
    pub fn base(&self) -> &Path {
        self.base.path()
    }

    /// The account's own directory, above the tree.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.base().join("home")
    }

    /// The tree to protect.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.home().join("tree")
    }

    /// A directory of the account that is not protected.
    #[must_use]
    pub fn outside(&self) -> PathBuf {
        self.home().join("outside")
    }

    /// Puts the paths in the place of `{tree}`, `{outside}`, `{home}` and `{base}`.
    #[must_use]
    pub fn expand(&self, text: &str) -> String {
        let paths = [
            ("{tree}", self.tree()),
            ("{outside}", self.outside()),
            ("{home}", self.home()),
            ("{base}", self.base().to_owned()),
        ];
        paths.iter().fold(text.to_owned(), |text, (name, path)| text.replace(name, &path.to_string_lossy()))
    }

    /// Makes a directory that the account owns.
    pub fn make_directory(&self, path: &Path) -> Result<()> {
        fs::create_dir(path).with_context(|| format!("cannot make {}", path.display()))?;
        self.give(path)
    }

    /// Makes `count` files in a directory, the account's own, which no lineage process made.
    pub fn fill(&self, directory: &Path, count: usize) -> Result<()> {
        for number in 0..count {
            let path = directory.join(file_name(number));
            fs::write(&path, original(number)).with_context(|| format!("cannot write {}", path.display()))?;
            self.give(&path)?;
        }
        Ok(())
    }

    /// Mounts something on a directory of the ground, by `mount` with these arguments.
    pub fn mount(&mut self, arguments: &[&str], at: &Path) -> Result<()> {
        self.mounts.push(Mounted::with(arguments, at)?);
        Ok(())
    }

    /// Mounts a file system of its own at the account's home, made by this program with these arguments. Nothing is in it, no tree either.
    pub fn mount_new(&mut self, mkfs: &str, arguments: &[&str]) -> Result<()> {
        const SIZE: u64 = 320 << 20; // no xfs is smaller than 300 MiB
        let (image, home) = (self.base().join("image"), self.home());
        let made = File::create(&image).and_then(|image| image.set_len(SIZE));
        made.with_context(|| format!("cannot make {}", image.display()))?;
        tool(Command::new(mkfs).args(arguments).arg(&image))?;
        tool(Command::new("modprobe").args(["--all", "loop", mkfs.trim_start_matches("mkfs.")]))?;
        let image = image.to_string_lossy().into_owned();
        self.mount(&["-o", "loop", &image], &home)
    }

    /// What the account mounts on this directory is taken away in the end.
    pub fn unmount_in_the_end(&mut self, at: &Path) {
        self.mounts.push(Mounted::by_whoever(at));
    }

    /// Gives a file or directory to the account.
    pub fn give(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.owner.0), Some(self.owner.1))
            .with_context(|| format!("cannot give {} to user {}", path.display(), self.owner.0))
    }

    /// The helper program, at a place where the account can run it wherever the checkout is.
    pub fn hand(&self) -> Result<PathBuf> {
        self.bring(&program::hand()?)
    }

    /// The helper program as the account runs it, in the tree. In its words `{tree}`, `{outside}`, `{home}` and `{base}`
    /// are the paths of this ground.
    pub fn hand_command(&self, account: &Account, words: &[&str]) -> Result<Command> {
        let mut command = account.command(self.hand()?);
        command.args(words.iter().map(|word| self.expand(word))).current_dir(self.tree());
        Ok(command)
    }

    /// A copy of a program that the account can run.
    pub fn bring(&self, program: &Path) -> Result<PathBuf> {
        let copy = self.base().join(program.file_name().context("a program has a name")?);
        if !copy.exists() {
            fs::copy(program, &copy)
                .with_context(|| format!("cannot copy {} to {}", program.display(), copy.display()))?;
            fs::set_permissions(&copy, Permissions::from_mode(0o755))
                .with_context(|| format!("cannot make {} executable", copy.display()))?;
        }
        Ok(copy)
    }
}
