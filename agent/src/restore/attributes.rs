//! All that a name has besides its content, set as it was.

use std::{
    ffi::OsStr,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use anyhow::{Context as _, Result};
use rustix::{
    fs::{
        AtFlags, Mode, Timespec, Timestamps, XattrFlags, chownat, fchmod, fchown, flistxattr, fremovexattr,
        fsetxattr, futimens, lsetxattr, utimensat,
    },
    io::Errno,
    process::{Gid, Uid},
};

use crate::keeper::Meta;

/// What they are set of.
#[derive(Clone, Copy)]
pub(super) enum Object<'a> {
    File(BorrowedFd<'a>),
    /// A symbolic link: it is never opened.
    Link(BorrowedFd<'a>, &'a OsStr),
}

/// Owner, attributes, mode, in this order: a change of the owner takes capabilities and the bits of set-user-id away. Another file
/// system, where it is put back `elsewhere`, may know of no attributes.
pub(super) fn set(object: Object<'_>, meta: &Meta, elsewhere: bool) -> Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)));
    match object {
        Object::File(file) => fchown(file, uid, gid),
        Object::Link(parent, name) => chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
    }
    .with_context(|| format!("cannot give it to {}:{}", meta.uid, meta.gid))?;
    if let Object::File(file) = object {
        remove_others(file, meta)?;
    }
    for (name, value) in &meta.xattrs {
        match set_one(object, name, value) {
            Err(Errno::OPNOTSUPP) if elsewhere => {}
            set => {
                set.with_context(|| format!("cannot set its attribute {}", String::from_utf8_lossy(name)))?;
            }
        }
    }
    if let Object::File(file) = object {
        fchmod(file, Mode::from(meta.mode & 0o7777)).context("cannot set its mode")?;
    }
    Ok(())
}

pub(super) fn set_times(object: Object<'_>, meta: &Meta) -> rustix::io::Result<()> {
    let time = |(seconds, nanoseconds): (i64, u32)| Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    let times = Timestamps { last_access: time(meta.atime), last_modification: time(meta.mtime) };
    match object {
        Object::File(file) => futimens(file, &times),
        Object::Link(parent, name) => utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW),
    }
}

/// What a directory gives to all that is made in it.
fn remove_others(file: BorrowedFd<'_>, meta: &Meta) -> Result<()> {
    let mut names = Vec::with_capacity(64 << 10);
    match flistxattr(file, rustix::buffer::spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(error).context("cannot read its attributes"),
    }
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        // Labels are given by the host's own policy, and stay if none was kept.
        let is_label = name.starts_with(b"security.") && name != b"security.capability";
        if !is_label && !meta.xattrs.iter().any(|(kept, _)| kept == name) {
            fremovexattr(file, name)
                .with_context(|| format!("cannot remove its attribute {}", String::from_utf8_lossy(name)))?;
        }
    }
    Ok(())
}

fn set_one(object: Object<'_>, name: &[u8], value: &[u8]) -> rustix::io::Result<()> {
    match object {
        Object::File(file) => fsetxattr(file, name, value, XattrFlags::empty()),
        Object::Link(parent, link) => {
            let path = std::path::Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string()).join(link);
            lsetxattr(path, name, value, XattrFlags::empty())
        }
    }
}
