//! Calls that wait for a person. The map of them is the truth: the agent lets go on whom it finds there.

use agent_common::{
    rules::judge::{Phase, Response},
    wire::{
        Counter,
        record::{TEXT_LEN, verb, what},
        row::{Held, HeldName},
    },
};
use aya_ebpf::{bindings::BPF_ANY, helpers::generated::bpf_send_signal_thread};

use crate::{
    actor::Actor,
    call::{Pending, flag},
    count::count,
    desk::Desk,
    emit, enforce, lineage,
    maps::HELD,
    offsets::{HOOKS, OFFSETS},
    path::{PathArg, Target, form, found},
    pending,
    read::{self, Kernel, Unread},
};

/// A hook's answer: the kernel gives the call up, undone, and begins it anew when the thread goes on, because a stop is
/// pending. Without one the number would reach the program
/// (https://github.com/torvalds/linux/blob/v6.12/arch/x86/kernel/signal.c#L330).
pub const ERESTARTNOINTR: i32 = -513;
/// What was decided has changed meanwhile.
pub const JUDGE_AGAIN: i32 = 1;

const SIGSTOP: u32 = 19;
// https://github.com/torvalds/linux/blob/v6.12/include/linux/sched.h#L1689
const PF_IO_WORKER: u32 = 0x10;
const SECOND: u64 = 1_000_000_000;
/// How often a call may be continued for nothing within a second.
const PATIENCE: u32 = 20;

/// It cannot wait: it is refused.
pub const REFUSED: i32 = 2;
/// It waits.
pub const WAITS: i32 = 3;

/// Lets the call wait, which is [`WAITS`]; or [`JUDGE_AGAIN`]; anything else means that it cannot. The entry comes first,
/// then a second look at what was decided, then the signal: whoever decides meanwhile either finds the entry or is seen.
#[inline(always)]
pub fn wait(actor: &Actor, desk: Desk) -> i32 {
    wait_of(actor.index, desk.0)
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn wait_of(account: u32, desk: u32) -> i32 {
    pending::of_current(account, |actor, pending| try_wait(actor, pending, Desk(desk))).unwrap_or(REFUSED)
}

#[inline(always)]
fn try_wait(actor: &Actor, pending: &mut Pending, desk: Desk) -> i32 {
    if pending.flags & flag::INNER != 0 || cannot_stop() {
        count(Counter::CannotWait);
        return REFUSED;
    }
    let Some(draft) = describe(actor, pending, desk) else { return REFUSED };
    let known = if pending.flags & flag::BEGINS != 0 { None } else { again(actor, draft) };
    let new = match known {
        Some(true) => false,
        Some(false) => return REFUSED,
        None => {
            let entry: &Held = draft; // by reference: a copy would fill the stack
            if HELD.insert(actor.tid(), entry, u64::from(BPF_ANY)).is_err() {
                count(Counter::HeldFull);
                return REFUSED;
            }
            true
        }
    };
    let now = emit::now();
    let phase = actor.standing().at(now).phase;
    let response = actor.responses(now).to(pending.kinds(), phase);
    if matches!(phase, Phase::Armed | Phase::Denied) || matches!(response, Response::Observe) {
        return JUDGE_AGAIN;
    }
    if !stop() {
        return REFUSED;
    }
    enforce::note_stop(actor, pending.at, |before| before == 0);
    if new {
        emit::call(actor, what::HELD, pending);
    }
    WAITS
}

/// Stops the process; whether it will.
#[inline(always)]
pub fn stop() -> bool {
    // SAFETY: the helper signals the current thread, and with it stops the whole process; it refuses kernel threads and
    // the global init.
    let stops = unsafe { bpf_send_signal_thread(SIGSTOP) } == 0;
    if !stops {
        count(Counter::CannotWait);
    }
    stops
}

/// A tracer may swallow the stop, and a worker of an io_uring has no way back to user space.
#[inline(always)]
fn cannot_stop() -> bool {
    let task = read::current();
    task.field::<u32>(HOOKS.task_ptrace()) != 0 || task.field::<u32>(HOOKS.task_flags()) & PF_IO_WORKER != 0
}

/// The thread's entry. One that a thread left which had its id before is nobody's, and goes.
#[inline(always)]
pub fn own_entry(actor: &Actor) -> Option<&'static mut Held> {
    // SAFETY: a live map entry, which only this thread and the agent write to.
    let known = unsafe { &mut *HELD.get_ptr_mut(actor.tid())? };
    if known.tgid == actor.tgid() && known.start == lineage::own_start() {
        return Some(known);
    }
    let _ = HELD.remove(actor.tid()); // it was there a moment ago
    None
}

/// Whether this very call waits already and somebody has continued it: then whether it may go on waiting.
#[inline(always)]
fn again(actor: &Actor, draft: &Held) -> Option<bool> {
    let known = own_entry(actor)?;
    if !is_same(known, draft) {
        return None;
    }
    if draft.at.saturating_sub(known.counts_from) > SECOND {
        known.counts_from = draft.at;
        known.judged = 0;
    }
    known.judged += 1;
    if known.judged > PATIENCE {
        count(Counter::Restless);
        return Some(false);
    }
    Some(true)
}

/// Takes the thread's entry away: its call does not wait any more.
#[inline(always)]
pub fn forget(actor: &Actor) {
    if HELD.get_ptr(actor.tid()).is_some() {
        let _ = HELD.remove(actor.tid()); // it was there a moment ago, and only this thread removes it
        enforce::note_going(actor);
    }
}

/// The thread has no call that waits.
pub const NONE: u32 = 0;
/// Its call waits already, and was continued.
pub const SAME: u32 = 1;
/// Its call waited and leads elsewhere now: its path means something else than when it was held.
pub const OTHER: u32 = 2;

/// What the thread's call is to the one that it has in `HELD`.
#[inline(always)]
pub fn compare(actor: &Actor, desk: Desk) -> u32 {
    if HELD.get_ptr(actor.tid()).is_none() { NONE } else { compare_of(actor.index, desk.0) }
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn compare_of(account: u32, desk: u32) -> u32 {
    pending::of_current(account, |actor, pending| compare_with(actor, pending, Desk(desk))).unwrap_or(NONE)
}

#[inline(always)]
fn compare_with(actor: &Actor, pending: &Pending, desk: Desk) -> u32 {
    let Some(known) = own_entry(actor) else { return NONE };
    match describe(actor, pending, desk) {
        Some(draft) if is_same(known, draft) => SAME,
        _ => OTHER,
    }
}

/// Whether exactly this call was approved.
#[inline(always)]
pub fn may_once(actor: &Actor) -> bool {
    // SAFETY: as in `own_entry`.
    HELD.get_ptr(actor.tid()).is_some_and(|known| unsafe { (*known).pass } != 0)
}

/// The call as an entry.
#[inline(always)]
fn describe(actor: &Actor, pending: &Pending, desk: Desk) -> Option<&'static mut Held> {
    let held = &mut desk.scratch()?.held;
    held.at = pending.at;
    held.start = lineage::own_start();
    held.counts_from = pending.at;
    held.tgid = actor.tgid();
    held.account = actor.index;
    held.verb = pending.verb;
    held.kinds = u32::from(pending.kinds().bits());
    held.after = if pending.verb == verb::TRUNCATE { pending.sizes[1] } else { 0 };
    held.judged = 0;
    held.pass = 0;
    held.text_len = pending.text_len.min(TEXT_LEN as u32);
    held.parent = read::current().follow(OFFSETS.task_real_parent()).field(OFFSETS.task_tgid());
    held.text = pending.text;
    describe_name(&mut held.names[0], &pending.ends[0], &pending.paths[0]);
    describe_name(&mut held.names[1], &pending.ends[1], &pending.paths[1]);
    Some(held)
}

#[inline(always)]
fn describe_name(name: &mut HeldName, end: &Target, path: &PathArg) {
    *name = HeldName {
        key: end.key,
        directory: if end.whole != 0 { end.key } else { end.directory },
        root: end.root,
        protected: if end.found == found::PLACE { 1 + end.whole } else { 0 },
        ..HeldName::default()
    };
    if path.form == form::ENTRY && identify(name, Kernel(path.text)).is_err() {
        count(Counter::KernelRead);
    }
}

/// By what the kernel tells the entry from every other.
#[inline(always)]
fn identify(name: &mut HeldName, dentry: Kernel) -> Result<(), Unread> {
    name.device = dentry.follow(HOOKS.dentry_sb())?.field(OFFSETS.sb_dev())?;
    let parent = dentry.follow(OFFSETS.dentry_parent())?.follow(OFFSETS.dentry_inode())?;
    name.parent = parent.field(OFFSETS.inode_ino())?;
    let inode = dentry.follow(OFFSETS.dentry_inode())?;
    if inode != Kernel::NULL {
        name.inode = inode.field(OFFSETS.inode_ino())?;
        name.generation = inode.field(OFFSETS.inode_generation())?;
    }
    Ok(())
}

/// Whether two entries are of one call.
#[inline(always)]
fn is_same(one: &Held, other: &Held) -> bool {
    one.verb == other.verb
        && one.account == other.account
        && one.after == other.after
        && is_same_name(&one.names[0], &other.names[0])
        && is_same_name(&one.names[1], &other.names[1])
}

#[inline(always)]
fn is_same_name(one: &HeldName, other: &HeldName) -> bool {
    one.key == other.key
        && one.root == other.root
        && one.parent == other.parent
        && one.inode == other.inode
        && one.generation == other.generation
        && one.device == other.device
}
