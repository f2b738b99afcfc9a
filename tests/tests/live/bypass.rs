//! The ways past the budget that somebody may think of: each tried by a plain user, and as root through sudo, in both tiers.
//! What is true of each stands here, and in the table of docs/limits.md.
//!
//! Elsewhere: that what waits completes when it is approved (`hold/calls.rs`), mounts that are moved or denied and layers of
//! an overlay (`directories/`), roots that are removed or replaced (`directories/whole.rs`, `recreate.rs`), rings and threads
//! that are stopped halfway (`hold/`, `stop.rs`).

mod company;
mod contents;
mod lsm;
mod mounts;
mod moves;
mod names;
mod row;
mod systems;
mod tracepoint;

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Crowd, Daemon, Event, Job, Outcome, Party, SudoRule, Tier, proc, wait};

use crate::holding::{BUDGET, each_row, holds};
use row::{By, Row, Truth};

const TABLES: &[&[Row]] = &[names::ROWS, contents::ROWS, moves::ROWS, mounts::ROWS, company::ROWS];

/// Every row that this kernel can try, by this one.
fn table(by: By) -> Vec<(By, Row)> {
    let rows = TABLES.concat().into_iter().filter(|row| row.by.contains(&by));
    let there = rows.filter(|row| {
        let there = (row.there)();
        if !there {
            println!("{}: not on this kernel", row.name);
        }
        there
    });
    there.map(|row| (by, row)).collect()
}

/// Under one agent, each row by an account of its own.
fn are_true(tier: Tier, rows: &[(By, Row)]) -> Result<()> {
    let parties = rows.iter().map(|(by, row)| party(*by, row).with_context(|| row.name));
    let parties = parties.collect::<Result<Vec<_>>>()?;
    let _rules =
        rows.iter().zip(&parties).map(|((by, _), party)| by.rule(party)).collect::<Result<Vec<_>>>()?;
    let eyes = rows.iter().zip(&parties).map(|((_, row), party)| Eye::on(row, party));
    let eyes = eyes.collect::<Result<Vec<_>>>()?;
    let mut crowd =
        Crowd::watched(parties, |policy| holds(policy).budget("recreates", "3/1h").in_tier(tier))?;
    let trials = rows.iter().zip(&eyes).enumerate();
    let trials = trials.map(|(at, ((by, row), eye))| (format!("{} ({by:?})", row.name), (at, *by, row, eye)));
    each_row(trials, |(at, by, row, eye)| {
        let job = start(&crowd.parties[at], by, row)?;
        is_true(&mut crowd, at, &job, row.truth(tier), eye)?;
        if tier == Tier::Lsm && row.completes { completes(&mut crowd, at, &job, eye) } else { Ok(()) }
    })?;
    crowd.end().map(drop)
}

fn party(by: By, row: &Row) -> Result<Party> {
    let account = if by == By::Sudo { Account::new() } else { Account::unlisted() };
    let mut party = Party::of(account?, 0)?;
    (row.arrange)(&mut party, row.count)?;
    Ok(party)
}

impl By {
    fn rule(self, party: &Party) -> Result<Option<SudoRule>> {
        match self {
            Self::User => Ok(None),
            Self::Sudo => {
                let rule = SudoRule::allow(&party.account, &["/usr/bin/sh", "/bin/sh"].map(Path::new))?;
                rule.context("there is no sudo").map(Some)
            }
        }
    }

    /// What begins a command with mounts of its own, and the right to make some.
    fn apart(self) -> &'static str {
        match self {
            Self::User => "unshare -Urm",
            Self::Sudo => "unshare -m",
        }
    }
}

fn start(party: &Party, by: By, row: &Row) -> Result<Job> {
    let hand = party.ground.hand()?;
    let script = party.ground.expand(row.script);
    let words =
        [("{hand}", &*hand.to_string_lossy()), ("{count}", &row.count.to_string()), ("{apart}", by.apart())];
    let script = words.iter().fold(script, |script, (word, text)| script.replace(word, text));
    let mut command = match by {
        By::User => party.account.shell(&script),
        By::Sudo => {
            let mut command = party.account.command("sudo");
            command.args(["-n", "sh", "-c", &script]);
            command
        }
    };
    command.current_dir(party.ground.tree());
    Job::start(command)
}

/// What is true on disk of a row's files.
struct Eye {
    /// The directory, wherever it may be now; none if it is looked for by its path.
    directory: Option<File>,
    path: PathBuf,
    row: Row,
}

impl Eye {
    fn on(row: &Row, party: &Party) -> Result<Self> {
        let path = PathBuf::from(party.ground.expand(row.files));
        let open = || File::open(&path).with_context(|| format!("cannot open {}", path.display()));
        let directory = if row.by_path { None } else { Some(open()?) };
        Ok(Self { directory, path, row: *row })
    }

    fn destroyed(&self) -> usize {
        let wherever = |directory: &File| PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        let place = self.directory.as_ref().map_or_else(|| self.path.clone(), wherever);
        (self.row.destroyed)(&place, self.row.count)
    }
}

fn is_true(crowd: &mut Crowd, at: usize, job: &Job, truth: Truth, eye: &Eye) -> Result<()> {
    let account = format!("a{at}");
    let expected = match truth {
        Truth::Stops(exactly) => {
            until_all_stand_still(&mut crowd.daemon, &account, job)?;
            exactly..=exactly
        }
        Truth::StopsOrBefore(at_most) => {
            until_all_stand_still(&mut crowd.daemon, &account, job)?;
            at_most - 1..=at_most
        }
        Truth::StopsEach => {
            let stopped = until_all_stand_still(&mut crowd.daemon, &account, job)?;
            BUDGET + 1..=BUDGET + stopped
        }
        Truth::Fails => {
            let outcome = job.until_ended_at_last()?;
            let complaint = job.complaint()?;
            ensure!(
                outcome == Outcome::Exited(1) && complaint.contains("os error 1)"),
                "{outcome:?}: {complaint}"
            );
            wait::until("its burst is told", || crowd.daemon.burst_so_far(&account))?;
            BUDGET..=BUDGET
        }
        Truth::Passes(told) => {
            job.until_done_in_the_end()?;
            crowd.daemon.catch_up(&crowd.parties[at].account)?;
            is_told(&mut crowd.daemon, &account, told)?;
            eye.row.count..=eye.row.count
        }
    };
    let destroyed = eye.destroyed();
    ensure!(expected.contains(&destroyed), "{destroyed} are destroyed, not {expected:?}");
    Ok(())
}

fn completes(crowd: &mut Crowd, at: usize, job: &Job, eye: &Eye) -> Result<()> {
    crowd.daemon.held_of(&format!("a{at}"))?.incident.approve(&[])?;
    job.until_done_in_the_end()?;
    ensure!(eye.destroyed() == eye.row.count, "{} are destroyed in the end", eye.destroyed());
    Ok(())
}

/// No burst, and of what passed no more than this.
fn is_told(daemon: &mut Daemon, account: &str, told: &str) -> Result<()> {
    let mut reasons: Vec<_> = daemon
        .seen()?
        .iter()
        .filter_map(|event| match event {
            Event::Burst(burst) if burst.account == account => Some("burst"),
            Event::Blind { account: its, reason, .. } if its == account => Some(reason),
            _ => None,
        })
        .collect();
    reasons.dedup();
    ensure!(reasons.join(" ") == told, "told is {reasons:?}, not {told:?}");
    Ok(())
}

/// Waits until the account has made a burst and nothing of the job moves any more; how many of its threads are stopped then.
fn until_all_stand_still(daemon: &mut Daemon, account: &str, job: &Job) -> Result<usize> {
    let burst = wait::until("a burst of the account", || {
        let ended = job.try_change().filter(|change| !matches!(change, Outcome::Stopped(_)));
        ensure!(ended.is_none(), "{ended:?} and no burst: {}", job.complaint()?);
        daemon.burst_so_far(account)
    })?;
    let mut looks = 0;
    let still = wait::until("all of the job stands still", || {
        let threads = proc::of_group(job.pid())?;
        let stopped = threads.iter().filter(|thread| thread.state == 'T').count();
        // Who sleeps waits for a child: the calls of these rows wait for nothing else.
        let still = threads.iter().all(|thread| matches!(thread.state, 'T' | 'S' | 'Z' | 'X'))
            && threads.iter().any(|thread| thread.pid == burst.pid && thread.state == 'T');
        looks = if still { looks + 1 } else { 0 };
        Ok((looks == 2).then_some(stopped)) // the list is no picture of one moment
    });
    still.with_context(|| format!("{burst:?}, {:?}", proc::of_group(job.pid())))
}

/// A line of the page's table has names of rows with commas between, and what is true of them in each tier.
#[test]
fn the_page_says_the_same() {
    let page = include_str!("../../../docs/limits.md");
    let lines: Vec<Vec<_>> = page.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    for row in TABLES.concat().iter().chain(systems::ROWS) {
        let said = lines.iter().any(|cells| match cells[..] {
            [_, names, lsm, tracepoint, _, _] => {
                names.split(", ").any(|name| name == row.name)
                    && lsm == row.lsm.word()
                    && tracepoint == row.tracepoint.word()
            }
            _ => false,
        });
        assert!(said, "{}: {} | {}", row.name, row.lsm.word(), row.tracepoint.word());
    }
}
