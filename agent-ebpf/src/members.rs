//! The members of lineages, and how many they are: by the count forks are refused before the map is full, since a child that finds no
//! room in it could only be let run unwatched.

use agent_common::wire::row::{MAX_MEMBERS, Member};
use aya_ebpf::bindings::{BPF_EXIST, BPF_NOEXIST};

use crate::{
    ledger::add,
    maps::{LINEAGE, RESERVED, TAKEN},
};

/// Writes a process's row, whether it is a member already or not; false if the map is full.
#[inline(always)]
pub fn put(tgid: u32, member: &Member) -> bool {
    if LINEAGE.insert(tgid, member, u64::from(BPF_NOEXIST)).is_ok() {
        change(1);
        return true;
    }
    LINEAGE.insert(tgid, member, u64::from(BPF_EXIST)).is_ok()
}

/// Takes a process off, if it is a member.
#[inline(always)]
pub fn remove(tgid: u32) {
    if LINEAGE.remove(tgid).is_ok() {
        change(-1);
    }
}

/// Keeps a place for the child that this thread of a member is about to make; false if there is none. A thread makes one child at
/// a time. The place of one that comes to nothing is given back when the call ends; should the kernel have passed that program over, it
/// is the next child's, or goes with the thread.
#[inline(always)]
pub fn reserve(tid: u32) -> bool {
    if RESERVED.get_ptr(tid).is_some() {
        return true;
    }
    change(1);
    // Added first, then looked at: of two that take the last place at once, none may see that it is there for both.
    let is_free = !is_full() && RESERVED.insert(tid, 0, u64::from(BPF_NOEXIST)).is_ok();
    if !is_free {
        change(-1);
    }
    is_free
}

/// Gives the place back, if there is one; whether there was.
#[inline(always)]
pub fn release(tid: u32) -> bool {
    let was_reserved = RESERVED.get_ptr(tid).is_some() && RESERVED.remove(tid).is_ok();
    if was_reserved {
        change(-1);
    }
    was_reserved
}

/// Whether more places are taken than there may be. The map has some room beyond that.
#[inline(always)]
pub fn is_full() -> bool {
    let Some(taken) = TAKEN.get_ptr(0) else { return true };
    // SAFETY: a live entry of an array map; volatile because other CPUs and the agent write it.
    unsafe { core::ptr::read_volatile(taken) > u64::from(MAX_MEMBERS) }
}

#[inline(always)]
fn change(by: i64) {
    if let Some(taken) = TAKEN.get_ptr_mut(0) {
        add(taken, by as u64);
    }
}
