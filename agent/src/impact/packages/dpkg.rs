//! dpkg's lists: a file for each package, a line for each path. <https://manpages.debian.org/stable/dpkg/dpkg.1.en.html#FILES>

use std::{collections::HashMap, fs, io, os::unix::ffi::OsStrExt as _, path::Path};

use super::{super::bytes, Deadline, Names, Owners};

const INFO: &str = "var/lib/dpkg/info";
const DIVERSIONS: &str = "var/lib/dpkg/diversions";
/// The largest list of Debian is of some 5 MB.
const MOST: u64 = 16 << 20;

pub(super) fn look(
    root: &Path,
    names: &Names,
    owners: &mut Owners<'_>,
    deadline: Deadline,
) -> io::Result<()> {
    let info = root.join(INFO);
    let lists = match fs::read_dir(&info) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        lists => lists?,
    };
    let diversions = bytes(&root.join(DIVERSIONS), MOST).unwrap_or_default();
    let listed = Listed::of(names, &diversions);
    for list in lists.flatten() {
        let name = list.file_name();
        let Some(package) = name.as_bytes().strip_suffix(b".list") else { continue };
        deadline.check()?;
        // One that has just been removed with its package.
        let Ok(lines) = bytes(&list.path(), MOST) else { continue };
        let mut conffiles = None;
        // The file of a package for one of several architectures is called `NAME:ARCHITECTURE`.
        let plain = package.split(|byte| *byte == b':').next().unwrap_or_default();
        for line in lines.split(|byte| *byte == b'\n') {
            for path in listed.of_package(line, plain) {
                let conffiles = conffiles.get_or_insert_with(|| {
                    bytes(&list.path().with_extension("conffiles"), MOST).unwrap_or_default()
                });
                owners.add(path, &super::super::text(package), has_line(conffiles, line));
            }
        }
    }
    Ok(())
}

/// A name may have a word before it that says what becomes of it.
fn has_line(conffiles: &[u8], name: &[u8]) -> bool {
    let is = |line: &[u8]| line.strip_prefix(b"remove-on-upgrade ").unwrap_or(line) == name;
    conffiles.split(|byte| *byte == b'\n').any(is)
}

/// Whose entry of a name counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose<'d> {
    Anybodys,
    /// The file there is what this package has put in the place of others': nobody's, if an administrator has.
    Only(&'d [u8]),
    /// The file there is that of others, which had to make way for this package's.
    AllBut(&'d [u8]),
}

/// What to look for in the lists: where a file was diverted, it lies elsewhere than they say.
struct Listed<'d>(HashMap<Vec<u8>, Vec<(usize, Whose<'d>)>>);

impl<'d> Listed<'d> {
    /// Three lines are a diversion: from where, to where, and by which package (`:` is by an administrator).
    fn of(names: &Names, diversions: &'d [u8]) -> Self {
        let lines: Vec<&[u8]> = diversions.split(|byte| *byte == b'\n').collect();
        let mut listed: HashMap<Vec<u8>, Vec<_>> = HashMap::new();
        let mut add = |name: &[u8], path, whose| listed.entry(name.to_vec()).or_default().push((path, whose));
        let diverted: HashMap<&[u8], &[u8]> =
            lines.chunks_exact(3).map(|lines| (lines[0], lines[2])).collect();
        for (name, paths) in &names.0 {
            let whose = diverted.get(&name[..]).map_or(Whose::Anybodys, |by| Whose::Only(by));
            paths.iter().for_each(|path| add(name, *path, whose));
        }
        for lines in lines.chunks_exact(3) {
            names.get(lines[1]).iter().for_each(|path| add(lines[0], *path, Whose::AllBut(lines[2])));
        }
        Self(listed)
    }

    /// The paths that a line in the list of a package is about.
    fn of_package(&self, line: &[u8], package: &[u8]) -> impl Iterator<Item = usize> {
        let entries = self.0.get(line).map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(move |(path, whose)| {
            let counts = match whose {
                Whose::Anybodys => true,
                Whose::Only(by) => *by == package,
                Whose::AllBut(by) => *by != package,
            };
            counts.then_some(*path)
        })
    }
}
