//! What this host is and offers.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::Command,
};

use rustix::{process::geteuid, system::uname};

use super::Part;

/// More than any of these files has, so that a strange one cannot fill the disk.
const LONGEST: u64 = 16 << 20;
/// Where the kernel programs outlive the daemon.
const PINS: &str = "/sys/fs/bpf/burstguard";
const UNIT: &str = "burstguard.service";
const JOURNAL_LINES: &str = "1000";

/// Files as they are; none of them holds a secret.
const FILES: [(&str, &str); 5] = [
    ("host/os-release", "/etc/os-release"),
    ("host/lsm", "/sys/kernel/security/lsm"),
    ("host/unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled"),
    ("host/lockdown", "/sys/kernel/security/lockdown"),
    ("host/cgroup.controllers", "/sys/fs/cgroup/cgroup.controllers"),
];

pub(super) fn parts() -> Vec<Part> {
    let mut parts = vec![
        Part::new("versions", Ok(versions())),
        Part::new("host/cmdline-lsm", text("/proc/cmdline").map(|line| security_words(&line))),
        Part::new("host/btf", btf()),
        Part::new("host/mounts", text("/proc/self/mountinfo").map(|all| kernel_mounts(&all))),
        Part::new("host/pins", pins(Path::new(PINS))),
        Part::new("journal", journal()),
    ];
    parts.extend(FILES.map(|(name, path)| Part::new(name, read(Path::new(path)))));
    parts
}

/// A file, as far as it may be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
        .map_err(|error| cannot("read", path, &error))?;
    Ok(bytes)
}

pub(super) fn text(path: impl AsRef<Path>) -> Result<String, String> {
    read(path.as_ref()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn cannot(verb: &str, path: &Path, error: &io::Error) -> String {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied if !geteuid().is_root() => "; root can",
        _ => "",
    };
    format!("cannot {verb} {}: {error}{help}", path.display())
}

fn versions() -> String {
    let kernel = uname();
    format!(
        "burstguard {}\nkernel {} {} {}\ncollected by uid {}\n",
        env!("CARGO_PKG_VERSION"),
        kernel.release().to_string_lossy(),
        kernel.version().to_string_lossy(),
        kernel.machine().to_string_lossy(),
        geteuid().as_raw(),
    )
}

/// The words about security modules; others may hold secrets.
pub(super) fn security_words(line: &str) -> String {
    let words = line.split_whitespace().filter(|word| {
        ["lsm=", "security=", "lockdown=", "cgroup_", "systemd.unified_cgroup_hierarchy"]
            .iter()
            .any(|known| word.starts_with(known))
    });
    words.fold(String::new(), |text, word| format!("{text}{word}\n"))
}

fn btf() -> Result<String, String> {
    let path = Path::new("/sys/kernel/btf/vmlinux");
    let found = fs::metadata(path).map_err(|error| cannot("find", path, &error))?;
    Ok(format!("{}: {} bytes\n", path.display(), found.len()))
}

/// The lines of the file systems that burstguard needs.
pub(super) fn kernel_mounts(mountinfo: &str) -> String {
    const TYPES: [&str; 6] = ["bpf", "cgroup", "cgroup2", "debugfs", "securityfs", "tracefs"];
    let of_ours = |line: &&str| {
        // The type follows the separator, before which there are optional fields.
        let kind = line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next());
        kind.is_some_and(|kind| TYPES.contains(&kind))
    };
    mountinfo.lines().filter(of_ours).fold(String::new(), |text, line| format!("{text}{line}\n"))
}

/// Every pin with its mode and owner.
pub(super) fn pins(root: &Path) -> Result<String, String> {
    let mut list = String::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).map_err(|error| cannot("list", &directory, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| cannot("list", &directory, &error))?;
            let found = entry.metadata().map_err(|error| cannot("look at", &entry.path(), &error))?;
            if found.is_dir() {
                directories.push(entry.path());
            }
            // Writing to a String cannot fail.
            let _ = writeln!(list, "{:o} {} {}", found.mode(), found.uid(), entry.path().display());
        }
    }
    Ok(list)
}

fn journal() -> Result<Vec<u8>, String> {
    let done = Command::new("journalctl")
        .args([
            "--no-pager",
            "--quiet",
            "--output=short-iso-precise",
            "--lines",
            JOURNAL_LINES,
            "--unit",
            UNIT,
        ])
        .output()
        .map_err(|error| format!("cannot run journalctl: {error}"))?;
    if !done.status.success() {
        let complaint = String::from_utf8_lossy(&done.stderr);
        return Err(format!("journalctl failed ({}): {}", done.status, complaint.trim()));
    }
    if done.stdout.is_empty() {
        return Err(format!("the journal has no line of {UNIT} that uid {} may read", geteuid().as_raw()));
    }
    Ok(done.stdout)
}
