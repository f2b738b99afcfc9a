//! The keys themselves. What each takes, in numbers and words, is asked of whatever reads it.

use std::{ops::RangeInclusive, time::Duration};

use agent_common::wire::exception::MAX_EXCEPTIONS;

use super::{
    super::{
        By, Governor, Mode, OnAgentLoss, Response, Then, budget::Budget, duration, parse, validate::MAX_PATHS,
    },
    Holds, Key, Keys, Without,
};

/// Those of the whole policy.
pub(in super::super) static POLICY: Keys = &[&TOP];

static TOP: [Key; 12] = [
    Key::value("version", Without::Refused, || "`1`".to_owned(), "which rules this file is written by"),
    Key::value(
        "mode",
        Without::Usual,
        || words(&Mode::ALL, Mode::as_str),
        "`enforce`, or `observe`: every response acts as `observe`",
    ),
    Key { name: "tree", holds: Holds::Named(&[&TREE], "What is protected together.") },
    Key { name: "default", holds: Holds::Section(&[&SETTINGS], DEFAULT) },
    Key { name: "account", holds: Holds::Named(&[&WHO, &NOTE, &SETTINGS], ACCOUNT) },
    Key { name: "way", holds: Holds::Named(&[&WAY], WAYS) },
    Key { name: "roles", holds: Holds::Section(&[&ROLES], PEOPLE) },
    Key {
        name: "record",
        holds: Holds::Section(&[&RECORD], "How much of the [record](#the-record) is kept."),
    },
    Key {
        name: "recording",
        holds: Holds::Section(&[&RECORDING], "How much of the [recording](#the-recording) is kept."),
    },
    Key { name: "governor", holds: Holds::Section(&[&GOVERNOR], LIMITS) },
    Key { name: "command", holds: Holds::Named(&[&COMMAND], COMMANDS) },
    Key { name: "webhook", holds: Holds::Named(&[&WEBHOOK], WEBHOOKS) },
];

const DEFAULT: &str = "What holds for every account; an account's own keys replace these one by one.";
const ACCOUNT: &str = "Who is watched. Each account has the keys of `[default]` besides, for itself.";
const WAYS: &str =
    "How a process [has somebody else act](#ways-to-have-others-act), besides the ways that are built in.";
const COMMANDS: &str = "What is counted as a [destructive command](#destructive-commands), besides those that are built in: one of such a name, or of one of its programs, takes its place.";
const PEOPLE: &str = "Who may do what: `uid:N`, `user:NAME`, `gid:N`, `group:NAME`. Whoever has a role has those before it. Root has one only if it is named.";
const LIMITS: &str = "When so much is stopped that [the rule must be wrong](#the-governor).";

const WEBHOOKS: &str = "Who is told of events over HTTP, at most 8, see [Webhooks](webhook.md).";

static TREE: [Key; 3] = [
    Key::value(
        "paths",
        Without::Refused,
        || format!("absolute paths, at most {MAX_PATHS} in all trees"),
        "directories to protect. `*`, `?`, `[…]` as in a shell stand for the directories there are when the policy is loaded, symbolic links apart",
    ),
    Key::value(
        "except",
        Without::Usual,
        || format!("[exceptions](#exceptions), at most {MAX_EXCEPTIONS} a tree"),
        "names in these directories that are not of the tree",
    ),
    Key { name: "keep", holds: Holds::Group(&[&KEEP]) },
];

static KEEP: [Key; 5] = [
    Key::value(
        "files",
        Without::Usual,
        || "`true`, `false`".to_owned(),
        "whether versions of what is in the tree are [kept](#what-is-kept), to be restored",
    ),
    Key::value("size", Without::Usual, || "`1KiB` to `64MiB`".to_owned(), "the largest file that is kept"),
    Key::value(
        "total",
        Without::Usual,
        || "`1MiB` to `64GiB`".to_owned(),
        "how much all that is kept of the tree may take. What was superseded first goes first; if what is there now is more, the rest is left",
    ),
    Key::value(
        "age",
        Without::Usual,
        || "`1d` to `3650d`".to_owned(),
        "how long a version is kept once something else has come, or nothing is there any more. What is there now is kept as long as it is",
    ),
    Key::value(
        "except",
        Without::Usual,
        || "[exceptions](#exceptions)".to_owned(),
        "names that are protected and not kept, besides those of `except`",
    ),
];

/// Each tells processes of an account.
pub(in super::super) static WHO: [Key; 5] = [
    Key::value("users", ONE_OF_THEM, users, "by the real user id; never root, one account an id"),
    Key::value(
        "login",
        ONE_OF_THEM,
        users,
        "by the login user id, which sudo keeps; never root, one account an id",
    ),
    Key::value(
        "units",
        ONE_OF_THEM,
        || "units, or paths of control groups".to_owned(),
        "what runs in them, see [Who acts for an account](#who-acts-for-an-account)",
    ),
    Key::value(
        "executables",
        ONE_OF_THEM,
        || "absolute paths, or `**/NAME`".to_owned(),
        "what runs these programs, see there",
    ),
    Key::value(
        "scripts",
        ONE_OF_THEM,
        || "paths, or an interpreter and a path".to_owned(),
        "what runs these scripts, see there",
    ),
];

const ONE_OF_THEM: Without = Without::Words("one of the five, or `launch`");

static NOTE: [Key; 1] = [Key::value(
    "note",
    Without::Usual,
    || format!("1 to {} bytes", parse::MAX_NOTE),
    "why it is watched, in words, for `burstguard accounts`",
)];

static SETTINGS: [Key; 7] = [
    Key::value(
        "trees",
        Without::Refused,
        || "names of trees, at least one".to_owned(),
        "where it is watched",
    ),
    Key::value(
        "response",
        Without::Usual,
        responses,
        "past the budget. `observe`: report only. `hold`: the call waits for a decision, before anything has happened. `deny`: it fails, and whatever the account destroys until it has been quiet for 10 minutes. `freeze`: as `hold`, and the whole account is frozen. In the tier tracepoint all three stop the process once its call is done",
    ),
    Key { name: "budget", holds: Holds::Group(&[&BUDGET]) },
    Key { name: "hold", holds: Holds::Group(&[&HOLD]) },
    Key::value(
        "launch",
        Without::Words("root alone"),
        || "people, as in `[roles]`".to_owned(),
        "who may start a command as the account's, by `burstguard exec`; root always may",
    ),
    Key::value(
        "escapes",
        Without::Usual,
        responses,
        "when a process of the account has somebody else act, who does not act for the account, by a [way](#ways-to-have-others-act): `observe`: it is told, as an incident. `hold`, `deny`, `freeze`: as in `response` (tier tracepoint: the process stops once it is connected). While the account's own calls are refused or wait, so is this, whatever is written here",
    ),
    Key::value(
        "warmup",
        Without::Usual,
        || durations(&parse::WARMUP),
        "for how long an account that is [new on this host](#new-accounts) is only observed",
    ),
];

static BUDGET: [Key; 6] = [
    Key::value("deletes", Without::Usual, budgets, "names gone: unlinked, removed, renamed away"),
    Key::value(
        "replaces",
        Without::Usual,
        budgets,
        "names that lead to something else now: renamed over, exchanged",
    ),
    Key::value("truncates", Without::Usual, budgets, "files emptied or shortened"),
    Key::value(
        "overwrites",
        Without::Usual,
        budgets,
        "files that held something and were opened for writing over it, not for appending or emptying: once an open, whatever is written. In the tier lsm also those opened for appending whose descriptor then appends no more, or is mapped for sharing",
    ),
    Key::value(
        "recreates",
        Without::Usual,
        budgets,
        "names that came back after the account made them go; its window is also how long a new file counts as the account's own. Such a file may be renamed within the trees for an hour: packages are unpacked long before they are put in place",
    ),
    Key::value(
        "commands",
        Without::Usual,
        budgets,
        "[destructive commands](#destructive-commands). In the tier lsm one more waits before its first instruction, in the tier tracepoint it is stopped there; where `response` is `deny`, it is killed",
    ),
];

static HOLD: [Key; 5] = [
    Key::value(
        "deadline",
        Without::Usual,
        || durations(&parse::DEADLINE),
        "how long a call waits at most. In the tier tracepoint a stopped process waits until somebody decides",
    ),
    Key::value("then", Without::Usual, || words(&Then::ALL, Then::as_str), "what becomes of it then"),
    Key::value(
        "on_agent_loss",
        Without::Usual,
        || words(&OnAgentLoss::ALL, OnAgentLoss::as_str),
        "what becomes of a call that should wait while no agent has been there for 10 s: `wait` for the next one, `deny` (in the tier tracepoint: `wait`), or `observe`: it passes, on the record. What waits already goes on waiting",
    ),
    Key::value(
        "contact",
        Without::Usual,
        || format!("a line of 1 to {} bytes", parse::MAX_CONTACT),
        "whom to ask about what waits (`\"#ops-oncall\"`): `burstguard why` and `incident` say it",
    ),
    Key::value(
        "terminal",
        Without::Usual,
        || "`true`, `false`".to_owned(),
        "when a call begins to wait, is refused, or a process is stopped, [the terminal](#the-terminal-of-what-waits) that the process has is told so in a line, once an incident",
    ),
];

static WAY: [Key; 4] = [
    Key::value(
        "sockets",
        Without::Usual,
        || "absolute paths".to_owned(),
        "sockets behind which somebody does what is asked",
    ),
    Key::value(
        "buses",
        Without::Usual,
        || "absolute paths".to_owned(),
        "sockets by which the service manager is asked, among much else",
    ),
    Key::value(
        "jobs",
        Without::Usual,
        || format!("absolute paths, at most {MAX_PATHS} with those of all trees"),
        "directories of files that are carried out",
    ),
    Key::value(
        "ports",
        Without::Usual,
        || "TCP ports".to_owned(),
        "ports of this host behind which somebody does what is asked",
    ),
];

static ROLES: [Key; 4] = [
    Key::value("view", USUAL_PEOPLE, people, "see what happens"),
    Key::value("respond", USUAL_PEOPLE, people, "approve, lease, deny, thaw, freeze, kill and self-test"),
    Key::value("admin", USUAL_PEOPLE, people, "reload and turn off"),
    Key::value(
        "approvals",
        Without::Usual,
        || format!("{} to {}", parse::APPROVALS.start(), parse::APPROVALS.end()),
        "how many people have to say that what waits may go on, see [More than one person](#more-than-one-person)",
    ),
];

const USUAL_PEOPLE: Without = Without::Words("root and the group `burstguard`");

static RECORD: [Key; 3] = [
    Key::value(
        "keep",
        Without::Usual,
        || "`1d` to `3650d`".to_owned(),
        "how long incidents are kept, by a clock that has not been set for a day. Whichever of this and `size` is reached first, the oldest go",
    ),
    Key::value("size", Without::Usual, || "`1MiB` to `64GiB`".to_owned(), "how large their file may be"),
    Key::value(
        "redact",
        Without::Usual,
        || "regular expressions".to_owned(),
        "what else is a secret in command lines, before they are written down",
    ),
];

static RECORDING: [Key; 2] = [
    Key::value(
        "keep",
        Without::Usual,
        || "`1d` to `3650d`".to_owned(),
        "how long operations are kept. Whichever of this and `size` is reached first, the oldest go",
    ),
    Key::value(
        "size",
        Without::Usual,
        || "`1MiB` to `64GiB`".to_owned(),
        "how large their files may be together",
    ),
];

static GOVERNOR: [Key; 2] = [
    Key::value(
        "accounts",
        Without::Usual,
        limits,
        "how many different accounts may be stopped in how long a time",
    ),
    Key::value(
        "incidents",
        Without::Usual,
        limits,
        "how many incidents may stop somebody in how long a time",
    ),
];

static COMMAND: [Key; 6] = [
    Key::value(
        "program",
        Without::Refused,
        || "a name, or a list of them".to_owned(),
        "the program, by the name by which it is called or that its file has, wherever that lies",
    ),
    Key::value(
        "destroy",
        Without::Words("it is no command"),
        sequences,
        "with these arguments it destroys: an operation of kind `commands`",
    ),
    Key::value(
        "recreate",
        Without::Usual,
        sequences,
        "with these it makes anew: after it has destroyed, an operation of kind `recreates`",
    ),
    Key::value(
        "except",
        Without::Usual,
        sequences,
        "with these nothing happens, whatever else is there; what is behind `--` excepts nothing",
    ),
    Key::value(
        "until",
        Without::Usual,
        sequences,
        "behind these the command line is another program's (`docker run`), and is not searched",
    ),
    Key::value(
        "key",
        Without::Words("`cwd`"),
        || words(&By::ALL, By::as_str),
        "what one run destroys and another makes anew is the same if both run in the same directory (`cwd`), or in any (`host`)",
    ),
];

static WEBHOOK: [Key; 5] = [
    Key::value(
        "url",
        Without::Refused,
        || "a URL".to_owned(),
        "where events are sent: with `https`, or with `http` and a loopback address.",
    ),
    Key::value(
        "secret_file",
        Without::Refused,
        || "an absolute path".to_owned(),
        "the file that holds the key by which messages are signed; it is root's, and nobody else can read it",
    ),
    Key::value(
        "events",
        Without::Words("what the log warns of"),
        || "kinds of events".to_owned(),
        "of which events it is told, by their words as in [the journal](running.md#what-is-watched-from-outside)",
    ),
    Key::value(
        "timeout",
        Without::Words("`10s`"),
        || durations(&parse::TIMEOUT),
        "how long an attempt may take",
    ),
    Key::value(
        "queue",
        Without::Words("`1000`"),
        || format!("{} to {}", parse::QUEUE.start(), parse::QUEUE.end()),
        "how many events may wait on the disk; past that the oldest are dropped",
    ),
];

fn sequences() -> String {
    format!("lists of words, at most {} in all", agent_common::rules::command::MOST)
}

fn words<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> String {
    all.iter().map(|word| format!("`{}`", name(*word))).collect::<Vec<_>>().join(", ")
}

fn responses() -> String {
    words(&Response::ALL, Response::as_str)
}

fn durations(range: &RangeInclusive<Duration>) -> String {
    format!("`{}` to `{}`", duration::text(*range.start()), duration::text(*range.end()))
}

fn budgets() -> String {
    let longest = duration::text(Budget::MAX_WINDOW);
    format!("`COUNT/DURATION`, 0 to {} in `1ms` to `{longest}`", Budget::MAX_COUNT)
}

fn limits() -> String {
    let [shortest, longest] = [Governor::SHORTEST, Budget::MAX_WINDOW].map(duration::text);
    format!("`COUNT/DURATION`, 0 to {} in `{shortest}` to `{longest}`", Budget::MAX_COUNT)
}

fn users() -> String {
    "user names or ids".to_owned()
}

fn people() -> String {
    "people, at least one".to_owned()
}
