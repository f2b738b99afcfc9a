//! What is at a name now: never followed if it is a symbolic link, never opened if it is a device.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, getxattr, listxattr, openat,
        openat2, readlinkat, statat,
    },
    io::Errno,
};

use super::{Meta, Why, version::Attributes};

/// How much a name may have of attributes, names and values together.
const ATTRIBUTES: usize = 64 << 10;

/// A name in a directory that is held open, and the path that it has.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) parent: BorrowedFd<'a>,
    pub(crate) name: &'a OsStr,
    /// Absolute; it is written down, and nothing is looked for by it.
    pub(crate) path: &'a Path,
    pub(crate) tree: &'a str,
}

/// What tells whether a name still leads to the same file, and that unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, u32),
    ctime: (i64, u32),
}

/// What is at a name, open so that nobody can exchange it.
pub(super) struct Seen {
    file: OwnedFd,
    pub(super) stat: Stat,
    pub(super) kind: FileType,
}

impl Stamp {
    pub(super) const LENGTH: usize = 48;

    #[expect(clippy::cast_sign_loss, reason = "no size is negative, and nanoseconds are below 10^9")]
    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds are below 10^9")]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size as u64,
            mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
            ctime: (stat.st_ctime, stat.st_ctime_nsec as u32),
        }
    }

    /// As it lies on the shelf.
    pub(super) fn bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.mtime.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.ctime.0.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.mtime.1.to_le_bytes());
        bytes[44..].copy_from_slice(&self.ctime.1.to_le_bytes());
        bytes
    }
}

impl Seen {
    /// None if nothing is there.
    pub(super) fn open(at: At<'_>) -> io::Result<Option<Self>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(at.parent, at.name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened?,
        };
        let stat = fstat(&file)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        Ok(Some(Self { file, stat, kind }))
    }

    /// What it is besides its content. Not all of it if there is too much.
    pub(super) fn meta(&self) -> Result<Meta, (Why, Meta)> {
        let mut meta = plain_meta(&self.stat);
        match self.attributes() {
            Ok(xattrs) => {
                meta.xattrs = xattrs;
                Ok(meta)
            }
            Err(why) => Err((why, meta)),
        }
    }

    fn attributes(&self) -> Result<Attributes, Why> {
        // By the descriptor's own name: what is open for its path alone has no attributes that could be asked for by `fgetxattr`.
        let path = self.path();
        let mut names = Vec::with_capacity(1024);
        loop {
            match listxattr(&*path, rustix::buffer::spare_capacity(&mut names)) {
                Ok(_) => break,
                Err(Errno::RANGE) if names.capacity() < ATTRIBUTES => {
                    names = Vec::with_capacity(ATTRIBUTES);
                }
                // The file system has none.
                Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
                Err(Errno::RANGE | Errno::TOOBIG) => return Err(Why::TooLarge),
                Err(_) => return Err(Why::Unreadable),
            }
        }
        let mut room = ATTRIBUTES;
        let mut found = Vec::new();
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let mut value = Vec::with_capacity(room.min(256));
            loop {
                match getxattr(&*path, name, rustix::buffer::spare_capacity(&mut value)) {
                    Ok(_) => break,
                    Err(Errno::RANGE) if value.capacity() < room => value = Vec::with_capacity(room),
                    // It went meanwhile; whoever compares sees that something has changed.
                    Err(Errno::NODATA) => break,
                    Err(Errno::RANGE | Errno::TOOBIG) => return Err(Why::TooLarge),
                    Err(_) => return Err(Why::Unreadable),
                }
            }
            room = room.checked_sub(name.len() + value.len()).ok_or(Why::TooLarge)?;
            found.push((name.to_vec(), value));
        }
        found.sort();
        Ok(found)
    }

    pub(super) fn target(&self) -> io::Result<Vec<u8>> {
        Ok(readlinkat(&self.file, "", Vec::new())?.into_bytes())
    }

    /// Opens a regular file to read it, without a trace in its access time.
    pub(super) fn read(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let open = |flags| openat(CWD, &*self.path(), flags, Mode::empty());
        let opened = match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => open(flags),
            opened => opened,
        };
        Ok(opened?.into())
    }

    /// Whether it has changed since it was opened.
    pub(super) fn has_changed(&self) -> io::Result<bool> {
        Ok(Stamp::of(&fstat(&self.file)?) != Stamp::of(&self.stat))
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_fd().as_raw_fd())
    }
}

/// What is at a name, as `stat` says it; none if nothing is.
pub(super) fn stat(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<Option<Stat>> {
    match statat(parent, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// When anything of it changed last, in nanoseconds since 1970.
pub(super) fn changed_at(stat: &Stat) -> i128 {
    i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec)
}

/// Opens a directory by an absolute path that has no symbolic link in it, or not at all.
pub(crate) fn open_directory(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    loop {
        match openat2(CWD, path, flags, Mode::empty(), resolve) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            opened => return opened,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "nanoseconds are below 10^9")]
fn plain_meta(stat: &Stat) -> Meta {
    Meta {
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
        atime: (stat.st_atime, stat.st_atime_nsec as u32),
        xattrs: Vec::new(),
    }
}
