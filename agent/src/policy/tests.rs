use std::{collections::BTreeMap, io, path::Path, time::Duration};

use proptest::prelude::*;

use super::*;

mod problems;

/// A host with two users, three directories and a file; all else fails as the name says.
struct TestHost;

impl Host for TestHost {
    fn uid(&self, name: &str) -> io::Result<Option<u32>> {
        let users = BTreeMap::from([("root", 0), ("deploy", 998), ("ci", 1000)]);
        match name {
            "unreachable" => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(users.get(name).copied()),
        }
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        match path.to_str() {
            Some("/etc" | "/srv" | "/boot") => Ok(true),
            Some("/etc/passwd") => Ok(false),
            Some("/secret") => Err(io::ErrorKind::PermissionDenied.into()),
            // For the limits.
            Some(path) if path.starts_with("/many/") => Ok(true),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn load(text: &str) -> Result<Policy, PolicyError> {
    Policy::from_text("p.toml".as_ref(), text, &TestHost)
}

/// One line, so that what a test appends begins on line 4.
const GOOD: &str = "version = 1\ntree.t.paths = ['/etc']\naccount.a = { users = ['ci'], trees = ['t'] }\n";

#[test]
fn a_whole_policy() {
    let policy = load(
        r#"
        version = 1
        mode = "enforce"
        [tree.system]
        paths = ["/etc/", "//boot/."]
        [tree.deployed]
        paths = ["/srv"]
        [default]
        trees = ["system"]
        response = "deny"
        budget.deletes = "20/1m"
        budget.replaces = "1/1h"
        [account.runner]
        users = ["ci", 1001, 1000]
        [account.ansible]
        login = ["deploy", 1234]
        trees = ["system", "deployed"]
        response = "freeze"
        [account.ansible.budget]
        deletes = "0/500ms"
        "#,
    )
    .unwrap();
    let budget = |text: &str| text.parse::<Budget>().unwrap();
    let default = Budgets { deletes: budget("20/60s"), replaces: budget("1/60m"), ..Budgets::default() };
    let expected = Policy {
        mode: Mode::Enforce,
        trees: vec![
            Tree { name: "deployed".to_owned(), paths: vec!["/srv".into()] },
            Tree { name: "system".to_owned(), paths: vec!["/etc".into(), "/boot".into()] },
        ],
        accounts: vec![
            Account {
                name: "ansible".to_owned(),
                users: vec![],
                login: vec![998, 1234],
                trees: vec![1, 0],
                response: Response::Freeze,
                budgets: Budgets { deletes: budget("0/500ms"), ..default.clone() },
            },
            Account {
                name: "runner".to_owned(),
                users: vec![1000, 1001],
                login: vec![],
                trees: vec![1],
                response: Response::Deny,
                budgets: default,
            },
        ],
    };
    assert_eq!(policy, expected);
}

#[test]
fn what_is_not_said() {
    let policy = load(GOOD).unwrap();
    assert_eq!(policy.mode, Mode::Observe);
    let account = &policy.accounts[0];
    assert_eq!(account.response, Response::Hold);
    let Budgets { deletes, replaces, truncates, recreates } = &account.budgets;
    let shown = [deletes, replaces, truncates, recreates].map(Budget::to_string);
    assert_eq!(shown, ["10/10s", "50/10s", "10/10s", "3/1m"]);
    assert_eq!((recreates.count(), recreates.window()), (3, Duration::from_secs(60)));
}

#[test]
fn the_screen() {
    let error = load("version = 1\nmode = 'x'\n[tree.system]\npaths = ['/etc', '/nope']\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: p.toml:1:1  nobody is watched: add an [account.NAME] with users or login\n\
         error: p.toml:2:8  mode = \"x\": want one of observe, enforce\n\
         error: p.toml:4:18 \"/nope\" does not exist on this host\n\
         3 errors; nothing was loaded"
    );
    let error = load(&GOOD.replace('1', "2")).unwrap_err();
    assert!(error.to_string().ends_with("\n1 error; nothing was loaded"));
}

#[test]
fn files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.toml");
    let error = Policy::load(&path, &TestHost).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read the policy {}", path.display()));
    fs::write(&path, GOOD).unwrap();
    assert_eq!(Policy::load(&path, &TestHost).unwrap(), load(GOOD).unwrap());
    fs::write(&path, b"version = \xff").unwrap();
    assert!(matches!(Policy::load(&path, &TestHost), Err(PolicyError::Read { .. })));
}

/// Lines that are TOML more often than not, so that what follows the syntax is reached too.
fn lines() -> impl Strategy<Value = String> {
    let key = "(version|mode|tree|default|account|paths|users|login|trees|response|budget|deletes|x)";
    let value = "(1|0|-1|4294967296|true|1\\.5|''|'t'|'/etc'|'ci'|'root'|'hold'|'1/1s'|\\[\\]|\\['t', 1\\]|\\{\\}|\\{ t = \\[3\\] \\})";
    let line = format!(
        "({key}(\\.{key}){{0,3}} = {value}|\\[{key}(\\.{key}){{0,2}}\\]|\\[\\[{key}(\\.{key}){{0,2}}\\]\\])"
    );
    let line = prop::string::string_regex(&line).unwrap();
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        let _ = load(&text);
    }

    #[test]
    fn any_lines_are_survived(text in lines()) {
        if let Err(error) = load(&text) {
            prop_assert!(error.to_string().ends_with("nothing was loaded"));
        }
    }
}
