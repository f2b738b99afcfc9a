//! What a policy asks of the host it is for.

use std::{fs, io, path::Path};

use nix::{errno::Errno, unistd::User};

/// The host a policy is for.
pub(crate) trait Host {
    /// The uid of a user; None if there is no such user.
    ///
    /// # Errors
    /// What the host's name service said when it could not tell.
    fn uid(&self, name: &str) -> io::Result<Option<u32>>;

    /// Whether a path is a directory, through symbolic links.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is nothing; others if that cannot be seen.
    fn is_dir(&self, path: &Path) -> io::Result<bool>;
}

/// The host this process runs on.
pub(crate) struct ThisHost;

impl Host for ThisHost {
    fn uid(&self, name: &str) -> io::Result<Option<u32>> {
        match User::from_name(name) {
            Ok(user) => Ok(user.map(|user| user.uid.as_raw())),
            // What getpwnam_r says on a host that has no user list at all.
            Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        fs::metadata(path).map(|found| found.is_dir())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host() {
        let host = ThisHost;
        assert_eq!(host.uid("root").unwrap(), Some(0));
        for nobody in ["no-such-user", "", "ro\0ot", "1000"] {
            assert_eq!(host.uid(nobody).unwrap(), None, "{nobody:?}");
        }
        assert!(host.is_dir("/".as_ref()).unwrap());
        assert!(!host.is_dir("/proc/self/status".as_ref()).unwrap());
        assert_eq!(host.is_dir("/no/such/path".as_ref()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
