//! burstguard: stops an automation account that deletes and recreates its environment at machine speed.

#[cfg(all(kernel_object_missing, not(test), not(clippy)))]
compile_error!(
    "the kernel programs cannot be built here yet: run `cargo xtask setup` once, then build again"
);

#[expect(dead_code, unused_imports, reason = "the control socket is being built on it")]
mod api;
mod clean;
mod cli;
mod client;
mod daemon;
mod enforcer;
mod incidents;
mod logging;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the loop does not feed it yet"))]
mod metrics;
mod output;
mod policy;
mod processes;
mod report;
mod sensor;
mod trees;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, Debug};
use output::Form;
use policy::PolicyError;

/// A policy that is invalid has an exit status of its own, for whoever checks policies by running us.
const INVALID_POLICY: u8 = 7;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { policy, json, log } => {
            logging::start(&log);
            daemon::run(daemon::Options { policy, form: if json { Form::Json } else { Form::Text } })
        }
        Command::Debug(Debug::Bundle(arguments)) => client::bundle::run(&arguments),
        Command::SelfTestSubject { tree } => daemon::subject(&tree),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<PolicyError>() {
            // Every problem is a line of its own already.
            Some(PolicyError::Invalid { .. }) => {
                eprintln!("{error}");
                ExitCode::from(INVALID_POLICY)
            }
            _ => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}
