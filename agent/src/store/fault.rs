//! Why the record cannot be read or written.

use std::{io, path::Path};

use rusqlite::ErrorCode;
use thiserror::Error;

/// What was attempted, on what, and why it failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    /// What is in the file makes no sense.
    #[error("{0}")]
    Corrupt(String),
    /// There is no record.
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Other(String),
}

impl Fault {
    pub(super) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        let text = format!("cannot {doing} {}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent(text),
            _ => Self::Other(format!("{text}{}", help(error.raw_os_error()))),
        }
    }

    pub(super) fn sql(doing: &str, path: &Path, error: &rusqlite::Error) -> Self {
        let text = format!("cannot {doing} {}: {error}", path.display());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            Some(ErrorCode::DiskFull) => Self::Other(format!("{text}; {ROOM}")),
            _ => Self::Other(text),
        }
    }
}

const ROOM: &str = "make room there, then it goes on by itself";

fn help(error: Option<i32>) -> String {
    let help = match error {
        Some(libc::ENOSPC | libc::EDQUOT) => ROOM,
        Some(libc::EROFS) => "mount it for writing, or name another directory: burstguard run --state DIR",
        _ => return String::new(),
    };
    format!("; {help}")
}
