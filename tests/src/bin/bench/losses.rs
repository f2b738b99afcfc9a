//! The headline: how many files are lost past the budget, by whoever destroys them, and how many beside what else there is.

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Counters, Daemon, Ground, Job, Policy, Tier, proc, truth, wait};

use crate::Found;
use crate::peers::{Peer, Watched};
use crate::row::{Row, median};
use crate::scale::Scale;

const BUDGET: usize = 10;

/// Who destroys: a name, and the helper's words for it.
struct Actor {
    name: &'static str,
    words: fn(usize) -> Vec<String>,
    /// How many of them act at once; none: as many as there are when they are stopped.
    threads: Option<usize>,
}

/// A storm has as many children, each of which has a share of the files.
const STORM: usize = 1000;

const ACTORS: [Actor; 6] = [
    Actor { name: "one process", words: |files| words(&["processes", "1"], files), threads: Some(1) },
    Actor { name: "8 processes", words: |files| words(&["processes", "8"], files), threads: Some(8) },
    Actor { name: "64 processes", words: |files| words(&["processes", "64"], files), threads: Some(64) },
    Actor { name: "16 threads", words: |files| words(&["threads", "16"], files), threads: Some(16) },
    // It hands over so many at a time, each of which is carried out on its own.
    Actor { name: "io_uring", words: |files| words(&["ring-all"], files), threads: Some(64) },
    Actor {
        name: "a fork storm",
        words: |files| words(&["storm", &STORM.min(files / 2).to_string()], files),
        threads: None,
    },
];

fn words(deed: &[&str], files: usize) -> Vec<String> {
    deed.iter().map(|word| (*word).to_owned()).chain([files.to_string()]).collect()
}

/// What came of one actor under one watcher.
#[derive(Clone, Copy)]
struct Lost {
    past_budget: usize,
    /// Stopped or waiting in the end.
    stood_still: usize,
}

/// Of one watcher: each actor's, or why there are none.
type Series = Result<[Vec<Lost>; ACTORS.len()], String>;

pub(crate) fn measure(scale: Scale) -> Result<Found> {
    let mut ours: [Vec<Lost>; ACTORS.len()] = Default::default();
    let mut peers: Vec<Series> = Peer::ALL.iter().map(|_| Ok(Default::default())).collect();
    let party = Party::new()?;
    for _ in 0..scale.long_runs {
        party.fill(scale)?;
        party.under_us(scale, &mut ours)?;
        for (peer, series) in Peer::ALL.into_iter().zip(&mut peers) {
            let Ok(lost) = series else { continue };
            party.fill(scale)?;
            match peer.start(BUDGET as u64, &party.watched()) {
                Ok(_running) => party.act(scale, lost).context(peer.name())?,
                // Where it could not even start, it is not there; a signal to us is another matter.
                Err(why) => {
                    wait::go_on()?;
                    *series = Err(format!("{why:#}"));
                }
            }
        }
    }
    Ok(rows(&ours, &peers, scale).into())
}

/// An account and a tree for each actor. In memory: there removing is quickest, and so is making the files anew.
struct Party(Vec<(Ground, Account)>);

impl Party {
    fn new() -> Result<Self> {
        let one = |_: &Actor| {
            let account = Account::unlisted()?;
            Ok((Ground::in_memory(&account)?, account))
        };
        Ok(Self(ACTORS.iter().map(one).collect::<Result<_>>()?))
    }

    /// Makes what is missing.
    fn fill(&self, scale: Scale) -> Result<()> {
        for (ground, _) in &self.0 {
            wait::go_on()?;
            ground.fill(&ground.tree(), scale.files)?;
        }
        Ok(())
    }

    fn watched(&self) -> Vec<Watched> {
        let watched =
            |(ground, account): &(Ground, Account)| Watched { uid: account.uid(), directory: ground.tree() };
        self.0.iter().map(watched).collect()
    }

    fn under_us(&self, scale: Scale, lost: &mut [Vec<Lost>; ACTORS.len()]) -> Result<Counters> {
        let watch = |policy: Policy, (ground, account): &(Ground, Account)| {
            policy.and(account.name(), &ground.tree())
        };
        let policy = self.0.iter().fold(Policy::of_nobody().in_tier(scale.tier), watch);
        let (first, _) = self.0.first().context("there are actors")?;
        let mut daemon = Daemon::start(&policy.budget("deletes", &format!("{BUDGET}/1h")), first.base())?;
        self.act(scale, lost).context("burstguard")?;
        daemon.end()
    }

    fn act(&self, scale: Scale, lost: &mut [Vec<Lost>; ACTORS.len()]) -> Result<()> {
        for ((actor, party), lost) in ACTORS.iter().zip(&self.0).zip(lost) {
            lost.push(actor.act(party, scale.files).context(actor.name)?);
        }
        Ok(())
    }
}

impl Actor {
    fn act(&self, (ground, account): &(Ground, Account), files: usize) -> Result<Lost> {
        let words = (self.words)(files);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let job = Job::start(ground.hand_command(account, &words)?)?;
        let stood_still = settled(&job, account)?;
        let gone = still(|| truth::missing(&ground.tree(), files))?;
        drop(job);
        account.end_processes();
        ensure!(gone >= BUDGET, "it removed {gone} files, fewer than it may: {words:?}");
        Ok(Lost { past_budget: gone - BUDGET, stood_still })
    }
}

/// Waits until nobody of an account goes on: all have been stopped or have ended, but for who has made the others, and waits for
/// them. How many have been stopped.
fn settled(job: &Job, account: &Account) -> Result<usize> {
    wait::until("nobody goes on", || {
        // First: whoever waits for the others makes no more of them.
        let leader = proc::Process::look(job.pid());
        let rests =
            leader.is_none_or(|leader| leader.is_stopped() || leader.is_zombie() || leader.state == 'S');
        let mut others = proc::of_user(account.uid())?;
        others.retain(|process| !process.is_zombie());
        let stopped = others.iter().filter(|process| process.is_stopped()).count();
        let still = others.iter().all(|process| process.is_stopped() || process.pid == job.pid());
        // One that rests and has nobody to wait for just reads or writes.
        Ok((rests && still && (stopped > 0 || others.is_empty())).then_some(stopped))
    })
    .with_context(|| {
        let all = proc::of_user(account.uid()).unwrap_or_default();
        let states: String = all.iter().map(|process| process.state).collect();
        format!("{} processes, in the states {states}", all.len())
    })
}

/// A count that is the same twice: a ring's workers may still be at what they have begun.
fn still(count: impl Fn() -> usize) -> Result<usize> {
    let mut before = count();
    wait::until("the count stays as it is", || {
        let now = count();
        let same = now == before;
        before = now;
        Ok(same.then_some(now))
    })
}

fn rows(ours: &[Vec<Lost>; ACTORS.len()], peers: &[Series], scale: Scale) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, actor) in ACTORS.iter().enumerate() {
        let past = |lost: &[Lost]| lost.iter().map(|lost| lost.past_budget as f64).collect::<Vec<_>>();
        let own = past(&ours[at]);
        let peer = |(peer, series): (&Peer, &Series)| {
            let values = past(&series.as_ref().ok()?[at]);
            (!values.is_empty()).then(|| (median(&values), peer.name()))
        };
        let best =
            Peer::ALL.iter().zip(peers).filter_map(peer).min_by(|one, other| one.0.total_cmp(&other.0));
        rows.push(judged(actor, &ours[at], own, best, scale));
        for (peer, series) in Peer::ALL.iter().zip(peers) {
            let name = format!("… {}", peer.name());
            rows.push(match series {
                Ok(lost) => Row::new(name, "files", past(&lost[at])),
                Err(why) => Row::skipped(name, why),
            });
        }
    }
    rows
}

/// Our own row of an actor, against the goals.
fn judged(
    actor: &Actor,
    lost: &[Lost],
    past: Vec<f64>,
    best: Option<(f64, &'static str)>,
    scale: Scale,
) -> Row {
    let name = format!("{}: burstguard, tier {}", actor.name, scale.tier.name());
    let row = Row::new(name, "files", past);
    let row = match (scale.tier, actor.threads) {
        (Tier::Lsm, _) => row.always(0.0),
        (Tier::Tracepoint, Some(threads)) => row.always(threads as f64),
        (Tier::Tracepoint, None) => {
            let met = lost.iter().all(|lost| lost.past_budget <= lost.stood_still);
            row.goal("each run ≤ its processes".to_owned(), met)
        }
    };
    let Some((best, name)) = best else { return row };
    let median = row.median();
    row.times(name, best).goal(format!("nobody below: {best} by {name}"), median <= best)
}
