//! What is made once, and kept below `target`; by one process at a time.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};

/// Makes a directory that is not there yet, in one that need not be there either; what an interrupted run left counts for
/// nothing.
pub(crate) fn once(place: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if place.is_dir() {
        return Ok(());
    }
    let part = place.with_added_extension("part");
    let _ = fs::remove_dir_all(&part); // mostly there is none
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    make(&part)?;
    fs::rename(&part, place)
        .with_context(|| format!("cannot rename {} to {}", part.display(), place.display()))
}

/// Until the answer is dropped, no other process makes anything that is shared in this directory.
pub(crate) fn alone(directory: &Path) -> Result<File> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let path = directory.join("lock");
    let cannot = || format!("cannot lock {}", path.display());
    let file = File::create(&path).with_context(cannot)?;
    file.lock().with_context(cannot)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_checkout_has_no_place_for_it_yet_and_the_second_time_nothing_is_made() {
        let ground = tempfile::tempdir().unwrap();
        let place = ground.path().join("vm/root");
        let make = |part: &Path| Ok(fs::create_dir(part)?);
        once(&place, make).unwrap();
        assert!(place.is_dir());
        once(&place, |_| anyhow::bail!("it is there")).unwrap();
    }
}
