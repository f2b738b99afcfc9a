//! Which files a recording is made of: numbered, each begun anew by every daemon, so that nobody writes behind what was torn.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::store::Bounds;

/// The name of the recording in the directory of the record.
pub(crate) const DIRECTORY: &str = "recording";

const SUFFIX: &str = "rec";
/// Into how many files what may be kept is divided at least, and how large one is at most.
const PARTS: u64 = 16;
const LARGEST: u64 = 16 << 20;

/// How large a file becomes, in bytes, before the next one is begun.
pub(super) fn length(bounds: Bounds) -> u64 {
    (bounds.size / PARTS).min(LARGEST)
}

/// A file, and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) changed: SystemTime,
}

/// All that there are in a directory, the oldest first; none if it is not there.
pub(super) fn all(directory: &Path) -> io::Result<Vec<Segment>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(number) = number(&path) else { continue };
        let about = fs::symlink_metadata(&path)?;
        if about.is_file() {
            segments.push(Segment { number, path, size: about.len(), changed: about.modified()? });
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

fn number(path: &Path) -> Option<u64> {
    let is_one = path.extension().is_some_and(|suffix| suffix == SUFFIX);
    is_one.then(|| path.file_stem()?.to_str()?.parse().ok()).flatten()
}

/// Where the one of this number is.
pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:010}.{SUFFIX}"))
}

/// How many of the oldest are too much: those that leave no room for `more` bytes, and those that have not been written to for longer
/// than is kept, if ages can be told.
pub(super) fn too_many(segments: &[Segment], bounds: Bounds, more: u64, now: Option<SystemTime>) -> usize {
    let mut total: u64 = segments.iter().map(|segment| segment.size).sum();
    let age = |segment: &Segment| now.and_then(|now| now.duration_since(segment.changed).ok());
    segments
        .iter()
        .take_while(|segment| {
            let is_too_much = total + more > bounds.size;
            total -= segment.size;
            is_too_much || age(segment).unwrap_or(Duration::ZERO) > bounds.keep
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: u64, size: u64, age: u64) -> Segment {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1000 - age);
        Segment { number, path: PathBuf::new(), size, changed }
    }

    #[test]
    fn the_oldest_go_by_size_and_by_age() {
        let bounds = Bounds { keep: Duration::from_secs(100), size: 50 };
        let now = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1000));
        let segments = [segment(1, 20, 90), segment(2, 20, 80), segment(3, 10, 0)];
        assert_eq!(too_many(&segments, bounds, 0, now), 0);
        assert_eq!(too_many(&segments, bounds, 1, now), 1);
        assert_eq!(too_many(&segments, bounds, 21, now), 2);
        let old = [segment(1, 1, 200), segment(2, 1, 101), segment(3, 1, 0)];
        assert_eq!((too_many(&old, bounds, 0, now), too_many(&old, bounds, 0, None)), (2, 0));
        // A clock that was set back makes nothing old.
        assert_eq!(too_many(&old, bounds, 0, Some(SystemTime::UNIX_EPOCH)), 0);
    }

    #[test]
    fn files_are_known_by_their_numbers() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        assert!(all(&directory.path().join("none"))?.is_empty());
        for number in [12, 3] {
            fs::write(path(directory.path(), number), "x")?;
        }
        fs::write(directory.path().join("4.txt"), "")?;
        fs::create_dir(path(directory.path(), 5))?;
        let numbers: Vec<u64> = all(directory.path())?.iter().map(|segment| segment.number).collect();
        assert_eq!(numbers, [3, 12]);
        Ok(())
    }
}
