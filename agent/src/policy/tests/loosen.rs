//! What a policy lets happen that another does not: each key by itself.

use super::{super::loosened, *};

const BASE: &str = "
version = 1
mode = 'enforce'
[tree.t]
paths = ['/etc', '/srv']
except = ['/srv/app', '**/*.swp', '/etc/a*']
[tree.inner]
paths = ['/home']
except = ['**/node_modules']
[account.a]
users = ['ci', 7]
login = ['deploy']
units = ['ci-*.service']
executables = ['/usr/bin/codex']
scripts = ['node /usr/lib/cli.js']
trees = ['t', 'inner']
response = 'hold'
escapes = 'deny'
hold = { deadline = '10m', then = 'deny', on_agent_loss = 'wait' }
budget = { deletes = '10/10s', replaces = '10/10s', truncates = '10/10s', overwrites = '10/10s', recreates = '10/10s' }
[account.b]
users = [9]
trees = ['t']
[way.docker]
sockets = ['/run/docker.sock', '/run/*/d.sock']
ports = [22, 23]
[way.systemd]
buses = ['/run/bus']
[roles]
approvals = 2
";

/// What comes of putting `new` in the place of `old`, for account `a`.
fn by(changes: &[(&str, &str)]) -> Vec<String> {
    let mut text = BASE.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    let (old, new) =
        (load(BASE).unwrap().policy, load(&text).unwrap_or_else(|error| panic!("{error}")).policy);
    loosened(&old, &new, ["a"])
}

#[test]
fn each_key_that_holds_less_tightly_is_said() {
    for (old, new, expected) in [
        ("mode = 'enforce'", "mode = 'observe'", "response = \"hold\" is only observed: mode = \"observe\""),
        ("response = 'hold'", "response = 'observe'", "response is observe, was hold"),
        ("escapes = 'deny'", "escapes = 'observe'", "escapes is observe, was deny"),
        ("then = 'deny'", "then = 'approve'", "hold.then is approve, was deny"),
        ("on_agent_loss = 'wait'", "on_agent_loss = 'observe'", "hold.on_agent_loss is observe, was wait"),
        ("deletes = '10/10s'", "deletes = '11/10s'", "budget.deletes is 11/10s, was 10/10s"),
        ("replaces = '10/10s'", "replaces = '10/9s'", "budget.replaces is 10/9s, was 10/10s"),
        ("truncates = '10/10s'", "truncates = '2/1s'", "budget.truncates is 2/1s, was 10/10s"),
        ("overwrites = '10/10s'", "overwrites = '1000/24h'", "budget.overwrites is 1000/24h, was 10/10s"),
        // A new file is the account's own for longer.
        ("recreates = '10/10s'", "recreates = '1/1m'", "budget.recreates is 1/1m, was 10/10s"),
        ("'/etc', '/srv'", "'/etc'", "trees do not cover /srv any more"),
        ("trees = ['t', 'inner']", "trees = ['t']", "trees do not cover /home any more"),
        ("'/etc/a*'", "'/etc/a*', '/etc/mtab'", "/etc/mtab is excepted in /etc"),
        ("'/etc/a*'", "'/etc/*a'", "/etc/*a is excepted in /etc"),
        ("'**/*.swp'", "'**/*.swp', '**/*.conf'", "**/*.conf is excepted in /etc"),
        ("'**/node_modules'", "'**/node_modules', '/home/ann'", "/home/ann is excepted in /home"),
        ("users = ['ci', 7]", "users = ['ci']", "users is without 7"),
        ("login = ['deploy']", "login = ['ci']", "login is without 998"),
        ("units = ['ci-*.service']", "units = ['ci-1.service']", "units is without ci-*.service"),
        ("'/usr/bin/codex'", "'/usr/bin/other'", "executables is without /usr/bin/codex"),
        ("'node /usr/lib/cli.js'", "'/usr/lib/other.js'", "scripts is without node /usr/lib/cli.js"),
        ("'/run/docker.sock', ", "", "way.docker.sockets is without /run/docker.sock"),
        ("ports = [22, 23]", "ports = [22]", "way.docker.ports is without 23"),
        ("buses = ['/run/bus']", "", "way.systemd.buses is without /run/bus"),
        ("approvals = 2", "approvals = 1", "roles.approvals is 1, was 2"),
    ] {
        let found = by(&[(old, new)]);
        assert!(found.contains(&format!("a: {expected}")), "{old} {new}: {expected:?} is not in {found:?}");
        assert!(found.iter().all(|line| line.starts_with("a: ")), "{found:?}");
    }
}

#[test]
fn what_holds_as_tightly_or_more_is_not() {
    for (old, new) in [
        ("mode", "mode"),
        ("response = 'hold'", "response = 'deny'"),
        ("response = 'hold'", "response = 'freeze'"),
        ("escapes = 'deny'", "escapes = 'hold'"),
        ("deadline = '10m'", "deadline = '1m'"),
        ("on_agent_loss = 'wait'", "on_agent_loss = 'deny'"),
        ("deletes = '10/10s'", "deletes = '9/10s'"),
        ("deletes = '10/10s'", "deletes = '10/20s'"),
        ("deletes = '10/10s'", "deletes = '5/5s'"),
        ("deletes = '10/10s'", "deletes = '1/1s'"),
        ("deletes = '10/10s'", "deletes = '0/1ms'"),
        ("recreates = '10/10s'", "recreates = '5/5s'"),
        ("'/etc', '/srv'", "'/etc', '/srv', '/many/d1'"),
        ("'/srv/app', ", ""),
        ("'/srv/app'", "'/srv/app/x', '/srv/app'"),
        ("'**/*.swp'", "'/srv/a.swp'"),
        ("'/etc/a*'", "'/etc/alternatives'"),
        ("users = ['ci', 7]", "users = ['ci', 7, 8]"),
        ("units = ['ci-*.service']", "units = ['ci-*.service', 'x.service']"),
        ("ports = [22, 23]", "ports = [23, 22, 24]"),
        ("approvals = 2", "approvals = 3"),
        // Of an account that nobody has to decide about.
        ("users = [9]\ntrees = ['t']", "users = [9]\ntrees = ['t']\nresponse = 'observe'"),
    ] {
        assert_eq!(by(&[(old, new)]), [""; 0], "{old} {new}");
    }
}

#[test]
fn who_is_not_in_it_any_more_is_said_and_nobody_else() {
    let old = load(BASE).unwrap().policy;
    let mut new = old.clone();
    new.accounts.remove(0);
    assert_eq!(loosened(&old, &new, ["a", "b"]), ["a: it is not in the policy any more"]);
    assert_eq!(loosened(&old, &new, ["b", "of an earlier policy"]), [""; 0]);
    assert_eq!(loosened(&old, &new, []), [""; 0]);
}

/// A root within another is judged by its own exceptions, and by no others.
#[test]
fn the_innermost_tree_judges() {
    let inner = "[tree.deep]\npaths = ['/home/ann/src']\n";
    let account = "[account.a]";
    let with = |except: &str| format!("{inner}except = [{except}]\n{account}");
    assert_eq!(by(&[(account, &with(""))]), [""; 0]);
    assert_eq!(by(&[(account, &with("'**/node_modules'"))]), [""; 0]);
    assert_eq!(by(&[(account, &with("'**/*.swp'"))]), ["a: **/*.swp is excepted in /home/ann/src"]);
}

proptest! {
    /// Against counting: as many as ever fit into a window of the old budget by the new one.
    #[test]
    fn a_budget_that_is_no_looser_lets_no_more_happen(
        old in (0..20_u32, 1..30_u64), new in (0..20_u32, 1..30_u64),
    ) {
        let text = |(count, window): (u32, u64)| format!("deletes = '{count}/{window}ms'");
        let old_text = BASE.replacen("deletes = '10/10s'", &text(old), 1);
        let new_text = BASE.replacen("deletes = '10/10s'", &text(new), 1);
        let (before, after) = (load(&old_text).unwrap().policy, load(&new_text).unwrap().policy);
        let is_looser = !loosened(&before, &after, ["a"]).is_empty();
        // All that a window of the new one allows happens at its beginning.
        let fit: u64 = (0..old.1).filter(|at| at % new.1 == 0).map(|_| u64::from(new.0)).sum();
        prop_assert_eq!(is_looser, fit > u64::from(old.0));
    }

    #[test]
    fn no_policy_is_looser_than_itself(policy in policies()) {
        let names: Vec<_> = policy.accounts.iter().map(|account| account.name.as_str()).collect();
        prop_assert_eq!(loosened(&policy, &policy, names), Vec::<String>::new());
    }
}

#[test]
fn what_is_kept_less_of_is_looser() {
    let kept = |keys: &str| {
        let with = |keys: &str| BASE.replacen("[tree.t]\n", &format!("[tree.t]\n{keys}\n"), 1);
        let base = "keep = { size = '2MiB', total = '2GiB', age = '60d', except = ['**/a'] }";
        let (before, after) = (load(&with(base)).unwrap().policy, load(&with(keys)).unwrap().policy);
        loosened(&before, &after, ["a"])
    };
    for (keys, said) in [
        ("keep = { files = false, size = '2MiB', total = '2GiB', age = '60d' }", "files is false, was true"),
        ("keep = { total = '2GiB', age = '60d' }", "size is 1MiB, was 2MiB"),
        ("keep = { size = '2MiB', age = '60d' }", "total is 256MiB, was 2GiB"),
        ("keep = { size = '2MiB', total = '2GiB', age = '59d' }", "age is 59d, was 60d"),
        ("keep = { size = '2MiB', total = '2GiB', age = '60d', except = ['**/b'] }", "except has **/b now"),
    ] {
        assert_eq!(kept(keys), [format!("a: tree.t.keep.{said}")], "{keys}");
    }
    assert_eq!(kept("keep = { size = '3MiB', total = '3GiB', age = '61d' }"), [""; 0]);
}
