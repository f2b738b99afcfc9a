//! Which tests run where.

/// The families of tests that need the tier `lsm`, or file systems of several kinds. The kernel of a virtual machine has them, another one
/// need not: they run there and nowhere else.
const IN_GUESTS: &[&str] = &[
    "hold::",
    "deny::",
    "approve::",
    "truth::",
    "directories::",
    "except::lsm::",
    "survival::",
    "verify::",
    "bypass::lsm::",
    "bypass::systems::",
    "ways::lsm::",
    "leases::lsm::",
    "recording::lsm::",
    "tampering::lsm::",
    "destructive::lsm::",
    "keeper::shares::",
];

/// The families of tests that need a browser or a session's bus, which no virtual machine has: they are the same on every kernel. And
/// that of the benchmarks, for which an emulated processor is too slow.
const OF_THE_HOST: [&str; 3] = ["pages::", "desktop::", "bench::"];

/// Tests, by what their names contain, and what breaks first where they fail. An emulated machine takes some 25 s to start one
/// daemon, most of it the verifier's: so each change is met by one test or two of each promise, and `--all` runs every test on both
/// kernels.
type Chosen = &'static [(&'static str, &'static str)];

/// Of the tier `lsm`, on the kernel for every day.
const EACH_CHANGE: Chosen = &[
    ("verify::of_the_tier_lsm", "whether its verifier takes every program"),
    ("hold::calls::each_call_waits", "every call that destroys waits at the budget, and completes"),
    ("hold::calls::what_a_ring_does", "io_uring, which cannot wait"),
    ("hold::many::of_sixteen_threads", "the budget is one for all of them"),
    ("approve::bound::what_was_seen", "what was approved is what happens"),
    ("approve::orders::every_other_decision", "the other ways out"),
    ("deny::what_is_denied", "refusals, and their end"),
    ("truth::each_step_costs", "what destroys, and how much, against the disk"),
    ("directories::whole::a_directory_or_what_is_above", "whole directories"),
    ("directories::ways::no_way_leads", "ways into a tree around its root"),
    ("except::lsm::each_step", "what is excepted"),
    ("ways::lsm::what_is_held", "what it may ask others to do"),
    ("leases::lsm::it_lets_pass", "leave given beforehand"),
    ("recording::lsm::", "whether what is recorded is judged by the rules as the kernel did"),
    ("tampering::lsm::", "what an account may do to burstguard itself"),
    ("destructive::lsm::", "commands that wait before their first instruction"),
    ("survival::the_next_agent_holds", "a daemon that is killed"),
];

/// On the oldest kernel: what hooks, helpers, arguments and offsets it may have otherwise.
const OLDEST: Chosen = &[
    ("verify::", "whether its verifier takes every program"),
    ("hold::calls::each_call_waits", "hooks of every call that destroys"),
    ("truth::each_step_costs", "their arguments"),
    ("directories::whole::a_directory_or_what_is_above", "hooks of renames and removals of directories"),
    ("cost::each_step", "arguments of every call that destroys or makes, in the tier tracepoint"),
    ("identity::each_process", "where tasks, mounts and control groups keep what tells them apart"),
    ("freezing::an_account_is_frozen", "how groups of processes freeze"),
];

/// What the other kernels' tests leave out, as the harness is told.
pub(crate) fn needs_a_guest() -> &'static [&'static str] {
    IN_GUESTS
}

/// What is worth an emulated machine on each change, as the harness takes it.
pub(super) fn each_change() -> Vec<String> {
    names(EACH_CHANGE)
}

/// What is worth another with an old kernel.
pub(super) fn oldest() -> Vec<String> {
    names(OLDEST)
}

/// All that a guest can run, as the harness takes it.
pub(super) fn everything() -> Vec<String> {
    OF_THE_HOST.iter().flat_map(|family| ["--skip", family]).map(str::to_owned).collect()
}

fn names(chosen: Chosen) -> Vec<String> {
    chosen.iter().map(|(name, _)| (*name).to_owned()).collect()
}
