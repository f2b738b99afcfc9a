//! A group of the cgroup v2 tree, by its path, and the one thing we do to groups: a leaf in them.
//!
//! A leaf is a child of the group that its processes are in. It has no controllers, so they keep the limits they have;
//! the unit or container they belong to still has them, ends them when it is stopped, and keeps them when others of it
//! are started; and no record is needed to put them back, even for an agent that has just started.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use crate::processes::cgroup::{self, Events, LEAF};

/// A directory in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Group(PathBuf);

impl Group {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The group's leaf for a freeze, whether it is there or not.
    pub(crate) fn leaf(&self, id: u64) -> Self {
        Self(self.0.join(format!("{LEAF}{id}")))
    }

    /// The freeze that the group is a leaf of, by its name.
    pub(crate) fn leaf_of(&self) -> Option<u64> {
        cgroup::leaf_of(&self.0)
    }

    /// Makes the leaf, frozen. A process that is moved there freezes as it arrives; the other way round all of them
    /// would run, and fork, until the last one is there.
    pub(crate) fn make_leaf(&self, id: u64) -> io::Result<Self> {
        let leaf = self.leaf(id);
        match fs::create_dir(&leaf.0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && leaf.is_ours() => {}
            Err(error) => return Err(error),
        }
        leaf.freeze(true).inspect_err(|_| {
            let _ = leaf.remove();
        })?;
        Ok(leaf)
    }

    /// Whether the agent's user made it. Whoever was given the group above may make groups of any name in it.
    pub(crate) fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok_and(|found| found.uid() == geteuid().as_raw())
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir(&self.0)
    }

    pub(crate) fn exists(&self) -> bool {
        self.0.is_dir()
    }

    pub(crate) fn children(&self) -> Vec<Self> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().filter_map(Result::ok);
        entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| Self(entry.path()))
            .collect()
    }

    /// The processes in it, without those of groups below. Those that this pid namespace does not show are left out:
    /// the kernel writes 0 for them, and to write 0 back would mean the agent itself.
    pub(crate) fn pids(&self) -> io::Result<Vec<u32>> {
        let text = fs::read_to_string(self.0.join("cgroup.procs"))?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect())
    }

    /// The processes in it and below, those that are not shown as 0. None as soon as it cannot be told.
    pub(crate) fn all_pids(&self) -> Option<Vec<u32>> {
        let text = fs::read_to_string(self.0.join("cgroup.procs")).ok()?;
        let mut pids = text.lines().map(|line| line.parse().ok()).collect::<Option<Vec<u32>>>()?;
        for child in self.children() {
            pids.extend(child.all_pids()?);
        }
        Some(pids)
    }

    /// Moves whichever process has the pid now, with all its threads.
    pub(crate) fn take(&self, pid: u32) -> io::Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// Says what the state shall be; it is reached later, and [`Group::events`] tell when.
    pub(crate) fn freeze(&self, frozen: bool) -> io::Result<()> {
        self.write("cgroup.freeze", if frozen { "1" } else { "0" })
    }

    /// Whether it shall be frozen by its own setting. The root of the tree never is.
    pub(crate) fn shall_be_frozen(&self) -> bool {
        fs::read_to_string(self.0.join("cgroup.freeze")).is_ok_and(|text| text.trim() == "1")
    }

    pub(crate) fn events(&self) -> Option<Events> {
        Events::parse(&fs::read_to_string(self.0.join("cgroup.events")).ok()?)
    }

    /// Where the processes of a leaf go back to: the nearest group above that is not itself a leaf whose freeze has
    /// ended meanwhile.
    pub(crate) fn home(&self) -> Option<Self> {
        let mut above = self.0.ancestors().skip(1).map(|path| Self(path.to_owned()));
        above.find(|group| group.leaf_of().is_none() || group.shall_be_frozen())
    }

    pub(crate) fn above(&self) -> Option<Self> {
        self.0.parent().map(|path| Self(path.to_owned()))
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        // Opened, never made: in a directory that is no cgroup this must fail.
        io::Write::write_all(
            &mut fs::OpenOptions::new().write(true).open(self.0.join(file))?,
            text.as_bytes(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(group: &Group, files: &[(&str, &str)]) {
        fs::create_dir_all(group.path()).expect("a directory");
        for (name, text) in files {
            fs::write(group.path().join(name), text).expect("a file");
        }
    }

    #[test]
    fn a_leaf_is_known_by_its_name() {
        let group = Group::new(PathBuf::from("/x/ssh.service"));
        assert_eq!(group.leaf_of(), None);
        assert_eq!(group.leaf(7).path(), Path::new("/x/ssh.service/burstguard-7"));
        assert_eq!(group.leaf(u64::MAX).leaf_of(), Some(u64::MAX));
        for name in
            ["burstguard-", "burstguard-x", "burstguard-07", "burstguard-+7", "burstguard", "xburstguard-7"]
        {
            assert_eq!(Group::new(PathBuf::from("/x").join(name)).leaf_of(), None, "{name}");
        }
    }

    #[test]
    fn home_is_where_nothing_is_frozen_by_a_freeze_that_has_ended() {
        let scratch = tempfile::tempdir().expect("a directory");
        let unit = Group::new(scratch.path().join("unit"));
        let (first, second) = (unit.leaf(1), unit.leaf(1).leaf(2));
        directory(&second, &[]);
        directory(&first, &[("cgroup.freeze", "1\n")]);
        assert_eq!(second.home().as_ref(), Some(&first));
        directory(&first, &[("cgroup.freeze", "0\n")]);
        assert_eq!(second.home().as_ref(), Some(&unit));
        assert_eq!(first.home().as_ref(), Some(&unit));
    }

    #[test]
    fn a_process_without_a_pid_here_is_never_moved_but_counts() {
        let scratch = tempfile::tempdir().expect("a directory");
        let group = Group::new(scratch.path().to_owned());
        directory(&group, &[("cgroup.procs", "5\n0\n")]);
        directory(&group.leaf(1), &[("cgroup.procs", "6\n")]);
        assert_eq!(group.pids().expect("pids"), [5]);
        assert_eq!(group.all_pids(), Some(vec![5, 0, 6]));
    }

    #[test]
    fn a_directory_that_is_no_cgroup_stays_as_it_is() {
        let scratch = tempfile::tempdir().expect("a directory");
        let group = Group::new(scratch.path().to_owned());
        assert!(group.make_leaf(1).is_err());
        assert_eq!(fs::read_dir(scratch.path()).expect("entries").count(), 0);
    }
}
