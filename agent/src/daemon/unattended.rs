//! What stays held, stopped or frozen while no daemon is there, for whoever has just stopped it. Only looks: it takes no lock, so
//! that the next daemon may come meanwhile.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use rustix::process::geteuid;

use super::runtime_dir::RuntimeDir;
use crate::{
    clean::Clean,
    enforcer::freezer::Freezer,
    logging,
    processes::{proc::ProcessId, view},
    sensor::{Directory, Predecessor},
};

/// How many processes are named; how many more there are is said.
const NAMED: usize = 8;

/// What there is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unattended {
    /// By account: processes of calls that wait, and others that were stopped.
    accounts: BTreeMap<String, Waits>,
    /// By the number of the incident, how many processes.
    freezes: BTreeMap<u64, usize>,
    /// Whether accounts are still held to their budgets.
    enforced: bool,
    /// Generations that cannot be read, and why.
    unreadable: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Waits {
    held: Vec<String>,
    stopped: Vec<String>,
}

/// Says it: to the journal as a warning, if that is where we write, else on standard output.
pub(crate) fn say_unattended() -> Result<()> {
    ensure!(geteuid().is_root(), "cannot see what waits as uid {}: run as root", geteuid().as_raw());
    let log = logging::start(&logging::Arguments::default());
    let lines = Unattended::look()?.lines();
    match (lines.is_empty(), log.in_journal) {
        (true, true) => {}
        (true, false) => println!("nothing waits, and nothing is enforced"),
        (false, true) => lines.iter().for_each(|line| log::warn!("{line}")),
        (false, false) => lines.iter().for_each(|line| println!("{line}")),
    }
    log.finish();
    Ok(())
}

impl Unattended {
    fn look() -> Result<Self> {
        let mut found = Self::default();
        for directory in Directory::all()? {
            match Predecessor::open(&directory) {
                Ok(generation) => found.add(&generation),
                Err(error) => found.unreadable.push(format!("{}: {error}", directory.path().display())),
            }
        }
        let memory = RuntimeDir::memory();
        for freeze in Freezer::open().found() {
            *found.freezes.entry(freeze.id).or_default() += freeze.processes;
        }
        for (id, stopped) in &memory.remembered().stopped {
            *found.freezes.entry(*id).or_default() += stopped.len();
        }
        found.freezes.retain(|_, processes| *processes > 0);
        Ok(found)
    }

    fn add(&mut self, generation: &Predecessor) {
        self.enforced = true;
        let Predecessor { manifest, state, .. } = generation;
        let name = |index: u32| {
            let name = manifest.accounts.get(index as usize).cloned().flatten();
            name.unwrap_or_else(|| "the self-test".to_owned())
        };
        let calls = state.held.all();
        for call in &calls {
            self.accounts.entry(name(call.account)).or_default().held.push(named(call.process));
        }
        let waits = |id: ProcessId| calls.iter().any(|call| call.process == id);
        for member in state.members().iter().filter(|member| member.stopped && !waits(member.id())) {
            self.accounts.entry(name(member.account)).or_default().stopped.push(named(member.id()));
        }
    }

    /// None if there is nothing to be said.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.unreadable.iter().map(|why| format!("cannot tell what waits in {why}")).collect();
        for (account, Waits { held, stopped }) in &self.accounts {
            let held = part(held, "call waits", "calls wait");
            let stopped = part(stopped, "process is stopped", "processes are stopped");
            let parts: Vec<_> = held.into_iter().chain(stopped).collect();
            lines.push(format!("{}: {}", Clean(account), parts.join("; ")));
        }
        for (id, processes) in &self.freezes {
            let are = if *processes == 1 { "process is" } else { "processes are" };
            lines.push(format!("freeze of incident {id}: {processes} {are} frozen"));
        }
        let waits = !lines.is_empty();
        if waits {
            lines.push(
                "nobody decides about these, and no deadline comes, until a daemon runs (systemctl start burstguard); to let all \
                 go without one: burstguard release"
                    .to_owned(),
            );
        } else if self.enforced {
            lines.push(
                "nothing waits; accounts are held to their budgets all the same, until: burstguard release"
                    .to_owned(),
            );
        }
        lines
    }
}

fn part(processes: &[String], one: &str, more: &str) -> Option<String> {
    let what = match processes.len() {
        0 => return None,
        1 => one,
        _ => more,
    };
    let mut names = processes[..processes.len().min(NAMED)].join(", ");
    if processes.len() > NAMED {
        names += &format!(" and {} more", processes.len() - NAMED);
    }
    Some(format!("{} {what} ({names})", processes.len()))
}

fn named(process: ProcessId) -> String {
    format!("{} {}", Clean(&view::comm(process.pid).to_string()), process.pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes(count: usize) -> Vec<String> {
        (1..=count).map(|pid| format!("rm {pid}")).collect()
    }

    #[test]
    fn what_waits_is_said_with_what_to_do() {
        let waits = Waits { held: processes(2), stopped: processes(10) };
        let found = Unattended {
            accounts: BTreeMap::from([("deployer".to_owned(), waits)]),
            freezes: BTreeMap::from([(8, 7)]),
            enforced: true,
            unreadable: vec!["/x: why".to_owned()],
        };
        let lines = found.lines();
        assert_eq!(lines[0], "cannot tell what waits in /x: why");
        assert_eq!(
            lines[1],
            "deployer: 2 calls wait (rm 1, rm 2); 10 processes are stopped (rm 1, rm 2, rm 3, rm 4, rm 5, rm 6, rm 7, rm 8 \
             and 2 more)"
        );
        assert_eq!(lines[2], "freeze of incident 8: 7 processes are frozen");
        assert!(lines[3].contains("burstguard release") && lines.len() == 4, "{lines:?}");
    }

    #[test]
    fn where_nothing_waits_only_what_stays_in_force_is_said() {
        assert_eq!(Unattended::default().lines(), [] as [String; 0]);
        let lines = Unattended { enforced: true, ..Unattended::default() }.lines();
        assert!(lines.len() == 1 && lines[0].starts_with("nothing waits"), "{lines:?}");
    }
}
