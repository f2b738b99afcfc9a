//! From a system call's path argument to a protected place.
//!
//! First upwards, from the directory where the path starts (root, working directory or descriptor), through the
//! directory entries and mounts above it, until a root's inode is met. Then downwards through the text: from a carrier
//! along the edges that lead to roots, inside a root by folding the names. Relative paths, descriptors, bind mounts,
//! chroots and mount namespaces so give one answer. Text that leads through `..` cannot be followed without guessing
//! where a symbolic link on the way would lead, and a symbolic link itself is not seen.

use core::ffi::c_void;

use agent_common::{
    rules::place::{NameHash, PathFold, RootId},
    wire::{
        Counter,
        row::{EdgeKey, node},
    },
};
use aya_ebpf::helpers::generated::bpf_loop;

use crate::{
    count::count,
    maps::{EDGES, MARKS, OFFSETS, SCRATCH, SETTINGS},
    read::{self, Kernel, Unread},
};

/// The descriptor that stands for the working directory.
pub const AT_FDCWD: i32 = -100;

const PATH_MAX: usize = 4096;
/// How deep below its root a name may lie. Each level is one look-up, so this bounds time, not the verifier's work.
const MAX_DEPTH: u32 = 256;
const NAME_MAX: u32 = 255;

/// No node.
const NO_NODE: u64 = u64::MAX;
/// No root.
const OUTSIDE: RootId = RootId::MAX;

/// A path argument.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PathArg {
    /// The address of the text; 0 for the file behind the descriptor itself.
    pub text: u64,
    /// Where a relative text starts.
    pub dirfd: i32,
    pub reserved: u32,
}

impl PathArg {
    pub const NONE: Self = Self { text: 0, dirfd: -1, reserved: 0 };

    #[inline(always)]
    pub const fn at(dirfd: u64, text: u64) -> Self {
        Self { text, dirfd: dirfd as i32, reserved: 0 }
    }

    /// Relative to the working directory.
    #[inline(always)]
    pub const fn cwd(text: u64) -> Self {
        Self { text, dirfd: AT_FDCWD, reserved: 0 }
    }

    /// The file behind a descriptor.
    #[inline(always)]
    pub const fn descriptor(dirfd: u64) -> Self {
        Self { text: 0, dirfd: dirfd as i32, reserved: 0 }
    }
}

/// Where a path argument leads; the values of [`Target::found`].
pub mod found {
    /// To nothing protected.
    pub const NOTHING: u32 = 0;
    /// To a protected place.
    pub const PLACE: u32 = 1;
    /// Its text is not in memory yet: to be read again when the call is done.
    pub const UNREAD: u32 = 2;
    /// Not to be told without guessing.
    pub const UNRESOLVED: u32 = 3;
}

/// Where a path argument leads.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Target {
    pub key: u64,
    pub root: RootId,
    pub found: u32,
    /// Whether it is a root, or a directory on the way to one: then a whole tree goes with it. 0 or 1.
    pub whole: u32,
    pub reserved: u32,
}

impl Target {
    pub const NOTHING: Self = Self { key: 0, root: OUTSIDE, found: found::NOTHING, whole: 0, reserved: 0 };
}

/// The state of a resolution, and room for its text.
#[repr(C)]
pub struct Scratch {
    mnt: Kernel,
    dentry: Kernel,
    /// The fold so far, and as it was before the last component upwards.
    fold: PathFold,
    fold_before: PathFold,
    /// The hash of the last component.
    last: u64,
    /// The node that has been reached, downwards.
    node: u64,
    root: RootId,
    depth: u32,
    /// Where the next component starts in `text`.
    position: u32,
    state: u32,
    name: [u8; NAME_MAX as usize + 1],
    pub text: [u8; PATH_MAX],
    pub text_len: u32,
    pub reserved: u32,
    target: Target,
}

mod state {
    pub const ON_THE_WAY: u32 = 0;
    pub const DONE: u32 = 1;
    pub const UNRESOLVED: u32 = 2;
    pub const FAILED: u32 = 3;
}

/// This CPU's scratch. Looked up again wherever it is needed, because the callback of `bpf_loop` cannot be handed it.
#[inline(always)]
pub fn scratch() -> Option<&'static mut Scratch> {
    // SAFETY: this CPU's own entry; no two references from here are used across each other's lives.
    SCRATCH.get_ptr_mut(0).map(|scratch| unsafe { &mut *scratch })
}

/// Resolves a path argument of a task.
#[inline(always)]
pub fn resolve(task: Kernel, path: PathArg) -> Target {
    let _ = resolve_path(task.0, path.dirfd, path.text);
    scratch().map_or(Target::NOTHING, |scratch| scratch.target)
}

/// Leaves its answer in the scratch. A function of numbers alone, and visible outside: so the verifier takes it as a
/// global function and follows it once, not at every call.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn resolve_path(task: u64, dirfd: i32, text: u64) -> u32 {
    let Some(scratch) = scratch() else {
        count(Counter::ScratchMissing);
        return 0;
    };
    match try_resolve(scratch, Kernel(task), &PathArg { text, dirfd, reserved: 0 }) {
        Ok(target) => scratch.target = target,
        Err(Unread) => {
            scratch.target = Target::NOTHING;
            count(Counter::KernelRead);
        }
    }
    0
}

#[inline(always)]
fn try_resolve(scratch: &mut Scratch, task: Kernel, path: &PathArg) -> Result<Target, Unread> {
    scratch.text_len = 0;
    if path.text != 0 {
        let Ok(length) = read::user_text(path.text, &mut scratch.text) else {
            return Ok(Target { found: found::UNREAD, ..Target::NOTHING });
        };
        scratch.text_len = length;
    }
    let Ok(start) = start(task, path, scratch.text[0]) else {
        return Ok(Target::NOTHING); // a descriptor that is not open: the call fails
    };
    let offsets = OFFSETS.load();
    scratch.mnt = start.follow(offsets.path_mnt)?;
    scratch.dentry = start.follow(offsets.path_dentry)?;
    scratch.fold = PathFold::EMPTY;
    scratch.node = NO_NODE;
    scratch.root = OUTSIDE;
    scratch.depth = 0;
    scratch.position = 0;
    scratch.state = state::ON_THE_WAY;
    walk(climb, MAX_DEPTH);
    match scratch.state {
        state::DONE => {}
        state::FAILED => return Err(Unread),
        _ => return Ok(unresolved(Counter::TooDeep)),
    }
    if path.text != 0 && (scratch.root != OUTSIDE || scratch.node != NO_NODE) {
        scratch.state = state::ON_THE_WAY;
        walk(descend, PATH_MAX as u32 / 2);
        if scratch.state != state::DONE {
            return Ok(unresolved(Counter::UnresolvedPath));
        }
    }
    Ok(target(scratch))
}

#[inline(always)]
fn unresolved(why: Counter) -> Target {
    count(why);
    Target { found: found::UNRESOLVED, ..Target::NOTHING }
}

#[inline(always)]
fn target(scratch: &Scratch) -> Target {
    let whole = scratch.node != NO_NODE;
    if scratch.root == OUTSIDE && !whole {
        return Target::NOTHING;
    }
    // A carrier outside of every root has no place of its own; its removal is judged as that of the roots below it.
    Target {
        key: scratch.fold.key(),
        root: scratch.root,
        found: found::PLACE,
        whole: u32::from(whole),
        reserved: 0,
    }
}

/// The `struct path` from which a path argument starts.
#[inline(always)]
fn start(task: Kernel, path: &PathArg, first: u8) -> Result<Kernel, Unread> {
    let offsets = OFFSETS.load();
    if path.text != 0 && first == b'/' {
        Ok(task.follow(offsets.task_fs)?.within(offsets.fs_root))
    } else if path.dirfd == AT_FDCWD {
        Ok(task.follow(offsets.task_fs)?.within(offsets.fs_pwd))
    } else {
        Ok(read::open_file(task, path.dirfd as u32)?.within(offsets.file_path))
    }
}

type Step = extern "C" fn(u32, *mut c_void) -> i64;

/// Repeats a step until it answers 1. `bpf_loop` and not a loop: the verifier then follows the step once, not once for
/// each level that a path may have.
#[inline(always)]
fn walk(step: Step, most: u32) {
    // SAFETY: the step is a function of this object and takes no context.
    let _ = unsafe { bpf_loop(most, step as *mut c_void, core::ptr::null_mut(), 0) };
}

/// One level upwards.
extern "C" fn climb(_: u32, _: *mut c_void) -> i64 {
    let Some(scratch) = scratch() else { return 1 };
    match try_climb(scratch) {
        Ok(false) => 0,
        Ok(true) => {
            scratch.state = state::DONE;
            1
        }
        Err(Unread) => {
            scratch.state = state::FAILED;
            1
        }
    }
}

#[inline(always)]
fn try_climb(scratch: &mut Scratch) -> Result<bool, Unread> {
    let offsets = OFFSETS.load();
    let inode: u64 = scratch.dentry.field(offsets.dentry_inode)?;
    // SAFETY: the value is copied at once, while the entry is alive.
    if let Some(&node) = unsafe { MARKS.get(inode) } {
        if at_root(scratch, node) {
            return Ok(true);
        }
    }
    if scratch.dentry == scratch.mnt.follow(offsets.vfsmount_root)? {
        let mount = scratch.mnt.around(offsets.mount_vfsmount);
        let parent = mount.follow(offsets.mount_parent)?;
        if parent == mount {
            return Ok(true);
        }
        scratch.dentry = mount.follow(offsets.mount_mountpoint)?;
        scratch.mnt = parent.within(offsets.mount_vfsmount);
        return Ok(false);
    }
    let parent = scratch.dentry.follow(offsets.dentry_parent)?;
    if parent == scratch.dentry {
        return Ok(true); // not reachable from any mount: nothing is above it
    }
    let length: u32 = scratch.dentry.field(offsets.dentry_name_len)?;
    let length = length.min(NAME_MAX) as usize;
    scratch.dentry.follow(offsets.dentry_name)?.bytes(&mut scratch.name[..length])?;
    let mut hash = NameHash::new(SETTINGS.load().seed);
    for index in 0..NAME_MAX as usize {
        if index >= length {
            break;
        }
        hash = hash.byte(scratch.name[index]);
    }
    scratch.last = hash.finish();
    scratch.fold_before = scratch.fold;
    scratch.fold = scratch.fold.above(scratch.last);
    scratch.dentry = parent;
    scratch.depth += 1;
    Ok(false)
}

/// Whether the walk upwards ends at this node.
#[inline(always)]
fn at_root(scratch: &mut Scratch, node: u64) -> bool {
    if scratch.depth == 0 {
        scratch.node = node;
    }
    if let Some(root) = node::root_of(node) {
        scratch.root = root;
        return true;
    }
    if scratch.depth == 0 {
        return false;
    }
    // The name below this carrier may be that of a root which was removed and made again: its inode is a new one.
    // SAFETY: the value is copied at once, while the entry is alive.
    let Some(&edge) =
        (unsafe { EDGES.get(EdgeKey { name: scratch.last, parent: node::index(node), reserved: 0 }) })
    else {
        return false;
    };
    let Some(root) = node::root_of(edge) else { return false };
    scratch.root = root;
    scratch.fold = scratch.fold_before;
    if scratch.depth == 1 {
        scratch.node = edge;
    }
    true
}

/// One component downwards.
extern "C" fn descend(_: u32, _: *mut c_void) -> i64 {
    let Some(scratch) = scratch() else { return 1 };
    let start = scratch.position;
    let mut position = start;
    let mut hash = NameHash::new(SETTINGS.load().seed);
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
    if byte == 0 || (scratch.root == OUTSIDE && scratch.node == NO_NODE) {
        scratch.state = state::DONE;
        return 1;
    }
    0
}

/// Follows the last component.
#[inline(always)]
fn enter(scratch: &mut Scratch) {
    scratch.fold = scratch.fold.below(scratch.last);
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
