//! What is at a name now, with the hash of its content; nothing is kept.

use std::io;

use jiff::Timestamp;
use rustix::fs::FileType;

use super::{At, Limits, Side, What, Why, copy, seen::Seen};

/// What is there, and when it was changed last; none if nothing is.
pub(crate) fn what_is_at(at: At<'_>) -> io::Result<Option<(What, Timestamp)>> {
    let Some(seen) = Seen::open(at)? else { return Ok(None) };
    let stat = &seen.stat;
    let nanoseconds = i32::try_from(stat.st_ctime_nsec).unwrap_or_default();
    let changed = Timestamp::new(stat.st_ctime, nanoseconds).unwrap_or_default();
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let left = |meta, why| What::Left { meta, size, why };
    let what = match (seen.meta(), seen.kind) {
        (Err((why, meta)), _) => left(meta, why),
        (Ok(meta), FileType::Directory) => What::Directory(meta),
        (Ok(meta), FileType::Symlink) => What::Link { target: seen.target()?, meta },
        // It can be nothing that was kept.
        (Ok(meta), FileType::RegularFile) if size > Limits::MOST.size => left(meta, Why::TooLarge),
        (Ok(meta), FileType::RegularFile) => {
            match seen.read().map_err(Side::Reading).and_then(|file| copy(file, io::sink())) {
                Ok((content, _)) => What::File { meta, size, content },
                Err(_) => left(meta, Why::Unreadable),
            }
        }
        (Ok(meta), _) => left(meta, Why::Special),
    };
    Ok(Some((what, changed)))
}
