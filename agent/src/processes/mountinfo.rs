//! What is mounted where, as `/proc/self/mountinfo` tells it.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

/// A mount, a line of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount<'t> {
    /// The kernel's number for it, given out again when it is gone.
    pub(crate) id: u64,
    /// Of which file system, as `MAJOR:MINOR`.
    pub(crate) device: &'t str,
    /// Which part of the file system it shows, as it is written there.
    pub(crate) root: &'t str,
    /// Where.
    pub(crate) point: PathBuf,
    /// The type of the file system.
    pub(crate) kind: &'t str,
}

/// Every line that is one.
pub(crate) fn parse(text: &str) -> impl Iterator<Item = Mount<'_>> {
    text.lines().filter_map(|line| {
        // After the separator come the type, the source and the options; a variable number of fields is before it.
        let (mount, kind) = line.split_once(" - ")?;
        let fields: Vec<_> = mount.split(' ').take(5).collect();
        let [id, _parent, device, root, point] = fields[..] else { return None };
        Some(Mount {
            id: id.parse().ok()?,
            device,
            root,
            point: unescape(point),
            kind: kind.split(' ').next()?,
        })
    })
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| digits.iter().all(|digit| matches!(digit, b'0'..=b'7')));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_three_digits_stays() {
        for (written, name) in
            [("a\\040b", "a b"), ("a\\+40b", "a\\+40b"), ("a\\400", "a\\400"), ("a\\04", "a\\04")]
        {
            assert_eq!(unescape(written), PathBuf::from(name), "{written}");
        }
    }

    #[test]
    fn a_line_is_a_mount() {
        let text =
            "36 25 0:31 /sub /srv/a\\040b rw,relatime shared:9 master:1 - tmpfs tmpfs rw\nnot one\n1 2 3\n";
        let mounts: Vec<_> = parse(text).collect();
        assert_eq!(
            mounts,
            [Mount { id: 36, device: "0:31", root: "/sub", point: "/srv/a b".into(), kind: "tmpfs" }]
        );
    }
}
