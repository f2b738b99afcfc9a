//! Exceptions: a name in a tree that is outside of it all the same, with all that is below it.

use core::{ffi::c_void, mem::size_of};

use agent_common::{
    rules::exception::{Ends, MOST, matches},
    wire::{
        Counter,
        exception::{ANYWHERE, ExceptedKey, Exceptions, by},
    },
};

use super::{desk, repeat};
use crate::{
    count::count,
    desk::Desk,
    maps::{EXCEPTED, EXCEPTIONS, PATTERNS},
    path::Scratch,
    read::{Kernel, Unread},
};

/// Whether the component that was folded last is excepted: asked once for each, from the root down, in either direction's walk.
/// Where nothing is excepted it costs a look at an array.
#[inline(always)]
pub fn look(desk: Desk) {
    let Some(scratch) = desk.scratch() else { return };
    if scratch.excepted != 0 {
        return; // below an excepted one all is
    }
    if let Some(exceptions) = EXCEPTIONS.get(scratch.root)
        && !exceptions.is_empty()
    {
        let _ = place_excepted(desk.0);
    }
}

/// Leaves its answer at the desk.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn place_excepted(desk: u32) -> u32 {
    let Some(scratch) = Desk(desk).scratch() else { return 0 };
    let Some(exceptions) = EXCEPTIONS.get(scratch.root) else { return 0 };
    if is_known(exceptions, scratch) {
        scratch.excepted = 1;
    } else if exceptions.patterns != 0 {
        scratch.first_pattern = exceptions.first;
        match read_ends(scratch) {
            Ok(()) => repeat(Desk(desk), step, exceptions.patterns),
            Err(Unread) => count(Counter::KernelRead),
        }
    }
    0
}

/// Whether the place or the name is excepted as it is.
#[inline(always)]
fn is_known(exceptions: &Exceptions, scratch: &Scratch) -> bool {
    // SAFETY: whether there is an entry, not what it holds.
    let is_there = |key, by| unsafe { EXCEPTED.get(ExceptedKey { key, root: scratch.root, by }) }.is_some();
    exceptions.has_place_at(scratch.depth) && is_there(scratch.fold.key(), by::PLACE)
        || exceptions.names != 0 && is_there(scratch.last, by::NAME)
}

/// Reads the last component's ends. It lies in the midst of the desk, so there are bytes to read before its start and behind
/// its end.
#[inline(always)]
pub fn read_ends(scratch: &mut Scratch) -> Result<(), Unread> {
    const ROOM: usize = size_of::<Scratch>().next_power_of_two();
    let at = |offset: u32| Kernel((&raw const *scratch).addr() as u64).within(offset % ROOM as u32);
    let &mut Scratch { last_at, last_length: length, .. } = scratch;
    scratch.ends_of_last = Ends {
        first: at(last_at).field(0)?,
        last: at(last_at.wrapping_add(length).wrapping_sub(MOST as u32)).field(0)?,
        length,
    };
    Ok(())
}

/// Whether the name matches the next pattern of the root.
extern "C" fn step(index: u32, context: *mut c_void) -> i64 {
    let Some(scratch) = desk(context).scratch() else { return 1 };
    let Some(row) = PATTERNS.get(scratch.first_pattern.wrapping_add(index)) else { return 1 };
    let is_here = row.root == ANYWHERE || row.root == scratch.root && row.directory == scratch.directory;
    let is_meant = is_here && matches(&row.pattern, &scratch.ends_of_last);
    scratch.excepted = u32::from(is_meant);
    i64::from(is_meant)
}
