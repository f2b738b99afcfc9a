//! The table of keys against what is read.

use super::{
    super::{
        budget::Budgets,
        keys::{Holds, Keys, POLICY, Without, all},
    },
    *,
};

/// Every value there is: how it is written under a table of the name `n`, and what it is.
fn values() -> Vec<(String, &'static super::super::keys::Value)> {
    fn walk(keys: Keys, before: &str, found: &mut Vec<(String, &'static super::super::keys::Value)>) {
        for key in all(keys) {
            let written = format!("{before}{}", key.name);
            match &key.holds {
                Holds::Value(value) => found.push((written, value)),
                Holds::Group(keys) | Holds::Section(keys, _) => walk(keys, &format!("{written}."), found),
                Holds::Named(keys, _) => walk(keys, &format!("{written}.n."), found),
            }
        }
    }
    let mut found = Vec::new();
    walk(POLICY, "", &mut found);
    found
}

/// No key takes a number with a fraction.
#[test]
fn each_is_read() {
    for (key, _) in values() {
        let error = load_all(&[GOOD, &format!("{key} = 0.5")]).expect_err(&key).to_string();
        assert!(error.contains("0.5: want"), "{key} is in the table, and nobody reads it: {error}");
        assert!(!error.contains("unknown key"), "{key}: {error}");
    }
}

#[test]
fn what_is_required_is_missed() {
    let whole = "version = 1\n[tree.n]\npaths = ['/etc']\n[account.n]\nusers = ['ci']\ntrees = ['n']\n[command.n]\nprogram = 'x'\n[webhook.n]\nurl = 'https://h/'\nsecret_file = '/s'\n";
    assert!(load(whole).is_ok());
    let required = values().into_iter().filter(|(_, value)| matches!(value.without, Without::Refused));
    let mut names = Vec::new();
    for (key, ..) in required.filter(|(key, ..)| !key.starts_with("default.")) {
        let name = key.rsplit('.').next().expect("a name").to_owned();
        let without: String =
            whole.lines().filter(|line| !line.starts_with(&name)).map(|line| format!("{line}\n")).collect();
        assert!(load(&without).is_err(), "{key}");
        names.push(name);
    }
    assert_eq!(names, ["version", "paths", "trees", "program", "url", "secret_file"]);
}

#[test]
fn a_budget_has_a_key_for_each_kind() {
    let written: Vec<_> = values()
        .into_iter()
        .filter_map(|(key, ..)| Some(key.strip_prefix("default.budget.")?.to_owned()))
        .collect();
    assert_eq!(written, Budgets::KEYS.map(|(key, _)| key));
}

#[test]
fn who_has_a_role_is_root_and_the_group() {
    let Roles { view, respond, admin, .. } = load(GOOD).unwrap().policy.roles;
    for role in [view, respond, admin] {
        assert_eq!(role, [Role::Uid(0), Role::Gid(27)], "docs/policy.md says otherwise");
    }
}
