//! Which command a program is that begins: by the name by which it was called or that its file has, and by its arguments.

use core::ffi::c_void;

use agent_common::{
    rules::{
        command::{Meaning, Sequences},
        exception::matches,
    },
    wire::{
        Counter,
        command::{Command, WordKey},
        identity::told_by,
        record::verb,
    },
};

use crate::{
    count::count,
    desk::Desk,
    maps::{COMMANDS, STARRED_WORDS, WORDS},
    offsets::{OFFSETS, SETTINGS},
    path::{NAME_MAX, PATH_MAX, Scratch, state},
    place::{desk, read_ends, repeat, take, walk},
    read::{self, Kernel, Unread},
};

/// So many arguments are looked at: a quarter of a megabyte of the shortest.
const ARGUMENTS: u32 = 1 << 17;

/// Whether there is any command to look for.
#[inline(always)]
pub fn is_wanted() -> bool {
    SETTINGS.told_by() & told_by::COMMANDS != 0
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn find_command(desk: u32, bprm: u64) -> u32 {
    try_find(Desk(desk), Kernel(bprm)).unwrap_or_else(|Unread| {
        count(Counter::KernelRead);
        verb::NONE
    })
}

/// What the program does, which is one of [`verb`]; what is known of it stays at the desk.
#[inline(always)]
pub fn command(desk: Desk, bprm: Kernel) -> u32 {
    find_command(desk.0, bprm.0)
}

/// One that is known by both its names is what either makes of it; what destroys comes first.
#[inline(always)]
fn try_find(desk: Desk, bprm: Kernel) -> Result<u32, Unread> {
    let called = if is_called(desk, bprm)? { search(desk.0) } else { verb::NONE };
    if called == verb::COMMAND || !is_named(desk, bprm)? {
        return Ok(called);
    }
    let named = search(desk.0);
    Ok(if named == verb::NONE { called } else { named })
}

/// Global: what the arguments are to the program that is at the desk.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn search(desk: u32) -> u32 {
    let desk = Desk(desk);
    let Some(scratch) = desk.scratch() else { return verb::NONE };
    (scratch.words, scratch.operands) = (0, 0);
    let end = walk(desk, argument, ARGUMENTS);
    let Some(scratch) = desk.scratch() else { return verb::NONE };
    match end {
        state::DONE => {}
        state::FAILED => count(Counter::KernelRead),
        // Nobody types so much; whoever hides in it what he does shall not gain by it.
        _ => {
            count(Counter::LongCommand);
            return verb::COMMAND;
        }
    }
    match scratch.command.sequences.meaning(scratch.words) {
        Meaning::Nothing => verb::NONE,
        Meaning::Destroys => verb::COMMAND,
        Meaning::Recreates => verb::COUNTER_COMMAND,
    }
}

/// By the last name of the path by which it was called: of a script, that is its own.
#[inline(always)]
fn is_called(desk: Desk, bprm: Kernel) -> Result<bool, Unread> {
    let Some(scratch) = desk.scratch() else { return Ok(false) };
    scratch.text_len = read::text(bprm.follow(OFFSETS.bprm_filename())?, &mut scratch.text)?;
    scratch.position = 0;
    Ok(walk(desk, along, PATH_MAX as u32) == state::DONE && is_known(desk))
}

/// `..` leads somewhere, and is no name of a program.
extern "C" fn along(_: u32, context: *mut c_void) -> i64 {
    let desk = desk(context);
    let is_over = take(desk, |_| {});
    match desk.scratch() {
        Some(scratch) if scratch.state == state::UNRESOLVED => {
            scratch.state = state::ON_THE_WAY;
            0
        }
        _ => is_over,
    }
}

/// By the name of its file, whatever link led there.
#[inline(always)]
fn is_named(desk: Desk, bprm: Kernel) -> Result<bool, Unread> {
    let dentry =
        bprm.follow(OFFSETS.bprm_file())?.within(OFFSETS.file_path()).follow(OFFSETS.path_dentry())?;
    let Some(scratch) = desk.scratch() else { return Ok(false) };
    let length = read::text(dentry.follow(OFFSETS.dentry_name())?, &mut scratch.name)?;
    scratch.take_name(length.wrapping_sub(1) & NAME_MAX);
    Ok(is_known(desk))
}

/// Whether the last component is the name of such a program, which is then at the desk.
#[inline(always)]
fn is_known(desk: Desk) -> bool {
    let Some(scratch) = desk.scratch() else { return false };
    // SAFETY: the value is copied at once, while the entry is alive.
    match unsafe { COMMANDS.get(scratch.last) } {
        Some(command) => scratch.command = *command,
        None => return false,
    }
    true
}

/// The next argument. One that is longer than a name may be is taken in pieces.
extern "C" fn argument(index: u32, context: *mut c_void) -> i64 {
    let desk = desk(context);
    let Some(scratch) = desk.scratch() else { return 1 };
    let memory = read::current().follow(OFFSETS.task_mm());
    if index == 0 {
        scratch.argument = memory.field(OFFSETS.mm_arg_start());
    }
    if scratch.argument >= memory.field::<u64>(OFFSETS.mm_arg_end()) {
        scratch.state = state::DONE;
        return 1;
    }
    let Ok(length) = read::user_text(scratch.argument, &mut scratch.name) else {
        scratch.state = state::FAILED;
        return 1;
    };
    // Its NUL goes with it, unless there was no room for it.
    let is_cut = length > NAME_MAX;
    scratch.argument += u64::from(if is_cut { NAME_MAX } else { length });
    if index != 0 {
        scratch.take_name(length.wrapping_sub(1) & NAME_MAX);
        if look_up(desk.0) != 0 {
            scratch.state = state::DONE;
            return 1;
        }
    }
    0
}

/// Global: takes in the last component as a word; 1 if what comes behind it is of no matter.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_up(desk: u32) -> u32 {
    let desk = Desk(desk);
    let Some(scratch) = desk.scratch() else { return 0 };
    if read_ends(scratch).is_err() {
        return 0;
    }
    let &mut Scratch { last, command: Command { program, starred, .. }, .. } = scratch;
    // SAFETY: the value is copied at once, while the entry is alive.
    scratch.here = unsafe { WORDS.get(WordKey { word: last, program, reserved: 0 }) }.copied().unwrap_or(0);
    repeat(desk, compare, starred);
    let Some(scratch) = desk.scratch() else { return 0 };
    let &mut Scratch { words, here, command: Command { sequences, .. }, .. } = scratch;
    scratch.words = if scratch.operands == 0 {
        Sequences::take(sequences.first, words, here)
    } else {
        sequences.take_operand(words, here)
    };
    if scratch.last_length == 2 && scratch.name[0] == b'-' && scratch.name[1] == b'-' {
        scratch.operands = 1;
    }
    u32::from(sequences.is_over(scratch.words))
}

/// Along the program's words with a star.
extern "C" fn compare(index: u32, context: *mut c_void) -> i64 {
    let Some(scratch) = desk(context).scratch() else { return 1 };
    let Some(row) = STARRED_WORDS.get(scratch.command.first_starred.wrapping_add(index)) else { return 1 };
    if matches(&row.pattern, &scratch.ends_of_last) {
        scratch.here |= row.bits;
    }
    0
}
