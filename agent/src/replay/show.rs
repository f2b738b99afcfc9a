//! What came of a trial, for a person and for a program.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    fate::{Counts, Fate},
    plot::{self, Curve},
    rate::Rate,
    trial::{Burst, Trial, Unknown},
};
use crate::{
    api::VERSION,
    clean::Clean,
    client::{
        listing::Listing,
        term::{count, table},
    },
};

/// How many curves are shown on a terminal.
const CURVES: usize = 3;

pub(super) struct Shown<'a> {
    pub(super) trial: &'a Trial,
    pub(super) torn: &'a [PathBuf],
    pub(super) policy: &'a Path,
    pub(super) took: Duration,
    pub(super) zone: TimeZone,
    /// How many rows a table has at most.
    pub(super) limit: usize,
}

impl Shown<'_> {
    pub(super) fn text(&self) -> String {
        let Trial { accounts, bursts, .. } = self.trial;
        let mut text = format!("policy     {}\n", self.policy.display());
        let Some((from, to)) = self.trial.span() else {
            return text + "recording  nothing of its accounts was recorded in that time\n" + &self.unknown();
        };
        let _ = writeln!(
            text, // a String, here and below: it cannot fail
            "recording  {} to {}, {}",
            self.at(from),
            self.at(to),
            count(self.trial.acts(), "operation", "operations")
        );
        text += &self.comparison();
        let rows: Vec<_> = accounts
            .iter()
            .filter(|(_, tried)| !tried.was.is_empty())
            .map(|(name, tried)| vec![name.clone(), words(&tried.was), words(&tried.would)])
            .collect();
        let _ = write!(text, "\n{}", self.table(&["ACCOUNT", "WAS", "WOULD BE"], rows));
        text += &self.bursts(bursts);
        for curve in self.curves().into_iter().take(CURVES) {
            let _ = write!(text, "\n{}\n{}", curve.title(), curve.text());
            let (from, to) = (self.at(from), self.at(to));
            let _ = writeln!(text, "       {from}{to:>0$}", 64_usize.saturating_sub(from.len()));
        }
        text + &self.unknown()
    }

    /// Whether the rules come to what the kernel programs came to, where it is the same policy.
    fn comparison(&self) -> String {
        let Trial { compared, different, differences, .. } = self.trial;
        match (compared, different) {
            (0, _) => "           judged then by another policy\n".to_owned(),
            (_, 0) => format!("           judged then by this policy: {compared} verdicts, the same here\n"),
            _ => {
                let mut text = format!(
                    "           judged then by this policy: {compared} verdicts, {different} of which are others here\n"
                );
                for one in differences {
                    let _ = writeln!(
                        text,
                        "             {} {}: {} in the kernel, {} here: {}",
                        one.account,
                        one.sequence,
                        one.kernel,
                        one.here,
                        Clean(&one.path)
                    );
                }
                text
            }
        }
    }

    fn bursts(&self, bursts: &[Burst]) -> String {
        if bursts.is_empty() {
            return "\nno burst\n".to_owned();
        }
        let row = |burst: &Burst| {
            vec![
                self.at(burst.at),
                burst.account.clone(),
                burst.full.map_or("by itself", agent_common::rules::Kind::word).to_owned(),
                burst.fate.word().to_owned(),
                burst.acts.to_string(),
                Clean(&burst.path).to_string(),
            ]
        };
        let rows = bursts.iter().map(row).collect();
        format!("\n{}", self.table(&["BURST", "ACCOUNT", "BUDGET", "FIRST", "MORE", "PATH"], rows))
    }

    /// The first rows, and how many more there are.
    fn table(&self, heading: &[&str], rows: Vec<Vec<String>>) -> String {
        let listed = Listing { since: None, limit: Some(self.limit) }.first(rows);
        table(heading, &listed.rows) + &listed.rest()
    }

    /// Of every budget that anything counted against, the fullest first.
    fn curves(&self) -> Vec<Curve<'_>> {
        let Some((from, to)) = self.trial.span() else { return Vec::new() };
        let mut curves: Vec<_> = self
            .trial
            .accounts
            .iter()
            .flat_map(|(account, tried)| tried.rates.iter().map(move |rate| (account, rate)))
            .filter(|(_, rate)| rate.most() > 0)
            .map(|(account, rate)| Curve { account, rate, from, to })
            .collect();
        curves.sort_by_key(|curve| std::cmp::Reverse(fullness(curve.rate)));
        curves
    }

    /// What nobody can know.
    fn unknown(&self) -> String {
        let Unknown { unrecorded, unplaced, others, other_accounts, unwatched } = &self.trial.unknown;
        let mut lines = vec![
            "how a program goes on whose call waits or fails: what it did then counts here, and who decided is taken to have let the \
             account begin anew when it has been quiet for 10 minutes, or when somebody really did"
                .to_owned(),
            "what counted before the recording begins; which names are made anew, which the policy of then has told".to_owned(),
        ];
        let mut note = |is_so: bool, line: String| lines.extend(is_so.then_some(line));
        note(
            *unrecorded > 0,
            format!(
                "{unrecorded} that were judged and are not recorded: failed by themselves, refused again and again, or lost"
            ),
        );
        note(
            *unplaced > 0,
            format!(
                "where {unplaced} of the paths lie, which are cut off or relative: taken as in the trees"
            ),
        );
        note(
            *others > 0,
            format!(
                "{others} of accounts that this policy does not have: {}",
                Clean(&other_accounts.join(", "))
            ),
        );
        note(
            !unwatched.is_empty(),
            format!("what was done in {}, which nobody watched", unwatched.join(", ")),
        );
        note(
            !self.torn.is_empty(),
            format!(
                "the end of {}",
                self.torn.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
            ),
        );
        lines.iter().fold("\nnot known here:\n".to_owned(), |text, line| format!("{text}- {line}\n"))
    }

    pub(super) fn svg(&self) -> String {
        let times = self.trial.span().map(|(from, to)| [self.at(from), self.at(to)]).unwrap_or_default();
        plot::svg(&self.curves(), &times)
    }

    pub(super) fn json(&self) -> Value {
        let Trial { accounts, bursts, differences, compared, different, unknown, .. } = self.trial;
        let counts = |counts: &Counts| -> Value {
            Fate::ALL
                .iter()
                .map(|fate| (fate.word(), counts.get(fate).copied().unwrap_or_default()))
                .collect()
        };
        let rate = |rate: &Rate| json!({ "kind": rate.kind.word(), "budget": rate.budget.to_string(), "most": rate.most() });
        let accounts = accounts.iter().map(|(name, tried)| {
            let rates: Vec<_> = tried.rates.iter().map(rate).collect();
            json!({ "name": name, "was": counts(&tried.was), "would": counts(&tried.would), "rates": rates })
        });
        let bursts = bursts.iter().map(|burst| {
            let Burst { at, account, path, full, fate, acts } = burst;
            let budget = full.map(agent_common::rules::Kind::word);
            json!({ "at": at, "account": account, "budget": budget, "first": fate.word(), "more": acts, "path": path })
        });
        let replay = json!({
            "from": self.trial.span().map(|span| span.0),
            "to": self.trial.span().map(|span| span.1),
            "operations": self.trial.acts(),
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "compared": compared,
            "different": different,
            "differences": differences,
            "accounts": accounts.collect::<Vec<_>>(),
            "bursts": bursts.collect::<Vec<_>>(),
            "unknown": unknown,
            "torn": self.torn,
        });
        json!({ "version": VERSION, "replay": replay })
    }

    fn at(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string()
    }
}

/// In per mille of the budget.
fn fullness(rate: &Rate) -> u64 {
    rate.most() * 1000 / u64::from(rate.budget.count().max(1))
}

fn words(counts: &Counts) -> String {
    let words: Vec<_> = counts.iter().map(|(fate, count)| format!("{count} {}", fate.word())).collect();
    words.join(", ")
}
