//! What a policy asks of the host it is for.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::sources;

use nix::{
    errno::Errno,
    unistd::{Group, User},
};

/// The host a policy is for.
pub(crate) trait Host {
    /// The uid of a user; None if there is no such user.
    ///
    /// # Errors
    /// What the host's name service said when it could not tell.
    fn uid(&self, name: &str) -> io::Result<Option<u32>>;

    /// The gid of a group; None if there is no such group.
    ///
    /// # Errors
    /// What the host's name service said when it could not tell.
    fn gid(&self, name: &str) -> io::Result<Option<u32>>;

    /// The login shell of a user; None if there is no such user.
    ///
    /// # Errors
    /// What the host's name service said when it could not tell.
    fn shell(&self, uid: u32) -> io::Result<Option<PathBuf>>;

    /// Whether a path is a directory, through symbolic links.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is nothing; others if that cannot be seen.
    fn is_dir(&self, path: &Path) -> io::Result<bool>;

    /// The names of the directories in a directory, without symbolic links to some.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is nothing; others if that cannot be seen.
    fn directories(&self, path: &Path) -> io::Result<Vec<OsString>>;

    /// The names of the files in a directory, symbolic links among them.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is nothing; others if that cannot be seen.
    fn files(&self, path: &Path) -> io::Result<Vec<OsString>>;

    /// The text of a file that somebody else keeps.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is none; others if it cannot be read, is no text, or longer than a mebibyte.
    fn read(&self, path: &Path) -> io::Result<String>;
}

/// The host this process runs on.
pub(crate) struct ThisHost;

impl Host for ThisHost {
    fn uid(&self, name: &str) -> io::Result<Option<u32>> {
        found(User::from_name(name).map(|user| user.map(|user| user.uid.as_raw())))
    }

    fn gid(&self, name: &str) -> io::Result<Option<u32>> {
        found(Group::from_name(name).map(|group| group.map(|group| group.gid.as_raw())))
    }

    fn shell(&self, uid: u32) -> io::Result<Option<PathBuf>> {
        match User::from_uid(uid.into()) {
            Ok(user) => Ok(user.map(|user| user.shell)),
            // As in `found`.
            Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        fs::metadata(path).map(|found| found.is_dir())
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        entries(path, true)
    }

    fn files(&self, path: &Path) -> io::Result<Vec<OsString>> {
        entries(path, false)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        sources::read(path)
    }
}

/// The names in a directory of either the directories or everything else.
fn entries(path: &Path, directories: bool) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() == directories {
            names.push(entry.file_name());
        }
    }
    Ok(names)
}

/// ENOENT and ESRCH are what the name service says on a host that has no list at all.
fn found(id: Result<Option<u32>, Errno>) -> io::Result<Option<u32>> {
    match id {
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        known => known.map_err(io::Error::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host() {
        let host = ThisHost;
        assert_eq!(host.uid("root").unwrap(), Some(0));
        assert_eq!(host.gid("root").unwrap(), Some(0));
        for nobody in ["no-such-user", "", "ro\0ot", "1000"] {
            assert_eq!(host.uid(nobody).unwrap(), None, "{nobody:?}");
            assert_eq!(host.gid(nobody).unwrap(), None, "{nobody:?}");
        }
        assert!(host.is_dir("/".as_ref()).unwrap());
        assert!(!host.is_dir("/proc/self/status".as_ref()).unwrap());
        assert_eq!(host.is_dir("/no/such/path".as_ref()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn directories_are_neither_files_nor_links() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("directory")).unwrap();
        fs::write(base.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("directory", base.path().join("link")).unwrap();
        assert_eq!(ThisHost.directories(base.path()).unwrap(), ["directory"]);
        let mut files = ThisHost.files(base.path()).unwrap();
        files.sort();
        assert_eq!(files, ["file", "link"]);
        assert_eq!(ThisHost.read(&base.path().join("file")).unwrap(), "");
        assert!(ThisHost.read(&base.path().join("directory")).is_err());
        let error = ThisHost.directories(&base.path().join("file")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }
}
