//! The guest's disk: a minimal Debian, the tests, and the shell script that is its first process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Home;
use crate::run;
use crate::workspace::Workspace;

/// Where the tests are in the guest; init.sh knows it too.
const TESTS: &str = "opt/tests";
/// What the guest needs besides what every Debian has, with commas between.
pub(super) const PACKAGES: &str = "sudo";
/// Nobody reads them there.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/// Writes the disk: the tests with these names will run, all if there are none.
pub(super) fn disk(workspace: &Workspace, home: &Home, disk: &Path, tests: &[String]) -> Result<PathBuf> {
    let root = home.root();
    if !root.is_dir() {
        debootstrap(&root)?;
    }
    let directory = root.join(TESTS);
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let live = build_tests(workspace)?;
    let hand = live.with_file_name("../hand");
    let programs = [("live", live), ("hand", hand), ("burstguard", workspace.release("burstguard"))];
    for (name, program) in programs {
        // Without debug info: `hand` is copied for each account, by an emulated processor.
        run::to_the_end(Command::new("strip").arg("-o").arg(directory.join(name)).arg(program))?;
    }
    let init = directory.join("init");
    fs::write(&init, include_str!("init.sh"))
        .and_then(|()| fs::set_permissions(&init, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", init.display()))?;
    let arguments = directory.join("arguments");
    fs::write(&arguments, tests.join(" "))
        .with_context(|| format!("cannot write {}", arguments.display()))?;
    format(&root, disk)?;
    Ok(disk.to_owned())
}

/// Installs Debian into `root`; of the host's release, so that what the host builds finds its C library.
fn debootstrap(root: &Path) -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename =
        codename.context("/etc/os-release has no VERSION_CODENAME: this is no release of Debian")?;
    println!("vm: installing a minimal Debian {codename} into {}, takes a minute", root.display());
    let part = root.with_added_extension("part");
    let _ = fs::remove_dir_all(&part); // what an interrupted run left
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args(["--quiet", "--mode=root", "--format=directory", "--variant=minbase"]);
    mmdebstrap.arg(format!("--include={PACKAGES}"));
    mmdebstrap.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    run::to_the_end(mmdebstrap.arg(codename.trim_matches('"')).arg(&part))?;
    fs::rename(&part, root).with_context(|| format!("cannot rename {} to {}", part.display(), root.display()))
}

/// Builds the tests and answers where they are.
fn build_tests(workspace: &Workspace) -> Result<PathBuf> {
    let mut build = workspace.cargo(["test", "--no-run", "-p", "tests", "--test", "live", "--bin", "hand"]);
    let messages = run::for_output(build.arg("--message-format=json-render-diagnostics"))?;
    let live = messages.lines().find_map(|message| {
        let message: serde_json::Value = serde_json::from_str(message).ok()?;
        let ours = message["target"]["name"] == "live";
        ours.then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    live.context("cargo built the test `live` and does not say where")
}

/// Puts a directory onto a disk, with its owners and modes.
fn format(root: &Path, disk: &Path) -> Result<()> {
    // mke2fs would keep the length of a file that is there.
    if let Err(error) = fs::remove_file(disk)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot remove {}", disk.display()));
    }
    // Sparse: it takes no more room than what is on it.
    let mut mke2fs = Command::new("/sbin/mke2fs");
    mke2fs.args(["-q", "-t", "ext4", "-d"]).arg(root).arg(disk).arg("2G");
    run::for_output(&mut mke2fs).map(drop)
}
