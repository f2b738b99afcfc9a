//! Debian's packages: what is missing, and installing it when that is allowed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::run;

/// Installs those of `wanted` that are missing; asks apt nothing if none is.
pub(crate) fn install_missing(wanted: &[&str]) -> Result<()> {
    let missing = missing(wanted);
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// The name of the host's release.
pub(crate) fn release() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let name = name.context("/etc/os-release has no VERSION_CODENAME: this is no release of Debian")?;
    Ok(name.trim_matches('"').to_owned())
}

/// Whether it is installed.
pub(crate) fn is_installed(package: &str) -> bool {
    missing(&[package]).is_empty()
}

/// Installs `packages`, or brings them up to date; only root may, everybody else is told what to type.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if run::for_output(Command::new("apt-get").arg("--version")).is_err() {
        bail!("{list}: Debian packages, and this system has no apt-get");
    }
    if !rustix::process::geteuid().is_root() {
        bail!(
            "{list}: not installed, and only root may. Run:\n  sudo apt-get update\n  sudo apt-get install {list}"
        );
    }
    super::say("packages", &format!("installing {list}"));
    update();
    // Debian's compiler conflicts with its packages of rustup and of an older rustc: never remove those unasked.
    run::to_the_end(
        apt_get().args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(packages),
    )
}

/// Unpacks a package of the host's release into `directory`, without installing it.
pub(crate) fn unpack(package: &str, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    run::for_output(Command::new("apt-get").args(["--quiet", "download", package]).current_dir(directory))?;
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let archives = entries.flatten().map(|entry| entry.path());
    for archive in archives.filter(|path| path.extension().is_some_and(|end| end == "deb")) {
        run::to_the_end(Command::new("dpkg").arg("-x").args([archive.as_path(), directory]))?;
        fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    }
    Ok(())
}

/// Brings the lists of packages up to date.
pub(crate) fn update() {
    // A source of packages that has nothing to do with ours may be broken: the install tells whether it mattered.
    if let Err(error) = run::to_the_end(apt_get().args(["update"])) {
        super::say("packages", &format!("{error:#}; going on with the lists that there are"));
    }
}

/// apt, as it suits a log.
pub(super) fn apt_get() -> Command {
    let mut apt_get = Command::new("apt-get");
    // Into a log, not a terminal of dpkg's own with a line redrawn; and another apt may be busy for a while.
    apt_get.args(["--quiet", "--option", "Dpkg::Use-Pty=0", "--option", "DPkg::Lock::Timeout=300"]);
    apt_get.env("DEBIAN_FRONTEND", "noninteractive");
    apt_get
}

fn missing<'a>(wanted: &[&'a str]) -> Vec<&'a str> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Package} ${db:Status-Status}\n"]).args(wanted);
    // It exits with 1 if it does not know one of them, and still lists the others; without dpkg all are missing.
    let listed = query.output().map(|output| output.stdout).unwrap_or_default();
    not_installed(wanted, &String::from_utf8_lossy(&listed))
}

/// Those of `wanted` for which dpkg-query did not say `NAME installed`.
fn not_installed<'a>(wanted: &[&'a str], listed: &str) -> Vec<&'a str> {
    let installed = |name: &str| listed.lines().any(|line| line.split_once(' ') == Some((name, "installed")));
    wanted.iter().copied().filter(|name| !installed(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_fully_installed_counts() {
        let listed = "sudo installed\nrustc-web config-files\nzlib1g-dev installed\n";
        let wanted = ["rustc-web", "sudo", "zlib1g", "cargo-web"];
        assert_eq!(not_installed(&wanted, listed), ["rustc-web", "zlib1g", "cargo-web"]);
        assert!(not_installed(&["sudo", "zlib1g-dev"], listed).is_empty());
    }
}
