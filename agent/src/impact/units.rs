//! Which units name a path in their files, or a directory above it that is in the protected tree: what they run, read, load or are
//! given there. A unit may open more than it names; that, [`super::open`] sees.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use glob::{MatchOptions, Pattern};

use super::{Asked, Deadline, Merged, at, bytes, keep};
use crate::{api::Impact, policy::UNIT_DIRECTORIES};

/// Where systemd looks besides: what programs and generators have made.
const MADE: [&str; 6] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/run/systemd/generator",
    "/run/systemd/generator.late",
];
/// On a host whose `/lib` is not in `/usr`.
const OLD: &str = "/lib/systemd/system";
const MOST: u64 = 1 << 20;
/// Settings that only say what a service may reach, and words about it.
const NO_USE: [&str; 8] = [
    "ReadWritePaths",
    "ReadOnlyPaths",
    "InaccessiblePaths",
    "ExecPaths",
    "NoExecPaths",
    "TemporaryFileSystem",
    "Documentation",
    "Description",
];
/// Settings whose names are below a directory.
const BELOW: [(&str, &str); 5] = [
    ("ConfigurationDirectory", "/etc"),
    ("StateDirectory", "/var/lib"),
    ("CacheDirectory", "/var/cache"),
    ("LogsDirectory", "/var/log"),
    ("RuntimeDirectory", "/run"),
];
/// The same as specifiers, of the system's manager.
const SPECIFIERS: [(&str, &str); 5] =
    [("%E", "/etc"), ("%S", "/var/lib"), ("%C", "/var/cache"), ("%L", "/var/log"), ("%t", "/run")];

pub(super) fn look(
    root: &Path,
    merged: &Merged,
    asked: &[Asked],
    found: &mut [Impact],
    deadline: Deadline,
) -> io::Result<()> {
    let wanted: Vec<_> =
        asked.iter().map(|asked| (merged.canonical(&asked.path), merged.canonical(&asked.tree))).collect();
    for (unit, files) in files(root) {
        deadline.check()?;
        let texts = files.iter().filter_map(|file| bytes(file, MOST).ok());
        let mentions: BTreeSet<Mention> = texts.flat_map(|text| mentions(&text, merged)).collect();
        for (impact, (path, tree)) in found.iter_mut().zip(&wanted) {
            if mentions.iter().any(|mention| mention.is_of(path, tree)) {
                keep(&mut impact.units, &unit);
            }
        }
    }
    Ok(())
}

/// The files that say what a unit is, by its name: of several files the one in the most important directory, and all drop-ins.
fn files(root: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut units: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut drop_ins: Vec<(String, PathBuf)> = Vec::new();
    for directory in MADE.iter().chain(&UNIT_DIRECTORIES).chain([&OLD]) {
        for entry in fs::read_dir(at(root, Path::new(directory))).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            match name.strip_suffix(".d") {
                Some(unit) if is_directory => {
                    let files = fs::read_dir(entry.path()).into_iter().flatten().flatten();
                    let files = files.map(|file| file.path());
                    let files = files.filter(|file| file.extension().is_some_and(|end| end == "conf"));
                    drop_ins.extend(files.map(|file| (unit.to_owned(), file)));
                }
                _ if is_directory || !name.contains('.') => {}
                _ => {
                    if let Some(files) = of_file(&entry.path(), &name) {
                        units.entry(name).or_insert(files);
                    }
                }
            }
        }
    }
    // A drop-in of a unit that is masked, or of all units of a kind (`service.d`), is of none that could be named.
    for (unit, file) in drop_ins {
        if let Some(files) = units.get_mut(&unit).filter(|files| !files.is_empty()) {
            files.push(file);
        }
    }
    units
}

/// What a file in a directory of units is: a unit; nothing, if it is masked by it; none if it is another name for one.
fn of_file(file: &Path, name: &str) -> Option<Vec<PathBuf>> {
    match file.read_link() {
        Ok(to) if to == Path::new("/dev/null") => Some(Vec::new()),
        Ok(to) if to.file_name().is_some_and(|to| to != name) => None,
        _ => Some(vec![file.to_owned()]),
    }
}

/// A path, or a pattern of paths, in a unit's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mention {
    /// And what is below it.
    Path(PathBuf),
    /// Nothing else.
    Itself(PathBuf),
    Pattern(Pattern),
}

impl Mention {
    /// The root of everything is in no tree but its own, and named by many for nothing.
    fn is_of(&self, path: &Path, tree: &Path) -> bool {
        let whole = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        match self {
            Self::Path(named) => {
                named == path || path.starts_with(named) && named.starts_with(tree) && named != Path::new("/")
            }
            Self::Itself(named) => named == path,
            Self::Pattern(pattern) => pattern.matches_path_with(path, whole),
        }
    }
}

/// What the text of a unit's file names.
pub(super) fn mentions(text: &[u8], merged: &Merged) -> Vec<Mention> {
    let text = String::from_utf8_lossy(text).replace("\\\n", " ");
    let settings = text.lines().filter_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        let key = key.trim_end();
        (!key.starts_with(['#', ';']) && !NO_USE.contains(&key)).then_some((key, value))
    });
    settings.flat_map(|(key, value)| of_setting(key, value, merged)).collect()
}

fn of_setting(key: &str, value: &str, merged: &Merged) -> Vec<Mention> {
    if let Some((_, above)) = BELOW.iter().find(|(of, _)| *of == key) {
        let names = value.split_whitespace().filter_map(|name| name.split(':').next());
        return names.filter_map(|name| mention(&format!("{above}/{name}"), merged)).collect();
    }
    let found = pieces(value).filter_map(|piece| mention(piece, merged));
    // A condition on a directory asks for nothing in it.
    let is_condition = key.starts_with("Condition") || key.starts_with("Assert");
    let alone = |mention| match mention {
        Mention::Path(path) if is_condition => Mention::Itself(path),
        other => other,
    };
    found.map(alone).collect()
}

/// What may be a path in the words of a value: they may stand behind an option, in a list, in quotes, and after what says how a program is
/// run or that a file may be missing.
fn pieces(value: &str) -> impl Iterator<Item = &str> {
    let ends = |char: char| char.is_whitespace() || "=:,;\"'()".contains(char);
    value.split(ends).map(|piece| piece.trim_start_matches(['-', '@', '+', '!', '|', '~', '&', '<', '>']))
}

/// None if it is no path, or one that depends on what only the manager knows.
fn mention(piece: &str, merged: &Merged) -> Option<Mention> {
    let specified = SPECIFIERS.iter().find_map(|(specifier, above)| {
        Some(format!("{above}{}", piece.strip_prefix(specifier).filter(|rest| is_end(rest))?))
    });
    let piece = specified.as_deref().unwrap_or(piece);
    let plain = piece.replace("%%", "");
    if !piece.starts_with('/') || plain.contains(['%', '$']) {
        return None;
    }
    let piece = piece.replace("%%", "%");
    if piece.contains(['*', '?', '[']) {
        return Pattern::new(&piece).ok().map(Mention::Pattern);
    }
    // As components, so that a slash at the end is none.
    let path: PathBuf = Path::new(&OsString::from_vec(piece.into_bytes())).components().collect();
    Some(Mention::Path(merged.canonical(&path)))
}

fn is_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}
