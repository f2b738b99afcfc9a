//! The processes of an incident, as the tree that they are.

use super::super::term::{bad, clean};
use crate::api::ProcessView;

/// One of them, and where it hangs.
pub(crate) struct Branch<'a> {
    pub(crate) depth: usize,
    pub(crate) process: &'a ProcessView,
    parent: Option<&'a ProcessView>,
}

/// Parents before their children.
pub(crate) fn branches(processes: &[ProcessView]) -> Vec<Branch<'_>> {
    let child_of = |process: &ProcessView, parent: &ProcessView| process.parent == parent.pid;
    let mut waiting: Vec<(usize, &ProcessView)> = processes
        .iter()
        .rev()
        .filter(|process| !processes.iter().any(|other| child_of(process, other)))
        .map(|process| (0, process))
        .collect();
    let mut branches = Vec::new();
    // Each is taken once: pids that the daemon gave in a circle have no outermost one, and are not reached.
    while let Some((depth, process)) = waiting.pop() {
        let parent = processes.iter().find(|other| child_of(process, other));
        branches.push(Branch { depth, process, parent });
        waiting.extend(
            processes.iter().rev().filter(|other| child_of(other, process)).map(|other| (depth + 1, other)),
        );
    }
    branches
}

impl Branch<'_> {
    /// A step further in than its parent.
    pub(super) fn line(&self) -> String {
        let Self { depth, process, .. } = self;
        format!("{:1$}{2}{3}", "", depth * 2, one(process), self.whereabouts())
    }

    /// Where it works and who sits there, as far as that is not its parent's too.
    pub(crate) fn whereabouts(&self) -> String {
        let part = |word: &str, of: &dyn Fn(&ProcessView) -> Option<String>| {
            let own = of(self.process)?;
            (self.parent.and_then(of).as_ref() != Some(&own)).then(|| format!(" {word} {own}"))
        };
        [
            part("in", &|process| process.cwd.as_ref().map(ToString::to_string)),
            part("on", &|process| process.terminal.as_ref().map(ToString::to_string)),
            part("from", &|process| process.ssh_from.as_deref().map(clean)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

pub(crate) fn one(process: &ProcessView) -> String {
    let stop = stop(process).map(|stop| format!(" {stop}")).unwrap_or_default();
    format!("{} {} ({}){stop}", short_name(process), process.pid, who(process))
}

/// Why it does not go on, if so, on a terminal.
pub(crate) fn stop(process: &ProcessView) -> Option<String> {
    halted(process).map(|word| bad(format!("[{word}]")))
}

/// As much of its command line as helps; --json has all that is kept.
pub(crate) fn short_name(process: &ProcessView) -> String {
    const COMMAND: usize = 100;
    let name = name(process);
    match name.char_indices().nth(COMMAND) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

/// Its command line, else the name that it has.
pub(crate) fn name(process: &ProcessView) -> String {
    let command = process.command.to_string();
    if command.is_empty() { process.comm.to_string() } else { command }
}

/// Whose it is, for the kernel and for systemd.
pub(crate) fn who(process: &ProcessView) -> String {
    let login = process.login.map(|login| format!(", login {login}")).unwrap_or_default();
    let unit = process.cgroup.as_ref().map(|cgroup| format!(", {cgroup}")).unwrap_or_default();
    format!("uid {}{login}{unit}", process.uid)
}

/// Why it does not go on, if so.
pub(crate) fn halted(process: &ProcessView) -> Option<&'static str> {
    match process {
        ProcessView { frozen: true, .. } => Some("frozen"),
        ProcessView { held: true, .. } => Some("held"),
        ProcessView { stopped: true, .. } => Some("stopped"),
        _ => None,
    }
}
