//! What of a tree the keeper keeps.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{
    Exception,
    keeping::{sized, written},
};

/// What `keep` says of a tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Keep {
    /// Whether anything is kept.
    pub(crate) files: bool,
    /// The largest file, in bytes.
    pub(crate) size: u64,
    /// All of it, in bytes.
    pub(crate) total: u64,
    /// How long what was superseded stays.
    pub(crate) age: Duration,
    /// What lies in the tree and is not kept, besides what is not of it.
    pub(crate) except: Vec<Exception>,
}

/// How large a file may be that is kept.
const FILE: RangeInclusive<u64> = 1 << 10..=64 << 20;

/// How large a file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileSize(pub(super) u64);

impl Default for Keep {
    fn default() -> Self {
        Self {
            files: true,
            size: 1 << 20,
            total: 256 << 20,
            age: Duration::from_hours(24 * 30),
            except: Vec::new(),
        }
    }
}

impl FromStr for FileSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = sized(text).filter(|size| FILE.contains(size));
        size.map(Self).ok_or_else(|| {
            format!("a size from {} to {} such as \"1MiB\"", Self(*FILE.start()), Self(*FILE.end()))
        })
    }
}

impl fmt::Display for FileSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.0))
    }
}
