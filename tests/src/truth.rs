//! What is true on disk of the files that [`crate::Ground::fill`] made.

use std::fs;
use std::path::Path;

/// The name of a file.
#[must_use]
pub fn file_name(number: usize) -> String {
    format!("f{number:04}")
}

/// What is in it: as many bytes in each.
#[must_use]
pub(crate) fn original(number: usize) -> String {
    format!("original {number:04}\n")
}

/// How long each file is.
pub const LENGTH: usize = 14;

/// How many of the `count` files in a directory are gone or not what they were.
#[must_use]
pub fn destroyed(directory: &Path, count: usize) -> usize {
    let intact = |number| {
        fs::read_to_string(directory.join(file_name(number))).is_ok_and(|content| content == original(number))
    };
    (0..count).filter(|&number| !intact(number)).count()
}

/// How many of the `count` files in a directory are gone.
#[must_use]
pub fn missing(directory: &Path, count: usize) -> usize {
    (0..count).filter(|&number| fs::symlink_metadata(directory.join(file_name(number))).is_err()).count()
}
