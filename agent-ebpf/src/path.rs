//! A path argument, where it leads, and the room that finding out takes.

use core::mem::offset_of;

use agent_common::{
    rules::{
        exception::Ends,
        place::{NameHash, PathFold, RootId, Step},
    },
    wire::{
        command::Command,
        identity::Launch,
        offsets::{DENTRY_HEAD, MOUNT_HEAD, SHORT_NAME},
        record::TEXT_LEN,
        row::{Claim, Held, Moved},
    },
};

use crate::{
    call::Pending,
    offsets::{OFFSETS, SETTINGS},
    read::{Kernel, Unread},
};

/// The descriptor that stands for the working directory.
pub const AT_FDCWD: i32 = -100;
const CWD: u64 = AT_FDCWD as u64;

pub const PATH_MAX: usize = 4096;
/// How deep below its root a name may lie. Each level is one look-up, so this bounds time, not the verifier's work.
pub const MAX_DEPTH: u32 = 256;
pub const NAME_MAX: u32 = 255;

/// No node.
pub const NO_NODE: u64 = u64::MAX;
/// No root.
pub const OUTSIDE: RootId = RootId::MAX;

/// What a path argument is; the values of [`PathArg::form`].
pub mod form {
    /// The call has no such argument.
    pub const ABSENT: u32 = 0;
    /// Text, relative to the descriptor unless it begins with a slash.
    pub const TEXT: u32 = 1;
    /// Text, for which the descriptor is the root (RESOLVE_IN_ROOT).
    pub const TEXT_IN_ROOT: u32 = 2;
    /// No text: the file behind the descriptor.
    pub const DESCRIPTOR: u32 = 3;
    /// No text: a directory entry, which the kernel has found already.
    pub const ENTRY: u32 = 4;
    /// No path at all: a way to have others act, by its number.
    pub const WAY: u32 = 5;
    /// Besides: the text is the kernel's own copy.
    pub const COPIED: u32 = 8;
}

/// A path argument.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PathArg {
    /// The address of the text, or of the entry.
    pub text: u64,
    /// The descriptor where a relative text starts; any number will do where the text is absolute. Of an entry, the address
    /// of its mount.
    pub base: u64,
    /// One of [`form`].
    pub form: u32,
    pub reserved: u32,
}

impl PathArg {
    #[inline(always)]
    const fn new(text: u64, base: u64, form: u32) -> Self {
        Self { text, base, form, reserved: 0 }
    }

    pub const ABSENT: Self = Self::new(0, CWD, form::ABSENT);

    #[inline(always)]
    pub const fn at(dirfd: u64, text: u64) -> Self {
        Self::new(text, dirfd, form::TEXT)
    }

    /// Relative to the working directory.
    #[inline(always)]
    pub const fn cwd(text: u64) -> Self {
        Self::new(text, CWD, form::TEXT)
    }

    /// Within the directory behind a descriptor, whatever the text says.
    #[inline(always)]
    pub const fn in_root(dirfd: u64, text: u64) -> Self {
        Self::new(text, dirfd, form::TEXT_IN_ROOT)
    }

    /// A directory entry as a mount shows it.
    #[inline(always)]
    pub const fn entry(mnt: Kernel, dentry: Kernel) -> Self {
        Self::new(dentry.0, mnt.0, form::ENTRY)
    }

    /// A way to have others act.
    #[inline(always)]
    pub const fn way(number: u32) -> Self {
        Self::new(number as u64, 0, form::WAY)
    }

    /// The same of a text that the kernel has copied already.
    #[inline(always)]
    pub const fn copied(self, Kernel(text): Kernel) -> Self {
        Self { text, form: self.form | form::COPIED, ..self }
    }

    /// The file behind a descriptor.
    #[inline(always)]
    pub const fn descriptor(dirfd: u64) -> Self {
        Self::new(0, dirfd, form::DESCRIPTOR)
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
    /// Not to be told without guessing; the key is the counter that says why.
    pub const UNRESOLVED: u32 = 3;
}

/// Where a path argument leads.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Target {
    pub key: u64,
    /// The key of the directory that it is in; of a root, its own. Only of an entry.
    pub directory: u64,
    pub root: RootId,
    pub found: u32,
    /// Whether it is a root, or a directory on the way to one: then a whole tree goes with it. 0 or 1.
    pub whole: u32,
    /// The grants that hold there, by holder: the process's own one, and a lease of its account. 0 for none.
    pub grants: [u32; 2],
    /// The number of the way, if it lies outside of the account's trees and where files are jobs that somebody else carries out; else 0.
    pub job: u32,
    /// What tells it from another name that has the same place: of what lies in a directory that has moved away from there,
    /// or in a file system that is mounted there. Else 0.
    pub apart: u64,
}

impl Target {
    pub const NOTHING: Self = Self {
        key: 0,
        directory: 0,
        root: OUTSIDE,
        found: found::NOTHING,
        whole: 0,
        grants: [0; 2],
        job: 0,
        apart: 0,
    };

    /// What a command destroys or makes anew, which lies in no tree.
    #[inline(always)]
    pub const fn command(key: u64, grants: [u32; 2]) -> Self {
        Self { key, directory: key, found: found::PLACE, grants, ..Self::NOTHING }
    }

    /// A way to have others act, which lies in no tree.
    #[inline(always)]
    pub const fn way(number: u64, grants: [u32; 2]) -> Self {
        Self { key: number, found: found::PLACE, whole: 1, grants, ..Self::NOTHING }
    }
}

/// The state of a resolution, and room for its text.
#[repr(C)]
pub struct Scratch {
    /// 1 while somebody works with it.
    pub taken: u64,
    pub mnt: Kernel,
    /// The beginning of the mount that `mnt` is part of, as it was read.
    pub mount: [u64; MOUNT_HEAD / 8],
    /// The directory that `mnt` shows, and how high the walk was when it came by.
    pub mnt_root: Kernel,
    pub height_at_mount: u32,
    /// How many names the walk upwards has left below it, and which, the lowest first. Most walks end outside of every
    /// tree; so names are hashed only where that is not so.
    pub height: u32,
    pub names: [NameAt; MAX_DEPTH as usize],
    pub dentry: Kernel,
    /// The beginning of `dentry`, as it was read, and room behind it: offsets are kept within by a mask.
    pub entry: [u64; ENTRY_ROOM / 8],
    /// The names below the root so far, folded, and without the last one.
    pub fold: PathFold,
    pub directory: u64,
    /// Whose grants are looked for on the way, and which hold there.
    pub holders: [u32; 2],
    pub grants: [u32; 2],
    /// The last component: its hash, and where it lies on this desk.
    pub last: u64,
    pub last_at: u32,
    pub last_length: u32,
    pub ends_of_last: Ends,
    /// How many components lie between it and the root.
    pub depth: u32,
    /// 1: it lies in a root, and is not of the tree.
    pub excepted: u32,
    /// The first of the patterns that the last component is compared with.
    pub first_pattern: u32,
    /// See [`Target::apart`]. Beside nothing else that begins as zero: the compiler clears two words by a loop over bytes.
    pub apart: u64,
    /// Which starred paths the names so far may lead along, and which they have led to, a bit each; of what they are.
    pub alive: u64,
    pub met: u64,
    /// Those that have the last component at its depth, and at any.
    pub here: u64,
    pub anywhere: u64,
    pub of: u32,
    /// Whose the unit is that one of the names is of, if somebody had it started.
    pub launched: Claim,
    /// The address of the next argument.
    pub argument: u64,
    /// What the arguments so far have of a command, and of which.
    pub words: u64,
    /// 1: they are behind `--`.
    pub operands: u64,
    pub command: Command,
    /// The node that has been reached, downwards.
    pub node: u64,
    pub root: RootId,
    /// Where the next component starts in `text`.
    pub position: u32,
    pub state: u32,
    /// Of the path that is being resolved; one of [`form`].
    pub form: u32,
    pub name: [u8; NAME_MAX as usize + 1],
    pub text: [u8; PATH_MAX],
    pub text_len: u32,
    pub reserved: u32,
    pub target: Target,
    /// Where the names of a call lead.
    pub ends: [Target; 2],
    /// What a new entry of a map is made of, too large for the stack.
    pub pending: Pending,
    pub held: Held,
    pub moved: Moved,
    pub launch: Launch,
}

/// As much of a text as a record holds, in words: as bytes it takes eight times as long to copy.
pub type Beginning = [u64; TEXT_LEN / 8];

const ENTRY_ROOM: usize = DENTRY_HEAD.next_power_of_two();

/// A directory entry's name, where the kernel keeps it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NameAt {
    pub text: Kernel,
    pub length: u32,
    /// 1: it was read with its entry.
    pub is_short: u32,
    pub short: [u64; SHORT_NAME / 8],
}

impl Scratch {
    /// The way downwards begins at a root.
    #[inline(always)]
    pub fn stand_at(&mut self, root: RootId) {
        self.root = root;
        self.fold = PathFold::EMPTY;
        self.directory = 0;
        self.depth = 0;
        self.excepted = 0;
        self.grants = [0; 2];
    }

    /// The way upwards goes on at the parent, and leaves a name below it.
    #[inline(always)]
    pub fn go_above(&mut self, parent: Kernel, text: Kernel, length: u32) {
        let name = &mut self.names[self.height as usize % MAX_DEPTH as usize];
        (name.text, name.length, name.is_short) = (text, length, 0);
        self.height += 1;
        self.dentry = parent;
    }

    /// The same, of the entry that was read. The kernel keeps a short name in the entry itself: it is at hand then.
    #[inline(always)]
    pub fn go_above_entry(&mut self, parent: Kernel) {
        let (text, at) = (Kernel(self.entry_u64(OFFSETS.dentry_name())), OFFSETS.dentry_short());
        let length = self.entry_u32(OFFSETS.dentry_name_len());
        let short = [self.entry_u64(at), self.entry_u64(at + 8), self.entry_u64(at + 16)];
        let is_short = text == self.dentry.within(at) && length <= SHORT_NAME as u32;
        let name = &mut self.names[self.height as usize % MAX_DEPTH as usize];
        *name = NameAt { text, length, is_short: u32::from(is_short), short };
        self.height += 1;
        self.dentry = parent;
    }

    /// A short name is the last component.
    #[inline(always)]
    pub fn put_name(&mut self, short: [u64; SHORT_NAME / 8]) {
        const { assert!(offset_of!(Self, name).is_multiple_of(8) && SHORT_NAME <= NAME_MAX as usize) }
        // SAFETY: within the buffer, and aligned.
        unsafe { self.name.as_mut_ptr().cast::<[u64; SHORT_NAME / 8]>().write(short) }
    }

    /// The last component is in `name`, of that length.
    #[inline(always)]
    pub fn take_name(&mut self, length: u32) {
        // Before the loop: what is used after it, the verifier follows once for each of the loop's ends.
        self.last_at = offset_of!(Self, name) as u32;
        self.last_length = length;
        let mut hash = NameHash::new(SETTINGS.seed());
        for index in 0..NAME_MAX {
            if index >= length {
                break;
            }
            hash = hash.byte(self.name[index as usize]);
        }
        self.last = hash.finish();
    }

    /// The last component is the next one downwards.
    #[inline(always)]
    pub fn go_below(&mut self) {
        self.directory = self.fold.key();
        self.fold = self.fold.below(self.last, Step::of(SETTINGS.seed()));
        self.depth += 1;
    }

    /// The beginning of the text.
    #[inline(always)]
    pub fn beginning(&self) -> *const Beginning {
        const { assert!(offset_of!(Self, text).is_multiple_of(align_of::<Beginning>())) }
        self.text.as_ptr().cast()
    }

    /// Eight bytes of the text.
    #[inline(always)]
    pub fn word(&self, at: usize) -> u64 {
        // SAFETY: within the buffer, whatever the place; read unaligned because it is one of bytes.
        unsafe { self.text.as_ptr().add(at & (PATH_MAX / 2 - 1)).cast::<u64>().read_unaligned() }
    }

    /// The way goes on in what this mount shows.
    #[inline(always)]
    pub fn enter_mount(&mut self, mnt: Kernel) -> Result<(), Unread> {
        self.mnt = mnt;
        mnt.around(OFFSETS.mount_vfsmount()).words(&mut self.mount)?;
        self.mnt_root = self.mount_field(OFFSETS.mount_vfsmount() + OFFSETS.vfsmount_root());
        Ok(())
    }

    /// A pointer in the mount that was read, by its offset in `struct mount`.
    #[inline(always)]
    pub fn mount_field(&self, offset: u32) -> Kernel {
        Kernel(self.mount[offset as usize / 8 % (MOUNT_HEAD / 8)])
    }

    /// A field of the entry that was read, by its offset in `struct dentry`.
    #[inline(always)]
    pub fn entry_u64(&self, offset: u32) -> u64 {
        let at = offset as usize & (ENTRY_ROOM - 8);
        // SAFETY: within the buffer and aligned, whatever the offset.
        unsafe { self.entry.as_ptr().byte_add(at).read() }
    }

    /// The same for a field of four bytes.
    #[inline(always)]
    pub fn entry_u32(&self, offset: u32) -> u32 {
        let at = offset as usize & (ENTRY_ROOM - 4);
        // SAFETY: as above.
        unsafe { self.entry.as_ptr().byte_add(at).cast::<u32>().read() }
    }
}

/// The values of [`Scratch::state`].
pub mod state {
    pub const ON_THE_WAY: u32 = 0;
    pub const DONE: u32 = 1;
    pub const UNRESOLVED: u32 = 2;
    pub const FAILED: u32 = 3;
}
