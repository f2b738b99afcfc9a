//! Texts about cgroups: where the v2 tree is mounted, in which of its groups a process is, what a group's state is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::mountinfo;

/// The mount point of the whole cgroup v2 tree, from the text of `/proc/self/mountinfo`. It is `/sys/fs/cgroup`, or
/// beside the v1 hierarchies `/sys/fs/cgroup/unified`, or none.
pub(crate) fn mount_point(mountinfo: &str) -> Option<PathBuf> {
    // A mount of only a part of the tree does not show every group.
    mountinfo::parse(mountinfo)
        .find(|mount| mount.kind == "cgroup2" && mount.root == "/")
        .map(|mount| mount.point)
}

/// The group of whichever process has the pid now, as [`group`] says it.
pub(crate) fn of(pid: u32) -> Option<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    group(&text).map(Path::to_owned)
}

/// The group of a process below the root of the v2 tree, from the text of its `/proc/PID/cgroup`. None if it lies outside of
/// what this cgroup namespace shows. One that was removed (its last process is ending) has " (deleted)" at its end, as one may
/// have that is there.
pub(crate) fn group(text: &str) -> Option<&Path> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let hidden = path == ".." || path.starts_with("../");
    (!hidden).then(|| Path::new(path))
}

/// What the agent calls a group of its own making, in which it has frozen processes; the number of the freeze follows.
pub(crate) const LEAF: &str = "burstguard-";

/// The freeze that a group of that name is of.
pub(crate) fn leaf_of(group: &Path) -> Option<u64> {
    let digits = group.file_name()?.to_str()?.strip_prefix(LEAF)?;
    // Only as it is written, so that no two names are one leaf.
    digits.parse().ok().filter(|id: &u64| id.to_string() == digits)
}

/// What the file `cgroup.events` of a group says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Events {
    /// Whether a live process is in it or below.
    pub(crate) populated: bool,
    /// Whether every process in it and below is frozen.
    pub(crate) frozen: bool,
}

impl Events {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
            Some(line == "1")
        };
        Some(Self { populated: value("populated")?, frozen: value("frozen")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n";

    #[test]
    fn the_v2_tree_is_found_wherever_it_is_mounted() {
        let pure =
            "26 21 0:23 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mount_point(pure).as_deref(), Some(Path::new("/sys/fs/cgroup")));
        let hybrid = format!("{V1}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
        assert_eq!(mount_point(&hybrid).as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        let odd = "41 31 0:38 / /run/a\\040b\\134c rw - cgroup2 none rw";
        assert_eq!(mount_point(odd).as_deref(), Some(Path::new("/run/a b\\c")));
    }

    #[test]
    fn no_v2_tree_or_a_part_of_one_is_none() {
        assert_eq!(mount_point(V1), None);
        assert_eq!(mount_point("41 31 0:38 /system.slice /mnt rw - cgroup2 none rw"), None);
        assert_eq!(mount_point("garbage\n\n41 31 - cgroup2"), None);
    }

    #[test]
    fn a_process_is_in_one_group_of_the_v2_tree() {
        for (text, expected) in [
            ("0::/\n", Some("")),
            (
                "9:name=systemd:/x\n5:memory:/y\n0::/system.slice/ssh.service\n",
                Some("system.slice/ssh.service"),
            ),
            ("0::/a (deleted)\n", Some("a (deleted)")),
            ("0::/../../other\n", None),
            ("0::/..\n", None),
            ("0::/..a\n", Some("..a")),
            ("9:name=systemd:/x\n", None),
        ] {
            assert_eq!(group(text), expected.map(Path::new), "{text:?}");
        }
    }

    #[test]
    fn events_are_read_whatever_their_order() {
        let events = |populated, frozen| Some(Events { populated, frozen });
        assert_eq!(Events::parse("populated 1\nfrozen 0\n"), events(true, false));
        assert_eq!(Events::parse("new 7\nfrozen 1\npopulated 0\n"), events(false, true));
        assert_eq!(Events::parse("populated 1\n"), None);
    }
}
