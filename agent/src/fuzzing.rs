//! What is fuzzed: all that reads what others wrote. A target takes any bytes, and panics where what it states does not hold.
//!
//! `cargo xtask fuzz` builds a program of each with libFuzzer in it, instrumented; `cargo test` plays the seeds of each. What a target
//! does stands beside what it looks into, in a module `fuzzing` of its own.

use std::{fs, io, path::Path};

use crate::{client, control, incidents, policy, processes, recording, replay, sensor, store};

/// Something that reads what others wrote.
pub struct Target {
    /// Of the target, of its program and of its seeds.
    pub name: &'static str,
    /// What is done with an input.
    pub run: fn(&[u8]),
    /// Where to begin, of what is no text, by whatever writes it. Seeds that are text are files in `fuzz/seeds`.
    seeds: fn() -> Vec<Vec<u8>>,
    /// What else an input may well contain.
    words: fn() -> Vec<String>,
}

/// A record of the ring buffer.
pub const RECORD: Target = Target::new("record", sensor::fuzzing::record).seeds(sensor::fuzzing::records);
/// The kernel's types.
pub const BTF: Target = Target::new("btf", sensor::fuzzing::btf).seeds(sensor::fuzzing::types);
/// A policy and its drop-ins, with a NUL between each two.
pub const POLICY: Target = Target::new("policy", policy::fuzzing::policy).words(policy::fuzzing::words);
/// Where a webhook sends to.
pub const URL: Target = Target::new("url", policy::fuzzing::url);
/// A request over the control socket: method and path, headers, an empty line, the body.
pub const REQUEST: Target = Target::new("request", control::fuzzing::request).words(control::fuzzing::words);
/// What comes over a connection to the control socket.
pub const CONNECTION: Target =
    Target::new("connection", control::fuzzing::connection).words(control::fuzzing::words);
/// What /proc says of a process: the name of the file in the first line, then its text.
pub const PROCESS: Target = Target::new("process", processes::fuzzing::process);
/// What is mounted.
pub const MOUNTINFO: Target = Target::new("mountinfo", processes::fuzzing::mountinfo);
/// A file of a recording.
pub const RECORDING: Target =
    Target::new("recording", recording::fuzzing::recording).seeds(recording::fuzzing::seeds);
/// A policy that is tried on one.
pub const REPLAY: Target = Target::new("replay", replay::fuzzing::replay).seeds(recording::fuzzing::seeds);
/// An incident that an earlier daemon has left in the record.
pub const CARRIED: Target = Target::new("carried", incidents::fuzzing::carried);
/// The arguments of a command, as /proc has them.
pub const ARGUMENTS: Target = Target::new("arguments", store::fuzzing::arguments);
/// What the daemon answers: what it is about in the first line, then the body.
pub const ANSWER: Target = Target::new("answer", client::fuzzing::answer).words(control::fuzzing::words);

/// All of them.
pub const TARGETS: [&Target; 13] = [
    &RECORD,
    &BTF,
    &POLICY,
    &URL,
    &REQUEST,
    &CONNECTION,
    &PROCESS,
    &MOUNTINFO,
    &RECORDING,
    &REPLAY,
    &CARRIED,
    &ARGUMENTS,
    &ANSWER,
];

impl Target {
    const fn new(name: &'static str, run: fn(&[u8])) -> Self {
        Self { name, run, seeds: Vec::new, words: Vec::new }
    }

    const fn seeds(self, seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { seeds, ..self }
    }

    const fn words(self, words: fn() -> Vec<String>) -> Self {
        Self { words, ..self }
    }

    /// Writes the seeds that are made, and the words as a dictionary of libFuzzer's, into a directory.
    ///
    /// # Errors
    /// What the system said.
    pub fn prepare(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        for (number, seed) in (self.seeds)().iter().enumerate() {
            fs::write(directory.join(format!("made-{number}")), seed)?;
        }
        let word = |word: &String| {
            let bytes = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
            format!("\"{bytes}\"\n")
        };
        // libFuzzer refuses an empty one.
        let head = format!("# What {} may well contain\n", self.name);
        let words = (self.words)().iter().map(word).collect::<String>();
        fs::write(directory.with_extension("dict"), head + &words)
    }
}

/// Text that came as bytes: what is no UTF-8 in it is replaced, so that a changed byte does not end it all.
pub(crate) fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The first line, and what comes behind it.
pub(crate) fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn directory(of: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(of)
    }

    fn names(directory: &Path) -> BTreeSet<String> {
        let entries =
            fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let stem =
            |entry: fs::DirEntry| entry.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
        entries.filter_map(|entry| stem(entry.expect("an entry"))).collect()
    }

    #[test]
    fn every_target_has_a_program() {
        let targets = TARGETS.iter().map(|target| target.name.to_owned()).collect();
        assert_eq!(names(&directory("fuzz_targets")), targets);
        let seeds = names(&directory("seeds"));
        assert!(seeds.is_subset(&targets), "{seeds:?}");
    }

    #[test]
    fn what_the_targets_state_holds_for_their_seeds() {
        for target in TARGETS {
            let made = (target.seeds)();
            let of = directory("seeds").join(target.name);
            let files = if of.exists() { names(&of) } else { BTreeSet::new() };
            assert!(made.len() + files.len() >= 3, "{} has too few seeds", target.name);
            made.iter().for_each(|seed| (target.run)(seed));
            for file in fs::read_dir(of).into_iter().flatten() {
                (target.run)(&fs::read(file.expect("an entry").path()).expect("a seed"));
            }
        }
    }

    #[test]
    fn what_is_made_is_written_and_words_in_the_form_of_libfuzzer() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path().join("policy");
        POLICY.prepare(&at).expect("written");
        let words = fs::read_to_string(at.with_extension("dict")).expect("a dictionary");
        assert!(words.lines().any(|line| line == "\"\\x62\\x75\\x64\\x67\\x65\\x74\""), "{words}");
        RECORD.prepare(&directory.path().join("record")).expect("written");
        assert!(!names(&directory.path().join("record")).is_empty());
    }
}
