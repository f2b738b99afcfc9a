//! Units that the service manager has been asked to start, and that nobody has written: whether one is there, and since when.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::sensor::Made;

/// Where the system's manager keeps what such units are, and those of users.
const SYSTEM: &str = "/run/systemd/transient";
const USERS: &str = "/run/user";
const OF_USER: &str = "systemd/transient";
/// The clock that files have may be set, and is coarse.
const DOUBT: Duration = Duration::from_secs(1);

/// What is there of a unit of this name, of any manager, which was asked for so long (ns) ago. The directories of users are
/// asked for each time: they come and go.
pub(super) fn made(unit: &str, ago: u64) -> Made {
    let users = fs::read_dir(USERS).into_iter().flatten().flatten();
    let of_users = users.map(|user| user.path().join(OF_USER));
    let asked = SystemTime::now() - Duration::from_nanos(ago) - DOUBT;
    let directories = std::iter::once(PathBuf::from(SYSTEM)).chain(of_users);
    // Of several managers' the newest counts.
    match directories.filter_map(|directory| made_at(&directory, unit)).max() {
        None => Made::Not,
        Some(at) if at < asked => Made::Before,
        Some(_) => Made::Since,
    }
}

fn made_at(directory: &Path, unit: &str) -> Option<SystemTime> {
    let file = (!unit.contains('/')).then(|| directory.join(unit))?;
    fs::symlink_metadata(file).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_a_file_and_nothing_else_is_looked_at() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("run-1.service"), "").expect("a file");
        assert!(made_at(directory.path(), "run-1.service").is_some());
        assert_eq!(made_at(directory.path(), "run-2.service"), None);
        assert_eq!(made_at(directory.path(), "../../etc/passwd"), None);
        assert_eq!(made("run-no-such-unit.service", 0), Made::Not);
    }
}
