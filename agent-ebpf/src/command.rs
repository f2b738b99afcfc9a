//! Destructive commands: a program that begins with arguments by which it destroys. It is judged before its first instruction: past
//! the budget it is stopped there, or killed if it is refused.
//!
//! No call is left that the kernel could begin anew once the process goes on. So one that waits is judged again before whatever it
//! does first: mostly that is to map or open a library.

mod find;

use agent_common::{
    rules::{
        command,
        judge::{Phase, Response, Tier, Verdict},
    },
    wire::{
        Counter,
        command::key,
        record::{UNKNOWN, verb},
    },
};
use aya_ebpf::EbpfContext;

use crate::{
    actor::Actor,
    ask::{self, ALLOW, EPERM},
    call::{Held, Pending, stage},
    count::count,
    decide,
    desk::Desk,
    emit, enforce, held, lineage,
    maps::HELD,
    offsets::{OFFSETS, SETTINGS},
    path::{PathArg, Scratch, Target},
    pending, place, read,
};

/// What a global function says. Spelled out by whoever hears it: the verifier believes that it is any number.
const NOTHING: u32 = 0;
const GOES_ON: u32 = 1;
const WAITS: u32 = 2;
const REFUSED: u32 = 3;

/// The current process runs a new program from now on.
#[inline(always)]
pub fn at_exec(actor: &Actor, ctx: &impl EbpfContext) {
    if !find::is_wanted() {
        return;
    }
    let Ok(bprm) = read::argument(ctx, OFFSETS.exec_bprm()) else { return count(Counter::KernelRead) };
    let Some(desk) = Desk::claim() else { return };
    let found = find::command(desk, bprm);
    if found == verb::COMMAND || found == verb::COUNTER_COMMAND {
        let begun = begin_new(desk.0, actor.index, found);
        let answer = match begun {
            GOES_ON if can_wait(found) => ask_for(desk.0, actor.index),
            GOES_ON => stop_past(actor.index),
            _ => begun,
        };
        if answer == REFUSED {
            enforce::kill();
        }
    }
    desk.release();
}

/// What is made anew is never held: without it the host would be left with less.
#[inline(always)]
fn can_wait(verb: u32) -> bool {
    verb == verb::COMMAND && matches!(SETTINGS.tier(), Tier::Lsm)
}

/// The answer to whatever a process does while a command of its waits.
#[inline(always)]
pub fn again(actor: &Actor) -> i32 {
    if !waits(actor) {
        return ALLOW;
    }
    let Some(desk) = Desk::claim() else { return EPERM };
    let begun = begin_again(desk.0, actor.index);
    let answer = if begun == GOES_ON { ask_for(desk.0, actor.index) } else { begun };
    desk.release();
    match answer {
        NOTHING | GOES_ON => ALLOW,
        WAITS => held::ERESTARTNOINTR,
        _ => {
            enforce::kill();
            EPERM
        }
    }
}

/// The same where the hook has gone so deep already that the kernel lets it call nothing that judges: for a program that neither maps nor
/// opens anything before. What it then is goes untold.
#[inline(always)]
pub fn again_in_a_call(actor: &Actor) -> i32 {
    if !waits(actor) {
        return ALLOW;
    }
    match look_again(actor.index) {
        NOTHING | GOES_ON => ALLOW,
        WAITS => held::ERESTARTNOINTR,
        _ => EPERM,
    }
}

/// Global: for what its own needs of the stack.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_again(account: u32) -> u32 {
    let Some(actor) = lineage::current().filter(|actor| actor.index == account) else { return NOTHING };
    let now = emit::now();
    let phase = actor.standing().at(now).phase;
    let is_free = matches!(phase, Phase::Armed) || !actor.responses(now).refuse(phase);
    if is_free || is_granted(&actor) || held::may_once(&actor) {
        held::forget(&actor);
        GOES_ON
    } else if matches!(phase, Phase::Denied) {
        enforce::kill();
        REFUSED
    } else if held::stop() {
        WAITS
    } else {
        REFUSED
    }
}

/// Whether what waits was approved, for this process.
#[inline(always)]
fn is_granted(actor: &Actor) -> bool {
    held::own_entry(actor)
        .is_some_and(|waiting| place::command(waiting.names[0].key, actor.holders()).grants != [0; 2])
}

/// Whether a command of the thread's waits.
#[inline(always)]
fn waits(actor: &Actor) -> bool {
    is_waiting(actor.tid())
}

/// The same of any thread.
#[inline(always)]
pub fn is_waiting(tid: u32) -> bool {
    // SAFETY: a live map entry.
    HELD.get_ptr(tid).is_some_and(|held| unsafe { (*held).verb == verb::COMMAND })
}

/// Global: the command that is at the desk is the call of this thread from now on.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn begin_new(desk: u32, account: u32, verb: u32) -> u32 {
    let desk = Desk(desk);
    let Some(actor) = lineage::current().filter(|actor| actor.index == account) else { return NOTHING };
    let Some((pending, lasts)) = pending::room(actor.tid(), desk) else { return NOTHING };
    if !lasts {
        // An account has as many threads in the midst of a call as nobody needs: what would have to wait is refused, as a call is.
        count(Counter::PendingFull);
        let is_held_to = !matches!(actor.responses(emit::now()).burst, Response::Observe);
        return if is_held_to && can_wait(verb) { REFUSED } else { NOTHING };
    }
    let Some(&mut Scratch { ref command, .. }) = desk.scratch() else { return NOTHING };
    let (inode, device) = if command.key == key::CWD { working_directory() } else { (0, 0) };
    begin(&actor, pending, verb, command::key(command.rule, inode, device));
    keep_arguments(pending);
    GOES_ON
}

/// Global: so is the one of this thread that waits.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn begin_again(desk: u32, account: u32) -> u32 {
    let Some(actor) = lineage::current().filter(|actor| actor.index == account) else { return NOTHING };
    let Some(waiting) = held::own_entry(&actor) else { return NOTHING };
    let Some((pending, true)) = pending::room(actor.tid(), Desk(desk)) else { return REFUSED };
    begin(&actor, pending, verb::COMMAND, waiting.names[0].key);
    pending.text = waiting.text;
    pending.text_len = waiting.text_len;
    GOES_ON
}

#[inline(always)]
fn begin(actor: &Actor, pending: &mut Pending, verb: u32, key: u64) {
    ask::end_last(actor, pending);
    pending.at = emit::now();
    pending.thread_start = pending::thread_start();
    pending.account = actor.index;
    pending.paths = [PathArg::ABSENT; 2];
    pending.ends = [place::command(key, actor.holders()), Target::NOTHING];
    pending.held = [Held::NONE; 2];
    pending.verb = verb;
    pending.flags = 0;
    pending.sizes = [UNKNOWN; 2];
    pending.stage = stage::NAMED;
    pending.grant = 0;
    pending.over = 0;
}

/// Which directory that is: its inode number, and its device.
#[inline(always)]
fn working_directory() -> (u64, u32) {
    let directory = read::current().follow(OFFSETS.task_fs()).within(OFFSETS.fs_pwd());
    let inode = directory.follow(OFFSETS.path_dentry()).follow(OFFSETS.dentry_inode());
    (inode.field(OFFSETS.inode_ino()), inode.follow(OFFSETS.inode_sb()).field(OFFSETS.sb_dev()))
}

/// As many arguments as a record has room for; nothing of the environment, which lies behind them.
#[inline(always)]
fn keep_arguments(pending: &mut Pending) {
    const MOST: u64 = agent_common::wire::record::TEXT_LEN as u64 - 1;
    let memory = read::current().follow(OFFSETS.task_mm());
    let (start, end): (u64, u64) = (memory.field(OFFSETS.mm_arg_start()), memory.field(OFFSETS.mm_arg_end()));
    let length = end.saturating_sub(start).min(MOST) & MOST;
    pending.text_len = length as u32;
    if read::user_bytes(start, &mut pending.text[..length as usize]).is_err() {
        count(Counter::KernelRead);
        pending.text_len = 0;
    }
}

/// Global: whether it may, waits, or is refused, where it can wait.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ask_for(desk: u32, account: u32) -> u32 {
    let Some(actor) = Actor::of(account) else { return NOTHING };
    let Some(pending) = pending::of_thread(actor.tid()) else { return NOTHING };
    let answer = ask::judge(&actor, pending, Desk(desk));
    pending.verb = verb::NONE;
    match answer {
        ALLOW => GOES_ON,
        held::ERESTARTNOINTR => WAITS,
        _ => REFUSED,
    }
}

/// Global: the same where it can only be stopped.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn stop_past(account: u32) -> u32 {
    pending::of_current(account, try_stop).unwrap_or(NOTHING)
}

#[inline(always)]
fn try_stop(actor: &Actor, pending: &mut Pending) -> u32 {
    let may_be_refused =
        pending.verb == verb::COMMAND && matches!(actor.responses(pending.at).burst, Response::Deny);
    let verdict = decide::at_once(actor, pending, may_be_refused);
    let is_made_anew = pending.verb == verb::COUNTER_COMMAND;
    pending.verb = verb::NONE;
    match verdict {
        Verdict::Deny => REFUSED,
        Verdict::Stop if !is_made_anew => {
            enforce::stop(actor);
            WAITS
        }
        _ => GOES_ON,
    }
}
