//! What watching costs: the same calls in memory and on a disk, by users that are watched and users that are not; with nobody, with
//! burstguard, and with what else there is, in turns, so that whatever else the machine does falls on all of them alike.

mod rows;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Daemon, Ground, Policy, wait};

use crate::Found;
use crate::ground::{self, System};
use crate::peers::{Watched, auditd, bpftrace};
use crate::row::Row;
use crate::scale::Scale;
use crate::timed::timed;

/// Under whom, by whom and where a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    Off,
    Untracked,
    Outside,
    Inside,
    AuditOther,
    AuditOwn,
    BpftraceOther,
    BpftraceOwn,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Unlink,
    Create,
    Rename,
    Open,
    /// A program that does nothing.
    Program,
}

/// Who is there to see it.
#[derive(Clone, Copy)]
enum Watcher {
    Nobody,
    Us,
    Auditd,
    Bpftrace,
}

const WATCHERS: [Watcher; 4] = [Watcher::Nobody, Watcher::Us, Watcher::Auditd, Watcher::Bpftrace];
/// What the others are told to see, so that it is as much.
const CALLS: &[&str] = &["unlinkat", "renameat", "openat", "execve"];

/// In ns a call; of programs, nothing is on a file system.
type Series = BTreeMap<(Call, Option<&'static str>, Variant), Vec<f64>>;

struct Bench {
    scale: Scale,
    watched: Account,
    other: Account,
    grounds: Vec<(System, Ground)>,
    policy: Policy,
    unaudited: auditd::Unaudited,
    series: Series,
    /// Why there is none of a watcher.
    absent: BTreeMap<&'static str, String>,
}

/// The largest budgets in the smallest window: the loops stay within them, and every call goes the whole way through place, ledger,
/// budget and record.
pub(crate) fn wide(policy: Policy) -> Policy {
    let kinds = ["deletes", "replaces", "truncates", "overwrites", "recreates"];
    kinds.iter().fold(policy, |policy, kind| policy.budget(kind, "1024/1ms"))
}

pub(crate) fn measure(scale: Scale) -> Result<Found> {
    let mut rows = Vec::new();
    let mut bench = Bench::new(scale, &mut rows)?;
    for round in 0..scale.runs {
        // Another one first each time: a drift of the machine then favours nobody.
        for turn in 0..WATCHERS.len() {
            bench.under(WATCHERS[(round + turn) % WATCHERS.len()])?;
        }
    }
    rows.extend(rows::of(&bench.series, &bench.absent));
    Ok(rows.into())
}

impl Bench {
    fn new(scale: Scale, rows: &mut Vec<Row>) -> Result<Self> {
        let (watched, other) = (Account::unlisted()?, Account::unlisted()?);
        let mut grounds = Vec::new();
        for system in System::ALL {
            match system.ground(&watched) {
                Ok(ground) => grounds.push((system, ground)),
                Err(why) => rows.push(Row::skipped(system.name(), format!("{why:#}"))),
            }
        }
        let (_, first) = grounds.first().context("there is no file system to measure on")?;
        let mut policy = wide(Policy::new(watched.name(), &first.tree())).in_tier(scale.tier);
        for (_, ground) in &grounds {
            // Both users run the same loop in the same directories.
            [ground.tree(), ground.outside()].iter().try_for_each(|directory| ground::open_up(directory))?;
            if ground.base() != first.base() {
                policy = policy.also(&ground.tree());
            }
        }
        let (unaudited, series, absent) = (auditd::Unaudited::new(), Series::new(), BTreeMap::new());
        Ok(Self { scale, watched, other, grounds, policy, unaudited, series, absent })
    }

    fn under(&mut self, watcher: Watcher) -> Result<()> {
        match watcher {
            Watcher::Nobody => self.all(Variant::Off, false),
            Watcher::Us => self.under_us(),
            Watcher::Auditd => self.under_peer("auditd", |bench| {
                let suspended = bench.unaudited.suspend()?;
                Ok((auditd::Auditd::start(&bench.rules(), None)?, suspended))
            }),
            Watcher::Bpftrace => self.under_peer("bpftrace", |bench| bpftrace::counts(CALLS, &bench.users())),
        }
    }

    fn under_us(&mut self) -> Result<()> {
        let (_, first) = self.grounds.first().context("there is a ground")?;
        let mut daemon = Daemon::start(&self.policy, first.base())?;
        self.all(Variant::Untracked, false)?;
        self.all(Variant::Outside, true)?;
        self.all(Variant::Inside, false)?;
        ensure!(!daemon.has_burst()?, "the budget was exceeded: what was measured is not what should be");
        daemon.end().map(drop)
    }

    fn under_peer<T>(&mut self, name: &'static str, start: impl FnOnce(&Self) -> Result<T>) -> Result<()> {
        if self.absent.contains_key(name) {
            return Ok(());
        }
        let variants = match name {
            "auditd" => [Variant::AuditOther, Variant::AuditOwn],
            _ => [Variant::BpftraceOther, Variant::BpftraceOwn],
        };
        match start(self) {
            Ok(_running) => variants.into_iter().try_for_each(|variant| self.all(variant, false)),
            Err(why) => {
                wait::go_on()?;
                self.absent.insert(name, format!("{why:#}"));
                Ok(())
            }
        }
    }

    /// Every call, on each file system.
    fn all(&mut self, variant: Variant, outside: bool) -> Result<()> {
        use Variant::{AuditOther, BpftraceOther, Off, Untracked};
        let user = if matches!(variant, Off | Untracked | AuditOther | BpftraceOther) {
            &self.other
        } else {
            &self.watched
        };
        let Scale { calls, programs, .. } = self.scale;
        let mut found = Vec::new();
        for (system, ground) in &self.grounds {
            let directory = if outside { ground.outside() } else { ground.tree() };
            let each = cycle(user, ground, &directory, calls)?;
            found.extend(each.map(|(call, took)| ((call, Some(system.name()), variant), took)));
        }
        // Nothing of a directory is in it.
        if !outside && let Some((_, ground)) = self.grounds.first() {
            let took = timed(user, ground, &["time-runs"], programs, Path::new("/"), &[])?;
            found.push(((Call::Program, None, variant), took));
        }
        for (key, took) in found {
            self.series.entry(key).or_default().push(took);
        }
        Ok(())
    }

    fn users(&self) -> Vec<Watched> {
        let (uid, directories) = (self.watched.uid(), self.grounds.iter().map(|(_, ground)| ground.tree()));
        directories.take(1).map(|directory| Watched { uid, directory }).collect()
    }

    fn rules(&self) -> Vec<auditd::Rule> {
        let uid = self.watched.uid();
        let below = self.grounds.iter().map(|(_, ground)| Some(ground.tree()));
        let rule = |directory| auditd::Rule { uid, directory, calls: &CALLS[..3] };
        let mut rules: Vec<_> = below.map(rule).collect();
        rules.push(auditd::Rule { uid, directory: None, calls: &CALLS[3..] });
        rules
    }
}

/// Opens, renames and removes files that are root's, and makes others.
fn cycle(user: &Account, ground: &Ground, directory: &Path, calls: usize) -> Result<[(Call, f64); 4]> {
    ground::fill(directory, calls)?;
    let renamed = ["--prefix".to_owned(), "g".to_owned()];
    let time = |what, options: &[String]| timed(user, ground, &["time", what], calls, directory, options);
    let found = [
        (Call::Open, time("open", &[])?),
        (Call::Rename, time("rename", &[])?),
        (Call::Unlink, time("unlink", &renamed)?),
        (Call::Create, time("create", &[])?),
    ];
    ground::empty(directory)?;
    Ok(found)
}
