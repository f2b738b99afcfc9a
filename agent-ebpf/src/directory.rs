//! What the lsm tier knows of directories that a call is about: one that is moved takes a whole tree along, and one that is
//! not empty is not removed.

use agent_common::wire::{
    Counter,
    record::{TEXT_LEN, verb},
    row::{Moved, node},
};
use aya_ebpf::{bindings::BPF_ANY, helpers::generated::bpf_loop};
use core::ffi::c_void;

use crate::{
    actor::Actor,
    call::{Pending, flag},
    count::count,
    desk::Desk,
    maps::{MARKS, MOVED},
    offsets::{HOOKS, OFFSETS},
    path::{Target, found},
    pending,
    read::{Kernel, Unread},
    size::S_IFMT,
};

const S_IFDIR: u16 = 0o040_000;
/// How many entries of a directory are looked at.
const ENTRIES: u32 = 1024;

/// Takes the call's directories into account; whether it can succeed at all.
#[inline(always)]
pub fn look(actor: &Actor) -> bool {
    look_of(actor.index) != 0
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_of(account: u32) -> u32 {
    pending::of_current(account, |_, pending| u32::from(try_look(pending))).unwrap_or(1)
}

#[inline(always)]
fn try_look(pending: &mut Pending) -> bool {
    let entries = [Kernel(pending.paths[0].text), Kernel(pending.paths[1].text)];
    let moves = pending.verb == verb::RENAME || pending.verb == verb::EXCHANGE;
    if pending.verb == verb::MOUNT {
        mark_whole(&mut pending.ends[0]);
    }
    if moves && is_directory(entries[0]) {
        pending.flags |= redirects(entries[0]);
        mark_whole(&mut pending.ends[0]);
    }
    if pending.verb == verb::EXCHANGE && is_directory(entries[1]) {
        pending.flags |= redirects(entries[1]);
        mark_whole(&mut pending.ends[1]);
    }
    let goes = match pending.verb {
        verb::REMOVE => entries[0],
        verb::RENAME => entries[1],
        _ => return true,
    };
    !(is_directory(goes) && holds_something(goes))
}

/// [`flag::REDIRECTS`] for a directory that holds something. One that is empty puts nothing below another name: packages are
/// unpacked so, each directory made aside and renamed, and the account's files beside it stay its own.
#[inline(always)]
fn redirects(directory: Kernel) -> u32 {
    if holds_something(directory) { flag::REDIRECTS } else { 0 }
}

#[inline(always)]
fn mark_whole(end: &mut Target) {
    if end.found == found::PLACE {
        end.whole = 1;
    }
}

#[inline(always)]
fn is_directory(dentry: Kernel) -> bool {
    let mode =
        dentry.follow(OFFSETS.dentry_inode()).and_then(|inode| inode.field::<u16>(OFFSETS.inode_mode()));
    matches!(mode, Ok(mode) if mode & S_IFMT == S_IFDIR)
}

/// Whether it is known to hold something: then the file system will refuse to remove it. Not every file system counts a
/// directory's directories as its links, and not every entry is in memory; where neither tells, it may be empty.
#[inline(never)]
fn holds_something(dentry: Kernel) -> bool {
    let links =
        dentry.follow(OFFSETS.dentry_inode()).and_then(|inode| inode.field::<u32>(OFFSETS.inode_nlink()));
    if matches!(links, Ok(links) if links > 2) {
        return true;
    }
    let list = dentry.within(HOOKS.dentry_children());
    let Ok(first) = list.follow(0) else { return false };
    let mut walk = Walk { list, at: first, found: 0 };
    // SAFETY: the step is handed the walk, which outlives the loop.
    let _ = unsafe { bpf_loop(ENTRIES, step as *mut c_void, (&raw mut walk).cast(), 0) };
    walk.found != 0
}

/// Along the entries of a directory. Up to Linux 6.7 they are a ring that leads back to its beginning, since then a list with
/// an end. Nobody locks it for us: an entry that is taken out meanwhile leads astray, and reads nothing then.
#[repr(C)]
struct Walk {
    list: Kernel,
    at: Kernel,
    found: u64,
}

extern "C" fn step(_: u32, context: *mut c_void) -> i64 {
    // SAFETY: see `holds_something`.
    let walk = unsafe { &mut *context.cast::<Walk>() };
    if walk.at == Kernel::NULL || walk.at == walk.list {
        return 1;
    }
    let child = walk.at.around(HOOKS.dentry_sibling());
    if is_there(child) {
        walk.found = 1;
        return 1;
    }
    match walk.at.follow(0) {
        Ok(next) => walk.at = next,
        Err(Unread) => return 1,
    }
    0
}

/// Whether an entry leads somewhere and can be found.
#[inline(always)]
pub fn is_there(dentry: Kernel) -> bool {
    let inode = dentry.follow(OFFSETS.dentry_inode());
    let hashed = dentry.follow(HOOKS.dentry_hash());
    matches!((inode, hashed), (Ok(inode), Ok(hashed)) if inode != Kernel::NULL && hashed != Kernel::NULL)
}

/// What lies in a directory that was moved out of every tree stays protected where it goes. An entry takes its inode along,
/// so each still leads to what it led to.
#[inline(always)]
pub fn moved(pending: &Pending) {
    let [first, second] = &pending.ends;
    let [one, other] = pending.paths;
    // An own directory is no loss, wherever it goes.
    let [first_is_lost, second_is_lost] = pending.kinds.map(|kinds| kinds != 0);
    if (pending.verb == verb::RENAME || pending.verb == verb::EXCHANGE) && first_is_lost {
        leaves(Kernel(one.text), first, second, pending);
    }
    if pending.verb == verb::EXCHANGE && second_is_lost {
        leaves(Kernel(other.text), second, first, pending);
    }
}

#[inline(always)]
fn leaves(entry: Kernel, from: &Target, to: &Target, pending: &Pending) {
    if from.found != found::PLACE || to.found != found::NOTHING || !is_directory(entry) {
        return;
    }
    let Ok(inode) = entry.follow(OFFSETS.dentry_inode()) else { return count(Counter::KernelRead) };
    let Some(desk) = Desk::claim() else { return };
    if !desk.scratch().is_some_and(|scratch| mark(inode, describe(from, pending, &mut scratch.moved))) {
        count(Counter::MovedFull);
    }
    desk.release();
}

#[inline(always)]
fn describe<'a>(from: &Target, pending: &Pending, moved: &'a mut Moved) -> &'a Moved {
    moved.key = from.key;
    moved.root = from.root;
    moved.text_len = pending.text_len.min(TEXT_LEN as u32);
    moved.text = pending.text;
    moved
}

/// Has what lies in a directory keep this place, wherever it is; whether that could be done. The place first: a mark without
/// one would lead nowhere. By reference: a copy would fill the stack.
#[inline(always)]
pub fn mark(inode: Kernel, place: &Moved) -> bool {
    MOVED.insert(inode.0, place, u64::from(BPF_ANY)).is_ok()
        && MARKS.insert(inode.0, node::MOVED, u64::from(BPF_ANY)).is_ok()
}
