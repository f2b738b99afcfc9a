//! Units that the service manager has been asked to start, and that nobody has written: whether one is still there.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the system's manager keeps what such units are, and those of users.
const SYSTEM: &str = "/run/systemd/transient";
const USERS: &str = "/run/user";
const OF_USER: &str = "systemd/transient";

/// Whether a unit of this name is there, of any manager. The directories of users are asked for each time: they come and go.
pub(super) fn is_there(unit: &str) -> bool {
    let users = fs::read_dir(USERS).into_iter().flatten().flatten();
    let of_users = users.map(|user| user.path().join(OF_USER));
    std::iter::once(PathBuf::from(SYSTEM)).chain(of_users).any(|directory| is_in(&directory, unit))
}

fn is_in(directory: &Path, unit: &str) -> bool {
    !unit.contains('/') && fs::symlink_metadata(directory.join(unit)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_a_file_and_nothing_else_is_looked_at() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("run-1.service"), "").expect("a file");
        assert!(is_in(directory.path(), "run-1.service") && !is_in(directory.path(), "run-2.service"));
        assert!(!is_in(directory.path(), "../../etc/passwd") && !is_there("run-no-such-unit.service"));
    }
}
