//! Downwards: along names, and which of the policy's paths they still may be.

use core::ffi::c_void;

use agent_common::{
    rules::exception::matches,
    wire::{
        identity::{ANYWHERE, MAX_STARRED, NameKey, of, told_by},
        row::Claim,
    },
};

use crate::{
    desk::Desk,
    maps::{CLAIMS, LAUNCHES, NAMES, STARRED},
    offsets::SETTINGS,
    path::{MAX_DEPTH, NAME_MAX, OUTSIDE, Scratch, state},
    place::{desk, read_ends, repeat, walk},
    read,
};

/// Begins at the top and follows the names that the way up has left. `false`: one could not be read.
#[inline(always)]
pub fn down(desk: Desk, of: u32) -> bool {
    let Some(scratch) = desk.scratch() else { return false };
    scratch.stand_at(OUTSIDE);
    scratch.of = of;
    scratch.alive = u64::MAX;
    scratch.met = 0;
    scratch.launched = Claim::NONE;
    let height = scratch.height;
    height == 0 || walk(desk, step, height) != state::FAILED
}

extern "C" fn step(index: u32, context: *mut c_void) -> i64 {
    let desk = desk(context);
    let Some(scratch) = desk.scratch() else { return 1 };
    let level = scratch.height.wrapping_sub(1).wrapping_sub(index);
    let at = scratch.names[level as usize % MAX_DEPTH as usize];
    let Ok(length) = read::text(at.text, &mut scratch.name) else {
        scratch.state = state::FAILED;
        return 1;
    };
    scratch.take_name(length.wrapping_sub(1) & NAME_MAX);
    enter(desk);
    0
}

/// The last component is the next one downwards.
#[inline(always)]
pub fn enter(desk: Desk) {
    let Some(scratch) = desk.scratch() else { return };
    scratch.go_below();
    if scratch.of == of::GROUP && super::anything_launched() {
        // SAFETY: what is taken of it is, at once, while the entry is alive.
        if let Some(launch) = unsafe { LAUNCHES.get(scratch.last) } {
            scratch.launched = launch.claim;
        }
    }
    if scratch.of == of::WAY || SETTINGS.told_by() & told_by::PATTERNS != 0 {
        let _ = narrow(desk.0);
    }
}

/// Global: which paths the last component leaves.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn narrow(desk: u32) -> u32 {
    let desk = Desk(desk);
    let Some(scratch) = desk.scratch() else { return 0 };
    let &mut Scratch { last, depth, of, .. } = scratch;
    if read_ends(scratch).is_err() {
        return 0;
    }
    (scratch.here, scratch.anywhere) = (mask(last, depth, of), mask(last, ANYWHERE, of));
    repeat(desk, compare, SETTINGS.starred());
    let Some(scratch) = desk.scratch() else { return 0 };
    scratch.alive &= scratch.here;
    let met = scratch.alive & mask(0, depth, of | of::END) | scratch.anywhere;
    // A program is what its path ends with; what is below a group belongs to it.
    scratch.met = if of == of::GROUP { scratch.met | met } else { met };
    0
}

/// Along the components with a star.
extern "C" fn compare(index: u32, context: *mut c_void) -> i64 {
    let Some(scratch) = desk(context).scratch() else { return 1 };
    let Some(row) = STARRED.get(index) else { return 1 };
    if row.of == scratch.of
        && (row.depth == scratch.depth || row.depth == ANYWHERE)
        && matches(&row.pattern, &scratch.ends_of_last)
    {
        if row.depth == ANYWHERE {
            scratch.anywhere |= row.bits;
        } else {
            scratch.here |= row.bits;
        }
    }
    0
}

/// Which paths have this name there.
#[inline(always)]
pub fn mask(name: u64, depth: u32, of: u32) -> u64 {
    // SAFETY: the value is copied at once, while the entry is alive.
    unsafe { NAMES.get(NameKey { name, depth, of }) }.copied().unwrap_or(0)
}

/// The claim of the first of these paths.
#[inline(always)]
pub fn claim(of: u32, paths: u64) -> Claim {
    if paths == 0 {
        return Claim::NONE;
    }
    CLAIMS.get(of * MAX_STARRED + paths.trailing_zeros()).copied().unwrap_or(Claim::NONE)
}
