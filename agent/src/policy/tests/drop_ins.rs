//! Files over each other.

use super::*;
use rustix::fs::{CWD, FileType, Mode as Permissions, mknodat};

const BASE: &str = "
version = 1
[tree.t]
paths = ['/etc', '/boot']
[default]
trees = ['t']
budget.deletes = '1/1s'
[account.a]
users = ['ci']
response = 'deny'
budget = { deletes = '2/1s', replaces = '2/1s' }
";

fn errors(texts: &[&str]) -> Vec<String> {
    let PolicyError::Invalid { errors, .. } = load_all(texts).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_key_is_replaced_and_its_neighbours_stay() {
    let old = load(BASE).unwrap().policy;
    let new = load_all(&[BASE, "[account.a]\nresponse = 'hold'\nbudget.deletes = '3/1s'"]).unwrap().policy;
    let mut expected = old.clone();
    expected.accounts[0].response = Response::Hold;
    expected.accounts[0].budgets.deletes = Budget::seconds(3, 1);
    assert_eq!(new, expected);

    let new =
        load_all(&[BASE, "mode = 'enforce'\n[tree.t]\npaths = ['/srv']", "mode = 'observe'"]).unwrap().policy;
    let trees = vec![Tree {
        name: "t".to_owned(),
        paths: vec!["/srv".into()],
        except: vec![],
        keep: Keep::default(),
    }];
    assert_eq!(new, Policy { trees, ..old });
}

#[test]
fn what_a_hold_ends_with_is_taken_over_key_by_key() {
    let hold = |text: &str| load_all(&[BASE, text]).unwrap().policy.accounts[0].hold;
    let (minutes, seconds) = (Duration::from_mins, Duration::from_secs);
    assert_eq!(hold(""), Hold { deadline: minutes(15), then: Then::Deny, ..Hold::default() });
    let default = "default.hold = { deadline = '4m', then = 'approve' }\n";
    assert_eq!(hold(default), Hold { deadline: minutes(4), then: Then::Approve, ..Hold::default() });
    let text = format!("{default}account.a.hold.deadline = '9s'");
    assert_eq!(hold(&text), Hold { deadline: seconds(9), then: Then::Approve, ..Hold::default() });
    let text = format!("{default}account.a.hold.then = 'deny'");
    assert_eq!(hold(&text), Hold { deadline: minutes(4), then: Then::Deny, ..Hold::default() });
}

#[test]
fn a_drop_in_may_add() {
    let added = "[tree.u]\npaths = ['/srv']\n[account.b]\nlogin = ['deploy']\ntrees = ['t', 'u']";
    let policy = load_all(&[BASE, added]).unwrap().policy;
    assert_eq!(policy.trees.len(), 2);
    assert_eq!(policy.accounts[1].trees, [0, 1]);
    assert_eq!(policy.accounts[1].budgets.deletes, Budget::seconds(1, 1));
}

#[test]
fn a_problem_is_where_the_value_is() {
    assert_eq!(
        errors(&[BASE, "[account.x]\nresponse = 'hold'"]),
        ["p.d/1.toml:1:10 [account.x] is nobody: set users, login, units, executables, scripts or launch"]
    );
    assert_eq!(
        errors(&[
            BASE,
            "version = 2\n[account.a]\nusers = ['deplyo']",
            "moed = 1\n[tree.t]\npaths = ['/nope']"
        ]),
        [
            "p.d/1.toml:1:11 version = 2: want 1, the only version there is",
            "p.d/1.toml:3:10 [account.a] is not watched: user \"deplyo\" does not exist on this host",
            "p.d/2.toml:1:1 unknown key \"moed\": did you mean mode?",
            "p.d/2.toml:3:10 \"/nope\" does not exist on this host",
        ]
    );
    // What is wrong is said even where another file replaces it, and the policy file must say its version itself.
    assert_eq!(
        errors(&[&BASE.replace("version = 1", "mode = 3"), "version = 1\nmode = 'observe'"]),
        [
            "p.toml:1:1 version is missing: want version = 1",
            "p.toml:2:8 mode = 3: want one of observe, enforce"
        ]
    );
    assert_eq!(errors(&[BASE, "default = 3"]), ["p.d/1.toml:1:11 default = 3: want a table"]);
    // One that is no TOML: what it would have said is not missed.
    assert_eq!(errors(&["[", "mode = 3"]).len(), 2);
}

/// A policy file and its drop-ins.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("policy.d")).unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        Self(directory)
    }

    fn policy(&self) -> PathBuf {
        self.0.path().join("policy.toml")
    }

    fn load(&self) -> Result<Loaded, PolicyError> {
        Policy::load(&self.policy(), &TestHost)
    }
}

#[test]
fn files() {
    let drop_in = ("policy.d/20.toml", "mode = 'enforce'");
    let files = Files::new(&[
        ("policy.toml", BASE),
        drop_in,
        ("policy.d/10.toml", "mode = 'observe'"),
        ("policy.d/.30.toml", "no TOML"),
        ("policy.d/40.toml~", "no TOML"),
    ]);
    let loaded = files.load().unwrap();
    assert_eq!(loaded.policy.mode, Mode::Enforce);
    assert!(!loaded.built_in);
    let names = ["policy.toml", "policy.d/10.toml", "policy.d/20.toml"];
    assert_eq!(loaded.sources, names.map(|name| files.0.path().join(name)));

    // The same anywhere, another with any other name or text.
    let hash = |files: &[(&str, &str)]| Files::new(files).load().unwrap().hash;
    let base = ("policy.toml", BASE);
    let one = hash(&[base, drop_in]);
    assert_eq!(one.len(), 64);
    assert_eq!(one, hash(&[base, drop_in]));
    for other in
        [&[base][..], &[base, ("policy.d/21.toml", drop_in.1)], &[base, (drop_in.0, "mode = 'observe'")]]
    {
        assert_ne!(one, hash(other));
    }
}

#[test]
fn files_that_cannot_be_read() {
    let files = Files::new(&[]);
    let policy = files.policy().display().to_string();
    let refused = || files.load().unwrap_err().to_string();
    assert!(
        refused().starts_with(&format!("error: {policy}:1:1 cannot be read: No such file")),
        "{}",
        refused()
    );
    fs::write(files.policy(), b"version = \xff").unwrap();
    assert!(refused().contains("1:1 cannot be read: stream did not contain valid UTF-8"), "{}", refused());

    fs::write(files.policy(), BASE).unwrap();
    fs::create_dir(files.0.path().join("policy.d/1.toml")).unwrap();
    assert!(refused().contains("policy.d/1.toml:1:1 cannot be read: not a file"), "{}", refused());
    // Nor does a pipe keep anybody waiting for whoever writes into it.
    let pipe = files.0.path().join("policy.d/2.toml");
    mknodat(CWD, &pipe, FileType::Fifo, Permissions::RUSR | Permissions::WUSR, 0).unwrap();
    assert!(refused().contains("policy.d/2.toml:1:1 cannot be read: not a file"), "{}", refused());
    fs::remove_dir_all(files.0.path().join("policy.d")).unwrap();
    files.load().unwrap();
    fs::write(files.0.path().join("policy.d"), "").unwrap();
    assert!(refused().contains("policy.d:1:1 cannot be read: Not a directory"), "{}", refused());
}

#[test]
fn a_link_that_leads_nowhere_is_not_the_wish_to_have_no_policy() {
    let files = Files::new(&[]);
    std::os::unix::fs::symlink("/no/such/policy", files.policy()).unwrap();
    let sources = Sources::find_or(&files.policy(), true, &TestHost);
    assert!(!sources.built_in);
    assert!(Loaded::from(&sources, &TestHost).unwrap_err().to_string().contains("No such file"));
}

/// A host without any automation user.
struct QuietHost;

impl Host for QuietHost {
    fn shell(&self, _: u32) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn uid(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn gid(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        TestHost.is_dir(path)
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        TestHost.directories(path)
    }

    fn files(&self, path: &Path) -> io::Result<Vec<OsString>> {
        TestHost.files(path)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        TestHost.read(path)
    }
}

#[test]
fn without_a_policy_the_built_in_one_only_observes() {
    let files = Files::new(&[]);
    let loaded = Loaded::from(&Sources::find_or(&files.policy(), true, &TestHost), &TestHost).unwrap();
    let Loaded { policy, warnings, sources, built_in, .. } = loaded;
    assert_eq!((warnings, sources, built_in), (vec![], vec![], true));
    assert_eq!(policy.mode, Mode::Observe);
    assert_eq!(policy.trees[0].paths, ["/etc", "/boot", "/srv"].map(PathBuf::from).to_vec());
    let except: Vec<_> = policy.trees[0].except.iter().map(ToString::to_string).collect();
    assert_eq!(except, ["/etc/ssl/certs", "/etc/*-", "**/.git", "**/.venv", "**/venv", "**/node_modules"]);
    let accounts: Vec<_> =
        policy.accounts.iter().map(|one| (one.name.as_str(), &one.users[..], &one.login[..])).collect();
    assert_eq!(accounts, [("ci", &[1000][..], &[1000][..]), ("deploy", &[998], &[998])]);
}

#[test]
fn the_built_in_policy_may_watch_nobody() {
    let files = Files::new(&[]);
    let find = || Sources::find_or(&files.policy(), true, &QuietHost);
    let loaded = Loaded::from(&find(), &QuietHost).unwrap();
    assert_eq!(loaded.policy.accounts, []);
    assert_eq!(loaded.policy.roles.view, [Role::Uid(0)]);
    let shown: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    let nobody = "built-in policy:1:1 nobody is watched: this host has none of the automation users that are known by name";
    assert_eq!(shown, [nobody]);

    // Drop-ins lie over it.
    fs::write(files.0.path().join("policy.d/1.toml"), "mode = 'enforce'\naccount.a.users = [7]").unwrap();
    let loaded = Loaded::from(&find(), &QuietHost).unwrap();
    assert_eq!(loaded.policy.mode, Mode::Enforce);
    assert_eq!(loaded.policy.accounts[0].users, [7]);
    assert_eq!((loaded.warnings.len(), loaded.sources.len(), loaded.built_in), (0, 1, true));
}

/// Some keys of a policy, each with one of two values.
fn keys() -> impl Strategy<Value = BTreeMap<&'static str, &'static str>> {
    let all = vec![
        ("mode", ["'observe'", "'enforce'"]),
        ("tree.t.paths", ["['/srv']", "['/boot', '/home/*/src']"]),
        ("tree.t.except", ["['/a']", "[]"]),
        ("default.response", ["'hold'", "'deny'"]),
        ("default.budget.deletes", ["'3/1s'", "'4/1s'"]),
        ("default.hold.deadline", ["'3m'", "'4m'"]),
        ("account.a.response", ["'observe'", "'freeze'"]),
        ("account.a.users", ["['ci']", "[7, 8]"]),
        ("account.a.budget.deletes", ["'5/1s'", "'6/1s'"]),
        ("account.a.budget.recreates", ["'5/1s'", "'6/1s'"]),
        ("account.b.login", ["[9]", "[10]"]),
        ("account.b.trees", ["['t']", "['u']"]),
        ("roles.view", ["['uid:1']", "['group:adm']"]),
        ("record.keep", ["'7d'", "'8d'"]),
        ("record.redact", ["['a+']", "[]"]),
        ("recording.size", ["'7MiB'", "'8MiB'"]),
        ("governor.accounts", ["'3/60s'", "'4/60s'"]),
    ];
    let count = all.len();
    (prop::sample::subsequence(all, 0..=count), prop::collection::vec(0..2_usize, count)).prop_map(
        |(keys, values)| {
            keys.into_iter().zip(values).map(|((key, choices), choice)| (key, choices[choice])).collect()
        },
    )
}

proptest! {
    #[test]
    fn files_over_each_other_are_their_keys_over_each_other(first in keys(), second in keys(), third in keys()) {
        let base = BTreeMap::from([
            ("version", "1"),
            ("tree.t.paths", "['/etc']"),
            ("tree.u.paths", "['/home/bob']"),
            ("default.trees", "['t']"),
            ("account.a.users", "[6]"),
            ("account.b.users", "[5]"),
        ]);
        let text = |keys: &BTreeMap<&str, &str>| {
            keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
        };
        let first = over([base, first]);
        let files = [&first, &second, &third].map(text);
        let laid_over = load_all(&[&files[0], &files[1], &files[2]]).unwrap();
        let one = load(&text(&over([first, second, third]))).unwrap();
        prop_assert_eq!(laid_over.policy, one.policy);
        let messages = |loaded: &[Problem]| {
            let mut messages: Vec<_> = loaded.iter().map(|problem| problem.message.clone()).collect();
            messages.sort();
            messages
        };
        prop_assert_eq!(messages(&laid_over.warnings), messages(&one.warnings));
    }
}

/// Maps over each other.
fn over<'k, const N: usize>(maps: [BTreeMap<&'k str, &'k str>; N]) -> BTreeMap<&'k str, &'k str> {
    maps.into_iter().flatten().collect()
}

#[test]
fn whom_to_ask_is_a_line_and_an_account_has_its_own() {
    let account = |text: &str| load_all(&[BASE, text]).unwrap().policy.accounts.remove(0);
    let plain = account("");
    assert_eq!((plain.contact, plain.hold.terminal), (None, true));
    let default = "default.hold = { contact = '#ops-oncall', terminal = false }\n";
    let by_default = account(default);
    assert_eq!((by_default.contact.as_deref(), by_default.hold.terminal), (Some("#ops-oncall"), false));
    let own = account(&format!("{default}account.a.hold = {{ contact = 'ann, ext. 5', terminal = true }}"));
    assert_eq!((own.contact.as_deref(), own.hold.terminal), (Some("ann, ext. 5"), true));
    let wanted = "hold.contact = ";
    for wrong in
        ["''", "' '", "\"a\\nb\"", "\"\\u001b[2J\"", "\"\\u0085\"", "7", &format!("'{}'", "x".repeat(201))]
    {
        let error = load_all(&[BASE, &format!("account.a.hold.contact = {wrong}")]).unwrap_err().to_string();
        assert!(
            error.contains(wanted) && error.contains("want a line of 1 to 200 bytes"),
            "{wrong}: {error}"
        );
    }
    load_all(&[BASE, &format!("account.a.hold.contact = '{}'", "x".repeat(200))]).unwrap();
    let error = load_all(&[BASE, "account.a.hold.terminal = 'no'"]).unwrap_err().to_string();
    assert!(error.contains("hold.terminal = \"no\": want true or false"), "{error}");
}
