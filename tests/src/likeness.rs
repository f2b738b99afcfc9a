//! Everything that there is about the names below a directory, to be compared with what there is later: bit for bit, with metadata.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;

/// How much one name may have of attributes.
const ATTRIBUTES: usize = 64 << 10;

/// All names below some directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Likeness(pub BTreeMap<PathBuf, Like>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    /// With the bits of its kind.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// None of a directory, in which names come and go.
    pub changed: Option<(i64, i64)>,
    /// The bytes of a file, where a link leads to; empty for all else.
    pub content: Vec<u8>,
    /// Access lists and capabilities too.
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Likeness {
    /// Of a directory and all below it. What goes while it is looked at is not there.
    pub fn of(directory: &Path) -> Result<Self> {
        let mut names = BTreeMap::new();
        look(directory, &mut names).with_context(|| format!("cannot look at {}", directory.display()))?;
        Ok(Self(names))
    }

    /// What is not any more as it is here, in words; but nothing that only is there besides.
    #[must_use]
    pub fn missed_by(&self, now: &Self) -> Vec<String> {
        let differs = |(path, like): (&PathBuf, &Like)| {
            let Some(other) = now.0.get(path) else { return Some(format!("{} is gone", path.display())) };
            let parts = [
                ("content", like.content == other.content),
                ("mode", like.mode == other.mode),
                ("owner", like.owner == other.owner),
                ("time", like.changed == other.changed),
                ("attributes", like.attributes == other.attributes),
            ];
            let parts: Vec<&str> =
                parts.into_iter().filter(|(_, same)| !same).map(|(part, _)| part).collect();
            (!parts.is_empty()).then(|| format!("{} differs by its {}", path.display(), parts.join(", ")))
        };
        self.0.iter().filter_map(differs).collect()
    }
}

fn look(path: &Path, names: &mut BTreeMap<PathBuf, Like>) -> Result<()> {
    let Some(about) = there(fs::symlink_metadata(path))? else { return Ok(()) };
    let content = if about.is_file() {
        there(fs::read(path))?.unwrap_or_default()
    } else if about.is_symlink() {
        let target = there(fs::read_link(path))?;
        target.map(|target| target.as_os_str().as_bytes().to_vec()).unwrap_or_default()
    } else {
        Vec::new()
    };
    let like = Like {
        mode: about.mode(),
        owner: (about.uid(), about.gid()),
        changed: (!about.is_dir()).then(|| (about.mtime(), about.mtime_nsec())),
        content,
        attributes: attributes(path)?,
    };
    names.insert(path.to_owned(), like);
    if about.is_dir() {
        for entry in there(fs::read_dir(path))?.into_iter().flatten() {
            look(&entry?.path(), names)?;
        }
    }
    Ok(())
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

fn attributes(path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut names = Vec::with_capacity(ATTRIBUTES);
    match llistxattr(path, rustix::buffer::spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::OPNOTSUPP | Errno::NOENT) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    }
    let value = |name: &[u8]| {
        let mut value = Vec::with_capacity(ATTRIBUTES);
        lgetxattr(path, name, rustix::buffer::spare_capacity(&mut value)).ok()?;
        Some((name.to_vec(), value))
    };
    Ok(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).filter_map(value).collect())
}
