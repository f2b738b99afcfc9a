//! The files that a policy is made of: the policy file, and the drop-ins of the directory it is in.

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::{
    Host, discover,
    problem::{Problem, Source},
};

/// The policy file, unless one is named.
pub(crate) const DEFAULT: &str = "/etc/burstguard/policy.toml";
/// Beside the policy file.
const DROP_INS: &str = "policy.d";
/// Longer than any policy could be.
const LONGEST: u64 = 1 << 20;

/// What a policy is made of.
pub(super) struct Sources {
    /// In the order in which they override each other; the first is the policy file.
    pub(super) list: Vec<Result<Arc<Source>, Problem>>,
    /// There is no policy file: the first is built in.
    pub(super) built_in: bool,
}

impl Sources {
    /// The policy file `path` and its drop-ins. Only the default one need not exist.
    pub(super) fn find(path: &Path, host: &impl Host) -> Self {
        Self::find_or(path, path == Path::new(DEFAULT), host)
    }

    /// The same; `built_in` says whether what is built in takes the place of a file that does not exist.
    pub(super) fn find_or(path: &Path, built_in: bool, host: &impl Host) -> Self {
        let (first, built_in) = match read(path) {
            // A link that leads nowhere is a policy that got lost, not the wish to have none.
            Err(error) if built_in && error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                (Ok(Source::new(0, "built-in policy".into(), discover::policy(host))), true)
            }
            text => (source(0, path.to_owned(), text), false),
        };
        let mut list = vec![first];
        let directory = path.with_file_name(DROP_INS);
        match drop_ins(&directory) {
            Ok(files) => {
                list.extend((1..).zip(files).map(|(order, file)| {
                    let text = read(&file);
                    source(order, file, text)
                }));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => list.push(source(1, directory, Err(error))),
        }
        Self { list, built_in }
    }

    /// The files that could be read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.read().skip(self.built_in.into()).map(|source| source.file.to_path_buf()).collect()
    }

    /// SHA-256 over the name and the text of each, in hexadecimal. A policy has the same one wherever it lies.
    pub(super) fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for source in self.read() {
            let name = source.file.file_name().unwrap_or_default().as_encoded_bytes();
            for part in [name, source.text.as_bytes()] {
                // With its length, or what one part ends with could be what the next begins with.
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.list.iter().flatten()
    }
}

fn source(order: usize, file: PathBuf, text: io::Result<String>) -> Result<Arc<Source>, Problem> {
    match text {
        Ok(text) => Ok(Source::new(order, file, text)),
        Err(error) => {
            let position = Source::new(order, file, String::new()).at(0).position();
            Err(Problem::new(position, &format!("cannot be read: {error}")))
        }
    }
}

/// Sorted by name. Hidden files are what editors and package managers leave while they write.
fn drop_ins(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Only a file, or what is handed over as standard input: to open or read a pipe would wait for whoever writes.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let mut options = fs::File::options();
    let handed_over = path == Path::new("/dev/stdin");
    let flags = if handed_over { OFlags::empty() } else { OFlags::NONBLOCK };
    let file = options.read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if !handed_over && !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let read = file.take(LONGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST {
        return Err(io::Error::other(format!("longer than {LONGEST} bytes")));
    }
    Ok(text)
}
