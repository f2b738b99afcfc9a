//! What a policy may say already and this version does not carry out yet. To turn a key on, carry it out and take its
//! row away.

use super::{
    node::{Entry, Table},
    problem::Problems,
};

/// Keys, `*` being any name, and what it means that they are not carried out.
const LATER: [(&[&str], &str); 3] = [
    (&["default.launch", "account.*.launch"], "whoever may run the account's programs may go on doing so"),
    (&["default.budget.commands", "account.*.budget.commands"], "destructive commands are not counted"),
    (&["command.*"], "the command is run without a question, and not counted"),
];

/// Warns of each such key of a policy.
pub(super) fn warn(policy: &Table, problems: &mut Problems) {
    for (keys, meaning) in LATER {
        for (key, entry) in keys.iter().flat_map(|key| find(policy, key)) {
            problems.warn(&entry.at, &format!("{key} is not carried out by this version: {meaning}"));
        }
    }
}

/// Every key that matches, with its full name.
fn find<'t>(table: &'t Table, key: &str) -> Vec<(String, &'t Entry)> {
    let Some((first, rest)) = key.split_once('.') else {
        return named(table, key).map(|(name, entry)| (name.clone(), entry)).collect();
    };
    named(table, first)
        .filter_map(|(name, entry)| Some((name, entry.node.as_table()?)))
        .flat_map(|(name, table)| {
            find(table, rest).into_iter().map(move |(below, entry)| (format!("{name}.{below}"), entry))
        })
        .collect()
}

fn named<'t>(table: &'t Table, name: &str) -> impl Iterator<Item = (&'t String, &'t Entry)> {
    table.iter().filter(move |(key, _)| name == "*" || key.as_str() == name)
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    LATER.iter().flat_map(|(keys, _)| keys.iter().copied())
}
