//! The right to run a program as root, for one throwaway user.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::account::{Account, tool};

const RULES: &str = "/etc/sudoers.d";

/// A file of sudo's rules, which is taken away again.
pub struct SudoRule {
    path: PathBuf,
}

impl SudoRule {
    /// Lets the account run `rm` as root without a password; none: there is no sudo here.
    pub fn allow_rm(account: &Account) -> Result<Option<Self>> {
        Self::allow(account, &["/usr/bin/rm", "/bin/rm"].map(Path::new))
    }

    /// Lets the account run these programs, with any arguments.
    pub fn allow(account: &Account, programs: &[&Path]) -> Result<Option<Self>> {
        if !Path::new("/usr/bin/sudo").exists() || !Path::new(RULES).is_dir() {
            return Ok(None);
        }
        // sudo reads no file with a dot in its name, so nothing is in force before it has been checked.
        let draft = Self { path: Path::new(RULES).join(format!("{}.draft", account.name())) };
        let path = &draft.path;
        let programs: Vec<_> = programs.iter().map(|program| program.to_string_lossy()).collect();
        fs::write(path, format!("{} ALL=(root) NOPASSWD: {}\n", account.name(), programs.join(", ")))
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o440)))
            .with_context(|| format!("cannot write {}", path.display()))?;
        tool(Command::new("visudo").args(["--check", "--quiet", "--file"]).arg(path))?;
        let rule = Self { path: Path::new(RULES).join(account.name()) };
        fs::rename(path, &rule.path)
            .with_context(|| format!("cannot put {} in force", rule.path.display()))?;
        Ok(Some(rule))
    }
}

impl Drop for SudoRule {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                eprintln!("{} is left behind: {error}", self.path.display());
            }
            _ => {}
        }
    }
}
