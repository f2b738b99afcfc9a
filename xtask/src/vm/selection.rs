//! Which tests are worth an emulated machine on each change.

/// The families of tests that another kernel may change, and what it changes. The others are of the agent's own making.
const QUICK: &[(&str, &str)] = &[
    ("starting::", "whether its verifier takes every program, and the self-test passes"),
    ("removal::", "offsets and arguments of the calls that remove"),
    ("rename::", "of those that rename and exchange"),
    ("truncate::", "of those that empty"),
    ("recreate::", "of those that make anew"),
    ("lineage::", "the order of fork, exec and exit, and their offsets"),
    ("stop::", "how processes stop, and what they may still do"),
    ("freezing::", "how groups of processes freeze"),
    ("restart::", "what pinned programs and maps do without an agent"),
];

/// Their names, as the test harness takes them.
pub(super) fn quick() -> Vec<String> {
    QUICK.iter().map(|(family, _)| (*family).to_owned()).collect()
}
