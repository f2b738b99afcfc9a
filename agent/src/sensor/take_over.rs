//! One generation carries on from another, without a moment in which an account is unguarded.
//!
//! The new one is attached and inert: what it does not know as a member it does not judge. It is told what the old one
//! remembers; then it takes on the old one's members, one by one, and from then on both judge. Only then are the budgets
//! filled up with what the old one has counted, so that nothing is counted twice. The old one stays attached meanwhile:
//! a burst that the new one cannot know of yet, the old one stops. What calls that were under way then did to the old
//! one's standings and stops is carried over when it has been detached.

use std::collections::HashSet;

use agent_common::{
    rules::{
        BootNs, Kind,
        judge::{Phase, Standing},
        place::{self, Place},
    },
    wire::row::{self, Claim, name_from_word, response},
};
use thiserror::Error;

use super::{
    decode::{Act, Record, What},
    error::MapError,
    held,
    manifest::Manifest,
    members::Adopted,
    state::State,
};
use crate::clock::boot_now;

/// How often members are looked for. Each time only those are new that were forked by one not yet taken on.
const PASSES: u32 = 100;
/// Names of calls that had started this long (ns) before they were settled are still carried over.
const LONG_CALL: u64 = 10_000_000_000;

/// One generation cannot carry on from another.
#[derive(Debug, Error)]
pub(crate) enum TakeOverError {
    #[error(transparent)]
    Map(#[from] MapError),
    #[error("the watched accounts make processes faster than they can be taken over; try again")]
    Restless,
}

/// What each index of the old generation is in the new one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heirs {
    accounts: Vec<Option<u32>>,
    roots: Vec<Option<u32>>,
    entries: Vec<Option<u32>>,
}

impl Heirs {
    /// By name.
    pub(crate) fn of(old: &Manifest, new: &Manifest) -> Self {
        Self {
            accounts: indices(&old.accounts, &new.accounts),
            roots: indices(&old.roots, &new.roots),
            entries: indices(&old.entries, &new.entries),
        }
    }

    /// The accounts that are in both: the old index and the new one.
    fn accounts(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(&self.accounts).filter_map(|(old, new)| Some((old, (*new)?)))
    }

    pub(crate) fn account(&self, old: u32) -> Option<u32> {
        *self.accounts.get(old as usize)?
    }

    fn root(&self, old: u32) -> Option<u32> {
        *self.roots.get(old as usize)?
    }

    /// What a process is a member by. Its account matters; the entry may have gone from the policy since.
    fn claim(&self, old: Claim) -> Option<Claim> {
        let entry = self.entries.get(old.entry() as usize).copied().flatten().unwrap_or_default();
        Some(old.renumbered(self.account(old.account())?, entry))
    }

    /// A held call in the numbers of the new generation; none if nobody is held to its account there.
    fn held(&self, row: row::Held) -> Option<row::Held> {
        let is_way = held::kinds(&row).is_escape();
        let name = |name: row::HeldName| {
            let above_all = name.root == u32::MAX;
            if is_way {
                let way = self.way(name.key);
                return row::HeldName { key: way, directory: way, ..name };
            }
            let root = if above_all { name.root } else { self.root(name.root).unwrap_or(u32::MAX) };
            row::HeldName { root, ..name }
        };
        Some(row::Held { account: self.account(row.account)?, names: row.names.map(name), ..row })
    }

    /// The number of a way in the new generation; 0, which no way has, if it is not in it any more.
    fn way(&self, old: u64) -> u64 {
        let old = usize::try_from(old).unwrap_or(usize::MAX);
        self.entries.get(old).copied().flatten().unwrap_or_default().into()
    }

    /// A record in the words of the new generation; none if it is about an account that is not in it.
    fn record(&self, record: Record) -> Option<Record> {
        let way = |way: u32| u32::try_from(self.way(way.into())).unwrap_or_default();
        let place = |place: Place| Some(Place { root: self.root(place.root)?, ..place });
        let act = |act: Act| Act {
            root: act.root.and_then(|root| self.root(root)),
            other: act.other.and_then(place),
            way: act.way.map(way),
            ..act
        };
        let what = match record.what {
            What::Operation(done) => What::Operation(act(done)),
            What::Burst(done) => What::Burst(act(done)),
            What::Held(done) => What::Held(act(done)),
            What::Denied(done) => What::Denied(act(done)),
            other => other,
        };
        Some(Record { account: self.account(record.account)?, what, ..record })
    }
}

fn indices<T: PartialEq>(old: &[Option<T>], new: &[Option<T>]) -> Vec<Option<u32>> {
    let index = |name: &T| (0..).zip(new).find(|(_, new)| new.as_ref() == Some(name)).map(|(index, _)| index);
    old.iter().map(|name| index(name.as_ref()?)).collect()
}

/// A take-over that has happened.
#[derive(Debug)]
pub(crate) struct TakenOver {
    heirs: Heirs,
    /// Since when both generations judge.
    since: BootNs,
    /// Where each account of the old one stood when that was carried over.
    standings: Vec<(u32, Standing)>,
    /// Which threads the old one held, and which processes it had stopped, each since when: they are carried over once. Who has gone on
    /// since then in the new one does so for good, though the old one, which is being detached, does not hear of it.
    held: HashSet<(u32, BootNs)>,
    stopped: HashSet<(u32, BootNs)>,
}

impl TakenOver {
    /// Takes over. `spared` are never members, whatever the old generation says.
    pub(crate) fn from(
        old: &State,
        new: &mut State,
        heirs: Heirs,
        spared: impl Fn(u32, u64) -> bool,
    ) -> Result<Self, TakeOverError> {
        let mut standings = Vec::new();
        for (from, to) in heirs.accounts() {
            new.set_decided(to, &old.account(from)?);
            let standing = old.standing(from);
            if both_act(old, from, new, to)? {
                new.set_standing(to, standing);
            }
            standings.push((from, standing));
        }
        new.grants.carry_from(
            &old.grants,
            |account| heirs.account(account),
            |root| heirs.root(root),
            |way| heirs.way(way),
        )?;
        new.moved.carry_from(&old.moved, |root| heirs.root(root))?;
        new.launches.carry_from(&old.launches, |claim| heirs.claim(claim))?;
        let begun = boot_now();
        carry_names(old, new, &heirs, 0)?;
        carry_members(old, new, &heirs, spared)?;
        new.grants.lower_to(&old.grants)?;
        let since = boot_now();
        for (from, to) in heirs.accounts() {
            carry_budgets(&old.account(from)?, &new.account(to)?, old, new, since);
        }
        carry_names(old, new, &heirs, begun.saturating_sub(LONG_CALL))?;
        let mut taken = Self { heirs, since, standings, held: HashSet::new(), stopped: HashSet::new() };
        taken.catch_up(old, new)?;
        Ok(taken)
    }

    /// Carries over what the old generation has stopped or holds. May be called again: then only what has changed in it is carried over,
    /// and what was decided since is not undone.
    pub(crate) fn catch_up(&mut self, old: &State, new: &mut State) -> Result<(), MapError> {
        for (from, was) in &self.standings {
            let Some(to) = self.heirs.account(*from) else { continue };
            let is = old.standing(*from);
            if is != *was && is.phase != Phase::Armed && both_act(old, *from, new, to)? {
                new.move_standing(to, Standing::ARMED, is);
            }
        }
        new.grants.lower_to(&old.grants)?;
        let (heirs, held) = (&self.heirs, &mut self.held);
        new.held.carry_from(&old.held, |row| heirs.held(row), |tid, row| held.insert((tid, row.at)))?;
        new.launches.carry_from(&old.launches, |claim| self.heirs.claim(claim))?;
        for (pid, row) in old.rows().filter(|(_, row)| row.stopped_at >= self.since) {
            if !self.stopped.insert((pid, row.stopped_at)) {
                continue;
            }
            if let Some(mine) = new.row(pid).filter(|mine| mine.start == row.start && mine.stopped_at == 0) {
                let stopped_ancestors = row.stopped_ancestors;
                new.rewrite(pid, row::Member { stopped_at: row.stopped_at, stopped_ancestors, ..mine })?;
            }
        }
        Ok(())
    }

    /// Which accounts of the old generation nobody is held to any more, in the new one: those that are gone, and those
    /// whose policy is only to observe them. What is granted is the same in both.
    pub(crate) fn freed(&self, old: &State, new: &State) -> Result<Vec<u32>, MapError> {
        let is_enforced =
            |state: &State, index| Ok::<_, MapError>(state.account(index)?.response != response::OBSERVE);
        let mut free = Vec::new();
        for from in 0..u32::try_from(self.heirs.accounts.len()).unwrap_or(u32::MAX) {
            let held = match self.heirs.account(from) {
                Some(to) => is_enforced(old, from)? && is_enforced(new, to)?,
                None => false,
            };
            if !held {
                free.push(from);
            }
        }
        Ok(free)
    }

    /// What both generations have reported and nobody has read, without what both have: the old one's until the take-over,
    /// then the new one's.
    pub(crate) fn records(&self, old: Vec<Record>, new: Vec<Record>) -> Vec<Record> {
        let before = old.into_iter().filter(|record| record.at < self.since);
        let after = new.into_iter().filter(|record| record.at >= self.since);
        before.filter_map(|record| self.heirs.record(record)).chain(after).collect()
    }
}

/// Whether an account is held to its budgets in both. A burst that was only observed must not stop anybody later, nor the
/// other way round.
fn both_act(old: &State, from: u32, new: &State, to: u32) -> Result<bool, MapError> {
    let now = boot_now();
    let acts = |state: &State, index| {
        let row = state.account(index)?;
        Ok(row.response != response::OBSERVE && row.granted_until <= now)
    };
    Ok(acts(old, from)? && acts(new, to)?)
}

fn carry_members(
    old: &State,
    new: &mut State,
    heirs: &Heirs,
    spared: impl Fn(u32, u64) -> bool,
) -> Result<(), TakeOverError> {
    for _ in 0..PASSES {
        let mut quiet = true;
        for (pid, row) in old.rows().collect::<Vec<_>>() {
            let Some(claim) = heirs.claim(row.claim) else { continue };
            let known = new.row(pid).is_some_and(|mine| mine.start == row.start);
            if known || spared(pid, row.start) {
                continue;
            }
            if new.take_on(pid, row::Member { claim, ..row })? == Adopted::Now {
                quiet = false;
                // It may have ended between the two steps. Then the old entry is gone, and nothing removes the new one.
                if old.row(pid).is_none_or(|now| now.start != row.start) {
                    new.forget(pid)?;
                }
            }
        }
        if quiet {
            return Ok(());
        }
    }
    Err(TakeOverError::Restless)
}

/// Names that were remembered since then. What the new generation has seen itself is later.
fn carry_names(old: &State, new: &State, heirs: &Heirs, since: BootNs) -> Result<(), MapError> {
    let (from, into) = (old.ledger()?, new.ledger()?);
    for (tag, word) in from.names().filter(|(_, word)| name_from_word(*word).at >= since) {
        let (root, account) = place::owner(tag);
        let (Some(root), Some(account)) = (heirs.root(root), heirs.account(account)) else { continue };
        let tag = place::with_owner(tag, root, account);
        let later = |mine: u64| name_from_word(mine).at >= name_from_word(word).at;
        if !into.recall(tag).is_some_and(later) {
            into.remember(tag, word);
        }
    }
    Ok(())
}

fn carry_budgets(from: &row::Account, to: &row::Account, old: &State, new: &State, until: BootNs) {
    for kind in Kind::ALL {
        let (from, to) = (&from.budgets[kind as usize], &to.budgets[kind as usize]);
        new.claim(to, owed(old.stamps(from), new.stamps(to), until), until);
    }
}

/// Which claims the new generation lacks. Until then it has seen a part of what the old one has, at the end, and stamped
/// it by a clock of its own: so the earliest are missing, as many as it has fewer.
fn owed(mut old: Vec<BootNs>, new: Vec<BootNs>, until: BootNs) -> Vec<BootNs> {
    let claimed = |stamp: &BootNs| *stamp != 0 && *stamp < until;
    old.retain(claimed);
    old.sort_unstable();
    old.truncate(old.len().saturating_sub(new.iter().filter(|stamp| claimed(stamp)).count()));
    old
}

#[cfg(test)]
mod tests {
    use agent_common::rules::identity::Evidence;

    use super::*;

    #[test]
    fn what_both_have_seen_is_counted_once() {
        assert_eq!(owed(vec![30, 0, 10, 20], vec![0, 0], 100), [10, 20, 30]);
        assert_eq!(owed(vec![30, 0, 10, 20], vec![31, 0], 100), [10, 20]);
        assert_eq!(owed(vec![10], vec![11], 100), [0; 0]);
        assert_eq!(owed(vec![10], vec![11, 12], 100), [0; 0]);
    }

    #[test]
    fn what_comes_later_the_new_one_counts_itself() {
        assert_eq!(owed(vec![10, 100, 120], vec![99, 0], 100), [0; 0]);
        assert_eq!(owed(vec![10, 100, 120], vec![100, 121], 100), [10]);
    }

    #[test]
    fn indices_follow_their_names() {
        let names = |names: &[&str]| -> Vec<_> {
            std::iter::once(None).chain(names.iter().map(|name| Some((*name).to_owned()))).collect()
        };
        let manifest = |accounts: &[&str], entries: &[&str]| Manifest {
            seed: 1,
            accounts: names(accounts),
            roots: Vec::new(),
            entries: names(entries),
        };
        let old = manifest(&["a", "b", "c"], &["uid 7", "unit x"]);
        let new = manifest(&["c", "a", "d"], &["unit x"]);
        let heirs = Heirs::of(&old, &new);
        assert_eq!(heirs.accounts().collect::<Vec<_>>(), [(1, 2), (3, 1)]);
        // An entry that has gone leaves its members in.
        let claim = |account, entry| Claim::of(account, Evidence::Unit, entry);
        assert_eq!(heirs.claim(claim(1, 2)), Some(claim(2, 1)));
        assert_eq!(heirs.claim(claim(1, 1)), Some(claim(2, 0)));
        assert_eq!(heirs.claim(claim(2, 1)), None);
        // The self-test's account is each generation's own.
        assert_eq!([0, 2, 9].map(|index| heirs.account(index)), [None; 3]);
    }
}
