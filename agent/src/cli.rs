//! The command line.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    client::{self, bundle, complete},
    daemon::Wanted,
    logging, metrics, replay,
    store::verify,
};

/// Stops an automation account that deletes and recreates its environment at machine speed, until a person has looked.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: client::Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 no daemon answers, 4 not allowed, 5 not found, 6 already decided,
7 the policy is invalid, 8 done but not confirmed by the kernel in time, or no answer came and it may have been done.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch the accounts of a policy in the foreground, until Ctrl-C or SIGTERM.
    ///
    /// Needs root. Loads the kernel programs, proves them with a self-test, and says what happens on standard output. A call
    /// that exceeds a budget of its account waits or fails, where the kernel can do that (tier lsm); elsewhere its process is
    /// stopped by the kernel program when it is done (tier tracepoint). The kernel programs stay in force when burstguard
    /// ends, however it ends; the next one carries on. To end that: --release-on-exit, or `burstguard release`.
    ///
    /// SIGHUP has it read the policy again, unless it runs on a terminal: there it ends.
    ///
    /// Exit status: 0 ended as told, 1 failed, 2 wrong usage, 7 the policy is invalid.
    Run {
        /// The policy file.
        #[arg(long, value_name = "FILE", default_value = "/etc/burstguard/policy.toml")]
        policy: PathBuf,
        /// In the end let go: the kernel programs are detached, and everything that was stopped or frozen goes on.
        #[arg(long)]
        release_on_exit: bool,
        /// What to arm; status says what it is and why.
        #[arg(long, value_name = "TIER", default_value = "auto")]
        tier: Wanted,
        /// Where the record of incidents is kept [default: STATE_DIRECTORY as systemd sets it, else /var/lib/burstguard].
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Work in the mounts of the host's first process, for a service that was given mounts of its own. Only the thread that answers
        /// Prometheus stays in these.
        #[arg(long)]
        host_mounts: bool,
        #[command(flatten)]
        log: logging::Arguments,
        #[command(flatten)]
        metrics: metrics::Arguments,
    },
    #[command(flatten)]
    Ask(client::Verb),
    /// Let everything go on that was stopped or frozen, and enforce nothing any more.
    ///
    /// Works without the daemon: then it needs root, and the kernel programs are detached. A daemon that runs is asked to
    /// let go; it enforces again after `burstguard on`.
    Release(client::Release),
    /// Prove that nothing was changed in the record of incidents, nor removed from it, since the last anchor.
    ///
    /// Each entry of the record is hashed with all before it; the hash of the last one, an anchor, goes to the journal when
    /// somebody has decided, and now and then. Needs no daemon, and no root where the record can be read.
    ///
    /// Exit status: 0 whole, 1 not what it was, or it cannot be read, 5 there is no record.
    Verify(verify::Arguments),
    /// Check a policy file and the drop-ins beside it. Needs neither the daemon nor root, and changes nothing.
    ///
    /// Exit status: 0 good, perhaps with warnings, 7 invalid.
    Check {
        /// The policy file.
        #[arg(value_name = "FILE", default_value = "/etc/burstguard/policy.toml")]
        file: PathBuf,
        /// Print the policy as it would be carried out: drop-ins merged, defaults filled in.
        #[arg(long)]
        effective: bool,
    },
    /// Try a policy on what accounts did, before it acts.
    ///
    /// Every operation of every account is recorded, with how it was judged. Each is judged here once more, by the very same rules and
    /// by another policy: what would have been held, denied and let through, beside what was. It can narrow trees and change budgets
    /// and responses; what it cannot know is said. Needs no daemon; nothing changes.
    ///
    /// Exit status: 0 done, 1 failed, 5 there is no recording, 7 the policy is invalid.
    Replay(replay::Arguments),
    /// Propose budgets for an account from what it did.
    ///
    /// Prints a drop-in to review, with what each budget rests on: quantiles, how much is added, how sure that is. What was stopped and
    /// not approved is no habit, and does not count. Needs no daemon; nothing changes.
    ///
    /// Exit status: 0 done, 1 failed, 5 there is no recording, 7 the policy is invalid.
    Learn(replay::learn::Arguments),
    /// What helps whoever looks into burstguard itself.
    #[command(subcommand)]
    Debug(Debug),
    /// Print the script that has a shell complete commands, options and values.
    ///
    /// The script runs burstguard each time, so what only the daemon knows is completed too, as far as one may see it: numbers of
    /// incidents, accounts, trees. The package puts it where shells look for it; by hand, for bash:
    /// source <(burstguard completions bash)
    Completions {
        /// Which shell.
        shell: complete::Shell,
    },
    /// Writes the manual's pages.
    #[command(hide = true)]
    Manual {
        /// The directory to write them to.
        directory: PathBuf,
    },
    /// Plays the account of the self-test.
    #[command(name = "self-test-subject", hide = true)]
    SelfTestSubject {
        /// The self-test's tree.
        tree: PathBuf,
    },
}

/// What to look into.
#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    /// Collect what a report about burstguard needs into one file: versions, what the kernel offers, the policy without its
    /// secrets, what the daemon says, its last log lines.
    ///
    /// Works with and without a daemon. As root it holds more; its MANIFEST says what is missing and why.
    Bundle(bundle::Arguments),
    /// Print a document that is made of what the program knows of itself; `cargo xtask docs` writes it.
    #[command(hide = true)]
    Reference { document: Document },
}

/// A document that is made of the program.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Document {
    /// docs/metrics.md
    Metrics,
    /// docs/policy.md
    Policy,
    /// deploy/journal/burstguard.catalog
    Catalog,
}
