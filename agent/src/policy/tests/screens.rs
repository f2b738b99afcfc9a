//! What `check` prints.

use agent_common::rules::judge::Tier;

use super::{
    super::check::{Checked, INVALID, Wish, check},
    *,
};

fn checked(text: &str, wish: Wish<'_>) -> Checked {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("p.toml");
    fs::write(&file, text).unwrap();
    let Checked { output, complaints, exit } = check(&file, &TestHost, wish);
    let above = format!("{}/", directory.path().display());
    Checked { output: output.replace(&above, ""), complaints: complaints.replace(&above, ""), exit }
}

const TIER: Wish<'_> =
    Wish { effective: false, json: false, tier: Some((Tier::Tracepoint, "bpf not in lsm=")) };

#[test]
fn a_bad_policy() {
    let text = "version = 1\nmode = 'x'\n[tree.system]\npaths = ['/etc', '/nope', '/nope*']\n";
    let complaints = "error: p.toml:1:1  nobody is watched: add an [account.NAME] with users, login, units, executables, scripts or launch\n\
                      error: p.toml:2:8  mode = \"x\": want one of observe, enforce\n\
                      error: p.toml:4:18 \"/nope\" does not exist on this host\n\
                      warning: p.toml:4:27 \"/nope*\" finds no directory on this host\n\
                      3 errors, 1 warning; nothing was loaded\n";
    let expected = Checked { output: String::new(), complaints: complaints.to_owned(), exit: INVALID };
    assert_eq!(checked(text, TIER), expected);
    assert_eq!(checked(text, Wish { effective: true, ..TIER }), expected);
    let error = load(&GOOD.replace('1', "2")).unwrap_err();
    assert!(error.to_string().ends_with("\n1 error; nothing was loaded"));
}

#[test]
fn a_good_policy() {
    let Checked { output, complaints, exit } = checked(GOOD, TIER);
    assert_eq!((output.as_str(), exit), ("", 0));
    assert_eq!(complaints, "no problems; 1 account and 1 path are ready to be loaded\n");
}

#[test]
fn what_the_tier_cannot_give() {
    let text = format!(
        "{GOOD}mode = 'enforce'\n[default]\nresponse = 'deny'\ntrees = ['t']\n[account.b]\nusers = [1]\n[account.c]\n\
         users = [2]\n[account.d]\nusers = [3]\nresponse = 'observe'"
    );
    let warning = "6:12 response \"deny\" needs tier lsm; this kernel gives tracepoint (bpf not in lsm=): calls will be \
                   stopped after the fact";
    // Once, whoever takes it over.
    assert_eq!(
        checked(&text, TIER).complaints,
        format!("warning: p.toml:{warning}\n1 warning; 4 accounts and 1 path are ready to be loaded\n")
    );
    let loaded = load(&text).unwrap();
    assert_eq!(loaded.warnings_for(Tier::Lsm, ""), []);
    assert_eq!(load(&text.replace("enforce", "observe")).unwrap().warnings_for(Tier::Tracepoint, ""), []);
    let unsaid = load(&format!("{GOOD}mode = 'enforce'")).unwrap().warnings_for(Tier::Tracepoint, "old");
    assert_eq!(
        unsaid[0].to_string(),
        "p.toml:3:9 response \"hold\" (nothing else is said) needs tier lsm; this kernel gives tracepoint (old): calls \
         will be stopped after the fact"
    );
}

#[test]
fn whom_a_hold_does_not_suit() {
    let lsm = Wish { tier: Some((Tier::Lsm, "")), ..Wish::default() };
    let text = format!("{GOOD}[account.p]\nusers = ['deploy', 7]\ntrees = ['t']\nresponse = 'hold'");
    assert_eq!(
        checked(&text, lsm).complaints,
        "warning: p.toml:7:12 response \"hold\" of [account.p], whose login shell is /bin/bash: a shell with job control \
         goes on with its next line while a call waits; \"deny\" suits it better\n\
         1 warning; 2 accounts and 1 path are ready to be loaded\n"
    );
    for suited in [text.replace("'hold'", "'deny'"), text.replace("'deploy', ", "")] {
        assert!(checked(&suited, lsm).complaints.starts_with("no problems; "));
    }
    assert!(!checked(&text, TIER).complaints.contains("login shell"));
}

#[test]
fn the_effective_policy() {
    let text = format!("{GOOD}[account.\"x.y\"]\nlogin = ['deploy']\ntrees = ['t']\nhold.deadline = '1m'");
    let Checked { output, complaints, exit } = checked(&text, Wish { effective: true, ..TIER });
    assert_eq!(exit, 0);
    assert!(complaints.starts_with("no problems; "), "{complaints}");
    let expected = "\
mode = \"observe\"
version = 1

[account.a]
escapes = \"observe\"
response = \"hold\"
trees = [\"t\"]
users = [1000]
warmup = \"0h\"

[account.a.budget]
commands = \"20/10m\"
deletes = \"20/10s\"
overwrites = \"200/10s\"
recreates = \"20/1m\"
replaces = \"50/10s\"
truncates = \"10/10s\"

[account.a.hold]
deadline = \"15m\"
on_agent_loss = \"wait\"
terminal = true
then = \"deny\"

[account.\"x.y\"]
escapes = \"observe\"
login = [998]
response = \"hold\"
trees = [\"t\"]
warmup = \"0h\"

[account.\"x.y\".budget]
commands = \"20/10m\"
deletes = \"20/10s\"
overwrites = \"200/10s\"
recreates = \"20/1m\"
replaces = \"50/10s\"
truncates = \"10/10s\"

[account.\"x.y\".hold]
deadline = \"1m\"
on_agent_loss = \"wait\"
terminal = true
then = \"deny\"

[record]
keep = \"90d\"
redact = []
size = \"64MiB\"

[recording]
keep = \"30d\"
size = \"256MiB\"

[roles]
admin = [\"uid:0\", \"gid:27\"]
approvals = 1
respond = [\"uid:0\", \"gid:27\"]
view = [\"uid:0\", \"gid:27\"]

[tree.t]
paths = [\"/etc\"]

[tree.t.keep]
age = \"30d\"
files = true
size = \"1MiB\"
total = \"256MiB\"
";
    let (said, ways) = output.split_once("\n[way.at]\n").unwrap_or_default();
    // The commands that are built in come in between.
    let (commands, rest) = said.split_once("\n[record]\n").unwrap_or_default();
    let (before, commands) = commands.split_once("\n[command.aws]\n").unwrap_or_default();
    assert_eq!(format!("{before}\n[record]\n{rest}"), expected);
    let wipefs = "[command.wipefs]\ndestroy = [[\"-a*\"]";
    assert!(commands.contains(wipefs), "{commands}");
    assert!(ways.contains("[way.ssh]\nports = [22]\nsockets = [\"/run/ssh-unix-local/socket\"]\n"), "{ways}");
    assert!(ways.contains("[way.docker]\nsockets = [\"/run/docker.sock\""), "{ways}");
    assert_eq!(load(&output).unwrap().policy, load(&text).unwrap().policy);
}

#[test]
fn json() {
    let wish = Wish { json: true, effective: true, ..TIER };
    let Checked { output, complaints, exit } = checked("version = 1\n", wish);
    assert_eq!((complaints.as_str(), exit), ("", INVALID));
    let found: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(found["version"], 1);
    assert_eq!(found["effective"], serde_json::Value::Null);
    assert_eq!(
        found["errors"][0],
        serde_json::json!({
            "file": "p.toml",
            "line": 1,
            "column": 1,
            "message": "nobody is watched: add an [account.NAME] with users, login, units, executables, scripts or launch",
        })
    );
    let Checked { output, exit, .. } = checked(GOOD, wish);
    let found: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(exit, 0);
    assert_eq!(found["errors"], serde_json::json!([]));
    assert_eq!(found["effective"]["account"]["a"]["users"], serde_json::json!([1000]));
}
