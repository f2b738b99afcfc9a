//! Which processes have a file open or mapped. Where the file is still there it is told by device and inode, whatever name it was opened
//! by; where it is gone, by the name that the kernel keeps for it, ` (deleted)` behind, and the device that it was on.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};

use super::{Asked, Deadline, KEPT, at, bytes};
use crate::{
    api::{Bytes, Impact, Named, OpenIn},
    processes::cgroup,
};

const DELETED: &[u8] = b" (deleted)";
/// A process with very many mappings is not looked at to its end.
const MAPS: u64 = 4 << 20;

/// A file, as the kernel knows it: device and inode.
type Id = (u64, u64);

/// What is looked for.
struct Sought {
    by_id: HashMap<Id, Vec<usize>>,
    /// By its name, with what stands behind it: the path, and the device that it was on.
    by_name: HashMap<Vec<u8>, Vec<(usize, u64)>>,
}

pub(super) fn look(root: &Path, asked: &[Asked], found: &mut [Impact], deadline: Deadline) -> io::Result<()> {
    let sought = Sought::of(root, asked);
    for process in fs::read_dir(root.join("proc"))?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if pid == std::process::id() {
            continue;
        }
        deadline.check()?;
        let directory = process.path();
        let mut has: Vec<usize> = sought.opened(&directory).chain(sought.mapped(&directory)).collect();
        has.sort_unstable();
        has.dedup();
        let who = if has.is_empty() { None } else { who(pid, &directory) };
        for (path, who) in has.into_iter().zip(std::iter::repeat(who)) {
            let Some(who) = who else { break }; // it has ended since
            let impact = &mut found[path];
            impact.open_in += 1;
            if impact.open.len() < KEPT {
                impact.open.push(who);
            }
        }
    }
    Ok(())
}

fn who(pid: u32, directory: &Path) -> Option<OpenIn> {
    let comm = fs::read(directory.join("comm")).ok()?;
    let comm = Bytes::from(comm.strip_suffix(b"\n").unwrap_or(&comm));
    let group = fs::read_to_string(directory.join("cgroup")).unwrap_or_default();
    Some(OpenIn { process: Named { pid, comm }, unit: cgroup::group(&group).and_then(unit) })
}

/// The unit that a control group is of: the innermost one, since a unit may have groups of its own, and users have managers.
pub(super) fn unit(group: &Path) -> Option<String> {
    let is_unit = |name: &&str| {
        Path::new(name)
            .extension()
            .is_some_and(|kind| ["service", "scope", "mount", "swap", "socket"].iter().any(|of| kind == *of))
    };
    group.iter().rev().filter_map(|name| name.to_str()).find(is_unit).map(str::to_owned)
}

impl Sought {
    fn of(root: &Path, asked: &[Asked]) -> Self {
        let mut sought = Self { by_id: HashMap::new(), by_name: HashMap::new() };
        for (path, asked) in asked.iter().enumerate() {
            let here = at(root, &asked.path);
            if let Ok(file) = fs::symlink_metadata(&here)
                && (file.is_file() || file.is_dir())
            {
                sought.by_id.entry((file.dev(), file.ino())).or_default().push(path);
            }
            // One that was replaced is gone too. Its directory may be as well: it was on the device of what is left of the way.
            if let Some(above) = here.ancestors().skip(1).find_map(|above| fs::metadata(above).ok()) {
                let name = [here.as_os_str().as_bytes(), DELETED].concat();
                sought.by_name.entry(name).or_default().push((path, above.dev()));
            }
        }
        sought
    }

    fn find(&self, name: &[u8], id: Id) -> impl Iterator<Item = usize> {
        let by_id = self.by_id.get(&id).into_iter().flatten().copied();
        let named = self.by_name.get(name).into_iter().flatten();
        by_id.chain(named.filter(move |(_, device)| *device == id.0).map(|(path, _)| *path))
    }

    /// What a process has open. Nothing, if it has ended.
    fn opened(&self, process: &Path) -> impl Iterator<Item = usize> {
        let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        descriptors.flat_map(|descriptor| {
            let link = descriptor.path();
            let name = link.read_link().unwrap_or_default();
            let name = name.as_os_str().as_bytes();
            // Sockets, pipes and the like have other names. What nothing could be told of is not asked for.
            let is_sought = name.starts_with(b"/")
                && (self.by_name.contains_key(name) || !self.by_id.is_empty() && !name.ends_with(DELETED));
            let id = is_sought.then(|| id(&link)).flatten();
            id.map(|id| self.find(name, id).collect::<Vec<_>>()).unwrap_or_default()
        })
    }

    /// What it has mapped, its program and libraries among it: a line for each mapping, with the device in two hexadecimal numbers.
    fn mapped(&self, process: &Path) -> impl Iterator<Item = usize> {
        let maps = bytes(&process.join("maps"), MAPS).unwrap_or_default();
        let mut found = Vec::new();
        let mut last: Id = (0, 0);
        for line in maps.split(|byte| *byte == b'\n') {
            let Some((id, name)) = mapping(line).filter(|(id, _)| *id != last) else { continue };
            last = id;
            found.extend(self.find(name, id));
        }
        found.into_iter()
    }
}

/// Which file a descriptor is of. A server that does not answer is not asked.
fn id(descriptor: &Path) -> Option<Id> {
    let file = statx(CWD, descriptor, AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok()?;
    Some((makedev(file.stx_dev_major, file.stx_dev_minor), file.stx_ino))
}

/// Of a mapping of a file: which one, and its name. <https://docs.kernel.org/filesystems/proc.html>
pub(super) fn mapping(line: &[u8]) -> Option<(Id, &[u8])> {
    let name = line.iter().position(|byte| *byte == b'/')?;
    let fields = std::str::from_utf8(&line[..name]).ok()?;
    let mut fields = fields.split_ascii_whitespace().skip(3);
    let (major, minor) = fields.next()?.split_once(':')?;
    let number = |hexadecimal| u32::from_str_radix(hexadecimal, 16).ok();
    let device = makedev(number(major)?, number(minor)?);
    Some(((device, fields.next()?.parse().ok()?), &line[name..]))
}
