//! Each problem, with its position.

use super::{pattern::NoPattern, *};

/// Expects exactly these errors, each `LINE:COLUMN MESSAGE`; none means that the policy is good.
#[track_caller]
pub(super) fn check(text: &str, expected: &[&str]) {
    let found = match load(text) {
        Ok(_) => Vec::new(),
        Err(PolicyError::Invalid { errors, .. }) => shown(&errors),
    };
    assert_eq!(found, expected, "{text}");
}

/// Expects exactly these warnings, and no error.
#[track_caller]
pub(super) fn check_warnings(text: &str, expected: &[&str]) {
    assert_eq!(shown(&load(text).unwrap().warnings), expected, "{text}");
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|Problem { position, message }| format!("{}:{} {message}", position.line, position.column))
        .collect()
}

const TREE: &str = "version = 1\ntree.t.paths = ['/etc']\n";

#[test]
fn the_head() {
    check(
        "",
        &[
            "1:1 nobody is watched: add an [account.NAME] with users, login, units, executables, scripts or launch",
            "1:1 nothing is protected: add a [tree.NAME] with paths",
            "1:1 version is missing: want version = 1",
        ],
    );
    check(&GOOD.replace("= 1", "= 2"), &["1:11 version = 2: want 1, the only version there is"]);
    check(&GOOD.replace("= 1", "= '1'"), &["1:11 version = \"1\": want 1, the only version there is"]);
    check(&format!("{GOOD}mode = 'enforced'"), &["4:8 mode = \"enforced\": want one of observe, enforce"]);
    check(&format!("{GOOD}mode = true"), &["4:8 mode = true: want one of observe, enforce"]);
    check(&format!("{GOOD}default = []"), &["4:11 default = […]: want a table"]);
}

#[test]
fn unknown_keys() {
    check(
        &format!("{GOOD}moed = 'enforce'\nwatch = {{}}"),
        &[
            "4:1 unknown key \"moed\": did you mean mode?",
            "5:1 unknown key \"watch\": known here: version, mode, tree, default, account, way, roles, record, recording, governor, command, webhook",
        ],
    );
    check(
        &format!("{GOOD}[tree.u]\npaths = ['/srv']\nhide = []"),
        &["6:1 unknown key \"hide\": known here: paths, except, keep"],
    );
    check(
        &format!("{GOOD}[default]\nusers = ['ci']\nbudget.delets = '1/1s'\nbudget.x = '1/1s'"),
        &[
            "5:1 unknown key \"users\": known here: trees, response, budget, hold, launch, escapes, warmup",
            "6:8 unknown key \"budget.delets\": did you mean budget.deletes?",
            "7:8 unknown key \"budget.x\": known here: deletes, replaces, truncates, overwrites, recreates, commands",
        ],
    );
    check(
        &format!("{TREE}[account.a]\nuser = ['ci']\ntrees = ['t']"),
        &[
            "3:10 [account.a] is nobody: set users, login, units, executables, scripts or launch",
            "4:1 unknown key \"user\": did you mean users?",
        ],
    );
    check(
        &format!("{GOOD}\"\\u001b[31m\" = 1"),
        &[
            "4:2 unknown key \"\\u{1b}[31m\": known here: version, mode, tree, default, account, way, roles, record, recording, governor, command, webhook",
        ],
    );
}

#[test]
fn the_recording() {
    let recording = |keys: &str| format!("{GOOD}[recording]\n{keys}");
    check(&recording("keep = '1d'\nsize = '64GiB'"), &[]);
    check(
        &recording("keep = '0d'\nredact = []"),
        &[
            "5:8 keep = \"0d\": want a number of days from 1d to 3650d such as \"90d\"",
            "6:1 unknown key \"redact\": known here: keep, size",
        ],
    );
}

#[test]
fn the_record() {
    let record = |keys: &str| format!("{GOOD}[record]\n{keys}");
    check(&record("keep = '1d'\nsize = '1MiB'\nredact = []"), &[]);
    check(&record("keep = '3650d'\nsize = '64GiB'\nredact = ['x+']"), &[]);
    check(
        &record("keep = '0d'\nsize = '64MB'\nsizes = 1"),
        &[
            "5:8 keep = \"0d\": want a number of days from 1d to 3650d such as \"90d\"",
            "6:8 size = \"64MB\": want a size from 1MiB to 64GiB such as \"64MiB\"",
            "7:1 unknown key \"sizes\": did you mean size?",
        ],
    );
    check(
        &record("keep = '24h'\nsize = 64\nredact = ['(', 'x*']"),
        &[
            "5:8 keep = \"24h\": want a number of days from 1d to 3650d such as \"90d\"",
            "6:8 size = 64: want a size from 1MiB to 64GiB such as \"64MiB\"",
            "7:11 redact holds \"(\": want a regular expression that matches a secret, or whose groups do (error: unclosed \
             group)",
            "7:16 redact holds \"x*\": want a regular expression that matches a secret, or whose groups do; this one matches \
             an empty text",
        ],
    );
}

#[test]
fn trees() {
    let tree = |paths: &str| format!("{GOOD}[tree.u]\npaths = {paths}");
    check(&tree("['/srv']"), &[]);
    check_warnings(&tree("[]"), &["4:7 [tree.u] protects nothing: it has no paths"]);
    check(&tree("'/srv'"), &["5:9 paths = \"/srv\": want a list of strings"]);
    check(&tree("['/srv', 3]"), &["5:18 paths holds 3: want strings"]);
    check(
        &tree("['srv', '', '/srv/../etc']"),
        &[
            "5:10 \"srv\" is not absolute: begin it with /",
            "5:17 \"\" is not absolute: begin it with /",
            "5:21 \"/srv/../etc\" goes through ..: write the directory it means",
        ],
    );
    check(
        &tree("['/nope', '/etc/passwd', '/secret']"),
        &[
            "5:10 \"/nope\" does not exist on this host",
            "5:19 \"/etc/passwd\" is a file: only directories can be protected yet, name the one it is in",
            "5:34 \"/secret\" cannot be looked at: permission denied",
        ],
    );
    check(
        &tree("['/srv', '/srv/', '/etc']"),
        &[
            "5:18 \"/srv/\" is given twice",
            "5:27 \"/etc\" is also in [tree.t], at p.toml:2:17: a path belongs to one tree",
        ],
    );
    check(&format!("{GOOD}[tree.u]"), &["4:7 [tree.u] protects nothing: set paths"]);
    check(&format!("{GOOD}[tree]\nu = 3"), &["4:2 duplicate key: `tree`"]);
    check(&format!("{GOOD}tree.u = 3"), &["4:10 tree.u = 3: want a table"]);
    check(
        &format!("{GOOD}[tree.\"a b\"]\npaths = ['/srv']"),
        &["4:8 tree has the name \"a b\": want 1 to 64 letters, digits, \"-\", \"_\" or \".\""],
    );
}

#[test]
fn accounts() {
    let account = |keys: &str| format!("{GOOD}[account.b]\n{keys}");
    check(&account("users = [1001]\nlogin = ['deploy']\ntrees = ['t']"), &[]);
    check(
        &account("users = []\ntrees = ['t']"),
        &["4:10 [account.b] is nobody: set users, login, units, executables, scripts or launch"],
    );
    check(
        &account("users = 'deploy'\ntrees = ['t']"),
        &["5:9 users = \"deploy\": want a list of user names or uids"],
    );
    check(
        &account("users = [true, -1, 4294967295]\ntrees = ['t']"),
        &[
            "5:10 users holds true: want user names or uids",
            "5:16 users holds -1: want user names or uids",
            "5:20 users holds 4294967295: want user names or uids",
        ],
    );
    check(
        &account("users = ['deplyo', 'unreachable']\ntrees = ['t']"),
        &[
            "5:10 [account.b] is not watched: user \"deplyo\" does not exist on this host",
            "5:20 [account.b] is not watched: cannot look up user \"unreachable\": timed out",
        ],
    );
    let root =
        "is root: every person who becomes root would act for [account.b]; name the automation's own user";
    check(
        &account("users = ['root', 0]\nlogin = ['root']\ntrees = ['t']"),
        &[
            &format!("5:10 user \"root\" {root}"),
            &format!("5:18 uid 0 {root}"),
            &format!("6:10 user \"root\" {root}"),
        ],
    );
    check(
        &account("users = ['ci']\nlogin = [1000]\ntrees = ['t']"),
        &[
            "5:10 user \"ci\" already belongs to [account.a]: a user can act for one account only",
            "6:10 uid 1000 already belongs to [account.a]: a user can act for one account only",
        ],
    );
    check(
        &account("login = ['deploy']"),
        &["4:10 [account.b] is watched nowhere: set trees, here or in [default]"],
    );
    check(
        &account("login = ['deploy']\ntrees = ['x', 'tt', 't', 't']"),
        &[
            "6:10 there is no tree \"x\": add [tree.x]",
            "6:15 there is no tree \"tt\": add [tree.tt]",
            "6:26 tree \"t\" is given twice",
        ],
    );
    check(
        &account("login = ['deploy']\ntrees = ['system']"),
        &["6:10 there is no tree \"system\": add [tree.system]"],
    );
    check(&account("login = ['deploy']\ntrees = []"), &["6:9 trees = […]: want at least one"]);
}

#[test]
fn settings() {
    let default = |keys: &str| format!("{GOOD}[default]\n{keys}");
    check(
        &default("response = 'stop'"),
        &["5:12 response = \"stop\": want one of observe, hold, deny, freeze"],
    );
    // Said once, however many accounts take it over.
    check(
        &default(
            "trees = ['sysetm']\n[tree.system]\npaths = ['/srv']\n[account.b]\nusers = [1]\n[account.c]\nusers = [2]",
        ),
        &["5:10 there is no tree \"sysetm\": did you mean \"system\"?"],
    );
    check(&default("budget = '10/10s'"), &["5:10 budget = \"10/10s\": want a table"]);
    check(
        &default("budget.deletes = '10 in 10s'\nbudget.replaces = 5\nbudget.recreates = '2000/1s'"),
        &[
            "5:18 budget.deletes = \"10 in 10s\": want COUNT/DURATION such as \"10/10s\"; a duration is a whole number of \
         ms, s, m or h",
            "6:19 budget.replaces = 5: want COUNT/DURATION such as \"10/10s\"; a duration is a whole number of ms, s, m or h",
            "7:20 budget.recreates = \"2000/1s\": want a count of at most 1024",
        ],
    );
}

#[test]
fn programs_and_units() {
    let account = |keys: &str| format!("{GOOD}[account.b]\ntrees = ['t']\n{keys}");
    check(
        &account("units = ['a.service', '/docker/*']\nexecutables = ['/x']\nscripts = ['sh /y', '/z']"),
        &[],
    );
    check(
        &account("units = []\nexecutables = []"),
        &["4:10 [account.b] is nobody: set users, login, units, executables, scripts or launch"],
    );
    check(
        &account("executables = ['x', '/*', '/a*b*', 3]\nunits = ['x']\nscripts = ['sh x']"),
        &[
            &format!("6:16 executables holds \"x\": want {}", NoPattern::Path),
            "6:21 executables holds \"/*\": want less than everything",
            &format!("6:27 executables holds \"/a*b*\": want {}", NoPattern::Path),
            &format!("6:36 executables holds 3: want {}", NoPattern::Path),
            &format!("7:10 units holds \"x\": want {}", NoPattern::Unit),
            &format!("8:12 scripts holds \"sh x\": want {}", NoPattern::Script),
        ],
    );
    check(
        &account("executables = ['/x', '/x/']\n[account.c]\ntrees = ['t']\nexecutables = ['/x']"),
        &["9:16 \"/x\" already belongs to [account.b]: it can act for one account only"],
    );
    check(
        &account("executables = ['/usr/bin/*']\nunits = ['system.slice', '*.service', 'ci.service']"),
        &[
            "6:16 \"/usr/bin/*\" means burstguard as well, which would act for [account.b]: name less",
            "7:10 \"system.slice\" means burstguard as well, which would act for [account.b]: name less",
            "7:26 \"*.service\" means burstguard as well, which would act for [account.b]: name less",
        ],
    );
    let units = |count: usize| (0..count).map(|n| format!("'u{n}.service',")).collect::<String>();
    check(&account(&format!("units = [{}]", units(64))), &[]);
    check(
        &account(&format!("units = [{}\n'x.service']", units(64))),
        &["7:1 more than 64 units in all accounts"],
    );
}

#[test]
fn syntax() {
    check("version = 1\nmode = observe", &["2:8 invalid TOML value, did you mean to use a quoted string?"]);
    check("version = 1\nversion = 1", &["2:1 duplicate key: `version`"]);
    check("version = 1\nmode = \"ob", &["2:8 unterminated string"]);
    check("# é\n[tree.é]\n", &["2:7 unexpected character found: `é`"]);
}

#[test]
fn columns_count_characters() {
    check(
        &format!("{GOOD}default = {{ trees = ['é', 'é', 3] }}"),
        &[
            "4:22 there is no tree \"é\": add [tree.é]",
            "4:27 there is no tree \"é\": add [tree.é]",
            "4:32 trees holds 3: want strings",
        ],
    );
}

#[test]
fn limits() {
    let paths = |count: usize| (0..count).map(|n| format!("'/many/{n}',")).collect::<String>();
    check(&format!("{GOOD}[tree.u]\npaths = [{}]", paths(62)), &[]);
    check(
        &format!("{GOOD}[tree.u]\npaths = [{}\n'/many/x', '/many/y']", paths(62)),
        &["6:1 more than 63 paths in all trees"],
    );
    let accounts = |count: usize| {
        (0..count)
            .map(|n| format!("account.b{n:03} = {{ users = [{}], trees = ['t'] }}\n", n + 1))
            .collect::<String>()
    };
    check(&format!("{GOOD}{}", accounts(255)), &[]);
    check(&format!("{GOOD}{}", accounts(256)), &["259:9 more than 256 accounts: join some of them"]);
}

#[test]
fn patterns() {
    let tree = |paths: &str| format!("{GOOD}[tree.u]\npaths = {paths}");
    let paths = |text: &str| load(text).unwrap().policy.trees[1].paths.clone();
    for (written, found) in [
        ("['/home/*/src']", vec!["/home/ann/src", "/home/bob/src"]),
        ("['/home/*/.ssh']", vec!["/home/ann/.ssh"]),
        ("['/home/ann/*']", vec!["/home/ann/src"]),
        ("['/home/[ab]?[nb]/src/', '/home/*/src']", vec!["/home/ann/src", "/home/bob/src"]),
        ("['/home/*/src', '/home/bob/src']", vec!["/home/bob/src", "/home/ann/src"]),
        ("['/odd/a[*]b']", vec!["/odd/a*b"]),
    ] {
        assert_eq!(
            paths(&tree(written)),
            found.into_iter().map(PathBuf::from).collect::<Vec<_>>(),
            "{written}"
        );
    }
    check_warnings(
        &tree("['/home/*/nope', '/home/eve/*', '/home/?*/*/*']"),
        &[
            "5:10 \"/home/*/nope\" may miss some: /home/eve cannot be looked at: permission denied",
            "5:26 \"/home/eve/*\" may miss some: /home/eve cannot be looked at: permission denied",
            "5:41 \"/home/?*/*/*\" may miss some: /home/eve cannot be looked at: permission denied",
        ],
    );
    check_warnings(
        &tree("['/nope/*', '/home/ann/src/*', '/odd/*']"),
        &[
            "5:10 \"/nope/*\" finds no directory on this host",
            "5:21 \"/home/ann/src/*\" finds no directory on this host",
            "5:40 \"/odd/*\" may miss some: \u{fffd} in /odd is not UTF-8",
        ],
    );
    check(
        &tree("['*/src', '/home/**/src', '/home/[a', '/e*', '/*/../etc']"),
        &[
            "5:10 \"*/src\" is not absolute: begin it with /",
            "5:19 \"/home/**/src\" has ** in it, which is any depth: write one * for each",
            "5:35 \"/home/[a\" is no pattern: Pattern syntax error near position 0: invalid range pattern",
            "5:47 \"/e*\" finds /etc, which is also in [tree.t], at p.toml:2:17: a path belongs to one tree",
            "5:54 \"/*/../etc\" goes through ..: write the directory it means",
        ],
    );
    check(&tree("['/many/*']"), &["5:10 more than 63 paths in all trees"]);
}

#[test]
fn roles() {
    let role = |value: &str| format!("{GOOD}[roles]\n{value}");
    let roles = |text: &str| load(text).unwrap().policy.roles;
    let usual = vec![Role::Uid(0), Role::Gid(27)];
    let everyone = Roles { view: usual.clone(), respond: usual.clone(), admin: usual, approvals: 1 };
    assert_eq!(roles(GOOD), everyone);
    let respond = vec![Role::Uid(1000), Role::Gid(4), Role::Gid(7), Role::Uid(7)];
    assert_eq!(
        roles(&role("respond = ['user:ci', 'group:adm', 'gid:7', 'uid:7', 'uid:1000']")),
        Roles { respond, ..everyone }
    );
    check(
        &role("view = ['group:amd', 'user:deplyo', 'group:unreachable']\nadmin = []"),
        &[
            "5:9 group \"amd\" does not exist on this host",
            "5:22 user \"deplyo\" does not exist on this host",
            "5:37 cannot look up group \"unreachable\": timed out",
            "6:9 admin = […]: want at least one",
        ],
    );
    let wanted = "want \"uid:N\", \"user:NAME\", \"gid:N\" or \"group:NAME\"";
    check(
        &role("view = ['adm', 'uid:-1', 'gid:4294967295', 'group:', 4]\nvieww = []"),
        &[
            &format!("5:9 view holds \"adm\": {wanted}"),
            &format!("5:16 view holds \"uid:-1\": {wanted}"),
            &format!("5:26 view holds \"gid:4294967295\": {wanted}"),
            &format!("5:44 view holds \"group:\": {wanted}"),
            &format!("5:54 view holds 4: {wanted}"),
            "6:1 unknown key \"vieww\": did you mean view?",
        ],
    );
}

#[test]
fn approvals() {
    let role = |value: &str| format!("{GOOD}[roles]\n{value}");
    for (said, expected) in [("", 1), ("approvals = 1", 1), ("approvals = 5", 5)] {
        let loaded = load(&role(said)).unwrap();
        assert_eq!((loaded.policy.roles.approvals, loaded.warnings.len()), (expected, 0), "{said}");
    }
    for wrong in ["0", "6", "-1", "\"2\"", "2.0", "999999999999"] {
        let error = load(&role(&format!("approvals = {wrong}"))).unwrap_err().to_string();
        assert!(
            error.contains("5:13 approvals = ") && error.contains(": want a number from 1 to 5"),
            "{error}"
        );
    }
}

/// Whoever is an admin may respond. Of a group nobody knows how many are in it.
#[test]
fn more_approvals_than_people_are_warned_of() {
    let warnings = |text: &str| load(&format!("{GOOD}[roles]\napprovals = 2\n{text}")).unwrap().warnings;
    let alone = warnings("respond = ['uid:7', 'uid:7']\nadmin = ['uid:7']");
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert_eq!(
        alone[0].message,
        "approvals = 2, but no more than 1 may respond: what waits is let go on by nobody"
    );
    assert_eq!(alone[0].position.line, 5);
    for enough in ["respond = ['uid:7']\nadmin = ['uid:8']", "respond = ['gid:7']\nadmin = ['uid:8']"] {
        assert_eq!(warnings(enough), [], "{enough}");
    }
}
