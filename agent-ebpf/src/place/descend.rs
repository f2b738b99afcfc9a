//! Downwards: along the text of a path.

use core::{ffi::c_void, mem::offset_of};

use agent_common::{
    rules::place::NameHash,
    wire::row::{EdgeKey, node},
};

use super::{desk, except};
use crate::{
    desk::Desk,
    grant,
    maps::EDGES,
    offsets::SETTINGS,
    path::{NAME_MAX, NO_NODE, PATH_MAX, Scratch, state},
};

/// One component downwards.
pub extern "C" fn step(_: u32, context: *mut c_void) -> i64 {
    take(desk(context), enter)
}

/// Takes the next component of the text there.
#[inline(always)]
pub fn take(desk: Desk, enter: impl FnOnce(Desk)) -> i64 {
    let Some(scratch) = desk.scratch() else { return 1 };
    let start = scratch.position;
    let mut position = start;
    let mut hash = NameHash::new(SETTINGS.seed());
    let mut byte = 0;
    for _ in 0..=NAME_MAX {
        byte = scratch.text[position as usize % PATH_MAX];
        if byte == b'/' || byte == 0 {
            break;
        }
        hash = hash.byte(byte);
        position += 1;
    }
    scratch.position = position + 1;
    scratch.last = hash.finish();
    let length = position.wrapping_sub(start);
    let first = scratch.text[start as usize % PATH_MAX];
    let second = scratch.text[(start as usize + 1) % PATH_MAX];
    if length > NAME_MAX || (length == 2 && first == b'.' && second == b'.') {
        scratch.state = state::UNRESOLVED;
        return 1;
    }
    if byte == 0 {
        scratch.state = state::DONE;
    }
    if length > 0 && !(length == 1 && first == b'.') {
        scratch.last_at = offset_of!(Scratch, text) as u32 + start;
        scratch.last_length = length;
        enter(desk);
    }
    i64::from(byte == 0)
}

/// Follows the last component.
#[inline(always)]
fn enter(desk: Desk) {
    if !enter_root(desk) {
        except::look(desk);
    }
    grant::look(desk);
}

/// The same, and whether it leads into another root.
#[inline(always)]
fn enter_root(desk: Desk) -> bool {
    let Some(scratch) = desk.scratch() else { return false };
    scratch.go_below();
    if scratch.node == NO_NODE {
        return false;
    }
    if scratch.node & node::LEAF != 0 {
        scratch.node = NO_NODE;
        return false;
    }
    let key = EdgeKey { name: scratch.last, parent: node::index(scratch.node), reserved: 0 };
    // SAFETY: the value is copied at once, while the entry is alive.
    let next = unsafe { EDGES.get(key) }.copied().unwrap_or(NO_NODE);
    scratch.node = next;
    if next == NO_NODE {
        return false;
    }
    let Some(root) = node::root_of(next) else { return false };
    scratch.stand_at(root);
    true
}
