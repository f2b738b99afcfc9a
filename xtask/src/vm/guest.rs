//! The guest's disk: a Debian, the programs of an errand, and the shell script that is the first process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Home;
use super::image::{self, Image};
use super::kernel::Kernel;
use super::selection;
use crate::workspace::Workspace;
use crate::{package, run};

/// Where the tests are in the guest; init.sh knows it too.
const TESTS: &str = "opt/tests";
/// The harness, which cargo builds as a test.
const LIVE: &str = "live";

/// What the guest is booted for: a command, in the words of a shell, and the Debian that it takes.
pub(super) struct Errand {
    command: String,
    pub(super) image: &'static Image,
    /// It takes the package along, beside the command.
    package: bool,
    /// It boots more than once, and says itself when it has come to its end.
    pub(super) reboots: bool,
    /// When it counts as hung.
    pub(super) deadline: Duration,
}

/// More than twice what the longest that is chosen takes on a quiet machine, for a busy one.
const USUAL: Duration = Duration::from_mins(45);
/// The same, for every test.
const EVERYTHING: Duration = Duration::from_hours(4);

impl Errand {
    /// The tests with these names, all that a guest can run if there are none.
    pub(super) fn tests(names: &[String]) -> Self {
        // One at a time: each loads its own kernel programs and judges the whole host.
        let (deadline, names) =
            if names.is_empty() { (EVERYTHING, &selection::everything()[..]) } else { (USUAL, names) };
        let tests = Self::test(format!("./live --test-threads=1 --color=never {}", quoted(names)));
        Self { deadline, ..tests }
    }

    /// The demonstration of what only a guest's kernel can do.
    pub(super) fn demo() -> Self {
        Self::test("./demo --hold".to_owned())
    }

    /// The measurements of that; these are for the program, behind what it needs to know of a guest.
    pub(super) fn bench(args: &[String]) -> Self {
        Self::test(format!("./bench --lsm --emulated --json - {}", quoted(args)))
    }

    /// The tests with these names, which say something on the way.
    pub(super) fn talk(names: &[String]) -> Self {
        Self::test(format!("./live --test-threads=1 --color=never --nocapture {}", quoted(names)))
    }

    /// Cases of real work, all if there are no names; `options` come before them.
    pub(super) fn corpus(options: &str, names: &[String]) -> Self {
        Self::of(&image::WORK, format!("./corpus {options} {}", quoted(names)))
    }

    /// The life of the package on a host.
    pub(super) fn system() -> Self {
        Self { package: true, reboots: true, ..Self::of(&image::SYSTEM, "./system".to_owned()) }
    }

    fn test(command: String) -> Self {
        Self::of(&image::TEST, command)
    }

    fn of(image: &'static Image, command: String) -> Self {
        Self { command, image, package: false, reboots: false, deadline: USUAL }
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
    let root = errand.image.provide(home)?;
    modules(&root, kernel)?;
    let directory = root.join(TESTS);
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut programs = build_tests(workspace, errand.image.programs)?;
    programs.push(("burstguard", workspace.release("burstguard")));
    for (name, program) in programs {
        // Without debug info: `hand` is copied for each account, by an emulated processor.
        run::to_the_end(Command::new("strip").arg("-o").arg(directory.join(name)).arg(program))?;
    }
    if errand.package {
        let package = package::provide(workspace)?;
        fs::copy(&package, directory.join("burstguard.deb"))
            .with_context(|| format!("cannot copy {}", package.display()))?;
    }
    for (name, text) in [("init", errand.image.init), ("errand", &errand.command)] {
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
    run::to_the_end(run::chrooted(root).args(["/sbin/depmod", &kernel.version]))
}

/// Builds these programs of the tests' and answers where each is.
fn build_tests(workspace: &Workspace, names: &[&'static str]) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut build = workspace.cargo(["build", "-p", "tests"]);
    for name in names {
        build.args([if *name == LIVE { "--test" } else { "--bin" }, *name]);
    }
    let messages = run::for_output(build.arg("--message-format=json-render-diagnostics"))?;
    let built: Vec<serde_json::Value> =
        messages.lines().filter_map(|message| serde_json::from_str(message).ok()).collect();
    let place = |name: &'static str| {
        let is = |message: &&serde_json::Value| message["target"]["name"] == name;
        let executable = |message: &serde_json::Value| message["executable"].as_str().map(PathBuf::from);
        let found = built.iter().filter(is).find_map(executable);
        Ok((name, found.with_context(|| format!("cargo built `{name}` and does not say where"))?))
    };
    names.iter().copied().map(place).collect()
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
