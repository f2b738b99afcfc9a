use std::{collections::BTreeMap, ffi::OsString, fs, io, os::unix::ffi::OsStringExt as _, time::Duration};

use problem::Source;
use proptest::prelude::*;

use super::*;
use crate::store::Bounds;

mod commands;
mod discover;
mod drop_ins;
mod examples;
mod exceptions;
mod keys;
mod loosen;
mod problems;
mod screens;
mod syntax;
mod ways;

/// A host with three users, some directories and a file, whose text nobody reads; all else fails as the name says.
struct TestHost;

const DIRECTORIES: [&str; 12] = [
    "/",
    "/boot",
    "/etc",
    "/home",
    "/home/ann",
    "/home/ann/.ssh",
    "/home/ann/src",
    "/home/bob",
    "/home/bob/src",
    "/home/eve",
    "/odd",
    "/srv",
];

impl Host for TestHost {
    fn shell(&self, uid: u32) -> io::Result<Option<PathBuf>> {
        match uid {
            998 => Ok(Some("/bin/bash".into())),
            7 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(Some("/usr/sbin/nologin".into())),
        }
    }

    fn uid(&self, name: &str) -> io::Result<Option<u32>> {
        let users = BTreeMap::from([("root", 0), ("deploy", 998), ("ci", 1000)]);
        match name {
            "unreachable" => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(users.get(name).copied()),
        }
    }

    fn gid(&self, name: &str) -> io::Result<Option<u32>> {
        let groups = BTreeMap::from([("adm", 4), ("burstguard", 27)]);
        match name {
            "unreachable" => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(groups.get(name).copied()),
        }
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        match path.to_str().map(|path| path.trim_end_matches('/')) {
            Some("/etc/passwd") => Ok(false),
            Some("/secret") => Err(io::ErrorKind::PermissionDenied.into()),
            // For the limits.
            Some(path) if path.starts_with("/many/") => Ok(true),
            _ if DIRECTORIES.iter().any(|known| Path::new(known) == path) => Ok(true),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        match path.to_str() {
            Some("/home/eve") => return Err(io::ErrorKind::PermissionDenied.into()),
            Some("/odd") => return Ok(vec!["a*b".into(), "axb".into(), OsString::from_vec(vec![0xff])]),
            Some("/many") => return Ok((0..70).map(|n| n.to_string().into()).collect()),
            _ if !self.is_dir(path)? => return Err(io::ErrorKind::NotADirectory.into()),
            _ => {}
        }
        let below = DIRECTORIES.iter().map(Path::new).filter(|known| known.parent() == Some(path));
        Ok(below.filter_map(|known| known.file_name()).map(ToOwned::to_owned).collect())
    }

    fn files(&self, _: &Path) -> io::Result<Vec<OsString>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

pub(crate) fn load(text: &str) -> Result<Loaded, PolicyError> {
    load_all(&[text])
}

/// The first text is the policy file, the others its drop-ins.
pub(crate) fn load_all(texts: &[&str]) -> Result<Loaded, PolicyError> {
    let names = ["p.toml", "p.d/1.toml", "p.d/2.toml"];
    let sources = names.iter().zip(texts).zip(0..);
    let list = sources
        .map(|((name, text), order)| Ok(Source::new(order, name.into(), (*text).to_owned())))
        .collect();
    Loaded::from(&Sources { list, built_in: false }, &TestHost)
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
        note = "the fleet's, since 2024"
        login = ["deploy", 1234]
        units = ["ci-*.service"]
        executables = ["/usr//bin/x", "**/y*"]
        scripts = ["/usr/bin/node /usr/lib/*/cli.js"]
        trees = ["system", "deployed"]
        response = "freeze"
        launch = ["gid:27"]
        warmup = "36h"
        [governor]
        incidents = "20/10m"
        [account.ansible.budget]
        deletes = "0/500ms"
        [roles]
        admin = ["uid:0"]
        [record]
        keep = "7d"
        size = "2GiB"
        redact = ["--pin ([0-9]+)"]
        [recording]
        size = "3MiB"
        "#,
    )
    .unwrap()
    .policy;
    let budget = |text: &str| text.parse::<Budget>().unwrap();
    let default = Budgets { deletes: budget("20/60s"), replaces: budget("1/60m"), ..Budgets::default() };
    let expected = Policy {
        mode: Mode::Enforce,
        trees: vec![
            Tree {
                name: "deployed".to_owned(),
                paths: vec!["/srv".into()],
                except: vec![],
                keep: Keep::default(),
            },
            Tree {
                name: "system".to_owned(),
                paths: vec!["/etc".into(), "/boot".into()],
                except: vec![],
                keep: Keep::default(),
            },
        ],
        accounts: vec![
            Account {
                hold: Hold::default(),
                contact: None,
                warmup: Duration::from_hours(36),
                launch: vec![Role::Gid(27)],
                name: "ansible".to_owned(),
                note: Some("the fleet's, since 2024".to_owned()),
                users: vec![],
                login: vec![998, 1234],
                units: vec!["ci-*.service".parse().unwrap()],
                executables: vec!["/usr/bin/x".parse().unwrap(), "**/y*".parse().unwrap()],
                scripts: vec!["node /usr/lib/*/cli.js".parse().unwrap()],
                trees: vec![1, 0],
                response: Response::Freeze,
                escapes: Response::Observe,
                budgets: Budgets { deletes: budget("0/500ms"), ..default.clone() },
            },
            Account {
                hold: Hold::default(),
                contact: None,
                warmup: Duration::ZERO,
                launch: vec![],
                name: "runner".to_owned(),
                note: None,
                users: vec![1000, 1001],
                login: vec![],
                units: vec![],
                executables: vec![],
                scripts: vec![],
                trees: vec![1],
                response: Response::Deny,
                escapes: Response::Observe,
                budgets: default,
            },
        ],
        ways: known_ways(),
        commands: known_commands(),
        roles: Roles {
            view: vec![Role::Uid(0), Role::Gid(27)],
            respond: vec![Role::Uid(0), Role::Gid(27)],
            admin: vec![Role::Uid(0)],
            approvals: 1,
        },
        record: Keeping {
            bounds: Bounds { keep: Duration::from_hours(7 * 24), size: 2 << 30 },
            redact: vec!["--pin ([0-9]+)".parse().unwrap()],
        },
        recording: Bounds { size: 3 << 20, ..Bounds::RECORDING },
        governor: Governor { accounts: None, incidents: Some(budget("20/10m")) },
        webhooks: Vec::new(),
    };
    assert_eq!(policy, expected);
}

fn known_ways() -> Vec<Way> {
    load(GOOD).unwrap().policy.ways
}

fn known_commands() -> Vec<Command> {
    load(GOOD).unwrap().policy.commands
}

#[test]
fn what_is_not_said() {
    let policy = load(GOOD).unwrap().policy;
    assert_eq!(policy.mode, Mode::Observe);
    let account = &policy.accounts[0];
    assert_eq!(account.response, Response::Hold);
    assert_eq!((policy.record, policy.recording), (Keeping::default(), Bounds::RECORDING));
    assert_eq!((policy.governor, account.warmup), (Governor::default(), Duration::ZERO));
    let Budgets { deletes, replaces, truncates, overwrites, recreates, commands } = &account.budgets;
    let shown = [deletes, replaces, truncates, overwrites, recreates, commands].map(Budget::to_string);
    assert_eq!(shown, ["20/10s", "50/10s", "10/10s", "200/10s", "20/1m", "20/10m"]);
    assert_eq!((recreates.count(), recreates.window()), (20, Duration::from_secs(60)));
}

/// Lines that are TOML more often than not, so that what follows the syntax is reached too.
fn lines() -> impl Strategy<Value = String> {
    let key = "(version|mode|tree|default|account|roles|record|recording|keep|size|redact|command|governor|paths|except|users|login|units|trees|response|budget|hold|deletes|view|destroy|x)";
    let value = "(1|0|-1|4294967296|true|1\\.5|''|'t'|'/etc'|'/*'|'uid:1'|'ci'|'root'|'hold'|'1/1s'|\\[\\]|\\['t', 1\\]|\\{\\}|\\{ t = \\[3\\] \\})";
    let line = format!(
        "({key}(\\.{key}){{0,3}} = {value}|\\[{key}(\\.{key}){{0,2}}\\]|\\[\\[{key}(\\.{key}){{0,2}}\\]\\])"
    );
    let line = prop::string::string_regex(&line).unwrap();
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

fn budgets() -> impl Strategy<Value = Budgets> {
    let budget = || {
        (0..=Budget::MAX_COUNT, 1..86_400_u64).prop_map(|(count, seconds)| Budget::seconds(count, seconds))
    };
    [budget(), budget(), budget(), budget(), budget(), budget()].prop_map(
        |[deletes, replaces, truncates, overwrites, recreates, commands]| Budgets {
            deletes,
            replaces,
            truncates,
            overwrites,
            recreates,
            commands,
        },
    )
}

fn roles() -> impl Strategy<Value = Vec<Role>> {
    let role = prop_oneof![(0..u32::MAX).prop_map(Role::Uid), (0..u32::MAX).prop_map(Role::Gid)];
    prop::collection::vec(role, 1..4).prop_map(|mut roles| {
        roles.dedup();
        roles
    })
}

/// Exceptions below `/etc` and anywhere, each once.
fn exceptions() -> impl Strategy<Value = Vec<Exception>> {
    let directory = prop::option::of(prop::sample::select(vec!["/etc", "/etc/a b", "/etc/\u{1}/ä"]));
    const TEXT: &str = "[a-z.\\\\\" \u{7f}]{0,4}z";
    let name = prop_oneof![
        TEXT.prop_map(Name::Exact),
        (TEXT, TEXT).prop_map(|(head, tail)| Name::Starred { head, tail }),
    ];
    let exception = (directory, name)
        .prop_map(|(directory, name)| Exception { directory: directory.map(PathBuf::from), name });
    prop::collection::vec(exception, 0..4).prop_map(|exceptions| {
        let new = |(index, exception): &(usize, &Exception)| !exceptions[..*index].contains(exception);
        exceptions.iter().enumerate().filter(new).map(|(_, exception)| exception.clone()).collect()
    })
}

/// Up to two of these texts, with a number in them.
fn told<T: std::str::FromStr<Err: fmt::Debug>>(n: u32, count: u32, texts: [&str; 2]) -> Vec<T> {
    texts
        .iter()
        .take(count as usize)
        .map(|text| text.replace("{}", &n.to_string()).parse().unwrap())
        .collect()
}

/// Two trees, one of them with a path that looks like a pattern, and up to three accounts.
fn policies() -> impl Strategy<Value = Policy> {
    let trees = exceptions().prop_map(|except| {
        vec![
            Tree {
                name: "a.b".to_owned(),
                paths: vec!["/etc".into(), "/odd/a*b".into()],
                except,
                keep: Keep::default(),
            },
            Tree {
                name: "s-1".to_owned(),
                paths: vec!["/srv".into()],
                except: Vec::new(),
                keep: Keep::default(),
            },
        ]
    });
    let account = (
        prop::sample::subsequence(vec![0, 1], 1..=2),
        prop::sample::select(&Response::ALL[..]),
        budgets(),
        (0..3_u32, 0..3_u32),
    );
    let accounts = prop::collection::vec(account, 1..4).prop_map(|accounts| {
        (1_u32..)
            .zip(accounts)
            .map(|(n, (trees, response, budgets, (users, login)))| Account {
                hold: Hold { terminal: n != 2, ..Hold::default() },
                contact: (n == 2).then(|| "#ops \"ä\"".to_owned()),
                warmup: Duration::from_millis(1500) * n,
                launch: (1..n).map(Role::Uid).collect(),
                note: (n == 1).then(|| "why \"so\"".to_owned()),
                name: format!("{}n{n}", if n == 2 { "x." } else { "" }),
                users: (0..users + u32::from(login == 0)).map(|k| 10 * n + k).collect(),
                login: (0..login).map(|k| 10 * n + 5 - k).collect(),
                units: told(n, users, ["a-{}.service", "/docker/*{}"]),
                executables: told(n, login, ["/opt/\"{}*/x", "**/b{}"]),
                scripts: told(n, users, ["sh /opt/ä{}.sh", "/opt/{}*"]),
                trees,
                response,
                escapes: Response::ALL[n as usize % Response::ALL.len()],
                budgets,
            })
            .collect::<Vec<_>>()
    });
    let record = (1_u64..=3650, 1_u64..=65536).prop_map(|(days, size)| Keeping {
        bounds: Bounds { keep: Duration::from_hours(24 * days), size: size << 20 },
        redact: ["--pin ([0-9]+)", "\\bK\"-x"].map(|text| text.parse().unwrap()).into(),
    });
    let limit = || prop::option::of((0..99_u32, 1..99_u64).prop_map(|(n, t)| Budget::seconds(n, t)));
    let governor = (limit(), limit()).prop_map(|(accounts, incidents)| Governor { accounts, incidents });
    let rest = (record, governor);
    (prop::sample::select(&Mode::ALL[..]), trees, accounts, roles(), roles(), roles(), rest).prop_map(
        |(mode, trees, mut accounts, view, respond, admin, (record, governor))| {
            accounts.sort_by(|a, b| a.name.cmp(&b.name));
            let (ways, commands) = (known_ways(), known_commands());
            // Of a group nobody knows how many are in it.
            let approvals = if respond.iter().any(|role| matches!(role, Role::Gid(_))) { 3 } else { 1 };
            let roles = Roles { view, respond, admin, approvals };
            let recording = Bounds { size: record.bounds.size, ..Bounds::RECORDING };
            let webhooks = vec![webhook("a", None), webhook("b.c", Some(vec!["burst", "on"]))];
            Policy { mode, trees, accounts, ways, commands, roles, record, recording, governor, webhooks }
        },
    )
}

fn webhook(name: &str, events: Option<Vec<&str>>) -> Webhook {
    Webhook {
        name: name.to_owned(),
        url: format!("https://h/{name}?x=1").parse().unwrap(),
        secret_file: "/odd/\"key\"".into(),
        events: events.map(|words| words.into_iter().map(|word| word.parse().unwrap()).collect()),
        timeout: Duration::from_millis(1500),
        queue: 7,
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        let _ = load(&text);
    }

    #[test]
    fn any_lines_are_survived(text in lines(), drop_in in lines()) {
        if let Err(error) = load_all(&[&text, &drop_in]) {
            prop_assert!(error.to_string().ends_with("nothing was loaded"));
        }
    }

    #[test]
    fn what_is_shown_is_read_back(policy in policies()) {
        let text = render::toml(&render::effective(&policy));
        let loaded = load(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        prop_assert_eq!(loaded.policy, policy, "{}", text);
    }
}
