//! What a shell completes: commands, options and their words as they are declared, and what only the daemon knows. It is asked
//! for a moment at most; without an answer there is nothing to choose from, and nobody waits for a prompt.

use std::{
    ffi::OsStr,
    io,
    path::Path,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, ValueEnum as _};
use clap_complete::{CompleteEnv, CompletionCandidate, engine::ArgValueCompleter, env::Shells};
use serde::de::DeserializeOwned;

use super::{http::Daemon, term::clean};
use crate::{
    api::{self, IncidentSummary, LeaseView, Status},
    cli::Cli,
};

/// What the script sets to ask for completions instead of running a command.
const ASKS: &str = "COMPLETE";
const PROGRAM: &str = "burstguard";
/// How long a person is kept waiting for what the daemon knows.
const MOMENT: Duration = Duration::from_millis(300);

/// A shell that can be told what to complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Answers the script of a shell, if it is that which runs us; then this does not return.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).var(ASKS).complete();
}

/// Prints the script that makes a shell complete: it asks the program each time, so it knows what the program knows.
pub(crate) fn script(shell: Shell) -> Result<()> {
    write_script(shell, &mut io::stdout())
}

fn write_script(shell: Shell, to: &mut dyn io::Write) -> Result<()> {
    // clap's completions know a shell by the word that we know it by.
    let word = shell.to_possible_value().context("every shell has a word")?;
    let shells = Shells::builtins();
    let completer = shells.completer(word.get_name()).context("there is no script for this shell")?;
    completer.write_registration(ASKS, PROGRAM, PROGRAM, PROGRAM, to).context("cannot print the script")
}

/// Numbers of incidents that wait for a decision, then of the others.
pub(super) fn incidents() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let incidents: Vec<IncidentSummary> = ask("/v1/incidents?limit=50").unwrap_or_default();
        let told = incidents.iter().map(|incident| {
            let account = incident.account.as_deref().map_or_else(|| "no account".to_owned(), clean);
            (incident.id.to_string(), format!("{account}: {}", clean(&incident.what)))
        });
        candidates(typed, told)
    })
}

/// Numbers of leases that are in force.
pub(super) fn leases() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let leases: Vec<LeaseView> = ask("/v1/leases").unwrap_or_default();
        candidates(typed, leases.iter().map(|lease| (lease.id.to_string(), clean(&lease.account))))
    })
}

/// Names of accounts that are watched.
pub(super) fn accounts() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let accounts = ask::<Status>("/v1/status").map(|status| status.accounts).unwrap_or_default();
        candidates(typed, accounts.iter().map(|account| (account.name.clone(), String::new())))
    })
}

/// Protected trees; what lies in them is for the shell to find.
pub(super) fn trees() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let trees = ask::<Status>("/v1/status").map(|status| status.trees).unwrap_or_default();
        let protected =
            candidates(typed, trees.iter().map(|tree| (tree.to_string(), "protected".to_owned())));
        if protected.is_empty() { directories(typed) } else { protected }
    })
}

fn directories(typed: &OsStr) -> Vec<CompletionCandidate> {
    use clap_complete::engine::{PathCompleter, ValueCompleter as _};
    PathCompleter::dir().complete(typed)
}

/// Those that begin with what is typed, and what is said of each.
fn candidates(typed: &OsStr, all: impl Iterator<Item = (String, String)>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    all.enumerate()
        .filter(|(_, (value, _))| value.starts_with(&*typed))
        .map(|(at, (value, said))| {
            let said = (!said.is_empty()).then(|| said.into());
            CompletionCandidate::new(value).help(said).display_order(Some(at))
        })
        .collect()
}

/// Asks the daemon at its usual place. On a thread, since to connect may wait; it ends with the program.
fn ask<T: DeserializeOwned + Send + 'static>(path: &'static str) -> Option<T> {
    let (answer, answered) = channel();
    thread::spawn(move || answer.send(Daemon::at(Path::new(api::SOCKET)).get(path).ok()));
    heard(&answered)
}

fn heard<T>(answered: &Receiver<Option<T>>) -> Option<T> {
    answered.recv_timeout(MOMENT).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_otherwise_is_no_candidate() {
        let all = [("7", "a0: 12 deletes"), ("71", ""), ("8", "")];
        let told = || all.iter().map(|(value, said)| ((*value).to_owned(), (*said).to_owned()));
        let found = candidates(OsStr::new("7"), told());
        assert_eq!(found.iter().map(CompletionCandidate::get_value).collect::<Vec<_>>(), ["7", "71"]);
        assert_eq!(candidates(OsStr::new(""), told()).len(), 3);
    }

    #[test]
    fn a_daemon_that_does_not_answer_keeps_nobody_waiting() {
        let (_answer, answered) = channel::<Option<u8>>();
        assert_eq!(heard(&answered), None);
    }

    #[test]
    fn there_is_a_script_for_each_shell() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            write_script(*shell, &mut script).expect("a script");
            let script = String::from_utf8(script).expect("text");
            assert!(script.contains("COMPLETE=") || script.contains("COMPLETE ="), "{shell:?}: {script}");
        }
    }
}
