//! Programs and control groups as the kernel programs' tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::File,
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use agent_common::{
    rules::{
        exception,
        place::{NameHash, PathFold},
    },
    wire::{
        identity::{ANYWHERE, MAX_STARRED, NameKey, ProgramKey, StarredName, of, told_by},
        row::Claim,
    },
};
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::Identities;
use crate::policy::{Name, Pattern, Script};

/// Where interpreters are looked for.
const DIRECTORIES: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Rows for the kernel programs' maps.
#[derive(Default)]
pub(crate) struct Rows {
    seed: u64,
    /// Of [`told_by`].
    pub(crate) told_by: u32,
    pub(crate) programs: Vec<(ProgramKey, Claim)>,
    pub(crate) names: BTreeMap<NameKey, u64>,
    pub(crate) starred: Vec<StarredName>,
    /// By the number of a path's bit.
    pub(crate) claims: Vec<(u32, Claim)>,
    /// Programs by what they are, whatever their name.
    pub(crate) files: Vec<(File, Claim)>,
    /// How many paths have a bit, of programs, of groups and of ways.
    bits: [u32; 3],
}

impl Identities {
    /// The tables, under names hashed with this seed.
    pub(crate) fn rows(&self, seed: u64) -> Rows {
        let mut rows = Rows { seed, ..Rows::default() };
        for (path, claim) in &self.executables {
            rows.add_program(path, &[0], *claim);
            rows.files.extend(path.exact().and_then(|path| open(&path)).map(|file| (file, *claim)));
        }
        for (script, claim) in &self.scripts {
            let names: Vec<u64> = interpreters(script).iter().map(|name| rows.hash(name)).collect();
            for name in &names {
                rows.names.entry(interpreter(*name)).or_default();
            }
            let itself = script.interpreter.is_none().then_some(0);
            let run_by: Vec<u64> = itself.into_iter().chain(names).collect();
            rows.add_program(&script.path, &run_by, *claim);
        }
        for (unit, claim) in &self.units {
            rows.add_pattern(&unit.0, of::GROUP, *claim);
        }
        let has_patterns = rows.bits != [0; 3];
        for (path, way) in &self.ways {
            rows.add_way(path, *way);
        }
        let is = |wanted: bool, bit: u32| if wanted { bit } else { 0 };
        rows.told_by = is(self.knows_programs(), told_by::PROGRAMS)
            | is(!self.units.is_empty(), told_by::GROUPS)
            | is(has_patterns, told_by::PATTERNS);
        rows
    }
}

impl Rows {
    /// How many programs there is to be room for: those of the files are added by the kernel programs.
    pub(crate) fn room(&self) -> usize {
        self.programs.len() + self.files.len()
    }

    /// A path, with who may run it: 0 for itself. Through symbolic links too, which a program's path never has in it.
    fn add_program(&mut self, path: &Pattern, run_by: &[u64], claim: Claim) {
        for path in spellings(path) {
            if let Some(exact) = path.exact() {
                let key = self.key(&exact);
                self.programs.extend(run_by.iter().map(|by| (ProgramKey::path(key, *by), claim)));
            } else if let Some(bit) = self.add_pattern(&path, of::PROGRAM, claim) {
                for by in run_by {
                    *self.names.entry(interpreter(*by)).or_default() |= bit;
                }
            }
        }
    }

    /// A socket is known by the path that it was bound to, which has no link in it.
    fn add_way(&mut self, path: &Pattern, way: Claim) {
        for path in spellings(path) {
            match path.exact() {
                Some(exact) => self.programs.push((ProgramKey::socket(self.key(&exact)), way)),
                None => drop(self.add_pattern(&path, of::WAY, way)),
            }
        }
    }

    /// A path that is compared name by name; its bit.
    fn add_pattern(&mut self, path: &Pattern, of: u32, claim: Claim) -> Option<u64> {
        let number = self.bits.get(of as usize).copied().filter(|number| *number < MAX_STARRED)?;
        self.bits[of as usize] += 1;
        self.claims.push((of * MAX_STARRED + number, claim));
        let bit = 1 << number;
        for (depth, name) in (1..).zip(&path.names) {
            let depth = if path.anywhere { ANYWHERE } else { depth };
            match name {
                Name::Exact(name) => {
                    let name = self.hash(name);
                    *self.names.entry(NameKey { name, depth, of }).or_default() |= bit;
                }
                Name::Starred { head, tail } => {
                    let pattern = exception::Pattern::new(head.as_bytes(), tail.as_bytes())?;
                    self.starred.push(StarredName { pattern, bits: bit, depth, of });
                }
            }
        }
        if !path.anywhere {
            let depth = u32::try_from(path.names.len()).unwrap_or(u32::MAX);
            *self.names.entry(NameKey { name: 0, depth, of: of | of::END }).or_default() |= bit;
        }
        Some(bit)
    }

    fn hash(&self, name: &str) -> u64 {
        NameHash::of(self.seed, name.as_bytes())
    }

    fn key(&self, path: &Path) -> u64 {
        PathFold::of(self.seed, path.iter().skip(1).map(OsStr::as_bytes)).key()
    }
}

/// Who may run these starred paths.
fn interpreter(name: u64) -> NameKey {
    NameKey { name, depth: 0, of: of::INTERPRETER }
}

/// A path as it is written, and as the kernel has it.
fn spellings(path: &Pattern) -> impl Iterator<Item = Pattern> {
    [Some(path.clone()), without_links(path)].into_iter().flatten()
}

/// The same path where its first names lead through symbolic links.
fn without_links(path: &Pattern) -> Option<Pattern> {
    let (directory, rest) = path.directory();
    let real = directory.canonicalize().ok().filter(|real| *real != directory && !path.anywhere)?;
    let names = real.iter().skip(1).map(|name| name.to_str().map(|name| Name::Exact(name.to_owned())));
    let names: Option<Vec<_>> = names.collect();
    Some(Pattern { anywhere: false, names: names?.into_iter().chain(rest.iter().cloned()).collect() })
}

/// Its identity is all that is asked for.
fn open(path: &Path) -> Option<File> {
    openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map(File::from).ok()
}

/// The names of the programs that run a script: that which is said, or which its first line says, and what that leads to.
pub(super) fn interpreters(script: &Script) -> BTreeSet<String> {
    let said = script.interpreter.clone();
    let Some(name) = said.or_else(|| first_line(&script.path.exact()?)) else { return BTreeSet::new() };
    let real = DIRECTORIES
        .iter()
        .filter_map(|directory| file_name(&Path::new(directory).join(&name).canonicalize().ok()?));
    real.chain([name.clone()]).collect()
}

/// Whether a program is the one that a script's first line says.
pub(super) fn interprets(script: &Path, program: &str) -> bool {
    first_line(script).is_some_and(|name| {
        let script = Script { interpreter: Some(name), path: Pattern { anywhere: false, names: Vec::new() } };
        interpreters(&script).contains(program)
    })
}

/// The name of the interpreter that a script's first line says.
fn first_line(script: &Path) -> Option<String> {
    const LONGEST: u64 = 256; // as much of it as the kernel reads
    let mut text = Vec::new();
    File::open(script).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
    let line = text.split(|byte| *byte == b'\n').next()?.strip_prefix(b"#!")?;
    named(std::str::from_utf8(line).ok()?)
}

/// In `/usr/bin/env [-S] NAME` it is the name that counts.
fn named(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    let first = file_name(Path::new(words.next()?))?;
    if first != "env" {
        return Some(first);
    }
    let is_name = |word: &&str| !word.starts_with('-') && !word.contains('=');
    file_name(Path::new(words.find(is_name)?))
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name().and_then(OsStr::to_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use agent_common::rules::identity::Evidence;

    use super::*;

    const SEED: u64 = 7;

    /// Which of the paths the kernel programs would say that this one is, by their number.
    fn found(rows: &Rows, of: u32, path: &str) -> u64 {
        let (mut alive, mut met) = (u64::MAX, 0);
        for (depth, name) in (1..).zip(Path::new(path).iter().skip(1)) {
            let text = name.to_str().expect("text");
            let mask = |depth| {
                let key = NameKey { name: rows.hash(text), depth, of };
                let exact = rows.names.get(&key).copied().unwrap_or(0);
                let starred = rows.starred.iter().filter(|row| (row.depth, row.of) == (depth, of));
                starred.filter(|row| is(row, text)).fold(exact, |mask, row| mask | row.bits)
            };
            alive &= mask(depth);
            let end = NameKey { name: 0, depth, of: of | of::END };
            let here = alive & rows.names.get(&end).copied().unwrap_or(0) | mask(ANYWHERE);
            met = if of == of::GROUP { met | here } else { here };
        }
        met
    }

    fn is(row: &StarredName, name: &str) -> bool {
        let memory = [&[0xff; 16], name.as_bytes(), &[0xff; 16]].concat();
        let at = |start: usize| {
            let word =
                |at: usize| u64::from_ne_bytes(std::array::from_fn(|index| memory[start + at + index]));
            [word(0), word(8)]
        };
        let length = u32::try_from(name.len()).expect("short");
        exception::matches(&row.pattern, &exception::Ends { first: at(16), last: at(name.len()), length })
    }

    #[test]
    fn the_tables_say_what_the_patterns_mean() {
        let patterns = ["/no/a/*", "/no/*/b", "**/x*", "/no/a/b*/c", "**/exactly"];
        let mut identities = Identities::default();
        for (entry, text) in (1..).zip(patterns) {
            let pattern: Pattern = text.parse().expect("a pattern");
            identities.executables.push((pattern.clone(), Claim::of(1, Evidence::Program, entry)));
            identities.units.push((crate::policy::Unit(pattern), Claim::of(1, Evidence::Unit, entry)));
        }
        let rows = identities.rows(SEED);
        for path in [
            "/no/a/b",
            "/no/a",
            "/no/a/b/c",
            "/no/a/b1/c",
            "/x",
            "/no/x1",
            "/x/y",
            "/exactly",
            "/exactly/no",
            "/",
        ] {
            for (number, (pattern, _)) in identities.executables.iter().enumerate() {
                let path: &Path = path.as_ref();
                let text = path.to_str().expect("text");
                assert_eq!(
                    found(&rows, of::PROGRAM, text) >> number & 1 != 0,
                    pattern.is(path),
                    "{pattern} {text}"
                );
                assert_eq!(
                    found(&rows, of::GROUP, text) >> number & 1 != 0,
                    pattern.is_above(path),
                    "{pattern} {text}"
                );
            }
        }
        assert_eq!(rows.told_by, told_by::PROGRAMS | told_by::GROUPS | told_by::PATTERNS);
    }

    #[test]
    fn a_script_is_known_by_itself_and_behind_its_interpreter() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("run.py");
        fs::write(&file, "#!/usr/bin/env -S no-such-python -u\n").expect("a file");
        let mut identities = Identities::default();
        let script: Script = file.to_str().expect("text").parse().expect("a script");
        identities.scripts.push((script, Claim::of(1, Evidence::Program, 1)));
        let rows = identities.rows(SEED);
        let key = rows.key(&file);
        let by = [0, rows.hash("no-such-python")];
        let keys: Vec<_> = rows.programs.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, by.map(|by| ProgramKey::path(key, by)));
        assert!(rows.names.contains_key(&interpreter(by[1])) && !rows.names.contains_key(&interpreter(0)));
        assert_eq!(rows.told_by, told_by::PROGRAMS);
    }

    #[test]
    fn first_lines_name_an_interpreter() {
        for (line, name) in [
            ("/bin/sh -e", Some("sh")),
            (" /usr/bin/python3", Some("python3")),
            ("/usr/bin/env node", Some("node")),
            ("/usr/bin/env -S A=b node --x", Some("node")),
            ("/usr/bin/env", None),
            ("", None),
        ] {
            assert_eq!(named(line).as_deref(), name, "{line:?}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_known_by_what_it_is() {
        let mut identities = Identities::default();
        for path in ["/proc/self/exe", "/no/such/file"] {
            identities
                .executables
                .push((path.parse().expect("a pattern"), Claim::of(1, Evidence::Program, 1)));
        }
        let rows = identities.rows(SEED);
        assert_eq!(rows.files.len(), 1);
        let real = fs::read_link("/proc/self/exe").expect("a link");
        assert!(rows.programs.iter().any(|(key, _)| *key == ProgramKey::path(rows.key(&real), 0)));
    }
}
