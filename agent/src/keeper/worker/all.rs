//! Looks at all there is: at the start, with another policy, when changes were missed, and each hour for what no watch tells. In parts,
//! with rests between them. And what is due now and then besides: what is too old goes, and it is counted what there is.

use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;

use super::{ALL, Looks, PRUNE, Worker};
use crate::{
    clock::boot_now,
    keeper::{
        Why,
        changes::REST,
        room,
        shelf::{index, prune},
        thread::ran,
    },
};

/// For how many times what a part has cost it is rested after it: in the first look at all, and in those that follow it.
const FIRST_REST: u32 = 1;
const LATER_REST: u32 = 9;
/// How long a part takes.
pub(super) const PART: Duration = Duration::from_millis(100);
/// How often it is counted what there is, at most.
const COUNT: Duration = Duration::from_secs(10);
/// What no tree is kept of any more ages by this.
const AGE: Duration = Duration::from_hours(30 * 24);

impl Worker {
    pub(super) fn begin_all(&mut self) -> Result<()> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let keeping = shelf.begin()?;
        index::look_at_left_again(keeping.tx())?;
        self.fresh.clear();
        for root in self.trees.all().flat_map(|tree| &tree.roots) {
            self.fresh.push(index::directory_number(keeping.tx(), root)?);
        }
        keeping.commit()?;
        (self.begin, self.looks) = (false, Some(Looks::All));
        self.when.all = Instant::now() + ALL;
        Ok(())
    }

    pub(super) fn look_at_a_part(&mut self) -> Result<()> {
        room::check(&self.state)?;
        let (began, before) = (Instant::now(), ran());
        while began.elapsed() < PART {
            let some = self.fresh.split_off(self.fresh.len().saturating_sub(8));
            if some.is_empty() {
                if matches!(self.looks, Some(Looks::All)) {
                    self.end_all()?;
                }
                self.looks = None;
                break;
            }
            // At first all is kept as it is: nobody knows when it comes to rest.
            let young = !self.has_looked;
            self.look_at(some.into_iter().map(|id| (id, young, true)).collect())?;
        }
        let rest = if self.has_looked { LATER_REST } else { FIRST_REST };
        self.when.part = Instant::now() + ran().saturating_sub(before) * rest;
        Ok(())
    }

    /// All has been looked at: what the index has besides is of no tree any more.
    pub(super) fn end_all(&mut self) -> Result<()> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let mut keeping = shelf.begin()?;
        for id in index::all_directories(keeping.tx())? {
            let Some(path) = index::directory(keeping.tx(), id)? else { continue };
            // What lies beside a root is no tree's, but the root itself.
            if self.trees.of(&path).is_none() && !self.trees.is_above_a_root(&path) {
                keeping.let_age(&path)?;
                keeping.breathe()?;
            }
        }
        keeping.commit()?;
        (0..=u8::MAX).try_for_each(|first| shelf.sweep(first))?;
        self.has_looked = true;
        self.prune()?;
        self.count()?;
        self.shared.standing().looked = Some(Timestamp::now());
        Ok(())
    }

    /// Directories that are new are looked at as all are at first.
    pub(super) fn look_at_new(&mut self) {
        let now = Instant::now();
        (self.looks, self.when.part) = (Some(Looks::New { since: now }), now);
    }

    pub(super) fn prune(&mut self) -> Result<()> {
        self.when.prune = Instant::now() + PRUNE;
        let is_steady = self.clock.is_steady(Timestamp::now(), boot_now());
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        for name in index::trees(shelf.index())? {
            let kept = self.trees.all().find(|tree| tree.name == name);
            let (age, total) = kept.map_or((AGE, u64::MAX >> 1), |tree| (tree.age, tree.limits.total));
            let before = if is_steady { prune::before(Timestamp::now(), age) } else { Timestamp::MIN };
            while shelf.prune(&name, before, total)? {}
        }
        Ok(())
    }

    pub(super) fn count(&mut self) -> Result<()> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        let began = Instant::now();
        let (names, versions, bytes, left) = index::sum(shelf.index())?;
        let mut standing = self.shared.standing();
        (standing.names, standing.versions, standing.bytes) = (names, versions, bytes);
        standing.left = left;
        // The index has none of these: that is known from the looks alone.
        standing.left[Why::Changing as usize] = self.changes.changing();
        drop(standing);
        self.changed = false;
        self.when.count = Instant::now() + COUNT.max(began.elapsed() * REST);
        Ok(())
    }
}
