//! burstguard is the host's. In a container it would see other processes, control groups and files than the kernel programs do, and
//! what it is told to protect would be something else: so it says that, and does not begin.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns, unshare};

use crate::processes::mountinfo;

/// What a container may have of its own, with the number that the host's has
/// (https://github.com/torvalds/linux/blob/v6.12/include/linux/proc_ns.h#L39-L46), and how to get that one.
const HOSTS: [(&str, u64, &str); 3] = [
    ("pid", 0xEFFF_FFFC, "start the container with the host's: `--pid=host`, in Kubernetes `hostPID: true`"),
    ("user", 0xEFFF_FFFD, "start the container without one of its own"),
    ("cgroup", 0xEFFF_FFFB, ENTER),
];
const ENTER: &str = "enter the host's by `nsenter --target 1 --mount --cgroup --net -- burstguard …`";

/// Whether this is the host.
pub(super) fn refuse_containers() -> Result<()> {
    for (name, hosts, advice) in HOSTS {
        let path = format!("/proc/self/ns/{name}");
        let found = fs::metadata(&path)
            .with_context(|| format!("cannot tell the host from a container by {path}"))?
            .ino();
        if found != hosts {
            bail!("this is a container, whose {name} namespace is not the host's: {advice}");
        }
    }
    // Whatever was mounted privately, as service managers do, the root is the host's. The first process is, by now.
    let [own, hosts] = ["self", "1"].map(|process| {
        let path = format!("/proc/{process}/mountinfo");
        fs::read_to_string(&path).with_context(|| format!("cannot tell the host from a container by {path}"))
    });
    if root(&own?) != root(&hosts?) {
        bail!("this is a container, whose files are not the host's: {ENTER}");
    }
    Ok(())
}

/// Where the host's own mounts are.
const HOSTS_MOUNTS: &str = "/proc/1/ns/mnt";

/// This thread, and each that it starts from now on, sees the host's files by the host's mounts. What is held for the time without a
/// daemon must be mounted there, trees are looked up there, and whether a mount is the host's is told by it.
///
/// # Errors
/// A service that may not do that: it takes CAP_SYS_ADMIN, CAP_SYS_CHROOT and CAP_SYS_PTRACE.
pub(super) fn enter_hosts_mounts() -> Result<()> {
    let attempt = || -> io::Result<()> {
        let hosts = File::open(HOSTS_MOUNTS)?;
        // The kernel lets no thread go alone that shares its working directory with others
        // (`mntns_install` in https://github.com/torvalds/linux/blob/v6.12/fs/namespace.c).
        unshare(CloneFlags::CLONE_FS)?;
        Ok(setns(hosts.as_fd(), CloneFlags::CLONE_NEWNS)?)
    };
    attempt().with_context(|| {
        format!(
            "cannot enter the host's mounts by {HOSTS_MOUNTS}: it takes CAP_SYS_ADMIN, CAP_SYS_CHROOT and CAP_SYS_PTRACE; in a \
             unit also RestrictNamespaces=mnt and a filter of system calls with setns and unshare"
        )
    })
}

/// Which file system the root is, and which part of it. None where it has been there before any was mounted.
fn root(mounts: &str) -> Option<(&str, &str)> {
    let roots = mountinfo::parse(mounts).filter(|mount| mount.point == Path::new("/"));
    roots.last().map(|mount| (mount.device, mount.root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_what_is_mounted_there_last() {
        let mounts = "1 1 0:2 / / rw - rootfs none rw\n22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n\
                      23 22 0:21 / /proc rw - proc proc rw\n";
        assert_eq!(root(mounts), Some(("254:0", "/")));
        assert_eq!(root("23 22 0:21 / /proc rw - proc proc rw\n"), None);
    }
}
