//! burstguard: stops an automation account that deletes and recreates its environment at machine speed.
//!
//! A library so that fuzzing reaches what reads what others wrote; nothing in it is promised to anybody.

#[cfg(all(kernel_object_missing, not(test), not(clippy), not(fuzzing)))]
compile_error!(
    "the kernel programs cannot be built here yet: run `cargo xtask setup` once, then build again"
);

mod api;
mod chart;
mod clean;
mod cli;
mod client;
mod clock;
mod commands;
mod control;
mod daemon;
mod enforcer;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod heap;
mod identity;
mod impact;
mod incidents;
mod keeper;
mod logging;
mod manual;
mod metrics;
#[cfg(test)]
mod narrow;
mod notify;
mod output;
mod page;
mod policy;
mod processes;
mod progress;
mod recording;
mod replay;
mod report;
mod restore;
mod sensor;
mod store;
mod trees;
mod webhook;
mod writer;

use std::{path::Path, process::ExitCode};

use clap::Parser as _;

use agent_common::rules::judge::Tier;
use cli::{Cli, Command, Debug, Document};
use output::Form;
use policy::{
    PolicyError, ThisHost,
    check::{INVALID, Wish},
};
use progress::Progress;

/// The program: reads the command line, does what it says, and returns how that went.
pub fn main() -> ExitCode {
    client::complete::answer_shell();
    let Cli { common, command } = Cli::parse();
    let done = match command {
        Command::Run { policy, release_on_exit, tier, state, host_mounts, log, metrics } => {
            let log = logging::start(&log);
            let form = match (log.in_journal, common.json) {
                (_, true) => Form::Json,
                (true, false) => Form::Journal,
                (false, false) => Form::Text,
            };
            let socket = common.socket;
            let options =
                daemon::Options { policy, form, release_on_exit, metrics, socket, tier, state, host_mounts };
            let done = daemon::run(options);
            log.finish();
            done
        }
        Command::Ask(verb) => return client::run(verb, common),
        Command::Release(verb) if verb.dry_run => daemon::say_unattended(),
        Command::Release(verb) => {
            let log = logging::start(&logging::Arguments::default());
            let progress = Progress::waiting("letting go");
            let done = daemon::release();
            drop(progress);
            log.finish();
            match done {
                Err(error) if error.is::<daemon::AnotherAgent>() => return client::release(verb, common),
                done => done,
            }
        }
        Command::Check { file, effective } => return check(&file, effective, common.json),
        Command::Verify(arguments) => return store::verify::run(arguments, common.json),
        Command::Replay(arguments) => replay::run(arguments, common.json, common.utc),
        Command::Learn(arguments) => replay::learn::run(arguments, common.json),
        Command::Debug(Debug::Bundle(arguments)) => client::bundle::run(&arguments),
        Command::Debug(Debug::Reference { document: Document::Metrics }) => {
            print!("{}", metrics::reference());
            Ok(())
        }
        Command::Debug(Debug::Reference { document: Document::Catalog }) => {
            print!("{}", logging::catalog());
            Ok(())
        }
        Command::Debug(Debug::Reference { document: Document::Policy }) => {
            policy::reference::page(&ThisHost).map(|page| print!("{page}")).map_err(Into::into)
        }
        Command::Completions { shell } => client::complete::script(shell),
        Command::Manual { directory } => manual::write(&directory),
        Command::SelfTestSubject { tree } => daemon::subject(&tree),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<PolicyError>() {
            // Every problem is a line of its own already.
            Some(PolicyError::Invalid { .. }) => {
                eprintln!("{error}");
                ExitCode::from(INVALID)
            }
            _ => {
                eprintln!("error: {error:#}");
                if matches!(error.downcast_ref(), Some(recording::Problem::None(_))) {
                    ExitCode::from(api::Code::NotFound.exit_status())
                } else if error.is::<daemon::ActsForAccount>() {
                    ExitCode::from(api::Code::NotAllowed.exit_status())
                } else {
                    ExitCode::FAILURE
                }
            }
        },
    }
}

fn check(file: &Path, effective: bool, json: bool) -> ExitCode {
    let obstacle = daemon::obstacle();
    let tier = obstacle.as_deref().map(|obstacle| (Tier::Tracepoint, obstacle));
    let checked = policy::check::check(file, &ThisHost, Wish { effective, json, tier });
    print!("{}", checked.output);
    eprint!("{}", checked.complaints);
    ExitCode::from(checked.exit)
}
