//! The demonstration: real programs destroy things as a throwaway user, a person sees what becomes of it, and the last
//! line says it all as JSON. It touches nothing that it did not make, and leaves nothing behind, also when interrupted.

mod hold;
mod play;
mod scenario;
mod show;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use serde::Serialize;
use tests::{proc, wait};

use crate::play::Outcome;
use crate::scenario::SCENARIOS;

/// Show on this machine how bursts of destruction are stopped
#[derive(Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
struct Cli {
    /// Only these scenarios
    #[arg(value_parser = scenario::names())]
    scenario: Vec<String>,
    /// Instead, a call that waits for an approval, which takes a kernel with BPF LSM
    #[arg(long, conflicts_with = "scenario")]
    hold: bool,
}

/// The last line.
#[derive(Serialize)]
struct Report {
    tier: String,
    kernel: String,
    scenarios: Vec<Outcome>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            // As a shell reports a program that Ctrl-C has ended.
            if wait::interrupted() { ExitCode::from(130) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: &Cli) -> Result<bool> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "it makes a user and loads kernel programs, so it has to be run as root"
    );
    wait::catch_signals()?;
    if cli.hold {
        println!("burstguard on kernel {}", proc::kernel());
        return hold::play();
    }
    let mut report = Report { tier: String::new(), kernel: proc::kernel(), scenarios: Vec::new() };
    show::beginning(&report.kernel);
    let chosen = |name: &str| cli.scenario.is_empty() || cli.scenario.iter().any(|one| one == name);
    for scenario in SCENARIOS.iter().filter(|scenario| chosen(scenario.name)) {
        show::attempt(scenario);
        let outcome = match play::play(scenario, &mut report.tier) {
            Ok(outcome) => outcome,
            Err(error) => {
                wait::go_on()?;
                eprintln!("   {error:#}");
                Outcome::failed(scenario)
            }
        };
        show::verdict(&outcome);
        report.scenarios.push(outcome);
    }
    println!("\n{}", serde_json::to_string(&report)?);
    Ok(report.scenarios.iter().all(|outcome| outcome.ok))
}
