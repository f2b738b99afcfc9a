//! What will be otherwise, in words and lines: shown before anything is done.

use std::fmt::Write as _;

use similar::TextDiff;

use super::{Now, Planned};
use crate::{
    clean::Clean,
    keeper::{Hash, Meta, What},
};

/// How many lines of one file are shown.
const LINES: usize = 40;

/// What will be otherwise at a path, a line each. `kept` and `now` are the contents, of a file that is small enough to be shown.
pub(crate) fn difference(planned: &Planned, kept: Option<&[u8]>, now: Option<&[u8]>) -> Vec<String> {
    let Some(version) = &planned.kept else { return Vec::new() };
    let Now::There { what, .. } = &planned.now else { return vec![about(&version.what)] };
    let mut lines = match (&version.what, what) {
        (What::File { content, size, .. }, What::File { content: other, size: other_size, .. }) => {
            contents((content, *size, kept), (other, *other_size, now))
        }
        (What::Link { target, .. }, What::Link { target: other, .. }) if target != other => {
            vec![format!("link to {} instead of {}", text(target), text(other))]
        }
        (What::Link { .. }, What::Link { .. }) | (What::Directory(_), What::Directory(_)) => Vec::new(),
        (kept, now) => vec![format!("{} instead of {}", about(kept), about(now))],
    };
    if let (Some(meta), Some(other)) = (version.what.meta(), what.meta()) {
        lines.extend(attributes(meta, other, matches!(what, What::Directory(_))));
    }
    lines
}

/// What something is, in a few words.
pub(crate) fn about(what: &What) -> String {
    match what {
        What::File { meta, size, .. } => format!("file, {}, {}", bytes(*size), rights(meta)),
        What::Directory(meta) => format!("directory, {}", rights(meta)),
        What::Link { target, meta } => format!("link to {}, {}:{}", text(target), meta.uid, meta.gid),
        What::Gone => "nothing".to_owned(),
        What::Left { size, why, .. } => {
            format!("not kept: {}, {}", super::NotKept::from(*why).meaning(), bytes(*size))
        }
    }
}

fn rights(meta: &Meta) -> String {
    format!("{:04o} {}:{}", meta.mode & 0o7777, meta.uid, meta.gid)
}

pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{} KiB", size.div_ceil(1024)),
        _ => format!("{} MiB", size.div_ceil(1 << 20)),
    }
}

fn contents(kept: (&Hash, u64, Option<&[u8]>), now: (&Hash, u64, Option<&[u8]>)) -> Vec<String> {
    if kept.0 == now.0 {
        return Vec::new();
    }
    match (kept.2.and_then(as_text), now.2.and_then(as_text)) {
        (Some(kept), Some(now)) => unified(now, kept),
        _ => vec![format!(
            "content: {} {} instead of {} {}",
            bytes(kept.1),
            short(kept.0),
            bytes(now.1),
            short(now.0)
        )],
    }
}

fn short(hash: &Hash) -> String {
    hash.to_string().chars().take(12).collect()
}

/// What is text: no NUL, and UTF-8.
fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

fn unified(now: &str, kept: &str) -> Vec<String> {
    let difference = TextDiff::from_lines(now, kept).unified_diff().context_radius(2).to_string();
    let mut lines: Vec<String> = difference.lines().map(|line| Clean(line).to_string()).collect();
    let left = lines.len().saturating_sub(LINES);
    if left > 0 {
        lines.truncate(LINES);
        lines.push(format!("… {left} lines more"));
    }
    lines
}

fn attributes(kept: &Meta, now: &Meta, is_directory: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let (mode, was) = (kept.mode & 0o7777, now.mode & 0o7777);
    if mode != was {
        lines.push(format!("mode {mode:04o} instead of {was:04o}"));
    }
    if (kept.uid, kept.gid) != (now.uid, now.gid) {
        lines.push(format!("owner {}:{} instead of {}:{}", kept.uid, kept.gid, now.uid, now.gid));
    }
    if kept.mtime != now.mtime && !is_directory {
        lines.push(format!("changed at {} instead of {}", time(kept.mtime), time(now.mtime)));
    }
    let names = kept.xattrs.iter().chain(&now.xattrs).map(|(name, _)| name);
    let names: std::collections::BTreeSet<_> = names.collect();
    for name in names {
        let of =
            |meta: &Meta| meta.xattrs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let how = match (of(kept), of(now)) {
            (Some(kept), Some(now)) if kept == now => continue,
            (Some(_), Some(_)) => "otherwise",
            (Some(_), None) => "there again",
            (None, _) => "gone",
        };
        lines.push(format!("{} {how}", attribute(name)));
    }
    lines
}

fn attribute(name: &[u8]) -> String {
    match name {
        b"system.posix_acl_access" => "access list".to_owned(),
        b"system.posix_acl_default" => "access list for what is made in it".to_owned(),
        b"security.capability" => "capabilities".to_owned(),
        name => format!("attribute {}", text(name)),
    }
}

fn time((seconds, nanoseconds): (i64, u32)) -> String {
    let nanoseconds = i32::try_from(nanoseconds).unwrap_or_default();
    jiff::Timestamp::new(seconds, nanoseconds).unwrap_or_default().to_string()
}

/// Names and texts that somebody else chose.
fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    let _ = write!(text, "{}", crate::api::Bytes::from(bytes)); // a String takes everything
    text
}

#[cfg(test)]
mod tests;
