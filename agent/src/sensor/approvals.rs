//! What responders have approved: until when, how much, and in which directories. Which processes act under an approval is
//! written in their rows among the members.

use std::collections::BTreeSet;

use agent_common::{
    rules::BootNs,
    wire::row::{self, MAX_APPROVALS},
};
use aya::maps::{Array, HashMap, IterableMap as _, Map, MapData};

use super::{
    error::{MapError, refused},
    state::absent_is_fine,
};

pub(super) const APPROVALS: &str = "APPROVALS";
pub(super) const DIRECTORIES: &str = "DIRECTORIES";

/// Leave for some processes and their descendants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    /// The account's index.
    pub(crate) account: u32,
    pub(crate) incident: u64,
    pub(crate) until: BootNs,
    /// How many operations it still admits; none: any number.
    pub(crate) allowance: Option<u64>,
}

/// A directory in which an approval holds, with all that is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Directory {
    /// The root's index.
    pub(crate) root: u32,
    /// Its key.
    pub(crate) key: u64,
}

/// The maps of them.
pub(crate) struct Approvals {
    rows: Array<MapData, row::Approval>,
    directories: HashMap<MapData, row::DirectoryKey, u8>,
    /// The index that was given away last: one is not given again as long as others are free, in case that a process which
    /// has it was overlooked.
    last: u32,
    /// Those that may be in force: to ask the kernel for all of them each second would be a thousand calls.
    known: BTreeSet<u32>,
}

impl Approvals {
    pub(super) fn new(rows: Map, directories: Map) -> Result<Self, MapError> {
        Ok(Self {
            rows: rows.try_into().map_err(refused(APPROVALS))?,
            directories: directories.try_into().map_err(refused(DIRECTORIES))?,
            last: 0,
            known: BTreeSet::new(),
        })
    }

    /// By name.
    pub(super) fn maps(&self) -> [(&'static str, &MapData); 2] {
        [(APPROVALS, self.rows.map()), (DIRECTORIES, self.directories.map())]
    }

    /// Every one there is, by index; `had` are those that processes have, whoever gave them.
    pub(crate) fn all(&mut self, had: impl Iterator<Item = u32>) -> Vec<(u32, Approval)> {
        self.known.extend(had.filter(|index| *index != 0));
        let known = self.known.iter();
        known.filter_map(|index| Some((*index, self.get(*index)?))).collect()
    }

    fn get(&self, index: u32) -> Option<Approval> {
        Approval::of(&self.rows.get(&index, 0).ok()?)
    }

    /// Makes one; its index. `taken` are indices that processes still have. If anything fails there is none.
    pub(crate) fn add(
        &mut self,
        approval: Approval,
        directories: &[Directory],
        taken: impl Fn(u32) -> bool,
        now: BootNs,
    ) -> Result<u32, MapError> {
        let is_over = |index: u32| self.get(index).is_none_or(|approval| approval.until <= now);
        let is_free = |index: &u32| !taken(*index) && is_over(*index);
        let index = after(self.last).find(is_free).ok_or(MapError::Full(APPROVALS))?;
        self.remove(index)?;
        // Nobody has the index yet, so the order does not matter; but a row without its directories admits nothing.
        for directory in directories {
            if let Err(error) = self.directories.insert(directory.key(index), 0, 0) {
                self.remove(index)?;
                return Err(refused(DIRECTORIES)(error));
            }
        }
        self.rows.set(index, approval.row(), 0).map_err(refused(APPROVALS))?;
        self.last = index;
        self.known.insert(index);
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
        for key in old.directories.keys().filter_map(Result::ok) {
            // What is above every root is a way, by its number.
            let heir = match key.root {
                u32::MAX => Some(row::DirectoryKey { key: way(key.key), ..key }).filter(|key| key.key != 0),
                old => root(old).map(|root| row::DirectoryKey { root, ..key }),
            };
            if let Some(key) = heir {
                self.directories.insert(key, 0, 0).map_err(refused(DIRECTORIES))?;
            }
        }
        for index in after(0) {
            let row = old.rows.get(&index, 0).map_err(refused(APPROVALS))?;
            if row.until != 0
                && let Some(account) = account(row.account)
            {
                self.rows.set(index, row::Approval { account, ..row }, 0).map_err(refused(APPROVALS))?;
                self.known.insert(index);
            }
        }
        self.last = old.last;
        Ok(())
    }

    /// Ends one.
    pub(crate) fn remove(&mut self, index: u32) -> Result<(), MapError> {
        self.rows.set(index, NONE, 0).map_err(refused(APPROVALS))?;
        let keys: Vec<_> =
            self.directories.keys().filter_map(Result::ok).filter(|key| key.approval == index).collect();
        keys.iter().try_for_each(|key| absent_is_fine(DIRECTORIES, self.directories.remove(key)))?;
        self.known.remove(&index);
        Ok(())
    }
}

const NONE: row::Approval = row::Approval { until: 0, allowance: 0, incident: 0, account: 0, reserved: 0 };

/// Every index, beginning behind `last`; 0 stands for none.
fn after(last: u32) -> impl Iterator<Item = u32> {
    (last + 1..MAX_APPROVALS).chain(1..=last)
}

impl Approval {
    fn of(row: &row::Approval) -> Option<Self> {
        let row::Approval { until, allowance, incident, account, reserved: _ } = *row;
        let allowance = (allowance != u64::MAX).then_some(allowance);
        (until != 0).then_some(Self { account, incident, until, allowance })
    }

    fn row(self) -> row::Approval {
        let Self { account, incident, until, allowance } = self;
        row::Approval { until, allowance: allowance.unwrap_or(u64::MAX), incident, account, reserved: 0 }
    }
}

impl Directory {
    fn key(self, approval: u32) -> row::DirectoryKey {
        row::DirectoryKey { key: self.key, root: self.root, approval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_an_approval_and_back() {
        for allowance in [None, Some(0), Some(7)] {
            let approval = Approval { account: 1, incident: 9, until: 5, allowance };
            assert_eq!(Approval::of(&approval.row()), Some(approval));
        }
        assert_eq!(Approval::of(&NONE), None);
    }

    #[test]
    fn indices_go_round_without_the_first() {
        assert_eq!(after(0).next(), Some(1));
        assert_eq!(after(MAX_APPROVALS - 1).next(), Some(1));
        let all: Vec<u32> = after(7).collect();
        assert_eq!((all[0], all.last(), all.len()), (8, Some(&7), MAX_APPROVALS as usize - 1));
    }
}
