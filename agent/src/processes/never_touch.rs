//! Which processes are never frozen, whoever they act for: without them the host, or the way in to repair it, is gone.
//!
//! Judged by what an account cannot forge: not by a name, which every process may set for itself, but by the program
//! file, which has to be root's and the very file that is at this path for the agent. (In a namespace of its own an
//! account may mount anything at /usr/bin/dbus-daemon.) What a container is made of is spared; what runs in it is not.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::proc;

/// What is known of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// The real user id.
    pub(crate) uid: u32,
    pub(crate) kernel_thread: bool,
    /// The agent, or an ancestor of it.
    pub(crate) ours: bool,
    /// The program, if it is root's, and what the agent finds at its path.
    pub(crate) program: Option<PathBuf>,
    /// The second word of its command line.
    pub(crate) first_argument: Vec<u8>,
}

/// Where programs lie that only root can put there.
const DIRECTORIES: [&str; 14] = [
    "/usr/bin",
    "/usr/sbin",
    "/bin",
    "/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/libexec",
    "/usr/libexec/podman",
    "/usr/libexec/crio",
    "/usr/lib/podman",
    "/usr/lib/cri-o-runc/sbin",
    "/usr/lib/systemd",
    "/lib/systemd",
    "/opt/containerd/bin",
];

/// By file name. Under which condition is in [`spared`].
const PROGRAMS: [(&str, &str); 20] = [
    ("systemd", "the service manager"),
    ("sshd", "the ssh server"),
    ("dbus-daemon", "the message bus"),
    ("dbus-broker", "the message bus"),
    ("dbus-broker-launch", "the message bus"),
    ("udevadm", "the device manager"),
    ("polkitd", "the authorisation manager"),
    ("dockerd", CONTAINERS),
    ("docker-proxy", CONTAINERS),
    ("containerd", CONTAINERS),
    ("containerd-shim", CONTAINERS),
    ("containerd-shim-runc-v1", CONTAINERS),
    ("containerd-shim-runc-v2", CONTAINERS),
    ("crio", CONTAINERS),
    ("conmon", CONTAINERS),
    ("conmonrs", CONTAINERS),
    ("podman", CONTAINERS),
    ("kubelet", CONTAINERS),
    ("k3s", CONTAINERS),
    ("rke2", CONTAINERS),
];
const CONTAINERS: &str = "a container runtime";

/// Why a process is never frozen, if it is not.
pub(crate) fn spared(facts: &Facts) -> Option<&'static str> {
    match facts {
        Facts { pid: 0 | 1, .. } => return Some("the first process of all"),
        Facts { kernel_thread: true, .. } => return Some("a kernel thread"),
        Facts { ours: true, .. } => return Some("burstguard itself, or what it was started by"),
        _ => {}
    }
    let (name, why) = known(facts.program.as_deref()?)?;
    let is = match name {
        // An account's own manager acts for the account.
        "systemd" => facts.uid == 0,
        // Only the listener: what serves a session ends with it.
        "sshd" => facts.uid == 0 && facts.parent == 1,
        // Everything else that podman does, it does for whoever has called it.
        "podman" => facts.uid == 0 && facts.first_argument == b"system",
        _ => true,
    };
    is.then_some(why)
}

/// What a program would be spared for, by its path alone.
fn known(program: &Path) -> Option<(&'static str, &'static str)> {
    let name = program.file_name()?;
    let directory = program.parent()?;
    if !DIRECTORIES.iter().any(|known| Path::new(known) == directory) {
        return None;
    }
    // journald, logind, resolved and so on: there are more with each release.
    if directory.ends_with("systemd")
        && name.as_bytes().starts_with(b"systemd-")
        && name.as_bytes().ends_with(b"d")
    {
        return Some(("systemd-*d", "a part of the service manager"));
    }
    PROGRAMS.into_iter().find(|(known, _)| OsStr::new(known) == name)
}

/// Asks /proc for the facts, and no more of them than it takes.
pub(crate) struct NeverTouch {
    ours: HashSet<u32>,
}

impl NeverTouch {
    /// The agent's ancestors are those of now: one that ends leaves its place to pid 1 or to a subreaper above it.
    pub(crate) fn new() -> Self {
        let own = std::process::id();
        Self { ours: proc::stats_above(own).map(|(pid, _)| pid).chain([own]).collect() }
    }

    /// Why a process is never frozen. One that has ended is not spared: it is gone.
    pub(crate) fn spares(&self, pid: u32) -> Option<&'static str> {
        let mut facts = Facts { pid, ours: self.ours.contains(&pid), ..Facts::default() };
        match fs::read_link(format!("/proc/{pid}/exe")) {
            // Nearly all processes run nothing that is on the list: one call, and no more is asked.
            Ok(path) if !facts.ours && pid > 1 => {
                let path = without_mark(path);
                known(&path)?;
                facts.program = host_program(pid, path);
                let process = proc::process(pid)?;
                (facts.parent, facts.uid) = (process.parent, process.uid);
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                facts.first_argument = words.split(|byte| *byte == 0).nth(1).unwrap_or_default().to_vec();
            }
            Ok(_) => {}
            // It has no program.
            Err(_) => facts.kernel_thread = proc::stat(pid).is_some_and(|stat| stat.kernel_thread),
        }
        spared(&facts)
    }
}

/// The path of a program whose file was replaced since (an upgrade) has a mark at its end.
pub(crate) fn without_mark(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(bytes) => PathBuf::from(OsStr::from_bytes(bytes)),
        None => path,
    }
}

/// The path, if the process runs what the agent finds there and root owns it, or ran that before it was replaced: then
/// it has no name any more, and lay in the same file system.
fn host_program(pid: u32, path: PathBuf) -> Option<PathBuf> {
    let running = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    let there = fs::metadata(&path).ok()?;
    let same = running.dev() == there.dev() && (running.ino() == there.ino() || running.nlink() == 0);
    (same && running.uid() == 0).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(program: &str) -> Facts {
        Facts { pid: 500, parent: 1, program: Some(PathBuf::from(program)), ..Facts::default() }
    }

    #[test]
    fn what_the_host_needs_is_spared() {
        let child = Facts { parent: 400, ..runs("/usr/sbin/sshd") };
        let by = |uid, program: &str| Facts { uid, ..runs(program) };
        let podman = |argument: &[u8]| Facts { first_argument: argument.to_vec(), ..runs("/usr/bin/podman") };
        let table = [
            (Facts { pid: 1, ..Facts::default() }, true),
            (Facts { pid: 2, kernel_thread: true, ..Facts::default() }, true),
            (Facts { ours: true, ..runs("/usr/bin/sleep") }, true),
            (runs("/usr/lib/systemd/systemd"), true),
            (by(1001, "/usr/lib/systemd/systemd"), false),
            (runs("/usr/lib/systemd/systemd-journald"), true),
            (by(998, "/lib/systemd/systemd-networkd"), true),
            (runs("/usr/lib/systemd/systemd-shutdown"), false),
            (runs("/usr/bin/systemd-run"), false),
            (runs("/usr/bin/udevadm"), true),
            (by(100, "/usr/bin/dbus-daemon"), true),
            (by(100, "/usr/bin/dbus-broker-launch"), true),
            (runs("/usr/sbin/sshd"), true),
            (child, false),
            (by(1001, "/usr/sbin/sshd"), false),
            (runs("/usr/lib/openssh/sshd-session"), false),
            (runs("/usr/bin/dockerd"), true),
            (runs("/usr/bin/docker"), false),
            (runs("/usr/bin/containerd-shim-runc-v2"), true),
            (runs("/usr/libexec/podman/conmon"), true),
            (podman(b"system"), true),
            (podman(b"rm"), false),
            (runs("/usr/bin/rm"), false),
            (runs("/home/ci/bin/dockerd"), false),
            (runs("/usr/bin/x/dockerd"), false),
            (Facts { pid: 500, ..Facts::default() }, false),
        ];
        for (facts, expected) in table {
            assert_eq!(spared(&facts).is_some(), expected, "{facts:?}");
        }
    }

    #[test]
    fn a_replaced_program_keeps_its_path() {
        let path = without_mark(PathBuf::from("/usr/bin/dbus-daemon (deleted)"));
        assert_eq!(path, Path::new("/usr/bin/dbus-daemon"));
    }

    #[test]
    fn the_agent_and_what_started_it_are_spared_but_not_its_children() {
        let never_touch = NeverTouch::new();
        assert!(never_touch.spares(std::process::id()).is_some());
        assert!(never_touch.spares(std::os::unix::process::parent_id()).is_some());
        assert!(never_touch.spares(1).is_some());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        assert_eq!(never_touch.spares(child.id()), None);
        child.kill().expect("a signal");
        child.wait().expect("its status");
        assert_eq!(never_touch.spares(child.id()), None, "it is gone");
    }
}
