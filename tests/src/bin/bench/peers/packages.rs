//! Debian's packages of the peers: installed when they are missing, and left there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// Installs a package unless its program is there.
pub(super) fn provide(package: &str, program: &str) -> Result<()> {
    if Path::new(program).exists() {
        return Ok(());
    }
    ensure!(
        Path::new("/usr/bin/apt-get").exists(),
        "Debian's package {package} is not installed, and this system has no apt-get"
    );
    eprintln!("bench: installing {package}, to measure beside; `apt-get purge {package}` removes it again");
    let _quiet = NoServices::new()?;
    let mut complaint = String::new();
    for words in [&["update"][..], &["install", "--yes", "--no-install-recommends", "--no-remove", package]] {
        let mut apt = Command::new("apt-get");
        apt.args(["--quiet", "--option", "Dpkg::Use-Pty=0", "--option", "DPkg::Lock::Timeout=300"]);
        let output = apt
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output()
            .context("cannot run apt-get")?;
        complaint = super::last_line(&String::from_utf8_lossy(&output.stderr));
    }
    if !Path::new(program).exists() {
        bail!("apt-get cannot install {package}: {complaint}");
    }
    Ok(())
}

/// Meanwhile no package starts the service that it brings: the host's own is not what is measured.
struct NoServices {
    ours: bool,
}

impl NoServices {
    /// Debian's way to say so, unless somebody has said something there already.
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn new() -> Result<Self> {
        let ours = !Path::new(Self::POLICY).exists();
        if ours {
            fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n")
                .and_then(|()| fs::set_permissions(Self::POLICY, Permissions::from_mode(0o755)))
                .with_context(|| format!("cannot write {}", Self::POLICY))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(Self::POLICY)
        {
            eprintln!("{} is left behind: {error}", Self::POLICY);
        }
    }
}
