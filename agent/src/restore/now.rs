//! What is at a path now.

use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use rustix::fs::{Mode, OFlags, openat};

use super::way::{Astray, Place};
use crate::keeper::{At, What, what_is_at};

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Now {
    Nothing,
    /// And when it was changed last.
    There {
        what: What,
        changed: Timestamp,
    },
    /// Its directory is not there.
    NoParent,
    /// It cannot be reached, or looked at.
    Barred(String),
}

impl Now {
    pub(crate) fn at(path: &Path) -> Self {
        match Place::of(path) {
            Err(Astray::Missing(_)) => Self::NoParent,
            Err(astray) => Self::Barred(astray.to_string()),
            Ok(place) => Self::of(&place, path).unwrap_or_else(|error| Self::Barred(format!("{error:#}"))),
        }
    }

    /// The bytes of a file, if it is one and not larger.
    pub(crate) fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
        use std::{fs::File, io::Read as _};
        let place = Place::of(path).ok()?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(openat(&place.parent, &place.name, flags, Mode::empty()).ok()?);
        let about = file.metadata().ok().filter(|about| about.is_file() && about.len() <= most)?;
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).ok()?);
        file.take(most).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn of(place: &Place, path: &Path) -> Result<Self> {
        use std::os::fd::AsFd as _;
        let at = At { parent: place.parent.as_fd(), name: &place.name, path, tree: "" };
        let found = what_is_at(at).with_context(|| format!("cannot look at {}", path.display()))?;
        Ok(found.map_or(Self::Nothing, |(what, changed)| Self::There { what, changed }))
    }
}
