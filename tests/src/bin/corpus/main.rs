//! Plays a corpus of real work against the agent with the policy that it is shipped with, each case as an automation
//! account of its own, and says in a line of JSON what became of it. `cargo xtask corpus` makes a table of the lines.
//!
//! For a guest only: it makes users, and puts /etc back as it was after each case.

mod cases;
mod disk;
mod judge;
mod people;
mod play;
mod restore;

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use tests::{Daemon, Tier, ask_json, wait};

use crate::cases::Case;
use crate::disk::Ground;
use crate::people::POLICY;
use crate::play::Stage;

/// Plays cases of real work
#[derive(Parser)]
struct Cli {
    /// Only cases whose names contain one of these
    case: Vec<String>,
    /// Benign cases only, with budgets out of reach: how much they would need
    #[arg(long)]
    measure: bool,
    /// Also put back what each destructive case has destroyed, and compare it
    #[arg(long)]
    restore: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("corpus: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    wait::catch_signals()?;
    ensure!(std::path::Path::new("/opt/corpus").is_dir(), "this is no guest: `cargo xtask corpus` makes one");
    let chosen = |case: &Case| cli.case.is_empty() || cli.case.iter().any(|part| case.name.contains(part));
    let mut cases = cases::all()?;
    cases.retain(|case| chosen(case) && (case.benign || !cli.measure));
    ensure!(!cases.is_empty(), "no case has such a name");
    let people = people::make(&cases)?;
    let shipped = people::employ(&people, cli.measure)?;
    let ground = Ground::keep()?;
    let daemon = Daemon::start_by_file(POLICY.as_ref(), Tier::Lsm).context("cannot start the agent")?;
    let mut stage = Stage { daemon, ground, shipped, restores: cli.restore };
    for (case, person) in cases.iter().zip(&people) {
        let row = stage.play(case, person)?;
        println!("corpus: {}", serde_json::to_string(&row)?);
    }
    stage.daemon.end()?;
    replay()
}

/// Everything that was recorded is judged by the rules as the kernel programs did, one act after the other.
fn replay() -> Result<()> {
    let replay = ask_json(&["replay", "--policy", POLICY])?;
    let number = |name: &str| replay[name].as_u64().unwrap_or_default();
    println!(
        "replay: {} verdicts compared, {} different, {} not recorded, in {} ms",
        number("compared"),
        number("different"),
        replay["unknown"]["unrecorded"],
        number("took_ms")
    );
    ensure!(
        number("compared") > 0 && number("compared") == number("operations"),
        "nothing was compared: {replay}"
    );
    ensure!(number("different") == 0, "the rules come to something else: {}", replay["differences"]);
    Ok(())
}
