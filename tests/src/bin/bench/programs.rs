//! What runs in the kernel for a call: the kernel's own clock of each program, over a number of calls that is known, and how many
//! instructions it has.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context as _, Result};
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};
use tests::{Account, Daemon, Ground, Policy};

use crate::Found;
use crate::cost::wide;
use crate::ground::{fill, open_up};
use crate::row::Row;
use crate::scale::Scale;
use crate::timed::timed;

/// A program that is loaded.
struct Program {
    name: String,
    instructions: u32,
    verified: u32,
    ns: u64,
    runs: u64,
}

pub(crate) fn measure(scale: Scale) -> Result<Found> {
    let (watched, other) = (Account::unlisted()?, Account::unlisted()?);
    let ground = Ground::in_memory(&watched)?;
    [ground.tree(), ground.outside()].iter().try_for_each(|directory| open_up(directory))?;
    let before: HashSet<_> = loaded().into_keys().collect();
    let policy = wide(Policy::new(watched.name(), &ground.tree())).in_tier(scale.tier);
    let mut daemon = Daemon::start(&policy, ground.base())?;
    // Until it is dropped the kernel reads a clock around each run: nothing else is measured meanwhile.
    let _clock = enable_stats(Stats::RunTime).context("the kernel does not time programs")?;
    let mut rows = Vec::new();
    for (name, user, directory) in [
        ("unlinkat by a user that is not watched", &other, ground.tree()),
        ("unlinkat by a watched user outside of every tree", &watched, ground.outside()),
        ("unlinkat in a tree", &watched, ground.tree()),
    ] {
        fill(&directory, scale.calls)?;
        let earlier = loaded();
        timed(user, &ground, &["time", "unlink"], scale.calls, &directory, &[])?;
        let own = loaded().into_iter().filter(|(id, _)| !before.contains(id));
        rows.extend(own.filter_map(|(id, program)| row(name, earlier.get(&id)?, &program, scale.calls)));
    }
    daemon.end()?;
    Ok(rows.into())
}

/// None of a program that did not run as often: it is about something else.
fn row(name: &str, earlier: &Program, now: &Program, calls: usize) -> Option<Row> {
    let (ns, runs) = (now.ns - earlier.ns, now.runs - earlier.runs);
    if runs < calls as u64 / 2 {
        return None;
    }
    let Program { name: program, instructions, verified, .. } = now;
    let name =
        format!("{name}: {program}, {instructions} instructions, the verifier went through {verified}");
    let each = ns as f64 / runs as f64;
    Some(Row::new(name, "ns", vec![each]).ratio("runs a call", runs as f64 / calls as f64))
}

fn loaded() -> BTreeMap<u32, Program> {
    // One that goes while it is looked at is an error, and nobody's.
    let programs = loaded_programs().flatten().map(|program| {
        let name = program.name_as_str().unwrap_or("?").to_owned();
        let instructions = program.size_translated().unwrap_or(0) / 8; // bytes of each
        let verified = program.verified_instruction_count().unwrap_or(0);
        let ns = program.run_time().as_nanos() as u64;
        (program.id(), Program { name, instructions, verified, ns, runs: program.run_count() })
    });
    programs.collect()
}
