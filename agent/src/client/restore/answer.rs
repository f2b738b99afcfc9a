//! What is said of a restore: what will be otherwise, and then what came of it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{super::term::clean, paths};
use crate::{
    api::{Bytes, Restored},
    restore::{NotKept, Now, Plan, Planned, Step, Unknown, Where},
};

/// How many paths that need nothing done are named.
const NAMED: usize = 10;

/// All of it, as JSON has it.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    incident: u64,
    dry_run: bool,
    /// Below which directory; none: where they were.
    to: Option<Bytes>,
    paths: Vec<One>,
    /// How many were not kept, by why.
    not_kept: BTreeMap<&'static str, u64>,
    /// What came of it; none if nothing was to be done, or `dry_run`.
    pub(super) done: Option<Restored>,
    /// What else is to be said.
    pub(super) complaints: Vec<String>,
    #[serde(skip)]
    left: u64,
    #[serde(skip)]
    refused: u64,
}

/// One path.
#[derive(Debug, Serialize)]
struct One {
    path: Bytes,
    /// `same`, `back`, `over`, `changed`, `not_kept`, `refused`.
    step: &'static str,
    /// The version that it is to be.
    version: Option<u64>,
    /// When that was taken.
    kept_at: Option<jiff::Timestamp>,
    /// What will be otherwise, a line each.
    difference: Vec<String>,
    /// Why it is not put back, or was not.
    why: Option<String>,
}

impl Answer {
    pub(super) fn new(
        incident: u64,
        dry_run: bool,
        to: &Where,
        plan: &Plan,
        unknown: &[Unknown],
        differences: &BTreeMap<PathBuf, Vec<String>>,
    ) -> Self {
        let to = match to {
            Where::InPlace => None,
            Where::Below(directory) => Some(Bytes::from(directory.as_path())),
        };
        let mut not_kept: BTreeMap<&str, u64> =
            plan.not_kept().into_iter().map(|(why, count)| (why.word(), count)).collect();
        if !unknown.is_empty() {
            *not_kept.entry(NotKept::TooNew.word()).or_default() += unknown.len() as u64;
        }
        let known = plan.paths.iter().map(|planned| One::of(planned, differences));
        let paths = known.chain(unknown.iter().map(One::unknown)).collect();
        let left = plan.count(|step| *step == Step::Changed);
        let refused = plan.count(|step| matches!(step, Step::Refused(_)));
        Self { incident, dry_run, to, paths, not_kept, done: None, complaints: Vec::new(), left, refused }
    }

    /// One was not put back.
    pub(super) fn failed(&mut self, path: &Path, error: &anyhow::Error) {
        let path = Bytes::from(path);
        let why = format!("{error:#}");
        self.complaints.push(format!("{path}: {why}"));
        if let Some(one) = self.paths.iter_mut().find(|one| one.path == path) {
            one.why = Some(why);
        }
    }

    /// What was decided about those that had changed since.
    pub(super) fn settle(&mut self, plan: &Plan) {
        self.left = plan.count(|step| *step == Step::Changed);
        for (said, planned) in self.paths.iter_mut().zip(&plan.paths) {
            said.step = planned.step.word();
        }
    }

    /// Whether all that the incident destroyed is as it was.
    pub(super) fn is_whole(&self) -> bool {
        let failed = self.done.map_or(0, |done| done.failed);
        failed + self.left + self.refused == 0 && self.not_kept.is_empty() && self.complaints.is_empty()
    }

    pub(super) fn complaint(&self) -> String {
        let failed = self.done.map_or(0, |done| done.failed);
        let not_kept = self.not_kept.values().sum();
        let parts = [
            (failed, "failed"),
            (self.left, "changed since, left as they are (--changed puts them back too)"),
            (self.refused, "cannot be put back"),
            (not_kept, "not kept"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, word)| format!("{} {word}", paths(count))).collect();
        let what = if parts.is_empty() { String::new() } else { format!(": {}", parts.join("; ")) };
        let complaints: String = self.complaints.iter().map(|line| format!("\n{line}")).collect();
        format!("not everything is as it was{what}{complaints}")
    }

    /// What will be otherwise.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut quiet: BTreeMap<&str, Vec<&One>> = BTreeMap::new();
        for one in &self.paths {
            match one.step {
                "same" | "not_kept" => quiet.entry(one.step).or_default().push(one),
                _ => one.write(&mut text),
            }
        }
        for (step, all) in quiet {
            let meaning = if step == "same" { "as they were already" } else { "not kept, and lost" };
            let _ = writeln!(text, "{} {meaning}", paths(all.len() as u64)); // a String takes everything
            if step == "same" {
                continue;
            }
            for one in all.iter().take(NAMED) {
                let _ = writeln!(text, "    {}: {}", one.path, clean(one.why.as_deref().unwrap_or_default()));
            }
            if all.len() > NAMED {
                let _ = writeln!(text, "    … {} more", all.len() - NAMED);
            }
        }
        if text.is_empty() {
            let _ = writeln!(text, "incident {} destroyed nothing that the keeper knows of", self.incident);
        }
        if self.dry_run {
            let count = |step| self.paths.iter().filter(|one| one.step == step).count() as u64;
            let (back, over, changed) = (count("back"), count("over"), count("changed"));
            let _ = writeln!(
                text,
                "nothing is changed: {} would come back, {over} be put back over others, {changed} have changed since",
                paths(back)
            );
        }
        text
    }

    /// What came of it.
    pub(super) fn outcome(&self) -> String {
        match self.done {
            Some(done) => format!("restored of incident {}: {done}\n", self.incident),
            None => "nothing is put back\n".to_owned(),
        }
    }
}

impl One {
    fn of(planned: &Planned, differences: &BTreeMap<PathBuf, Vec<String>>) -> Self {
        let Planned { path, kept, step, now, .. } = planned;
        let why = match step {
            Step::NotKept(why) => Some(why.meaning().to_owned()),
            Step::Refused(why) => Some(why.clone()),
            Step::Changed if *now == Now::Nothing => Some("somebody has removed it since".to_owned()),
            Step::Changed => Some("somebody has changed it since".to_owned()),
            _ => None,
        };
        Self {
            path: Bytes::from(path.as_path()),
            step: step.word(),
            version: kept.as_ref().map(|kept| kept.number),
            kept_at: kept.as_ref().map(|kept| kept.taken.wall),
            difference: differences.get(path).cloned().unwrap_or_default(),
            why,
        }
    }

    fn unknown(unknown: &Unknown) -> Self {
        let Unknown { root, text } = unknown;
        let path = if text.is_empty() {
            root.join("…")
        } else {
            root.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(text))
        };
        Self {
            path: Bytes::from(path.as_path()),
            step: Step::NotKept(NotKept::TooNew).word(),
            version: None,
            kept_at: None,
            difference: Vec::new(),
            why: Some(NotKept::TooNew.meaning().to_owned()),
        }
    }

    fn write(&self, text: &mut String) {
        let sign = match self.step {
            "back" => '+',
            "over" => '~',
            "changed" => '?',
            _ => '!',
        };
        let why = self.why.as_deref().map(|why| format!("   {}", clean(why))).unwrap_or_default();
        let _ = match (self.step, &self.difference[..]) {
            ("back", [one]) => writeln!(text, "{sign} {}   {one}{why}", self.path),
            _ => writeln!(text, "{sign} {}{why}", self.path),
        };
        if self.step != "back" {
            for line in &self.difference {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
}
