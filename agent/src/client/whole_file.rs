//! A file that is whole when it gets its name.

use std::{io, path::Path};

use tempfile::NamedTempFile;

/// A file in the directory of another one, to be given its name in the end. Its mode is 0600.
pub(super) fn beside(file: &Path) -> io::Result<NamedTempFile> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))
}
