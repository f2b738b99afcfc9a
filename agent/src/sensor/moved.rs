//! Directories that accounts have moved out of protected trees, by the address of their inode. What lies in them stays
//! protected, as long as the inode lives: then the kernel programs forget it.

use agent_common::wire::row::{self, node};
use aya::maps::{HashMap, IterableMap as _, Map, MapData};

use super::{
    error::{MapError, refused},
    state::absent_is_fine,
};

pub(super) const MARKS: &str = "MARKS";
pub(super) const MOVED: &str = "MOVED";

/// The maps of them.
pub(crate) struct MovedDirectories {
    /// Every directory that is known by its inode; the policy's are the kernel programs' business.
    marks: HashMap<MapData, u64, u64>,
    moved: HashMap<MapData, u64, row::Moved>,
}

impl MovedDirectories {
    pub(super) fn new(marks: Map, moved: Map) -> Result<Self, MapError> {
        Ok(Self {
            marks: marks.try_into().map_err(refused(MARKS))?,
            moved: moved.try_into().map_err(refused(MOVED))?,
        })
    }

    /// By name.
    pub(super) fn maps(&self) -> [(&'static str, &MapData); 2] {
        [(MARKS, self.marks.map()), (MOVED, self.moved.map())]
    }

    /// Carries over what another generation knows. `heir` tells a root's index in this one.
    pub(super) fn carry_from(
        &mut self,
        old: &Self,
        heir: impl Fn(u32) -> Option<u32>,
    ) -> Result<(), MapError> {
        for (inode, moved) in old.moved.iter().filter_map(Result::ok) {
            let Some(root) = heir(moved.root) else { continue };
            // What is mounted inside a tree is known already, by a place in the trees of this generation.
            if self.moved.get(&inode, 0).is_ok() {
                continue;
            }
            self.moved.insert(inode, row::Moved { root, ..moved }, 0).map_err(refused(MOVED))?;
            self.marks.insert(inode, node::MOVED, 0).map_err(refused(MARKS))?;
            // The inode may have gone between the two steps. Then the old entry has too, and nothing removes the new one.
            if old.moved.get(&inode, 0).is_err() {
                absent_is_fine(MARKS, self.marks.remove(&inode))?;
                absent_is_fine(MOVED, self.moved.remove(&inode))?;
            }
        }
        Ok(())
    }
}
