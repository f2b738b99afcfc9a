//! The benchmarks: what a burst costs before it is stopped, and what watching costs those who do nothing wrong.
//!
//! A table for a person, and the same as one line of JSON in the end. All of it happens in directories and with users
//! that it makes for itself and takes away again.

mod burst;
mod hold;
mod keeper;
mod memory;
mod overhead;
mod processes;
mod replay;
mod respond;
mod row;
mod start;
mod timed;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use serde::Serialize;
use tests::{proc, wait};

use crate::row::Row;

/// Measure on this machine what stopping and watching cost
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    /// Only these; `hold` takes the tier lsm, and runs only where it is named
    #[arg(value_parser = ["burst", "overhead", "processes", "start", "respond", "replay", "keeper", "hold"])]
    which: Vec<String>,
    /// How often the bursts and the starts are repeated
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// How often the overhead is measured, with and without the agent in turns
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

/// The last line.
#[derive(Serialize)]
struct Report {
    kernel: String,
    rows: Vec<Row>,
}

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
    wait::catch_signals()?;
    let chosen = |name: &str| cli.which.is_empty() || cli.which.iter().any(|one| one == name);
    let mut rows = Vec::new();
    let mut add = |some: Vec<Row>| {
        row::print(&some);
        rows.extend(some);
    };
    row::print_head();
    if chosen("burst") {
        add(burst::measure(cli.runs)?);
    }
    if chosen("overhead") {
        add(overhead::measure(cli.rounds)?);
    }
    if chosen("processes") {
        add(processes::measure(cli.rounds)?);
    }
    if chosen("start") {
        add(start::measure(cli.runs)?);
    }
    if chosen("respond") {
        add(respond::measure(cli.runs)?);
    }
    if chosen("replay") {
        add(replay::measure(cli.runs)?);
    }
    if chosen("keeper") {
        add(keeper::measure()?);
    }
    if cli.which.iter().any(|one| one == "hold") {
        add(hold::measure()?);
    }
    println!("{}", serde_json::to_string(&Report { kernel: proc::kernel(), rows })?);
    Ok(())
}
