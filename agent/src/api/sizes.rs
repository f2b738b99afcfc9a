//! How large a file was before an operation, and how large what is there now is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// In bytes; `null` where it is no file, or the tier cannot know. Of an operation on two names, the second's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Sizes {
    pub(crate) before: Option<u64>,
    /// 0 if nothing is there any more.
    pub(crate) after: Option<u64>,
}

impl Sizes {
    /// Whoever replaces a file by one that is smaller than this part of it has lost something of it.
    const MUCH_SMALLER: u64 = 2;

    /// What is worth saying of an operation of these kinds: what was lost of a file that is still there, or was replaced.
    pub(crate) fn note<'k>(self, kinds: impl IntoIterator<Item = &'k str>) -> Option<String> {
        let (mut replaces, mut truncates) = (false, false);
        for kind in kinds {
            replaces |= kind == "replace" || kind == "recreate";
            truncates |= kind == "truncate";
        }
        match (self.before, self.after?) {
            (Some(before), after)
                if truncates || replaces && after.saturating_mul(Self::MUCH_SMALLER) < before =>
            {
                Some(format!("now {} (was {})", text(after), text(before)))
            }
            (None, 0) if truncates => Some(format!("now {}", text(0))),
            _ => None,
        }
    }
}

/// In the largest unit of which there is a whole one.
pub(crate) fn text(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let unit = (1..=UNITS.len()).rev().find(|unit| bytes >> (10 * unit) > 0);
    match unit {
        None if bytes == 0 => "empty".to_owned(),
        None => format!("{bytes} B"),
        Some(unit) => format!("{} {}", bytes >> (10 * unit), UNITS[unit - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_saying() {
        for (kinds, before, after, expected) in [
            ("replace", Some(4096), Some(0), Some("now empty (was 4 KiB)")),
            ("replace", Some(4096), Some(2047), Some("now 1 KiB (was 4 KiB)")),
            ("replace", Some(4096), Some(2048), None),
            ("replace", Some(1), Some(0), Some("now empty (was 1 B)")),
            ("delete+replace", Some(3 << 20), Some(7), Some("now 7 B (was 3 MiB)")),
            ("replace", Some(0), Some(0), None),
            ("replace", None, Some(0), None),
            ("truncate", Some(14), Some(13), Some("now 13 B (was 14 B)")),
            ("truncate", Some(5 << 40), Some(0), Some("now empty (was 5 TiB)")),
            ("truncate", None, Some(0), Some("now empty")),
            ("truncate", None, None, None),
            ("delete", Some(4096), Some(0), None),
            ("overwrite", Some(4096), None, None),
        ] {
            let note = Sizes { before, after }.note(kinds.split('+'));
            assert_eq!(note.as_deref(), expected, "{kinds} {before:?} {after:?}");
        }
    }
}
