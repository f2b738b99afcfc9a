//! How much of the disk is left to others: the record lies there too, and comes first.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::fs::statvfs;

/// Of the file system that it lies in, this part stays free, but no less than the first of these, and no more than the second (bytes).
const FREE: u64 = 20;
const FREE_AT_LEAST: u64 = 16 << 20;
const FREE_AT_MOST: u64 = 1 << 30;

/// Whether there is room for more in a state directory; an error says what to do if not.
pub(super) fn check(state: &Path) -> Result<()> {
    let found = statvfs(state).with_context(|| format!("cannot look at {}", state.display()))?;
    let wanted = stays_free(found.f_blocks.saturating_mul(found.f_frsize));
    if found.f_bavail.saturating_mul(found.f_frsize) < wanted {
        bail!(
            "of the file system of {} less than {} MiB are free: make room there, then it goes on by itself",
            state.display(),
            wanted >> 20
        );
    }
    Ok(())
}

/// How much of a file system of this size is left to others.
fn stays_free(size: u64) -> u64 {
    (size / FREE).clamp(FREE_AT_LEAST, FREE_AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_disk_a_part_is_left_to_others_and_of_a_large_one_a_gibibyte() {
        assert_eq!([24 << 20, 2 << 30, 252 << 30].map(stays_free), [16 << 20, (2 << 30) / 20, 1 << 30]);
    }
}
