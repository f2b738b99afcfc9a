//! The commands that ask the daemon. One file a verb; of the rest of burstguard they know the API's types only.

mod accounts;
mod approve;
mod ask;
pub(crate) mod bundle;
pub(crate) mod complete;
mod deny;
mod drill;
mod exec;
mod failure;
mod freeze;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod history;
mod http;
mod incident;
mod incidents;
mod kill;
mod lease;
pub(crate) mod listing;
mod moved;
mod notify;
mod off;
mod reload;
mod report;
mod restore;
mod selftest;
mod session;
mod status;
pub(crate) mod term;
#[cfg(test)]
mod tests;
mod thaw;
mod top;
mod watch;
mod whois;
mod whole_file;
mod why;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand, ValueEnum};

use failure::Failure;
use session::Session;

use crate::api;

/// How to ask and how to answer, whatever is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Where the daemon listens.
    #[arg(long, global = true, value_name = "PATH", default_value = api::SOCKET)]
    pub(crate) socket: PathBuf,
    /// Answer in JSON: one object, or one a line if it goes on.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colour; the environment variable NO_COLOR is respected.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
    /// Show times in UTC, not in local time.
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    /// Say nothing when it was done.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal.
    Auto,
    Always,
    Never,
}

/// What to ask the daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show the host at a glance: what is enforced, for whom, and who is over a budget.
    Status,
    /// Show the accounts that are watched, with their standing and what is used of their budgets.
    Accounts(accounts::Accounts),
    /// List incidents, newest first.
    Incidents(incidents::Incidents),
    /// Show one incident: what happened, what happens if nobody decides, what to type.
    Incident(incident::Incident),
    /// Write a page about an incident, to hand on: one HTML file that needs nothing else, for a screen and for paper.
    ///
    /// What happened, over the time and against the budget; the processes, the paths, the decisions. It holds command lines: the file
    /// is yours alone. What is there is replaced when the page is whole.
    Report(report::Report),
    /// Show who a process acts for, and by which evidence.
    Whois(whois::Whois),
    /// Show why a process does not go on. Anybody may ask about themselves.
    Why(why::Why),
    /// Print events as they come, until Ctrl-C.
    Watch,
    /// Show what a person should look at as notifications on the own desktop, until Ctrl-C.
    ///
    /// For who works on the host itself, such as a laptop with AI agents. It runs as that person and asks the session's bus; the daemon
    /// tells it what whoever has the role `view` may see. The package has a unit for it, for each user who wants that:
    /// systemctl --user enable --now burstguard-notify
    Notify(notify::Notify),
    /// A live screen: accounts, what waits, incidents; and the keys to decide.
    ///
    /// On a terminal, of 40 columns and 12 lines at least. Arrows or j and k choose, tab goes to the next list, enter opens an incident;
    /// a approves, d denies, f freezes an account, t thaws. Each asks for the reason first, and says what will happen; ? tells all keys.
    Top,
    /// Let the calls of an incident that wait happen, and their processes finish.
    ///
    /// The processes that wait, and whatever they start, may finish what they were about, inside the directories that the
    /// incident shows, until they end or an hour has passed. Everything else of the account counts anew, and as ever.
    ///
    /// If the policy wants more than one person (roles.approvals), the first is only heard, and nothing goes on yet: that ends
    /// with 0 too. What happens in the end is the smaller of what each of them said.
    Approve(approve::Approve),
    /// Leave for an account to destroy, before a planned change.
    #[command(subcommand)]
    Lease(lease::Lease),
    /// Let the calls of an incident that wait fail, and whatever the account destroys until it has been quiet.
    Deny(deny::Deny),
    /// Freeze the processes of an account, a unit, a user, a cgroup, or one with its descendants. What is frozen already stays so for
    /// longer.
    Freeze(freeze::Freeze),
    /// Let what an incident stopped or froze go on.
    ///
    /// Of what the policy has stopped this too takes as many people as roles.approvals says.
    Thaw(thaw::Thaw),
    /// End the processes that an incident stopped or froze.
    Kill(kill::Kill),
    /// Put back what an incident destroyed, as it was: contents, owner, mode, access lists and times.
    ///
    /// What the keeper had kept before comes back, unless it is as it was already. What is there now is kept as another version before
    /// it is replaced. All that will be otherwise is shown first. What somebody has changed since is asked about, a path at a time; without
    /// a terminal it is left as it is, unless --changed says that it is meant too. Needs root, and the role `respond`; who did it and why is
    /// on the record before anything is written.
    ///
    /// Exit status: 0 all that it destroyed is as it was, 1 not all of it, 4 not as this user, 5 no such incident or path.
    Restore(restore::Restore),
    /// List what the keeper has of a path, newest first, and who changed it. Needs root, and no daemon.
    History(history::History),
    /// Run a command as an account's: what it and all that it starts destroys is counted and held as the account's.
    ///
    /// It takes the place of burstguard: the same process, terminal and environment, and its exit status is the command's. Root may,
    /// and whoever the account's `launch` names.
    ///
    /// Exit status, if the command was not run: 3 no daemon answers, 4 not allowed, 5 no such account, 126 it cannot be run, 127 there
    /// is no such command.
    Exec(exec::Exec),
    /// Play a burst, to see that it is held and who hears of it: a fire drill.
    ///
    /// For a while there is one account more, NAME.drill, which has the budgets, the response and the deadline of NAME, and is
    /// nobody. As that `rm` deletes files in a directory of its own, past the budget; what comes of it is followed to the incident, to
    /// the alert in Prometheus, and to whoever decides. Nothing else is touched. Needs root, and the role `admin`.
    ///
    /// Exit status: 0 it came as far as asked for, 1 it did not.
    Drill(drill::Drill),
    /// Read the policy again. What is wrong with it, or what it loosens of an account with an open incident, leaves the one in force.
    Reload(reload::Reload),
    /// Let everything go on and only observe, for a while or until told otherwise.
    Off(off::Off),
    /// Enforce again, after `off` or when the governor is engaged.
    On(off::On),
    /// Prove once more that enforcement works.
    Selftest,
}

/// Lets go; what is said of `off` is said of it.
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// Only say what waits, is stopped or is frozen, and change nothing. Needs root, whether a daemon runs or not.
    #[arg(long, conflicts_with_all = ["reason", "wait"])]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    because: ask::Because,
}

/// Asks the daemon to let go.
pub(crate) fn release(release: Release, common: Common) -> ExitCode {
    run(Verb::Off(off::Off::without_end(release.because)), common)
}

/// Asks, and says what came of it.
pub(crate) fn run(verb: Verb, common: Common) -> ExitCode {
    let session = Session::new(common);
    let done = match verb {
        Verb::Status => status::run(&session),
        Verb::Accounts(verb) => verb.run(&session),
        Verb::Incidents(verb) => verb.run(&session),
        Verb::Incident(verb) => verb.run(&session),
        Verb::Report(verb) => verb.run(&session),
        Verb::Whois(verb) => verb.run(&session),
        Verb::Why(verb) => verb.run(&session),
        Verb::Watch => watch::run(&session),
        Verb::Notify(verb) => verb.run(&session),
        Verb::Top => top::run(&session),
        Verb::Approve(verb) => verb.run(&session),
        Verb::Lease(verb) => verb.run(&session),
        Verb::Deny(verb) => verb.run(&session),
        Verb::Freeze(verb) => verb.run(&session),
        Verb::Thaw(verb) => verb.run(&session),
        Verb::Kill(verb) => verb.run(&session),
        Verb::Drill(verb) => verb.run(&session),
        Verb::Reload(verb) => verb.run(&session),
        Verb::Off(verb) => verb.run(&session),
        Verb::On(verb) => verb.run(&session),
        Verb::Selftest => selftest::run(&session),
        Verb::Exec(verb) => verb.run(&session),
        Verb::Restore(verb) => verb.run(&session),
        Verb::History(verb) => verb.run(&session),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_unread() => ExitCode::SUCCESS,
        Err(failure) => session.fail(&failure),
    }
}
