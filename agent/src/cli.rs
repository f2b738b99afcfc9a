//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Stops an automation account that deletes and recreates its environment at machine speed, until a person has looked.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch the accounts of a policy in the foreground, until Ctrl-C or SIGTERM.
    ///
    /// Needs root. Loads the kernel programs, proves them with a self-test, and says what happens on standard output. A
    /// process that exceeds a budget of its account is stopped (SIGSTOP) by the kernel program; when burstguard ends, it
    /// lets go: everything that it stopped goes on.
    ///
    /// Exit status: 0 ended as told, 1 failed, 2 wrong usage, 7 the policy is invalid.
    Run {
        /// The policy file.
        #[arg(long, value_name = "FILE", default_value = "/etc/burstguard/policy.toml")]
        policy: PathBuf,
        /// Say what happens as one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Plays the account of the self-test.
    #[command(name = "self-test-subject", hide = true)]
    SelfTestSubject {
        /// The self-test's tree.
        tree: PathBuf,
    },
}
