//! Downwards: along the text of a path.

use core::ffi::c_void;

use agent_common::{
    rules::place::{NameHash, PathFold, Step},
    wire::row::{EdgeKey, node},
};

use super::desk;
use crate::{
    maps::EDGES,
    offsets::SETTINGS,
    path::{NAME_MAX, NO_NODE, PATH_MAX, Scratch, state},
};

/// One component downwards.
pub extern "C" fn step(_: u32, context: *mut c_void) -> i64 {
    let Some(scratch) = desk(context).scratch() else { return 1 };
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
    if length > 0 && !(length == 1 && first == b'.') {
        enter(scratch);
    }
    if byte == 0 {
        scratch.state = state::DONE;
        return 1;
    }
    0
}

/// Follows the last component.
#[inline(always)]
fn enter(scratch: &mut Scratch) {
    scratch.fold = scratch.fold.below(scratch.last, Step::of(SETTINGS.seed()));
    if scratch.node == NO_NODE {
        return;
    }
    let key = EdgeKey { name: scratch.last, parent: node::index(scratch.node), reserved: 0 };
    // SAFETY: the value is copied at once, while the entry is alive.
    let next = unsafe { EDGES.get(key) }.copied().unwrap_or(NO_NODE);
    scratch.node = next;
    if next != NO_NODE
        && let Some(root) = node::root_of(next)
    {
        scratch.root = root;
        scratch.fold = PathFold::EMPTY;
    }
}
