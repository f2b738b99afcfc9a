//! Stages that mostly wait for an emulated processor, several at once: each in a process of its own, which says line by line what
//! it does, behind its name.

use std::env;
use std::io;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context as _, Result, ensure};

use super::Stage;
use super::summary::Summary;
use crate::run;
use crate::tally::Tally;

/// A machine has two processors and uses little more than one, and some 2 GiB.
const AT_MOST: usize = 4;

/// Runs all of them, begun in this order.
pub(super) fn run(stages: &[&Stage], summary: &mut Summary) {
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(AT_MOST).min(stages.len());
    println!("\n== {} stages with virtual machines, {lanes} at once", stages.len());
    let (queue, summary) = (Mutex::new(stages.iter()), Mutex::new(summary));
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let work = || {
        while let Some(stage) = next() {
            let part = elsewhere(stage);
            if let Ok(mut summary) = summary.lock() {
                summary.add(part);
            }
        }
    };
    thread::scope(|scope| (0..lanes).for_each(|_| drop(scope.spawn(work))));
}

/// Runs one in another process, and sums up what it says.
fn elsewhere(stage: &Stage) -> Summary {
    let mut part = Summary::default();
    let outcome = try_elsewhere(stage, &mut part);
    if let Err(error) = outcome.and_then(|status| judge(status, &part)) {
        let mut tally = Tally::default();
        part.fail(stage.name, &mut tally, &format!("{error:#}"));
        part.total += tally;
    }
    part
}

fn try_elsewhere(stage: &Stage, part: &mut Summary) -> Result<ExitStatus> {
    let program = env::current_exe().context("cannot find out which program this is")?;
    run::watched(Command::new(program).args(["test", "--stage", stage.name]), io::sink(), |line| {
        println!("{} | {line}", stage.name);
        part.read(line);
    })
}

/// Whether its end is that of what it said.
fn judge(status: ExitStatus, part: &Summary) -> Result<()> {
    ensure!(status.success() == part.is_good(), "its process ended with {status} and said \"{part}\"");
    Ok(())
}
