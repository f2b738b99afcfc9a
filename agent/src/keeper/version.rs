//! What is kept of a name at one time. Plain data: nothing here reads or writes.

use std::{path::PathBuf, sync::OnceLock};

use agent_common::rules::BootNs;
use jiff::Timestamp;

use crate::clock::{boot_id, boot_now};
pub(crate) use crate::store::Hash;

/// A time, on the clock of the kernel's records and on the wall's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Of which boot `at` is. Moments of two boots are told apart by the wall.
    pub(crate) boot: String,
    pub(crate) at: BootNs,
    pub(crate) wall: Timestamp,
}

/// What was there when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// In the order in which they were taken; 0: it is not on the shelf.
    pub(crate) number: u64,
    pub(crate) tree: String,
    pub(crate) path: PathBuf,
    /// When the name was opened; of what is gone, when that was seen. Whatever was judged before had happened by then.
    pub(crate) taken: Moment,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    File {
        meta: Meta,
        size: u64,
        content: Hash,
    },
    Directory(Meta),
    Link {
        meta: Meta,
        target: Vec<u8>,
    },
    /// Nothing was there any more.
    Gone,
    /// It was there, and is not kept.
    Left {
        meta: Meta,
        size: u64,
        why: Why,
    },
}

/// Why something is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It, or what it has of attributes, is larger than the policy says.
    TooLarge,
    /// What is kept of its tree is as much as the policy says.
    Full,
    /// A socket, a pipe, a device.
    Special,
    Unreadable,
    /// It changes faster than it can be read.
    Changing,
}

/// All that a name has besides its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// With the bits of its kind, as `stat` gives it.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Seconds since 1970 and nanoseconds.
    pub(crate) mtime: (i64, u32),
    pub(crate) atime: (i64, u32),
    /// As the kernel gives them, sorted by name: ACLs, capabilities, labels and what users have put there.
    pub(crate) xattrs: Attributes,
}

/// Names and values.
pub(crate) type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

impl Moment {
    pub(crate) fn now() -> Self {
        let wall = Timestamp::now();
        // As exactly as it is written down.
        let wall = Timestamp::from_microsecond(wall.as_microsecond()).unwrap_or(wall);
        static BOOT: OnceLock<String> = OnceLock::new();
        let boot = BOOT.get_or_init(|| boot_id().unwrap_or_default()).clone();
        Self { boot, at: boot_now(), wall }
    }
}

impl Why {
    pub(crate) const ALL: [Self; 5] =
        [Self::TooLarge, Self::Full, Self::Special, Self::Unreadable, Self::Changing];

    /// For metrics and screens.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Full => "full",
            Self::Special => "special",
            Self::Unreadable => "unreadable",
            Self::Changing => "changing",
        }
    }
}

impl What {
    /// Nothing of what is gone.
    pub(crate) fn meta(&self) -> Option<&Meta> {
        match self {
            Self::File { meta, .. } | Self::Link { meta, .. } | Self::Left { meta, .. } => Some(meta),
            Self::Directory(meta) => Some(meta),
            Self::Gone => None,
        }
    }

    /// Whether nothing would have to be done to make the one of the other. Reading is no change, and what comes into a directory and
    /// goes, which the directory's times say, is none of its own.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let plain = |what: &Self| {
            let mut what = what.clone();
            match &mut what {
                Self::File { meta, .. } | Self::Link { meta, .. } | Self::Left { meta, .. } => {
                    meta.atime = Default::default();
                }
                Self::Directory(meta) => (meta.atime, meta.mtime) = Default::default(),
                Self::Gone => {}
            }
            what
        };
        plain(self) == plain(other)
    }
}
