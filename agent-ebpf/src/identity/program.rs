//! Programs, when they are run: by file, by path, and scripts by the path that was given.
//!
//! A path is the one that the mount namespace shows, from its top: a chroot changes nothing. A namespace that an account has
//! made for itself, as whoever makes a user namespace may, shows what the account likes, and is not believed.

use core::ffi::c_void;

use agent_common::wire::{
    identity::{NameKey, ProgramKey, of},
    row::Claim,
};
use aya_ebpf::EbpfContext;

use super::{UNREAD, names};
use crate::{
    desk::Desk,
    maps::{NAMES, PROGRAMS},
    offsets::OFFSETS,
    path::{MAX_DEPTH, PATH_MAX, Scratch, state},
    place::{desk, leave_mount, step, take, walk},
    read::{self, Kernel, Unread},
};

/// Among so many arguments a script is looked for.
const ARGUMENTS: u32 = 8;

/// Who claims the program that the current process runs from now on.
#[inline(always)]
pub fn of_exec(ctx: &impl EbpfContext) -> Result<Claim, Unread> {
    let bprm = read::argument(ctx, OFFSETS.exec_bprm())?;
    let Some(desk) = Desk::claim() else { return Ok(Claim::NONE) };
    let claim = claim_program(desk.0, bprm.0);
    desk.release();
    if claim == UNREAD { Err(Unread) } else { Ok(Claim::from_word(claim)) }
}

/// Global: a claim.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn claim_program(desk: u32, bprm: u64) -> u64 {
    try_claim(Desk(desk), Kernel(bprm)).map_or(UNREAD, Claim::to_word)
}

/// A script says more than who runs it, a file more than its name.
#[inline(always)]
fn try_claim(desk: Desk, bprm: Kernel) -> Result<Claim, Unread> {
    let path = bprm.follow(OFFSETS.bprm_file())?.within(OFFSETS.file_path());
    let (mnt, dentry) = (path.follow(OFFSETS.path_mnt())?, path.follow(OFFSETS.path_dentry())?);
    let file = by_file(dentry)?;
    stand_at(desk, mnt, dentry);
    if resolve(desk.0, of::PROGRAM) == 0 {
        return Ok(file);
    }
    let Some(&mut Scratch { fold, met, last: interpreter, .. }) = desk.scratch() else { return Ok(file) };
    let script = script(desk, bprm, interpreter)?;
    Ok(if script != Claim::NONE {
        script
    } else if file != Claim::NONE {
        file
    } else {
        by_path(fold.key(), met, 0)
    })
}

#[inline(always)]
fn by_file(dentry: Kernel) -> Result<Claim, Unread> {
    let key = file_key(dentry.follow(OFFSETS.dentry_inode())?)?;
    // SAFETY: the value is copied at once, while the entry is alive.
    Ok(unsafe { PROGRAMS.get(key) }.copied().unwrap_or(Claim::NONE))
}

/// By what a file is known again, as the kernel has it: on btrfs and overlay stat says something else.
#[inline(always)]
pub fn file_key(inode: Kernel) -> Result<ProgramKey, Unread> {
    let device: u32 = inode.follow(OFFSETS.inode_sb())?.field(OFFSETS.sb_dev())?;
    Ok(ProgramKey::file(inode.field(OFFSETS.inode_ino())?, device, inode.field(OFFSETS.inode_generation())?))
}

/// `interpreter` is the hash of its name, or 0: what is at the path is itself run.
#[inline(always)]
fn by_path(key: u64, met: u64, interpreter: u64) -> Claim {
    // SAFETY: as above.
    match unsafe { PROGRAMS.get(ProgramKey::path(key, interpreter)) } {
        Some(claim) => *claim,
        None => names::claim(of::PROGRAM, met & names::mask(interpreter, 0, of::INTERPRETER)),
    }
}

/// Who claims the script, if the program that runs now was found by a `#!` line, or is an interpreter of the policy whose first
/// argument that is no option names one.
#[inline(always)]
fn script(desk: Desk, bprm: Kernel, interpreter: u64) -> Result<Claim, Unread> {
    let given = bprm.follow(OFFSETS.bprm_filename())?;
    let by_itself = given != bprm.follow(OFFSETS.bprm_interp())?;
    let key = NameKey { name: interpreter, depth: 0, of: of::INTERPRETER };
    if by_itself {
        let Some(scratch) = desk.scratch() else { return Ok(Claim::NONE) };
        scratch.text_len = read::text(given, &mut scratch.text)?;
    // SAFETY: whether there is an entry, not what it holds.
    } else if unsafe { NAMES.get(key) }.is_none() || walk(desk, argument, ARGUMENTS) != state::DONE {
        return Ok(Claim::NONE);
    }
    if follow(desk.0, of::PROGRAM) == 0 {
        return Ok(Claim::NONE);
    }
    let Some(&mut Scratch { fold, met, .. }) = desk.scratch() else { return Ok(Claim::NONE) };
    let claim = if by_itself { by_path(fold.key(), met, 0) } else { Claim::NONE };
    Ok(if claim == Claim::NONE { by_path(fold.key(), met, interpreter) } else { claim })
}

/// The next argument; done at the first that is no option.
extern "C" fn argument(index: u32, context: *mut c_void) -> i64 {
    let Some(scratch) = desk(context).scratch() else { return 1 };
    if index == 0 {
        scratch.argument = read::current().follow(OFFSETS.task_mm()).field(OFFSETS.mm_arg_start());
    }
    let end: u64 = read::current().follow(OFFSETS.task_mm()).field(OFFSETS.mm_arg_end());
    if scratch.argument >= end {
        return 1;
    }
    let Ok(length) = read::user_text(scratch.argument, &mut scratch.text) else { return 1 };
    scratch.argument += u64::from(length);
    scratch.text_len = length;
    if index == 0 || scratch.text[0] == b'-' {
        return 0;
    }
    scratch.state = state::DONE;
    1
}

/// Global: from where the text at the desk starts, along it. 0: it leads through `..`, or where nobody is believed.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn follow(desk: u32, of: u32) -> u32 {
    let desk = Desk(desk);
    let Some(scratch) = desk.scratch() else { return 0 };
    let fs = read::current().follow(OFFSETS.task_fs());
    let start = fs.within(if scratch.text[0] == b'/' { OFFSETS.fs_root() } else { OFFSETS.fs_pwd() });
    stand_at(desk, start.follow(OFFSETS.path_mnt()).into(), start.follow(OFFSETS.path_dentry()).into());
    if resolve(desk.0, of) == 0 {
        return 0;
    }
    let Some(scratch) = desk.scratch() else { return 0 };
    scratch.position = 0;
    u32::from(walk(desk, along, PATH_MAX as u32) == state::DONE)
}

extern "C" fn along(_: u32, context: *mut c_void) -> i64 {
    take(desk(context), names::enter)
}

/// A way upwards begins at this entry.
#[inline(always)]
pub fn stand_at(desk: Desk, mnt: Kernel, dentry: Kernel) {
    if let Some(scratch) = desk.scratch() {
        (scratch.mnt, scratch.dentry, scratch.height) = (mnt, dentry, 0);
    }
}

/// Global: leaves at the desk what the path of its entry is. 0: it has none that is believed.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn resolve(desk: u32, of: u32) -> u32 {
    let desk = Desk(desk);
    let Some(scratch) = desk.scratch() else { return 0 };
    let mnt = scratch.mnt;
    if scratch.enter_mount(mnt).is_err() {
        return 0;
    }
    let believed = is_believed(scratch.mnt).unwrap_or(false);
    u32::from(believed && walk(desk, up, 2 * MAX_DEPTH) == state::DONE && names::down(desk, of))
}

/// Whether a mount is one of a namespace that root has made. One of no namespace (memfd) is not.
#[inline(always)]
fn is_believed(mnt: Kernel) -> Result<bool, Unread> {
    let space = mnt.around(OFFSETS.mount_vfsmount()).follow(OFFSETS.mount_ns())?;
    Ok(space.follow(OFFSETS.mnt_ns_user_ns())?.field::<i32>(OFFSETS.user_ns_level())? == 0)
}

/// One level upwards, through mounts, as a path is written.
extern "C" fn up(_: u32, context: *mut c_void) -> i64 {
    step(context, try_up)
}

#[inline(always)]
fn try_up(scratch: &mut Scratch) -> Result<bool, Unread> {
    if scratch.dentry == scratch.mnt_root {
        return leave_mount(scratch);
    }
    let parent = scratch.dentry.follow(OFFSETS.dentry_parent())?;
    if parent == scratch.dentry {
        return Err(Unread); // it was moved out of what the mount shows
    }
    let text = scratch.dentry.follow(OFFSETS.dentry_name())?;
    scratch.go_above(parent, text, 0);
    Ok(false)
}
