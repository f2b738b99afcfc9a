//! From a system call's path argument to a protected place.
//!
//! First upwards, from the directory where the path starts (root, working directory or descriptor), through the
//! directory entries and mounts above it, until a root's inode is met. Then downwards through the text: from a carrier
//! along the edges that lead to roots, inside a root by folding the names. Relative paths, descriptors, bind mounts,
//! chroots and mount namespaces so give one answer. Text that leads through `..` cannot be followed without guessing
//! where a symbolic link on the way would lead, and a symbolic link itself is not seen.

mod climb;
mod descend;
mod except;

use core::ffi::c_void;

use agent_common::wire::{
    Counter,
    row::{ABOVE_OWN, is_own, node},
};
use aya_ebpf::helpers::generated::bpf_loop;

use crate::{
    count::count,
    desk::Desk,
    grant,
    offsets::OFFSETS,
    path::{AT_FDCWD, MAX_DEPTH, NO_NODE, OUTSIDE, PATH_MAX, PathArg, Scratch, Target, form, found, state},
    read::{self, Kernel, Typed, Unread},
};

/// Where a path argument of the running task leads, at a desk that keeps its text. `holders`: whose grants are looked for on the way.
#[inline(always)]
pub fn of_argument(desk: Desk, path: PathArg, holders: [u32; 2]) -> Target {
    look_for(desk, holders);
    let _ = resolve_argument(desk.0, path.base, path.text, path.form);
    found_at(desk)
}

/// The same of what the kernel has found already: a directory entry, or a way to have others act. Apart from the other, because nobody
/// needs both, and the verifier goes through all that a program could come to.
#[inline(always)]
pub fn of_found(desk: Desk, path: PathArg, holders: [u32; 2]) -> Target {
    look_for(desk, holders);
    let _ = resolve_found(desk.0, path.base, path.text, path.form);
    found_at(desk)
}

#[inline(always)]
fn look_for(desk: Desk, holders: [u32; 2]) {
    if let Some(scratch) = desk.scratch() {
        scratch.holders = holders;
    }
}

#[inline(always)]
fn found_at(desk: Desk) -> Target {
    desk.scratch().map_or(Target::NOTHING, |scratch| scratch.target)
}

/// Global: leaves its answer at the desk.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn resolve_argument(desk: u32, base: u64, text: u64, form: u32) -> u32 {
    leave(Desk(desk), follow(Desk(desk), &PathArg { text, base, form, reserved: 0 }))
}

/// Global: leaves its answer at the desk.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn resolve_found(desk: u32, base: u64, text: u64, form: u32) -> u32 {
    let desk = Desk(desk);
    if let Some(scratch) = desk.scratch() {
        scratch.text_len = 0;
    }
    let upwards_from = |mnt, dentry| stand_at(desk, mnt, dentry, form).and_then(|()| upwards(desk));
    let is_way = form == form::WAY;
    leave(desk, if is_way { Ok(way(desk, text)) } else { upwards_from(Kernel(base), Kernel(text)) })
}

/// A way of this number. A grant that holds for it names it as it names directories.
#[inline(always)]
pub fn way(desk: Desk, number: u64) -> Target {
    let holders = desk.scratch().map_or([0; 2], |scratch| scratch.holders);
    Target::way(number, grants_for(number, holders))
}

/// What a command of this key destroys, in the same way.
#[inline(always)]
pub fn command(key: u64, holders: [u32; 2]) -> Target {
    Target::command(key, grants_for(key, holders))
}

/// Of these holders, for what lies in no tree.
#[inline(always)]
fn grants_for(key: u64, holders: [u32; 2]) -> [u32; 2] {
    holders.map(|holder| grant::at(key, OUTSIDE, holder))
}

#[inline(always)]
fn leave(desk: Desk, answer: Result<Target, Unread>) -> u32 {
    let target = answer.unwrap_or_else(|Unread| {
        count(Counter::KernelRead);
        Target::NOTHING
    });
    match desk.scratch() {
        Some(scratch) => scratch.target = target,
        None => count(Counter::ScratchMissing),
    }
    0
}

/// Upwards from where the desk stands.
#[inline(always)]
fn upwards(desk: Desk) -> Result<Target, Unread> {
    match walk(desk, climb::step, MAX_DEPTH) {
        state::DONE => climb::fold(desk)?,
        state::FAILED => return Err(Unread),
        _ => return Ok(unresolved(Counter::TooDeep)),
    }
    Ok(desk.scratch().map_or(Target::NOTHING, |scratch| target(scratch)))
}

/// Upwards from where the argument starts, and downwards along its text.
#[inline(always)]
fn follow(desk: Desk, path: &PathArg) -> Result<Target, Unread> {
    let is_copied = path.form & form::COPIED != 0;
    let path = &PathArg { form: path.form & !form::COPIED, ..*path };
    let is_text = path.form == form::TEXT || path.form == form::TEXT_IN_ROOT;
    let Some(scratch) = desk.scratch() else { return Ok(Target::NOTHING) };
    scratch.text_len = 0;
    if path.form == form::WAY {
        return Ok(way(desk, path.text));
    }
    if is_text {
        scratch.text_len = if is_copied {
            read::text(Kernel(path.text), &mut scratch.text)?
        } else {
            let Ok(length) = read::user_text(path.text, &mut scratch.text) else {
                return Ok(Target { found: found::UNREAD, ..Target::NOTHING });
            };
            length
        };
    }
    let Ok((mnt, dentry)) = start(path, scratch.text[0]) else {
        return Ok(Target::NOTHING); // a descriptor that is not open: the call fails
    };
    stand_at(desk, mnt, dentry, path.form)?;
    let target = upwards(desk)?;
    // Outside of every tree too: the text may lead back up into one.
    if !is_text || target.found == found::UNRESOLVED {
        return Ok(target);
    }
    if walk(desk, descend::step, PATH_MAX as u32) != state::DONE {
        return Ok(unresolved(Counter::UnresolvedPath));
    }
    Ok(desk.scratch().map_or(Target::NOTHING, |scratch| self::target(scratch)))
}

/// The walk begins at this entry; whatever text is there stays.
#[inline(always)]
fn stand_at(desk: Desk, mnt: Kernel, dentry: Kernel, form: u32) -> Result<(), Unread> {
    let Some(scratch) = desk.scratch() else { return Ok(()) };
    if mnt == Kernel::NULL {
        (scratch.mnt, scratch.mnt_root) = (mnt, mnt); // what a file system does in its layers is told without a mount
    } else {
        scratch.enter_mount(mnt)?;
    }
    scratch.dentry = dentry;
    scratch.height = 0;
    scratch.height_at_mount = 0;
    scratch.stand_at(OUTSIDE);
    scratch.apart = 0;
    scratch.node = NO_NODE;
    scratch.position = 0;
    scratch.form = form;
    Ok(())
}

#[inline(always)]
fn unresolved(why: Counter) -> Target {
    count(why);
    Target { key: why as u64, found: found::UNRESOLVED, ..Target::NOTHING }
}

#[inline(always)]
fn target(scratch: &Scratch) -> Target {
    let is_node = scratch.node != NO_NODE;
    let whole = is_node && scratch.node & node::JOBS == 0;
    let root = if scratch.excepted == 0 { scratch.root } else { OUTSIDE };
    // Whatever else goes with it.
    let root = if is_node && scratch.node & node::OWN != 0 && !is_own(root) { ABOVE_OWN } else { root };
    if root == OUTSIDE && !whole {
        return Target::NOTHING;
    }
    // A carrier outside of every root has no place of its own; its removal is judged as that of the roots below it.
    Target {
        key: scratch.fold.key(),
        directory: scratch.directory,
        root,
        found: found::PLACE,
        whole: u32::from(whole),
        grants: scratch.grants,
        apart: scratch.apart,
        ..Target::NOTHING
    }
}

/// The mount and the directory from which a path argument starts.
#[inline(always)]
fn start(path: &PathArg, first: u8) -> Result<(Kernel, Kernel), Unread> {
    let dirfd = path.base as i32;
    let fs = read::current().follow(OFFSETS.task_fs());
    let parts =
        |path: Typed| (path.follow(OFFSETS.path_mnt()).into(), path.follow(OFFSETS.path_dentry()).into());
    if path.form == form::TEXT && first == b'/' {
        Ok(parts(fs.within(OFFSETS.fs_root())))
    } else if dirfd == AT_FDCWD {
        Ok(parts(fs.within(OFFSETS.fs_pwd())))
    } else {
        read::open_file(dirfd as u32)?.within(OFFSETS.file_path()).path()
    }
}

pub use climb::leave_mount;
pub use descend::take;
pub use except::read_ends;

pub type Step = extern "C" fn(u32, *mut c_void) -> i64;

/// Repeats a step until it answers 1, and tells the state in which it did.
#[inline(always)]
pub fn walk(desk: Desk, step: Step, most: u32) -> u32 {
    match desk.scratch() {
        Some(scratch) => scratch.state = state::ON_THE_WAY,
        None => return state::FAILED,
    }
    repeat(desk, step, most);
    desk.scratch().map_or(state::FAILED, |scratch| scratch.state)
}

/// The same in whatever state. `bpf_loop` and not a loop: the verifier then follows the step once, not once for each level
/// that a path may have.
#[inline(always)]
pub fn repeat(desk: Desk, step: Step, most: u32) {
    let mut number = desk.0;
    // SAFETY: the step is a function of this object and takes a pointer to the number of a desk, as `desk` expects.
    let _ = unsafe { bpf_loop(most, step as *mut c_void, (&raw mut number).cast(), 0) };
}

/// A step on the scratch at its desk, which says whether the walk ends there.
#[inline(always)]
pub fn step(context: *mut c_void, take: impl FnOnce(&mut Scratch) -> Result<bool, Unread>) -> i64 {
    let Some(scratch) = desk(context).scratch() else { return 1 };
    scratch.state = match take(scratch) {
        Ok(false) => return 0,
        Ok(true) => state::DONE,
        Err(Unread) => state::FAILED,
    };
    1
}

/// The desk that a step works at.
#[inline(always)]
pub fn desk(context: *mut c_void) -> Desk {
    // SAFETY: see `repeat`, the only one who has steps called.
    Desk(unsafe { *context.cast::<u32>() })
}
