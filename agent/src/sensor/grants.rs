//! What responders have granted: until when, how much, and in which directories. Which processes act under a grant is written in
//! their rows among the members; a lease is whoever's who acts for its account.

use std::collections::{BTreeSet, HashMap as Map};

use agent_common::{
    rules::{BootNs, grant::NUMBERS},
    wire::row::{self, MAX_GRANTS, leases_of},
};
use aya::maps::{Array, HashMap, IterableMap as _, Map as KernelMap, MapData};

use super::{
    error::{MapError, refused},
    state::absent_is_fine,
};

pub(super) const GRANTS: &str = "GRANTS";
pub(super) const DIRECTORIES: &str = "DIRECTORIES";

/// Leave to destroy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The account's index.
    pub(crate) account: u32,
    pub(crate) incident: u64,
    pub(crate) until: BootNs,
    /// How many operations it still admits, see [`agent_common::rules::grant`].
    pub(crate) allowance: [u64; NUMBERS],
    pub(crate) holder: Holder,
}

/// Who acts under a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Those processes in whose rows it is, and what they start.
    Processes,
    /// Whoever acts for the account.
    Account,
}

/// A directory in which a grant holds, with all that is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Directory {
    /// The root's index.
    pub(crate) root: u32,
    /// Its key.
    pub(crate) key: u64,
}

/// The maps of them.
pub(crate) struct Grants {
    rows: Array<MapData, row::Grant>,
    directories: HashMap<MapData, row::DirectoryKey, u32>,
    /// The index that was given away last: one is not given again as long as others are free, in case that a process which
    /// has it was overlooked.
    last: u32,
    /// Those that may be in force: to ask the kernel for all of them each second would be a thousand calls.
    known: BTreeSet<u32>,
}

impl Grants {
    pub(super) fn new(rows: KernelMap, directories: KernelMap) -> Result<Self, MapError> {
        Ok(Self {
            rows: rows.try_into().map_err(refused(GRANTS))?,
            directories: directories.try_into().map_err(refused(DIRECTORIES))?,
            last: 0,
            known: BTreeSet::new(),
        })
    }

    /// By name.
    pub(super) fn maps(&self) -> [(&'static str, &MapData); 2] {
        [(GRANTS, self.rows.map()), (DIRECTORIES, self.directories.map())]
    }

    /// Every one there is, by index; `had` are those that processes have, whoever gave them.
    pub(crate) fn all(&mut self, had: impl Iterator<Item = u32>) -> Vec<(u32, Grant)> {
        self.known.extend(had.filter(|index| *index != 0));
        let known = self.known.iter();
        known.filter_map(|index| Some((*index, self.get(*index)?))).collect()
    }

    fn get(&self, index: u32) -> Option<Grant> {
        Grant::of(&self.rows.get(&index, 0).ok()?)
    }

    /// How many leases an account has.
    pub(super) fn leases(&self, account: u32) -> u64 {
        let leases = self.known.iter().filter_map(|index| self.get(*index));
        leases.filter(|grant| grant.holder == Holder::Account && grant.account == account).count() as u64
    }

    /// Makes one; its index. `taken` are indices that processes still have. If anything fails there is none.
    pub(super) fn add(
        &mut self,
        grant: Grant,
        directories: &[Directory],
        taken: impl Fn(u32) -> bool,
        now: BootNs,
    ) -> Result<u32, MapError> {
        let is_over = |index: u32| self.get(index).is_none_or(|grant| grant.until <= now);
        let is_free = |index: &u32| !taken(*index) && is_over(*index);
        let index = after(self.last).find(is_free).ok_or(MapError::Full(GRANTS))?;
        self.remove(index)?;
        // The row first: under a directory whose row is not there nothing is admitted.
        self.rows.set(index, grant.row(), 0).map_err(refused(GRANTS))?;
        self.known.insert(index);
        for directory in directories {
            if let Err(error) = self.directories.insert(grant.key(*directory, index), index, 0) {
                self.remove(index)?;
                return Err(refused(DIRECTORIES)(error));
            }
        }
        self.last = index;
        Ok(index)
    }

    /// Carries over what another generation knows. `account`, `root` and `way` tell the indices of this one; 0 is no way.
    pub(super) fn carry_from(
        &mut self,
        old: &Self,
        account: impl Fn(u32) -> Option<u32>,
        root: impl Fn(u32) -> Option<u32>,
        way: impl Fn(u64) -> u64,
    ) -> Result<(), MapError> {
        let mut carried = Map::new();
        for index in after(0) {
            let row = old.rows.get(&index, 0).map_err(refused(GRANTS))?;
            if row.until != 0
                && let Some(account) = account(row.account)
            {
                let row = row::Grant { account, ..row };
                self.rows.set(index, row, 0).map_err(refused(GRANTS))?;
                self.known.insert(index);
                carried.extend(Grant::of(&row).map(|grant| (index, grant)));
            }
        }
        for (key, index) in old.directories.iter().filter_map(Result::ok) {
            // What is above every root is a way, by its number.
            let (root, key) = match key.root {
                u32::MAX => (Some(u32::MAX).filter(|_| way(key.key) != 0), way(key.key)),
                old => (root(old), key.key),
            };
            if let (Some(root), Some(grant)) = (root, carried.get(&index)) {
                let key = grant.key(Directory { root, key }, index);
                self.directories.insert(key, index, 0).map_err(refused(DIRECTORIES))?;
            }
        }
        self.last = old.last;
        Ok(())
    }

    /// Admits no more than what another generation has left of the same grants: for as long as both judge, that one knows of all
    /// that happens.
    pub(super) fn lower_to(&mut self, old: &Self) -> Result<(), MapError> {
        for index in &self.known {
            let [mine, other] = [&*self, old].map(|all| all.rows.get(index, 0));
            let (mine, other) = (mine.map_err(refused(GRANTS))?, other.map_err(refused(GRANTS))?);
            let is_same = mine.incident == other.incident && other.until != 0;
            let allowance = std::array::from_fn(|at| mine.allowance[at].min(other.allowance[at]));
            if is_same && allowance != mine.allowance {
                self.rows.set(*index, row::Grant { allowance, ..mine }, 0).map_err(refused(GRANTS))?;
            }
        }
        Ok(())
    }

    /// Ends one; what it was.
    pub(super) fn remove(&mut self, index: u32) -> Result<Option<Grant>, MapError> {
        let was = self.get(index);
        self.rows.set(index, NONE, 0).map_err(refused(GRANTS))?;
        let keys: Vec<_> =
            self.directories.iter().filter_map(Result::ok).filter(|(_, of)| *of == index).collect();
        keys.iter().try_for_each(|(key, _)| absent_is_fine(DIRECTORIES, self.directories.remove(key)))?;
        self.known.remove(&index);
        Ok(was)
    }
}

const NONE: row::Grant = row::Grant { until: 0, allowance: [0; NUMBERS], incident: 0, account: 0, leased: 0 };

/// Every index, beginning behind `last`; 0 stands for none.
fn after(last: u32) -> impl Iterator<Item = u32> {
    (last + 1..MAX_GRANTS).chain(1..=last)
}

impl Grant {
    fn of(row: &row::Grant) -> Option<Self> {
        let row::Grant { until, allowance, incident, account, leased } = *row;
        let holder = if leased == 0 { Holder::Processes } else { Holder::Account };
        (until != 0).then_some(Self { account, incident, until, allowance, holder })
    }

    fn row(self) -> row::Grant {
        let Self { account, incident, until, allowance, holder } = self;
        row::Grant { until, allowance, incident, account, leased: u32::from(holder == Holder::Account) }
    }

    /// The key of a directory in which it holds.
    fn key(&self, Directory { root, key }: Directory, index: u32) -> row::DirectoryKey {
        let holder = match self.holder {
            Holder::Processes => index,
            Holder::Account => leases_of(self.account),
        };
        row::DirectoryKey { key, root, holder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: Grant =
        Grant { account: 1, incident: 9, until: 5, allowance: [7; NUMBERS], holder: Holder::Processes };

    #[test]
    fn a_row_is_a_grant_and_back() {
        for holder in [Holder::Processes, Holder::Account] {
            let grant = Grant { holder, ..GRANT };
            assert_eq!(Grant::of(&grant.row()), Some(grant));
        }
        assert_eq!(Grant::of(&NONE), None);
    }

    #[test]
    fn a_lease_is_looked_for_under_its_account() {
        let directory = Directory { root: 2, key: 3 };
        assert_eq!(GRANT.key(directory, 8), row::DirectoryKey { key: 3, root: 2, holder: 8 });
        let lease = Grant { holder: Holder::Account, ..GRANT };
        assert_eq!(lease.key(directory, 8), row::DirectoryKey { key: 3, root: 2, holder: leases_of(1) });
    }

    #[test]
    fn indices_go_round_without_the_first() {
        assert_eq!(after(0).next(), Some(1));
        assert_eq!(after(MAX_GRANTS - 1).next(), Some(1));
        let all: Vec<u32> = after(7).collect();
        assert_eq!((all[0], all.last(), all.len()), (8, Some(&7), MAX_GRANTS as usize - 1));
    }
}
