//! Which package has installed a path, and whether as configuration.

mod apk;
mod dpkg;
mod rpm;

use std::{collections::HashMap, io, os::unix::ffi::OsStrExt as _, path::Path};

use super::{Asked, Deadline, Merged, keep};
use crate::api::Impact;

/// The paths that are looked for, by each name that lists may have for one.
struct Names(HashMap<Vec<u8>, Vec<usize>>);

impl Names {
    fn of(merged: &Merged, asked: &[Asked]) -> Self {
        let mut names: HashMap<_, Vec<_>> = HashMap::new();
        for (at, asked) in asked.iter().enumerate() {
            let canonical = merged.canonical(&asked.path);
            let short = merged.short(&canonical);
            for name in std::iter::once(canonical).chain(short) {
                names.entry(name.as_os_str().as_bytes().to_vec()).or_default().push(at);
            }
        }
        Self(names)
    }

    /// Which of the paths that are asked for a name is of.
    fn get(&self, name: &[u8]) -> &[usize] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What is found out.
struct Owners<'f>(&'f mut [Impact]);

impl Owners<'_> {
    fn add(&mut self, path: usize, package: &str, conffile: bool) {
        let impact = &mut self.0[path];
        keep(&mut impact.packages, package);
        impact.conffile |= conffile;
    }
}

/// Asks each manager of packages that the host has.
pub(super) fn look(
    root: &Path,
    merged: &Merged,
    asked: &[Asked],
    found: &mut [Impact],
    deadline: Deadline,
) -> io::Result<()> {
    let names = Names::of(merged, asked);
    let mut owners = Owners(found);
    dpkg::look(root, &names, &mut owners, deadline)?;
    apk::look(root, &names, &mut owners, deadline)?;
    rpm::look(root, &names, &mut owners, deadline)
}
