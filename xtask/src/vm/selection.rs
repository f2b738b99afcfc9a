//! Which tests run where.

/// The families of tests that need the tier `lsm`. The kernel of a virtual machine has it, another one need not: they
/// run there and nowhere else.
const LSM: &[&str] = &[
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
];

/// The families that another kernel may change, and what it changes. The others are of the agent's own making, or go through
/// the same calls another time.
const TRACEPOINT: &[(&str, &str)] = &[
    ("starting::", "whether its verifier takes every program, and the self-test passes"),
    ("removal::", "offsets and arguments of the calls that remove"),
    ("cost::each_step", "of every call that destroys or makes, a row each"),
    ("except::tracepoint::", "the loops and helpers that exceptions are found with"),
    ("identity::", "where tasks, mounts and control groups keep what tells them apart"),
    ("lineage::", "the order of fork, exec and exit, and their offsets"),
    ("stop::", "how processes stop, and what they may still do"),
    ("freezing::", "how groups of processes freeze"),
];

/// Of those that need the tier `lsm`, where the oldest kernel may differ: hooks, helpers, and their arguments.
const OLDEST: &[&str] = &[
    "verify::",
    "hold::",
    "truth::",
    "directories::",
    "except::lsm::",
    "bypass::lsm::as_a_user",
    "ways::lsm::",
    "leases::lsm::it_lets_pass",
];

/// What the other kernels' tests leave out, as the harness is told.
pub(crate) fn needs_a_guest() -> &'static [&'static str] {
    LSM
}

/// What is worth an emulated machine on each change, as the harness takes it.
pub(super) fn each_change() -> Vec<String> {
    names(LSM.iter().copied())
}

/// What is worth another with an old kernel.
pub(super) fn oldest() -> Vec<String> {
    names(OLDEST.iter().copied().chain(TRACEPOINT.iter().map(|(family, _)| *family)))
}

fn names<'a>(families: impl Iterator<Item = &'a str>) -> Vec<String> {
    families.map(str::to_owned).collect()
}
