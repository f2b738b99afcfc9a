//! What of the host depends on paths that were destroyed: which package has installed them, which units name them, which processes
//! have them open. It is asked for once an incident and told beside what happened; nothing is decided by it.
//!
//! All of it is read from files, on a thread of its own, and bounded: by a deadline, by how much of a file is read, by how many
//! of each are kept. What cannot be read is said, and the rest is told all the same.

mod open;
mod packages;
#[cfg(test)]
mod tests;
mod units;

use std::{
    fs::File,
    io::{self, BufReader, Read as _, Take},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::api::{Bytes, Impact};

/// How long a survey may take. It is a tenth of a second of work, which has to wait where the host has more urgent things to do.
const LONGEST: Duration = Duration::from_secs(20);
/// How many packages, units and processes of a path are kept.
const KEPT: usize = 8;

/// A path of which is asked what depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// From the root on.
    pub(crate) path: PathBuf,
    /// The protected tree that it is in.
    pub(crate) tree: PathBuf,
}

/// What has come of it.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Of the paths that something depends on.
    pub(crate) found: Vec<Impact>,
    /// What could not be looked at, and why.
    pub(crate) problems: Vec<String>,
}

/// When it has to be done.
#[derive(Clone, Copy, Debug)]
struct Deadline(Instant);

impl Deadline {
    fn check(self) -> io::Result<()> {
        if Instant::now() < self.0 {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("it takes more than {} s, and is left", LONGEST.as_secs()),
        ))
    }
}

/// Looks at the host whose root this is.
pub(crate) fn survey(root: &Path, asked: &[Asked]) -> Survey {
    let deadline = Deadline(Instant::now() + LONGEST);
    let mut found: Vec<Impact> =
        asked.iter().map(|asked| Impact::none(Bytes::from(asked.path.as_path()))).collect();
    let merged = Merged::of(root);
    let mut problems = Vec::new();
    // First what goes by while one looks.
    for (of, done) in [
        ("which processes have it open", open::look(root, asked, &mut found, deadline)),
        ("which packages own it", packages::look(root, &merged, asked, &mut found, deadline)),
        ("which units name it", units::look(root, &merged, asked, &mut found, deadline)),
    ] {
        problems.extend(done.err().map(|error| format!("{of}: {error}")));
    }
    found.retain(|impact| !impact.is_none());
    Survey { found, problems }
}

/// Directories of the root that are links to those of the same name in `/usr`: then a file has two names, and lists have either.
struct Merged(Vec<&'static str>);

impl Merged {
    const DIRECTORIES: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"];

    fn of(root: &Path) -> Self {
        let is_link = |name: &&str| {
            let to = root.join(name).read_link().unwrap_or_default();
            to.strip_prefix("/").unwrap_or(&to) == Path::new("usr").join(name)
        };
        Self(Self::DIRECTORIES.into_iter().filter(is_link).collect())
    }

    /// The name that has `/usr` in it.
    fn canonical(&self, path: &Path) -> PathBuf {
        let is_in = |name: &&str| path.starts_with(Path::new("/").join(name));
        match self.0.iter().any(is_in) {
            true => Path::new("/usr").join(path.strip_prefix("/").unwrap_or(path)),
            false => path.to_owned(),
        }
    }

    /// The name that has not, if there is another.
    fn short(&self, path: &Path) -> Option<PathBuf> {
        let below = path.strip_prefix("/usr").ok()?;
        self.0.iter().any(|name| below.starts_with(name)).then(|| Path::new("/").join(below))
    }
}

/// A path below another root.
fn at(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A file, of which no more than so much is read.
fn reader(file: &Path, most: u64) -> io::Result<BufReader<Take<File>>> {
    Ok(BufReader::new(File::open(file)?.take(most)))
}

/// The same, read.
fn bytes(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Adds a name to those that are kept, once.
fn keep(names: &mut Vec<String>, name: &str) {
    if names.len() < KEPT && !names.iter().any(|kept| kept == name) {
        names.push(name.to_owned());
    }
}
