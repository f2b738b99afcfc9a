//! Every key once, and what each does not take.

use super::*;

/// Every key that there is.
const EVERYTHING: &str = r#"
version = 1
mode = "enforce"
[tree.t]
paths = ["/etc"]
[default]
trees = ["t"]
response = "hold"
budget = { deletes = "1/1s", replaces = "1/1s", truncates = "1/1s", overwrites = "1/1s", recreates = "1/1s", commands = "1/1s" }
hold = { deadline = "10m", then = "deny" }
launch = ["group:dev"]
escapes = "hold"
warmup = "24h"
[account.a]
users = ["ci"]
login = ["deploy"]
units = ["actions.runner.*.service", "app.slice"]
executables = ["/usr/bin/codex", "/home/*/bin/*"]
scripts = ["node /usr/lib/cli.js"]
budget = { commands = "1/1s" }
hold = { deadline = "1s", then = "approve" }
launch = ["uid:7"]
escapes = "observe"
warmup = "720h"
[roles]
view = ["group:adm"]
respond = ["group:adm"]
admin = ["group:adm"]
approvals = 2
[governor]
accounts = "3/60s"
incidents = "20/10m"
[command.terraform]
program = "terraform"
destroy = [["destroy"], ["apply", "-destroy"]]
recreate = [["apply"]]
key = "cwd"
"#;

#[test]
fn each_is_known() {
    assert_eq!(load(EVERYTHING).unwrap().warnings, []);
}

#[test]
fn each_has_a_syntax() {
    for (good, bad, wanted) in [
        (
            "\"10m\"",
            "\"10 min\"",
            "hold.deadline = \"10 min\": want a duration from 1s to 24h such as \"10m\"",
        ),
        ("\"10m\"", "\"25h\"", "hold.deadline = \"25h\": want a duration from 1s to 24h"),
        ("\"10m\"", "600", "hold.deadline = 600: want a duration"),
        ("\"deny\"", "\"kill\"", "hold.then = \"kill\": want one of deny, approve"),
        ("\"group:dev\"", "\"dev\"", "launch holds \"dev\": want \"uid:N\""),
        ("escapes = \"hold\"", "escapes = true", "escapes = true: want one of observe, hold, deny, freeze"),
        ("\"24h\"", "\"721h\"", "warmup = \"721h\": want a duration from 0h to 720h"),
        ("\"app.slice\"", "\"app\"", "units holds \"app\": want names of units"),
        ("\"/usr/bin/codex\"", "\"codex\"", "executables holds \"codex\": want absolute paths"),
        ("\"node /usr/lib/cli.js\"", "\"node cli.js\"", "scripts holds \"node cli.js\": want an interpreter"),
        ("approvals = 2", "approvals = 0", "approvals = 0: want a number from 1 to 5"),
        ("\"3/60s\"", "\"3\"", "accounts = \"3\": want COUNT/DURATION"),
        ("\"20/10m\"", "\"20/10ms\"", "incidents = \"20/10ms\": want COUNT/DURATION with a duration of 1s"),
        ("overwrites = \"1/1s\"", "overwrites = \"x\"", "budget.overwrites = \"x\": want COUNT/DURATION"),
        ("program = \"terraform\"", "", "[command.terraform] is no command: set program"),
        ("program = \"terraform\"", "program = \"a b\"", "program = \"a b\": want the name of a program"),
        ("[[\"apply\"]]", "[\"apply\"]", "recreate holds \"apply\": want lists of words"),
        ("[[\"apply\"]]", "[[]]", "recreate holds […]: want lists of words"),
        ("\"cwd\"", "\"pid\"", "key = \"pid\": want one of cwd, host"),
    ] {
        let text = EVERYTHING.replacen(good, bad, 1);
        assert_ne!(text, EVERYTHING, "{good}");
        let error = load(&text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{wanted:?} is not in:\n{error}");
        assert!(error.contains("\n1 error; "), "{error}");
    }
}
