//! Maps and attachments whatever their kind, by descriptors of our own. As long as these are open nothing of them ends,
//! though every pin be gone; and they can be pinned again, which the library's handles cannot: a pin takes them.

use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use super::{
    manifest::MANIFEST,
    pins::{Directory, PinsError},
};

/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L918>
const BPF_OBJ_PIN: libc::c_int = 6;
const BPF_OBJ_GET: libc::c_int = 7;

/// The part of `union bpf_attr` for these two; the kernel takes the rest for zero.
#[repr(C)]
struct Attributes {
    path: u64,
    fd: u32,
    flags: u32,
}

/// Everything that is pinned for a generation, by the name of its pin.
#[derive(Default)]
pub(crate) struct Objects(Vec<(String, OwnedFd)>);

impl Objects {
    /// Of a generation that is pinned.
    pub(crate) fn open(directory: &Directory) -> Result<Self, PinsError> {
        let open = |path: &Path| {
            let object = get(path).map_err(|source| PinsError::Open { path: path.to_owned(), source })?;
            Ok((name(path), object))
        };
        directory.pins()?.iter().map(|path| open(path)).collect::<Result<_, _>>().map(Self)
    }

    /// One more.
    pub(super) fn add(&mut self, name: &str, object: OwnedFd) {
        self.0.push((name.to_owned(), object));
    }

    /// Each, with the name of its pin.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, BorrowedFd<'_>)> {
        self.0.iter().map(|(name, object)| (name.as_str(), object.as_fd()))
    }

    /// The names of their pins.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all().map(|(name, _)| name)
    }

    /// Whether there is a generation in it: one that is half made has no manifest.
    pub(super) fn is_complete(&self) -> bool {
        self.all().any(|(name, _)| name == MANIFEST)
    }

    /// Whether each is pinned there.
    pub(crate) fn are_in(&self, directory: &Directory) -> bool {
        self.all().all(|(name, _)| directory.path().join(name).exists())
    }

    /// Pins each, the manifest last.
    pub(crate) fn pin(&self, directory: &Directory) -> Result<(), PinsError> {
        let (manifest, others): (Vec<_>, Vec<_>) = self.all().partition(|(name, _)| *name == MANIFEST);
        others.into_iter().chain(manifest).try_for_each(|(name, object)| {
            let path = directory.path().join(name);
            pin(object, &path).map_err(|source| PinsError::Pin { path, source })
        })
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    bpf(BPF_OBJ_PIN, path, u32::try_from(object.as_raw_fd()).map_err(io::Error::other)?).map(drop)
}

fn get(path: &Path) -> io::Result<OwnedFd> {
    let descriptor = bpf(BPF_OBJ_GET, path, 0)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(descriptor).map_err(io::Error::other)?) })
}

fn bpf(command: libc::c_int, path: &Path, fd: u32) -> io::Result<libc::c_long> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let attributes = Attributes { path: path.as_ptr() as u64, fd, flags: 0 };
    // SAFETY: the attributes are of the size that is said, and their path outlives the call.
    let done =
        unsafe { libc::syscall(libc::SYS_bpf, command, &raw const attributes, size_of::<Attributes>()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done) }
}
