//! The calls that wait. The map is the truth about them: an entry is there from before its thread is stopped until the call
//! is judged again and not held, or the thread ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_common::{
    rules::{BootNs, Kinds},
    wire::row,
};
use aya::maps::{HashMap, IterableMap as _, Map, MapData};

use super::{
    decode::{is_command, text},
    error::{MapError, refused},
    quiet::until_programs_have_ended,
    state::{BPF_EXIST, absent_is_fine, again},
};
use crate::processes::proc::ProcessId;

pub(super) const HELD: &str = "HELD";

/// A call that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldCall {
    pub(crate) tid: u32,
    pub(crate) process: ProcessId,
    /// The process that it was the child of when it began to wait.
    pub(crate) parent: u32,
    /// The account's index.
    pub(crate) account: u32,
    /// Since when.
    pub(crate) at: BootNs,
    /// What it would destroy.
    pub(crate) kinds: Kinds,
    /// Whether it is no call, but a command before its first instruction: then `path` is its arguments, as /proc has them.
    pub(crate) command: bool,
    /// The first name as a path below its root, possibly cut off.
    pub(crate) path: Vec<u8>,
    /// The protected names that it would change, at most two.
    pub(crate) names: Vec<HeldName>,
}

/// A protected name that a held call would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldName {
    /// The index of the protected root; none for a directory on the way to one.
    pub(crate) root: Option<u32>,
    /// The key of the directory that it is in.
    pub(crate) directory: u64,
}

impl HeldCall {
    fn of(tid: u32, row: &row::Held) -> Self {
        let used = (row.text_len as usize).min(row.text.len());
        let protected = row.names.iter().filter(|name| name.protected != 0);
        Self {
            tid,
            process: ProcessId { pid: row.tgid, start: row.start },
            parent: row.parent,
            account: row.account,
            at: row.at,
            kinds: kinds(row),
            command: is_command(row.verb),
            path: text(row.verb, &row.text[..used]),
            names: protected
                .map(|name| HeldName {
                    root: (name.root != u32::MAX).then_some(name.root),
                    directory: name.directory,
                })
                .collect(),
        }
    }
}

/// What a held call would destroy.
pub(super) fn kinds(row: &row::Held) -> Kinds {
    // The lowest byte holds all kinds there are.
    Kinds::from_bits(row.kinds.to_le_bytes()[0])
}

/// How often a call was judged: as long as this stays the same, it was not judged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    counts_from: BootNs,
    judged: u32,
}

#[cfg(test)]
impl Judged {
    pub(crate) const NEVER: Self = Self::times(0);

    pub(crate) const fn times(judged: u32) -> Self {
        Self { counts_from: 0, judged }
    }
}

/// How it stands with calls that wait.
pub(crate) trait Waiting {
    /// How often this call was judged; none if it waits no more: a later one of the same thread is another.
    fn judged(&self, call: &HeldCall) -> Option<Judged>;

    /// Its thread will not make this call again: it waits no more.
    ///
    /// Should the thread begin to wait with another call at this moment, it is that one's row which is removed, and nobody would
    /// continue the thread. So whoever says this continues it once more: when this returns, the program that wrote the row has
    /// stopped the thread, which is then judged again and waits with a row of its own.
    fn give_up(&self, call: &HeldCall) -> Result<(), MapError>;
}

impl Waiting for HeldCalls {
    fn judged(&self, call: &HeldCall) -> Option<Judged> {
        let row = self.0.get(&call.tid, 0).ok().filter(|row| is(row, call))?;
        Some(Judged { counts_from: row.counts_from, judged: row.judged })
    }

    fn give_up(&self, call: &HeldCall) -> Result<(), MapError> {
        if self.judged(call).is_some() {
            absent_is_fine(HELD, self.again()?.0.remove(&call.tid))?;
            until_programs_have_ended();
        }
        Ok(())
    }
}

impl Waiting for HeldNow {
    fn judged(&self, call: &HeldCall) -> Option<Judged> {
        self.now().judged(call)
    }

    fn give_up(&self, call: &HeldCall) -> Result<(), MapError> {
        self.now().give_up(call)
    }
}

/// The calls that wait in the generation in force, whichever that is: for threads that outlive one.
#[derive(Clone)]
pub(crate) struct HeldNow(Arc<Mutex<HeldCalls>>);

impl HeldNow {
    /// For now it is the generation of these.
    pub(crate) fn new(held: &HeldCalls) -> Result<Self, MapError> {
        Ok(Self(Arc::new(Mutex::new(held.again()?))))
    }

    /// From now on it is the generation of these, which has been told of all that wait.
    pub(crate) fn follow(&self, held: &HeldCalls) -> Result<(), MapError> {
        *self.now() = held.again()?;
        Ok(())
    }

    /// As [`HeldCalls::waits`].
    pub(crate) fn waits(&self, tid: u32) -> bool {
        self.now().waits(tid)
    }

    /// What a panic elsewhere left is still whole: the map is only ever replaced.
    fn now(&self) -> MutexGuard<'_, HeldCalls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The map of them.
pub(crate) struct HeldCalls(HashMap<MapData, u32, row::Held>);

impl HeldCalls {
    pub(super) fn new(map: Map) -> Result<Self, MapError> {
        Ok(Self(map.try_into().map_err(refused(HELD))?))
    }

    /// A second handle of the same.
    fn again(&self) -> Result<Self, MapError> {
        Self::new(Map::HashMap(again(self.0.map()).map_err(refused(HELD))?))
    }

    pub(super) fn map(&self) -> &MapData {
        self.0.map()
    }

    /// Every one. A call that comes or goes meanwhile may be left out.
    pub(crate) fn all(&self) -> Vec<HeldCall> {
        self.0.iter().filter_map(Result::ok).map(|(tid, row)| HeldCall::of(tid, &row)).collect()
    }

    /// Whether a thread waits, in whichever call.
    pub(crate) fn waits(&self, tid: u32) -> bool {
        self.0.get(&tid, 0).is_ok()
    }

    /// Carries over the calls that another generation holds, if they are new from there, and what was decided about them. `heir` says who
    /// they are here.
    pub(super) fn carry_from(
        &mut self,
        old: &Self,
        heir: impl Fn(row::Held) -> Option<row::Held>,
        mut is_new: impl FnMut(u32, &row::Held) -> bool,
    ) -> Result<(), MapError> {
        for (tid, row) in old.0.iter().filter_map(Result::ok) {
            let (is_new, Some(heir)) = (is_new(tid, &row), heir(row)) else { continue };
            let known = self.0.get(&tid, 0).ok().filter(|mine| mine.start == row.start);
            if let Some(mine) = known {
                if !is_new && mine.at != row.at {
                    continue; // a later call
                }
                if let Some(both) = both(&mine, &heir) {
                    absent_is_fine(HELD, self.0.insert(tid, both, BPF_EXIST))?;
                }
                continue;
            }
            if !is_new {
                continue; // it went on here
            }
            self.0.insert(tid, heir, 0).map_err(refused(HELD))?;
            // It may have gone on or ended between the two steps. Then the old entry is gone, and nothing removes the new one.
            if old.0.get(&tid, 0).is_err() {
                absent_is_fine(HELD, self.0.remove(&tid))?;
            }
        }
        Ok(())
    }

    /// Exactly this call may happen, once; nothing if it waits no more.
    ///
    /// The row is written as a whole. What a program may have put into it meanwhile is how often the same call was judged, or
    /// another call of the thread: that one is then not the one of the row, and is judged anew.
    pub(crate) fn pass(&mut self, call: &HeldCall) -> Result<(), MapError> {
        let Some(row) = self.0.get(&call.tid, 0).ok().filter(|row| is(row, call)) else { return Ok(()) };
        absent_is_fine(HELD, self.0.insert(call.tid, row::Held { pass: 1, ..row }, BPF_EXIST))
    }
}

/// A call that two generations hold, each since another moment: it is known by the old one's, as it was decided about; none
/// if there is nothing to change, or they hold two calls of one thread.
fn both(mine: &row::Held, old: &row::Held) -> Option<row::Held> {
    let what = |row: &row::Held| (row.verb, row.kinds, row.names, row.text);
    let both = row::Held { at: old.at, pass: mine.pass | old.pass, ..*mine };
    (what(mine) == what(old) && both != *mine).then_some(both)
}

fn is(row: &row::Held, call: &HeldCall) -> bool {
    (row.at, row.start) == (call.at, call.process.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_common::{rules::Kind, wire::record::TEXT_LEN};
    use proptest::prelude::*;

    fn name(root: u32, protected: u32) -> row::HeldName {
        row::HeldName { root, protected, directory: u64::from(root) + 7, ..row::HeldName::default() }
    }

    fn row() -> row::Held {
        let mut text = [0; TEXT_LEN];
        text[..7].copy_from_slice(b"nginx/a");
        row::Held {
            at: 5,
            start: 3,
            counts_from: 0,
            after: 0,
            tgid: 70,
            account: 1,
            verb: 3,
            kinds: u32::from(Kinds::of(Kind::Delete).bits()),
            judged: 0,
            pass: 0,
            text_len: 7,
            parent: 60,
            names: [name(2, 1), name(4, 0)],
            text,
        }
    }

    #[test]
    fn a_row_is_a_call() {
        let call = HeldCall::of(71, &row());
        assert_eq!((call.tid, call.process, call.at), (71, ProcessId { pid: 70, start: 3 }, 5));
        assert_eq!(call.parent, 60);
        assert_eq!((call.kinds, call.path.as_slice()), (Kinds::of(Kind::Delete), b"nginx/a".as_slice()));
        assert_eq!(call.names, [HeldName { root: Some(2), directory: 9 }]);
    }

    #[test]
    fn what_was_decided_about_a_call_that_two_generations_hold_counts() {
        let mine = row::Held { at: 6, judged: 9, ..row() };
        assert_eq!(both(&mine, &row::Held { pass: 1, ..row() }), Some(row::Held { at: 5, pass: 1, ..mine }));
        assert_eq!(both(&row(), &row()), None);
        assert_eq!(both(&mine, &row::Held { names: [name(3, 1); 2], pass: 1, ..row() }), None);
    }

    #[test]
    fn a_later_call_of_the_thread_is_another() {
        let call = HeldCall::of(71, &row());
        assert!(is(&row::Held { judged: 9, pass: 1, ..row() }, &call));
        assert!(!is(&row::Held { at: 6, ..row() }, &call));
        assert!(!is(&row::Held { start: 4, ..row() }, &call));
    }

    proptest! {
        #[test]
        fn no_row_is_too_strange(kinds: u32, text_len: u32, root: u32, protected: u32, byte: u8) {
            let names = [name(root & 0xff, protected), name(u32::MAX, 2)];
            let call = HeldCall::of(1, &row::Held { kinds, text_len, names, text: [byte; TEXT_LEN], ..row() });
            prop_assert!(call.path.len() <= TEXT_LEN && call.names.len() <= 2);
            prop_assert_eq!(call.names.last().map(|name| name.root), Some(None));
        }
    }
}
