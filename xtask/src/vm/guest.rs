//! The guest's disk: a minimal Debian, the tests, and the shell script that is its first process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Home;
use super::kernel::Kernel;
use crate::run;
use crate::workspace::Workspace;

/// Where the tests are in the guest; init.sh knows it too.
const TESTS: &str = "opt/tests";
/// What the guest needs besides what every Debian has, with commas between: file systems whose drivers are modules, and
/// programs that wait for others.
pub(super) const PACKAGES: &str = "btrfs-progs,kmod,make,sudo";
/// Nobody reads them there.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/// What the guest is booted for: a command, in the words of a shell.
pub(super) struct Errand(String);

impl Errand {
    /// The tests with these names, all if there are none.
    pub(super) fn tests(names: &[String]) -> Self {
        // One at a time: each loads its own kernel programs and judges the whole host.
        Self(format!("./live --test-threads=1 --color=never {}", quoted(names)))
    }

    /// The demonstration of what only a guest's kernel can do.
    pub(super) fn demo() -> Self {
        Self("./demo --hold".to_owned())
    }

    /// The measurements of that.
    pub(super) fn bench() -> Self {
        Self("./bench hold".to_owned())
    }

    /// The tests with these names, which say something on the way.
    pub(super) fn talk(names: &[String]) -> Self {
        Self(format!("./live --test-threads=1 --color=never --nocapture {}", quoted(names)))
    }
}

fn quoted(words: &[String]) -> String {
    let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// Writes the disk.
pub(super) fn disk(
    workspace: &Workspace,
    home: &Home,
    kernel: &Kernel,
    disk: &Path,
    errand: &Errand,
) -> Result<()> {
    let root = home.root();
    if !root.is_dir() {
        debootstrap(&root)?;
    }
    modules(&root, kernel)?;
    let directory = root.join(TESTS);
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let live = build_tests(workspace)?;
    // Cargo builds every program of a crate before its tests.
    let beside = ["hand", "demo", "bench"].map(|name| (name, live.with_file_name(format!("../{name}"))));
    let made = [("live", live), ("burstguard", workspace.release("burstguard"))];
    for (name, program) in beside.into_iter().chain(made) {
        // Without debug info: `hand` is copied for each account, by an emulated processor.
        run::to_the_end(Command::new("strip").arg("-o").arg(directory.join(name)).arg(program))?;
    }
    for (name, text) in [("init", include_str!("init.sh")), ("errand", &errand.0)] {
        let file = directory.join(name);
        fs::write(&file, text)
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    format(&root, disk)
}

/// Puts the kernel's modules where it looks for them, once.
fn modules(root: &Path, kernel: &Kernel) -> Result<()> {
    let all = root.join("usr/lib/modules");
    if all.join(&kernel.version).is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&all).with_context(|| format!("cannot make {}", all.display()))?;
    let part = all.join("part");
    let _ = fs::remove_dir_all(&part); // what an interrupted run left
    run::to_the_end(Command::new("cp").arg("-a").arg(&kernel.modules).arg(&part))?;
    let place = all.join(&kernel.version);
    fs::rename(&part, &place).with_context(|| format!("cannot rename {}", part.display()))?;
    // Which module needs which: what the package would do once it is installed.
    run::to_the_end(Command::new("chroot").arg(root).args(["/sbin/depmod", &kernel.version]))
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
