//! What a policy lets happen that the one in force does not, of accounts about which somebody has still to decide. Pure, and on the
//! careful side: what is not plainly as strict counts as looser.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use super::{
    Account, Budget, Exception, Mode, Name, OnAgentLoss, Policy, Response, Then, Tree, Way, duration,
    keep::FileSize,
    keeping::{Days, Size},
};

/// What of these accounts `after` holds less tightly than `before`, a line each.
pub(crate) fn loosened<'a>(
    before: &Policy,
    after: &Policy,
    accounts: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let of = |policy: &'_ Policy, name: &str| policy.accounts.iter().position(|account| account.name == name);
    let mut found = Vec::new();
    for name in accounts {
        let Some(old) = of(before, name).map(|at| Side { policy: before, account: &before.accounts[at] })
        else {
            continue;
        };
        let lines = match of(after, name) {
            None => vec!["it is not in the policy any more".to_owned()],
            Some(at) => old.loosened(Side { policy: after, account: &after.accounts[at] }),
        };
        found.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
    }
    found
}

/// An account, and the policy that it is in.
#[derive(Clone, Copy)]
struct Side<'p> {
    policy: &'p Policy,
    account: &'p Account,
}

/// A protected root, and what is excepted in it.
struct Root<'p> {
    path: &'p Path,
    except: &'p [Exception],
}

impl<'p> Root<'p> {
    fn of(tree: &'p Tree) -> impl Iterator<Item = Self> {
        tree.paths.iter().map(|path| Self { path, except: &tree.except })
    }
}

impl<'p> Side<'p> {
    fn loosened(self, new: Self) -> Vec<String> {
        let mut found = self.responses(new);
        found.extend(self.hold(new));
        found.extend(self.budgets(new));
        found.extend(self.trees(new));
        found.extend(self.kept(new));
        found.extend(self.processes(new));
        found.extend(self.ways(new));
        found.extend(self.commands(new));
        let (old, now) = (self.policy.roles.approvals, new.policy.roles.approvals);
        found.extend((now < old).then(|| changed("roles.approvals", old, now)));
        found
    }

    /// Whatever stops is as good as any other that does.
    fn responses(self, new: Self) -> Vec<String> {
        let stops = |side: Self, response| side.policy.mode == Mode::Enforce && response != Response::Observe;
        let keys = [
            ("response", self.account.response, new.account.response),
            ("escapes", self.account.escapes, new.account.escapes),
        ];
        let is_less = |(_, old, now): &(&str, Response, Response)| stops(self, *old) && !stops(new, *now);
        let less = keys.into_iter().filter(is_less).map(|(key, old, now)| match new.policy.mode {
            Mode::Observe => format!("{key} = {:?} is only observed: mode = \"observe\"", now.as_str()),
            Mode::Enforce => changed(key, old.as_str(), now.as_str()),
        });
        less.collect()
    }

    fn hold(self, new: Self) -> Vec<String> {
        let (old, now) = (self.account.hold, new.account.hold);
        let approves = old.then == Then::Deny && now.then == Then::Approve;
        let sooner = now.then == Then::Approve && old.then == now.then && now.deadline < old.deadline;
        let passes = old.on_agent_loss != OnAgentLoss::Observe && now.on_agent_loss == OnAgentLoss::Observe;
        [
            approves.then(|| changed("hold.then", old.then.as_str(), now.then.as_str())),
            sooner.then(|| {
                changed("hold.deadline", duration::text(old.deadline), duration::text(now.deadline))
            }),
            passes.then(|| {
                changed("hold.on_agent_loss", old.on_agent_loss.as_str(), now.on_agent_loss.as_str())
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn budgets(self, new: Self) -> Vec<String> {
        let pairs = self.account.budgets.each().into_iter().zip(new.account.budgets.each());
        pairs
            .filter(|((key, old), (_, now))| {
                // For so long is a new file the account's own, too.
                let own_longer = *key == "recreates" && now.window() > old.window();
                allows_more(*old, *now) || own_longer
            })
            .map(|((key, old), (_, now))| changed(&format!("budget.{key}"), old, now))
            .collect()
    }

    /// The roots of the account's trees.
    fn roots(self) -> impl Iterator<Item = Root<'p>> {
        self.account.trees.iter().filter_map(move |index| self.policy.trees.get(*index)).flat_map(Root::of)
    }

    fn trees(self, new: Self) -> Vec<String> {
        let mut found = Vec::new();
        for old in self.roots() {
            if !new.roots().any(|root| old.path.starts_with(root.path)) {
                found.push(format!("trees do not cover {} any more", old.path.display()));
            }
        }
        for root in all_roots(new.policy) {
            for old in self.roots() {
                let Some(place) = deeper(old.path, root.path) else { continue };
                // Of trees that lie in each other the inner one judges, whichever accounts have it.
                if innermost(new.policy, place).is_none_or(|judge| judge.path != root.path) {
                    continue;
                }
                let known = innermost(self.policy, place).map_or(&[][..], |judge| judge.except);
                let more = root.except.iter().filter(|exception| reaches(exception, place));
                let more = more.filter(|exception| !known.iter().any(|one| covers(one, exception)));
                found.extend(more.map(|exception| format!("{exception} is excepted in {}", place.display())));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// What is kept of the account's trees, to be restored.
    fn kept(self, new: Self) -> Vec<String> {
        let trees = self.account.trees.iter().filter_map(|index| self.policy.trees.get(*index));
        let pairs =
            trees.filter_map(|old| Some((old, new.policy.trees.iter().find(|now| now.name == old.name)?)));
        let less = pairs.flat_map(|(tree, now)| {
            let (old, now) = (&tree.keep, &now.keep);
            let key = |key| format!("tree.{}.keep.{key}", tree.name);
            let more =
                now.except.iter().filter(|exception| !old.except.iter().any(|one| covers(one, exception)));
            let mut less: Vec<String> =
                more.map(|exception| format!("{} has {exception} now", key("except"))).collect();
            less.extend((old.files && !now.files).then(|| changed(&key("files"), old.files, now.files)));
            if now.size < old.size {
                less.push(changed(&key("size"), FileSize(old.size), FileSize(now.size)));
            }
            if now.total < old.total {
                less.push(changed(&key("total"), Size::of(old.total), Size::of(now.total)));
            }
            if now.age < old.age {
                less.push(changed(&key("age"), Days::of(old.age), Days::of(now.age)));
            }
            if old.files { less } else { Vec::new() }
        });
        less.collect()
    }

    fn processes(self, new: Self) -> Vec<String> {
        let (old, now) = (self.account, new.account);
        [
            gone("users", &old.users, &now.users),
            gone("login", &old.login, &now.login),
            gone("units", &old.units, &now.units),
            gone("executables", &old.executables, &now.executables),
            gone("scripts", &old.scripts, &now.scripts),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn commands(self, new: Self) -> Vec<String> {
        let commands = self.policy.commands.iter().flat_map(|old| {
            let now = new.policy.commands.iter().find(|command| command.name == old.name);
            let key = |key| format!("command.{}.{key}", old.name);
            let (programs, destroy) = now.map_or((&[][..], &[][..]), |now| (&now.programs, &now.destroy));
            let mut more = Vec::new();
            if let Some(now) = now {
                more.extend(new_ones(&key("except"), &old.except, &now.except));
                more.extend(new_ones(&key("until"), &old.until, &now.until));
            }
            let less = [
                gone(&key("program"), &old.programs, programs),
                gone(&key("destroy"), &old.destroy, destroy),
            ];
            less.into_iter().flatten().chain(more)
        });
        commands.collect()
    }

    /// Ways matter to whom they are watched for.
    fn ways(self, new: Self) -> Vec<String> {
        if self.account.escapes == Response::Observe {
            return Vec::new();
        }
        let none = Way::default();
        let ways = self.policy.ways.iter().flat_map(|old| {
            let now = new.policy.ways.iter().find(|way| way.name == old.name).unwrap_or(&none);
            let shown = |paths: &[PathBuf]| -> Vec<String> {
                paths.iter().map(|path| path.display().to_string()).collect()
            };
            let key = |key| format!("way.{}.{key}", old.name);
            [
                gone(&key("sockets"), &old.sockets, &now.sockets),
                gone(&key("buses"), &old.buses, &now.buses),
                gone(&key("jobs"), &shown(&old.jobs), &shown(&now.jobs)),
                gone(&key("ports"), &old.ports, &now.ports),
            ]
        });
        ways.flatten().collect()
    }
}

fn all_roots(policy: &Policy) -> impl Iterator<Item = Root<'_>> {
    policy.trees.iter().flat_map(Root::of)
}

/// The root by whose tree a directory is judged.
fn innermost<'p>(policy: &'p Policy, place: &Path) -> Option<Root<'p>> {
    let above = all_roots(policy).filter(|root| place.starts_with(root.path));
    above.max_by_key(|root| root.path.components().count())
}

/// Whether some time lets more happen by the new budget than by the old one: as many as fit into the old window at most.
fn allows_more(old: Budget, now: Budget) -> bool {
    let windows = old.window().as_nanos().div_ceil(now.window().as_nanos().max(1));
    windows.saturating_mul(now.count().into()) > old.count().into()
}

/// Of two directories the one in the other.
fn deeper<'p>(one: &'p Path, other: &'p Path) -> Option<&'p Path> {
    if one.starts_with(other) { Some(one) } else { other.starts_with(one).then_some(other) }
}

/// Whether an exception takes something out of this directory, or all of it.
fn reaches(exception: &Exception, place: &Path) -> bool {
    exception.directory.as_deref().is_none_or(|directory| {
        directory.starts_with(place) || place.ancestors().any(|one| exception.is(one))
    })
}

/// Whether all that the other excepts is excepted by this one, as far as that is plain.
fn covers(one: &Exception, other: &Exception) -> bool {
    let above = one.directory.is_some()
        && other.directory.as_deref().is_some_and(|directory| directory.ancestors().any(|path| one.is(path)));
    let same_place = one.directory.is_none() || one.directory == other.directory;
    let as_wide = match (&one.name, &other.name) {
        (Name::Starred { .. }, Name::Exact(name)) => one.name.is(name.as_ref()),
        (one, other) => one == other,
    };
    above || same_place && as_wide
}

/// What is no longer said, as it was written.
fn gone<T: PartialEq + Display>(key: &str, old: &[T], now: &[T]) -> Option<String> {
    let less: Vec<String> = old.iter().filter(|one| !now.contains(one)).map(T::to_string).collect();
    (!less.is_empty()).then(|| format!("{key} is without {}", less.join(", ")))
}

/// What is said besides, as it is written.
fn new_ones<T: PartialEq + Display>(key: &str, old: &[T], now: &[T]) -> Option<String> {
    let more: Vec<String> = now.iter().filter(|one| !old.contains(one)).map(T::to_string).collect();
    (!more.is_empty()).then(|| format!("{key} has {} now", more.join(", ")))
}

fn changed(key: &str, old: impl Display, now: impl Display) -> String {
    format!("{key} is {now}, was {old}")
}
