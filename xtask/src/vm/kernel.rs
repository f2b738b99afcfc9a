//! Debian's kernels for clouds: small, quick to boot, with a driver for our disk and its file system built in.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::once::once;
use crate::run;
use crate::setup::debian;

/// The kernels that are tested, the one for every day first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Series {
    /// Debian 13's, in Debian 12's security updates and backports too
    #[default]
    #[value(name = "6.12")]
    Linux612,
    /// Debian 12's, the oldest supported
    #[value(name = "6.1")]
    Linux61,
}

impl Series {
    /// Each of them.
    pub(crate) const ALL: &[Self] = &[Self::Linux612, Self::Linux61];
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux612 => "6.12",
            Self::Linux61 => "6.1",
        })
    }
}

/// A kernel to boot.
pub(crate) struct Kernel {
    pub(crate) image: PathBuf,
    /// As `uname -r` says.
    pub(crate) version: String,
    /// The directory of its modules.
    pub(crate) modules: PathBuf,
}

/// The kernel that is in `directory`; else the newest of the series that apt has, put there.
pub(crate) fn provide(directory: &Path, series: Series) -> Result<Kernel> {
    once(directory, |part| {
        fetch(part, series).map_err(|error| anyhow!("{error:#}\n{}", by_hand(directory, series)))
    })?;
    let boot = directory.join("boot");
    let entries = fs::read_dir(&boot).with_context(|| format!("cannot list {}", boot.display()))?;
    for entry in entries {
        let image = entry.with_context(|| format!("cannot list {}", boot.display()))?.path();
        let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(version) = name.strip_prefix("vmlinuz-") {
            let modules = directory.join("lib/modules").join(version);
            return Ok(Kernel { version: version.to_owned(), modules, image });
        }
    }
    bail!("there is no kernel in {}: remove {} and try again", boot.display(), directory.display())
}

fn by_hand(directory: &Path, series: Series) -> String {
    format!(
        "A package linux-image-{series}.…-cloud-amd64, from Debian's archive, is all it takes. By hand:\n  \
         dpkg -x linux-image-{series}….deb {}",
        directory.display()
    )
}

fn fetch(part: &Path, series: Series) -> Result<()> {
    debian::update();
    let known = run::for_output(Command::new("apt-cache").args(["pkgnames", "linux-image-"]))?;
    let Some(package) = newest(&known, series) else {
        bail!("apt offers no cloud kernel {series}: none of its sources is Debian's for this release");
    };
    println!("vm: fetching {package}");
    debian::unpack(package, part)
}

/// The newest kernel package of the series. Backports have theirs only without a signature, which we do not need.
fn newest(known: &str, series: Series) -> Option<&str> {
    let prefix = format!("linux-image-{series}.");
    let numbers = |name: &str| -> Vec<u32> {
        name.split(|byte: char| !byte.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    let cloud = |name: &&str| name.ends_with("-cloud-amd64") || name.ends_with("-cloud-amd64-unsigned");
    known.lines().filter(|name| name.starts_with(&prefix)).filter(cloud).max_by_key(|name| numbers(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_taken_by_number() {
        let known = "linux-image-6.12.9+deb12-cloud-amd64\nlinux-image-6.12.107+deb12-cloud-amd64-unsigned\n\
                     linux-image-6.12.107+deb12-cloud-amd64-dbg\nlinux-image-6.12.200+deb12-amd64\n\
                     linux-image-6.1.0-55-cloud-amd64\nlinux-image-6.12-cloud-amd64\n";
        assert_eq!(newest(known, Series::Linux612), Some("linux-image-6.12.107+deb12-cloud-amd64-unsigned"));
        assert_eq!(newest(known, Series::Linux61), Some("linux-image-6.1.0-55-cloud-amd64"));
        assert_eq!(newest("linux-image-6.10.3-cloud-amd64\n", Series::Linux61), None);
    }
}
