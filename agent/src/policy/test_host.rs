//! A host that is the same everywhere: for tests, and for what is fuzzed.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use super::Host;

/// A host with three users, some directories and a file, whose text nobody reads; all else fails as the name says.
pub(super) struct TestHost;

const DIRECTORIES: [&str; 12] = [
    "/",
    "/boot",
    "/etc",
    "/home",
    "/home/ann",
    "/home/ann/.ssh",
    "/home/ann/src",
    "/home/bob",
    "/home/bob/src",
    "/home/eve",
    "/odd",
    "/srv",
];

impl Host for TestHost {
    fn shell(&self, uid: u32) -> io::Result<Option<PathBuf>> {
        match uid {
            998 => Ok(Some("/bin/bash".into())),
            7 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(Some("/usr/sbin/nologin".into())),
        }
    }

    fn uid(&self, name: &str) -> io::Result<Option<u32>> {
        let users = BTreeMap::from([("root", 0), ("deploy", 998), ("ci", 1000)]);
        match name {
            "unreachable" => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(users.get(name).copied()),
        }
    }

    fn gid(&self, name: &str) -> io::Result<Option<u32>> {
        let groups = BTreeMap::from([("adm", 4), ("burstguard", 27)]);
        match name {
            "unreachable" => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(groups.get(name).copied()),
        }
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        match path.to_str().map(|path| path.trim_end_matches('/')) {
            Some("/etc/passwd") => Ok(false),
            Some("/secret") => Err(io::ErrorKind::PermissionDenied.into()),
            // For the limits.
            Some(path) if path.starts_with("/many/") => Ok(true),
            _ if DIRECTORIES.iter().any(|known| Path::new(known) == path) => Ok(true),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        match path.to_str() {
            Some("/home/eve") => return Err(io::ErrorKind::PermissionDenied.into()),
            Some("/odd") => return Ok(vec!["a*b".into(), "axb".into(), OsString::from_vec(vec![0xff])]),
            Some("/many") => return Ok((0..70).map(|n| n.to_string().into()).collect()),
            _ if !self.is_dir(path)? => return Err(io::ErrorKind::NotADirectory.into()),
            _ => {}
        }
        let below = DIRECTORIES.iter().map(Path::new).filter(|known| known.parent() == Some(path));
        Ok(below.filter_map(|known| known.file_name()).map(ToOwned::to_owned).collect())
    }

    fn files(&self, _: &Path) -> io::Result<Vec<OsString>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}
