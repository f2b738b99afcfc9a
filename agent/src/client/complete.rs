//! What a shell completes: commands, options and their words as they are declared, and what only the daemon knows. It is asked
//! for a moment at most; without an answer there is nothing to choose from, and nobody waits for a prompt.

use std::{
    ffi::OsStr,
    fs, io,
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
    api::{self, IncidentDetail, IncidentSummary, LeaseView, ProcessView, Status},
    cli::Cli,
    processes::cgroup,
};

/// What the script sets to ask for completions instead of running a command.
const ASKS: &str = "COMPLETE";
const PROGRAM: &str = "burstguard";
/// How long a person is kept waiting for what the daemon knows.
const MOMENT: Duration = Duration::from_millis(300);
/// Of so many incidents at most the processes are asked for.
const MOST: usize = 4;

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

/// Paths that the incident of the command line destroyed, as far as its screen shows them, and directories.
pub(super) fn destroyed() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let words = std::env::args_os().skip_while(|word| word != "restore");
        let id = words.filter_map(|word| word.to_str()?.parse::<u64>().ok()).next();
        let detail = id.and_then(|id| ask::<IncidentDetail>(format!("/v1/incidents/{id}")));
        let acts = detail.map(|detail| detail.acts).unwrap_or_default();
        let paths: std::collections::BTreeMap<String, String> = acts.iter().filter_map(path_of).collect();
        let mut found = candidates(typed, paths.into_iter());
        found.extend(directories(typed));
        found
    })
}

/// The whole path of an act, and what was done.
fn path_of(act: &api::Act) -> Option<(String, String)> {
    let tree = act.tree.as_ref()?;
    let text = |bytes: &api::Bytes| std::str::from_utf8(bytes.as_bytes()).ok().map(str::to_owned);
    let path = Path::new(&text(tree)?).join(text(&act.path)?);
    Some((path.to_str()?.to_owned(), act.kinds.join(", ")))
}

/// Numbers of leases that are in force.
pub(super) fn leases() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let leases: Vec<LeaseView> = ask("/v1/leases").unwrap_or_default();
        candidates(typed, leases.iter().map(|lease| (lease.id.to_string(), clean(&lease.account))))
    })
}

/// Names of accounts that are watched.
pub(crate) fn accounts() -> ArgValueCompleter {
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

/// Control groups, as paths below their root; a level at a time, as a shell does it with directories.
pub(super) fn cgroups() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let below = typed.to_string_lossy().rsplit_once('/').map_or("", |(above, _)| above).to_owned();
        let paths = groups(&below).into_iter().map(|name| (format!("{below}/{name}"), String::new()));
        candidates(typed, paths)
    })
}

/// Units that have processes.
pub(super) fn units() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let slices = groups("").into_iter().filter(|name| name.ends_with(".slice"));
        let inside = slices.flat_map(|slice| groups(&slice));
        let units = inside.filter(|name| name.ends_with(".service") || name.ends_with(".scope"));
        candidates(typed, units.map(|name| (name, String::new())))
    })
}

/// The names of the groups in this one, in their order.
fn groups(below: &str) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let Some(root) = cgroup::mount_point(&mounts) else { return Vec::new() };
    let entries = fs::read_dir(root.join(below.trim_start_matches('/'))).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<_> = groups.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

/// Users of the host, as far as it lists them in a file.
pub(super) fn users() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = |line: &str| {
            let mut fields = line.split(':');
            let (name, uid) = (fields.next()?.to_owned(), fields.nth(1)?.to_owned());
            Some((name, format!("uid {}", clean(&uid))))
        };
        candidates(typed, known.lines().filter_map(user))
    })
}

/// Processes that wait for a decision, then those of other open incidents.
pub(super) fn processes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let open: Vec<IncidentSummary> = ask("/v1/incidents?open=true").unwrap_or_default();
        let details = open
            .iter()
            .take(MOST)
            .filter_map(|one| ask::<IncidentDetail>(format!("/v1/incidents/{}", one.id)));
        let told = details.flat_map(|detail| {
            let incident = detail.summary.id;
            let told = move |process: ProcessView| {
                (
                    process.pid.to_string(),
                    format!("{}, incident {incident}", clean(&process.comm.to_string())),
                )
            };
            detail.processes.into_iter().map(told)
        });
        candidates(typed, told)
    })
}

/// Lengths of time as they are often wanted; any other can be typed.
pub(crate) fn durations() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let usual = ["5m", "15m", "30m", "1h", "4h", "24h"];
        candidates(typed, usual.into_iter().map(|time| (time.to_owned(), String::new())))
    })
}

fn directories(typed: &OsStr) -> Vec<CompletionCandidate> {
    use clap_complete::engine::{PathCompleter, ValueCompleter as _};
    let found = PathCompleter::dir().complete(typed).into_iter();
    found.filter(|one| one.get_value().to_str().is_some_and(is_a_word)).collect()
}

/// Whether a shell takes it for what it is: what it completes goes into the line as it is, and somebody else may have chosen the name.
fn is_a_word(value: &str) -> bool {
    value.chars().all(|char| char.is_alphanumeric() || "._/:@+,=-%".contains(char))
}

/// Those that begin with what is typed, and what is said of each.
fn candidates(typed: &OsStr, all: impl Iterator<Item = (String, String)>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    all.enumerate()
        .filter(|(_, (value, _))| value.starts_with(&*typed) && is_a_word(value))
        .map(|(at, (value, said))| {
            let said = (!said.is_empty()).then(|| said.into());
            CompletionCandidate::new(value).help(said).display_order(Some(at))
        })
        .collect()
}

/// Asks the daemon at its usual place. On a thread, since to connect may wait; it ends with the program.
fn ask<T: DeserializeOwned + Send + 'static>(path: impl Into<String>) -> Option<T> {
    let (path, (answer, answered)) = (path.into(), channel());
    thread::spawn(move || answer.send(Daemon::at(Path::new(api::SOCKET)).get(&path).ok()));
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
        let hostile =
            ["x$(id)", "a b", "a;b", "`id`", "a\nb", "a*"].map(|name| (name.to_owned(), String::new()));
        assert_eq!(candidates(OsStr::new(""), hostile.into_iter()).len(), 0);
    }

    #[test]
    fn a_daemon_that_does_not_answer_keeps_nobody_waiting() {
        let (_answer, answered) = channel::<Option<u8>>();
        assert_eq!(heard(&answered), None);
    }

    #[test]
    fn what_the_host_knows_is_told_by_its_beginning() {
        let found = |completer: ArgValueCompleter, typed: &str| -> Vec<String> {
            let found = completer.complete(OsStr::new(typed));
            found.iter().map(|one| one.get_value().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(found(durations(), "1"), ["15m", "1h"]);
        assert_eq!(found(users(), "roo"), ["root"]);
        assert!(found(cgroups(), "/").iter().all(|path| path.starts_with('/')));
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
