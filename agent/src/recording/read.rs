//! Reads a recording, from its oldest entry to its newest.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    format::{self, Entry, PREFACE},
    segments,
};

/// Where a recording lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// One of its files.
    File(PathBuf),
    /// All of them.
    Directory(PathBuf),
}

impl Source {
    pub(crate) fn of(path: &Path) -> Self {
        let path = path.to_owned();
        if path.is_dir() { Self::Directory(path) } else { Self::File(path) }
    }
}

/// Why a recording cannot be read.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("cannot read the recording {path}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("there is no recording in {0}: nothing was recorded, or it is of another host")]
    None(PathBuf),
    #[error("{0} is no recording, or one of another version: this is what reads version 1")]
    Foreign(PathBuf),
}

/// Shows `see` every entry, those of one file together, and how many files there are; the files that end in the midst of one, as those do that were written to when
/// the power went.
pub(crate) fn read(
    source: &Source,
    mut see: impl FnMut(Vec<Entry<&[u8]>>, usize),
) -> Result<Vec<PathBuf>, Problem> {
    let mut torn = Vec::new();
    let files = files(source)?;
    let count = files.len();
    for path in files {
        let bytes = match read_file(&path) {
            // The daemon has thrown the oldest away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_one_of_many(source) => continue,
            bytes => bytes.map_err(|error| Problem::Unreadable { path: path.clone(), error })?,
        };
        let Some((entries, rest)) = entries(&bytes) else {
            if PREFACE.as_bytes().starts_with(&bytes) {
                torn.push(path); // it was just begun
                continue;
            }
            return Err(Problem::Foreign(path));
        };
        see(entries, count);
        if !rest.is_empty() {
            torn.push(path);
        }
    }
    Ok(torn)
}

/// Entries, and bytes behind them that are none.
type Entries<'a> = (Vec<Entry<&'a [u8]>>, &'a [u8]);

/// The entries of a file as far as they are whole, and what is behind them; none if it is no recording.
pub(crate) fn entries(bytes: &[u8]) -> Option<Entries<'_>> {
    let mut rest = bytes.strip_prefix(PREFACE.as_bytes())?;
    let mut entries = Vec::with_capacity(rest.len() / format::HEAD);
    while let Some((entry, length)) = format::first(rest) {
        entries.push(entry);
        rest = &rest[length..];
    }
    Some((entries, rest))
}

/// None of ours is larger by far.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    const LARGEST: u64 = 256 << 20;
    if fs::metadata(path)?.len() > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    fs::read(path)
}

fn is_one_of_many(source: &Source) -> bool {
    matches!(source, Source::Directory(_))
}

fn files(source: &Source) -> Result<Vec<PathBuf>, Problem> {
    match source {
        Source::File(path) => Ok(vec![path.clone()]),
        Source::Directory(directory) => {
            let unreadable = |error| Problem::Unreadable { path: directory.clone(), error };
            let segments = segments::all(directory).map_err(unreadable)?;
            if segments.is_empty() {
                return Err(Problem::None(directory.clone()));
            }
            Ok(segments.into_iter().map(|segment| segment.path).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::format::append, *};

    fn file(entries: u64) -> Vec<u8> {
        let mut bytes = PREFACE.as_bytes().to_vec();
        for number in 1..=entries {
            append(&Entry::Deed(format::tests::deed(number)), &mut bytes);
        }
        bytes
    }

    fn numbers(source: &Path) -> Result<(Vec<u64>, usize), Problem> {
        let mut numbers = Vec::new();
        let torn = read(&Source::of(source), |entries, _| {
            numbers.extend(entries.iter().filter_map(|entry| match entry {
                Entry::Deed(deed) => deed.judged.sequence,
                _ => None,
            }));
        })?;
        Ok((numbers, torn.len()))
    }

    #[test]
    fn of_a_file_that_was_torn_what_is_whole_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let whole = file(3);
        for length in 0..=whole.len() {
            fs::write(segments::path(directory.path(), 1), &whole[..length]).expect("a file");
            fs::write(segments::path(directory.path(), 2), file(1)).expect("a file");
            let (read, torn) = numbers(directory.path()).expect("a recording");
            let entries = length.saturating_sub(PREFACE.len()) / (format::HEAD + 22);
            let expected: Vec<u64> = (1..=entries as u64).chain([1]).collect();
            assert_eq!(read, expected, "{length}");
            let is_whole =
                length >= PREFACE.len() && (length - PREFACE.len()).is_multiple_of(format::HEAD + 22);
            assert_eq!(torn, usize::from(!is_whole), "{length}");
        }
    }

    #[test]
    fn what_is_none_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(matches!(numbers(directory.path()), Err(Problem::None(_))));
        let path = directory.path().join("x");
        assert!(matches!(numbers(&path), Err(Problem::Unreadable { .. })));
        fs::write(&path, "burstguard recording 2\n\n").expect("a file");
        assert!(matches!(numbers(&path), Err(Problem::Foreign(_))));
    }
}
