//! bpftrace: a line of its language that counts, and signals by itself; or one that prints, to a program that signals.

use std::io::BufRead as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use tests::Job;

use super::stopper::Stopper;
use super::{READY, Watched, begin, packages, say_ready};

/// What it prints, if it is asked to by its environment, when all is attached.
const ATTACHED: &str = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";
/// The host need not have tracefs, and is not to be given one.
const WITH_TRACEFS: &str = "test -d /sys/kernel/tracing/events || mount -t tracefs tracefs /sys/kernel/tracing || exit; \
    exec \"$0\" \"$@\"";

/// Removals by each user, at their begin: where a signal is sent the call is still done, as at its end.
const REMOVES: [&str; 6] = ["unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2"];

/// Past the budget, the kernel stops whoever removes.
pub(super) fn signals(budget: u64, watched: &[Watched]) -> Result<Job> {
    let act = format!("@n[uid]++; if (@n[uid] > {budget}) {{ signal(\"SIGSTOP\"); }}");
    begin(bpftrace(&program(&REMOVES, watched, &act))?, ATTACHED)
}

/// Every removal is printed, and read by a program that counts.
pub(super) fn prints(watched: &[Watched], reader: &Command) -> Result<Job> {
    let printing = bpftrace(&program(&REMOVES, watched, "printf(\"%d\\n\", uid);"))?;
    let mut both = Command::new("sh");
    both.args(["-c", "reader=$1 orders=$2; shift 2; \"$@\" 2>&1 | \"$reader\" peer \"$orders\"", "sh"]);
    both.arg(reader.get_program()).args(reader.get_args().skip(1));
    both.arg(printing.get_program()).args(printing.get_args()).env(ATTACHED, "1");
    begin(both, READY)
}

/// As the reader.
pub(super) fn listen(mut stopper: Stopper) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line.context("what bpftrace prints")?;
        match line.trim().parse() {
            Ok(uid) => stopper.removed(uid, 1),
            Err(_) if line.contains(ATTACHED) => say_ready()?,
            Err(_) => eprintln!("{line}"),
        }
    }
    Ok(())
}

/// Counts these calls of these users, and does nothing about them.
pub(crate) fn counts(calls: &[&str], watched: &[Watched]) -> Result<Job> {
    begin(bpftrace(&program(calls, watched, "@n[uid] = count();"))?, ATTACHED)
}

fn program(calls: &[&str], watched: &[Watched], act: &str) -> String {
    let probes: Vec<_> = calls.iter().map(|call| format!("tracepoint:syscalls:sys_enter_{call}")).collect();
    let users: Vec<_> = watched.iter().map(|watched| format!("uid == {}", watched.uid)).collect();
    format!("{} /{}/ {{ {act} }}", probes.join(","), users.join(" || "))
}

/// By `--unsafe` it may signal.
fn bpftrace(program: &str) -> Result<Command> {
    packages::provide("bpftrace", "/usr/bin/bpftrace")?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", WITH_TRACEFS, "bpftrace", "-B", "line", "--unsafe", "-e", program]);
    command.env(ATTACHED, "1");
    Ok(command)
}
