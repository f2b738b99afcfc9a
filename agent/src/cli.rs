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
    /// process that exceeds a budget of its account is stopped (SIGSTOP) by the kernel program. The kernel programs stay
    /// in force when burstguard ends, however it ends; the next one carries on. To end that: --release-on-exit, or
    /// `burstguard release`.
    ///
    /// Exit status: 0 ended as told, 1 failed, 2 wrong usage, 7 the policy is invalid.
    Run {
        /// The policy file.
        #[arg(long, value_name = "FILE", default_value = "/etc/burstguard/policy.toml")]
        policy: PathBuf,
        /// Say what happens as one JSON object a line.
        #[arg(long)]
        json: bool,
        /// In the end let go: the kernel programs are detached, and everything that they stopped goes on.
        #[arg(long)]
        release_on_exit: bool,
    },
    /// Let go when no burstguard runs: detach the kernel programs, and let everything that they stopped go on.
    ///
    /// Needs root, and refuses while burstguard runs.
    Release,
    /// Plays the account of the self-test.
    #[command(name = "self-test-subject", hide = true)]
    SelfTestSubject {
        /// The self-test's tree.
        tree: PathBuf,
    },
}
