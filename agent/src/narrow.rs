//! For tests: a file system with room for next to nothing, which is unmounted again.

use std::{ffi::CStr, fs, path::PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

pub(crate) struct Narrow(PathBuf);

impl Narrow {
    pub(crate) fn mount(at: PathBuf, options: &CStr) -> Self {
        fs::create_dir_all(&at).expect("a directory");
        mount("tests", &at, "tmpfs", MountFlags::empty(), options).expect("mounted");
        Self(at)
    }

    pub(crate) fn change(&self, flags: MountFlags, options: &CStr) {
        mount_remount(&self.0, flags, options).expect("mounted again");
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.0, UnmountFlags::DETACH) {
            eprintln!("{} stays mounted: {error}", self.0.display());
        }
    }
}
