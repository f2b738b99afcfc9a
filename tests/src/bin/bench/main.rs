//! The benchmarks: what is lost before a burst is stopped, what watching costs those who do nothing wrong, and how that grows;
//! beside what else there is, on the same machine and in the same run.
//!
//! A table for a person, the same as JSON, and curves as pictures. All of it happens in directories and with users that it makes
//! for itself and takes away again.

mod burst;
mod cost;
mod ground;
mod growth;
mod hold;
mod idle;
mod keeper;
mod losses;
mod memory;
mod overload;
mod peers;
mod processes;
mod programs;
mod replay;
mod report;
mod respond;
mod row;
mod scale;
mod soak;
mod start;
mod svg;
mod table;
mod timed;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use tests::{Tier, wait};

use crate::growth::Curve;
use crate::report::Report;
use crate::row::Row;
use crate::scale::Scale;

/// Measure on this machine what is lost, what watching costs and how that grows
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// Only these; `hold`, which takes the tier lsm, and `soak` run only where they are named
    #[arg(value_name = "PART", value_parser = PARTS.map(|part| part.name))]
    which: Vec<String>,
    /// How often each measurement is repeated, all variants in turns
    #[arg(long)]
    runs: Option<usize>,
    /// Small numbers: to see that it works, in a minute or two. The figures mean little
    #[arg(long)]
    quick: bool,
    /// What `soak` asks follows from this
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Also write all of it into this file; `-` is our output, where it is the last line
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also draw the curves, a picture each, into this directory
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// In the tier lsm
    #[arg(long)]
    lsm: bool,
    /// The processor is emulated: say counts and ratios, and no times
    #[arg(long)]
    emulated: bool,
}

/// What we are when a measurement starts us.
#[derive(clap::Subcommand)]
enum Inner {
    /// Be one of the others that are measured beside burstguard
    #[command(hide = true)]
    Peer { orders: PathBuf },
}

/// A part of the suite.
struct Part {
    name: &'static str,
    about: &'static str,
    /// Only where it is named.
    named: bool,
    measure: fn(Scale) -> Result<Found>,
}

/// What a part has found.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    curves: Vec<Curve>,
}

impl From<Vec<Row>> for Found {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, curves: Vec::new() }
    }
}

const fn part(name: &'static str, about: &'static str, measure: fn(Scale) -> Result<Found>) -> Part {
    Part { name, about, named: false, measure }
}

const PARTS: [Part; 16] = [
    part("losses", "files lost past a budget of 10 deletes, beside what else there is", losses::measure),
    part("cost", "a call, beside what else there is", cost::measure),
    part("programs", "what runs in the kernel for a call", programs::measure),
    part("walk", "a call at depth 10, with 63 protected directories", walk::measure),
    part("growth", "how that grows", growth::measure),
    part("burst", "`rm -rf`, and what it takes to stop it", |scale| burst::measure(scale).map(Found::from)),
    part("idle", "the agent, when nothing happens", |scale| idle::measure(scale).map(Found::from)),
    part("memory", "the agent", |scale| memory::measure(scale).map(Found::from)),
    part("processes", "telling processes apart", |scale| processes::measure(scale).map(Found::from)),
    part("start", "the agent's start", |scale| start::measure(scale).map(Found::from)),
    part("respond", "what a responder asks", |scale| respond::measure(scale).map(Found::from)),
    part("replay", "a policy tried", |scale| replay::measure(scale).map(Found::from)),
    part("keeper", "what is kept of 10,000 files", |scale| keeper::measure(scale).map(Found::from)),
    part("overload", "the worst day", |scale| overload::measure(scale).map(Found::from)),
    Part {
        named: true,
        ..part("soak", "ten minutes of anything", |scale| soak::measure(scale).map(Found::from))
    },
    Part { named: true, ..part("hold", "approvals", |scale| hold::measure(scale).map(Found::from)) },
];

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            // As a shell reports a program that Ctrl-C has ended.
            if wait::interrupted() { ExitCode::from(130) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "it makes users and loads kernel programs, so it has to be run as root"
    );
    if let Some(Inner::Peer { orders }) = &cli.inner {
        return peers::be(orders);
    }
    wait::catch_signals()?;
    let tier = if cli.lsm { Tier::Lsm } else { Tier::Tracepoint };
    let scale = Scale::new(cli.runs, cli.quick, tier);
    let scale = Scale { seed: cli.seed.unwrap_or(scale.seed), ..scale };
    let mut report = Report::new(scale, cli.quick, cli.emulated);
    let named = |part: &Part| cli.which.iter().any(|name| name == part.name);
    let chosen = |part: &&Part| if cli.which.is_empty() { !part.named } else { named(part) };
    let mut failed = Vec::new();
    for part in PARTS.iter().filter(chosen) {
        table::print_head(part.name, part.about);
        // One that fails takes no other with it.
        let Found { rows, curves } = (part.measure)(scale).or_else(|error| {
            wait::go_on()?;
            failed.push(part.name);
            anyhow::Ok(vec![Row::skipped(part.name, format!("FAILED: {error:#}"))].into())
        })?;
        // Approvals can be measured nowhere else, and say in their names where they were.
        let without_times = cli.emulated && !part.named;
        let say = |row: Row| if without_times { row.without_times() } else { row };
        let rows: Vec<_> = rows.into_iter().map(|row| say(Row { part: part.name, ..row })).collect();
        table::print(&rows);
        curves.iter().for_each(table::print_curve);
        report.parts.insert(part.name, part.about);
        report.rows.extend(rows);
        report.curves.extend(curves);
    }
    if let Some(directory) = &cli.svg {
        svg::draw_all(&report.curves, directory)?;
    }
    cli.json.as_ref().map_or(Ok(()), |file| report.write(file))?;
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}
