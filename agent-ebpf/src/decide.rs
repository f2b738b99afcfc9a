//! The one judge of what an account does, in two steps.
//!
//! `begin`, when a call starts: which protected names it touches, what it would destroy, and a slot of the budget for
//! each such operation. `settle`, when it is done: what it really destroyed (a call that failed, nothing), with slots
//! given back or claimed so that the budget holds exactly that, the ledger brought up to date, and the verdict.

use agent_common::{
    rules::{
        Kinds,
        budget::Room,
        judge::{Phase, Standing, Tier, Verdict, judge},
    },
    wire::{
        Counter,
        record::{TEXT_LEN, verb, what},
    },
};
use aya_ebpf::bindings::BPF_NOEXIST;

use crate::{
    act::{Ledger, outcome, redirects},
    actor::Actor,
    call::{Call, Held, Pending, flag},
    charge::reconcile,
    count::count,
    emit, enforce, ledger,
    maps::{DRAFT, PENDING},
    offsets::OFFSETS,
    path::{Target, form, found},
    place, read,
};

/// A process of a lineage does something that destroys nothing: it goes on only if its account may.
#[inline(always)]
pub fn pass(actor: &Actor) {
    if matches!(actor.standing().phase, Phase::Armed) {
        return; // as the judge would say, without a clock
    }
    let (_, verdict) = verdict(actor, Kinds::NONE, Room::Within, emit::now());
    enforce::carry_out(verdict, actor);
}

/// A call starts.
#[inline(never)]
pub fn begin(actor: &Actor, call: &Call) {
    pass(actor);
    if call.verb == verb::NONE {
        return;
    }
    let first = place::resolve(call.paths[0]);
    let second =
        if call.paths[1].form == form::ABSENT { Target::NOTHING } else { place::resolve(call.paths[1]) };
    park(actor, call, [in_trees(actor, first), in_trees(actor, second)]);
}

#[inline(always)]
fn in_trees(actor: &Actor, target: Target) -> Target {
    // SAFETY: a live entry of an array map.
    let roots = unsafe { (*actor.account).roots };
    if target.found == found::PLACE && target.whole == 0 && roots >> (target.root & 63) & 1 == 0 {
        return Target::NOTHING;
    }
    target
}

#[inline(always)]
fn park(actor: &Actor, call: &Call, ends: [Target; 2]) {
    let ends = [known(actor, ends[0]), known(actor, ends[1])];
    if ends[0].found == found::NOTHING && ends[1].found == found::NOTHING {
        return;
    }
    if ends[0].found == found::UNREAD || ends[1].found == found::UNREAD {
        count(Counter::UnreadPath);
    }
    let Some((pending, lasts)) = entry(actor.tid()) else {
        count(Counter::ScratchMissing);
        return;
    };
    pending.at = emit::now();
    pending.thread_start = read::current().field(OFFSETS.task_start_boottime());
    pending.account = actor.index;
    pending.paths = call.paths;
    pending.ends = ends;
    pending.held = [Held::NONE; 2];
    pending.verb = call.verb;
    pending.flags = call.flags;
    pending.over = 0;
    keep_text(pending);
    outcome(actor, pending, Ledger::Ask);
    let room = reconcile(actor, pending); // whether there is room matters only when the call has succeeded
    if !lasts {
        // It cannot be settled later, so what it may destroy counts as destroyed. The ledger is not told: a name that the
        // call only wanted to make would be the account's own.
        count(Counter::PendingFull);
        judged(actor, pending, room);
    }
}

/// A name that cannot be told is reported and left out; the call's other name is judged all the same.
#[inline(always)]
fn known(actor: &Actor, end: Target) -> Target {
    if end.found != found::UNRESOLVED {
        return end;
    }
    emit::blind(actor, end.key as u32);
    Target::NOTHING
}

/// The thread's room for a call under way, and whether it lasts until the call is done.
#[inline(always)]
fn entry(tid: u32) -> Option<(&'static mut Pending, bool)> {
    let draft = DRAFT.get_ptr_mut(0)?;
    let own = PENDING.get_ptr_mut(tid).or_else(|| {
        // SAFETY: this CPU's own entry, used by one program at a time: tracepoint programs run with preemption off.
        let draft: &Pending = unsafe { &*draft }; // by reference: a copy would fill the stack
        let _ = PENDING.insert(tid, draft, u64::from(BPF_NOEXIST)); // full: the look-up tells
        PENDING.get_ptr_mut(tid)
    });
    // SAFETY: a live map entry, and this thread's own; else as above.
    Some(unsafe { own.map_or_else(|| (&mut *draft, false), |own| (&mut *own, true)) })
}

/// Keeps the beginning of the path that was resolved last, for the record.
#[inline(always)]
fn keep_text(pending: &mut Pending) {
    if let Some(scratch) = place::scratch() {
        pending.text_len = scratch.text_len.saturating_sub(1);
        pending.text.copy_from_slice(&scratch.text[..TEXT_LEN]);
    }
}

/// A call of this thread is done.
#[inline(never)]
pub fn settle(actor: &Actor, pending: &mut Pending, result: i64) {
    if result < 0 {
        pending.kinds = [0; 2];
        let _ = reconcile(actor, pending); // gives everything back
        return;
    }
    read_again(actor, pending);
    if pending.flags & flag::CREATES != 0 && was_created(result) {
        pending.flags |= flag::CREATED;
    }
    conclude(actor, pending);
}

/// The call did what it was to do: the budgets, the ledger and the account's standing follow.
#[inline(always)]
fn conclude(actor: &Actor, pending: &mut Pending) {
    outcome(actor, pending, Ledger::Tell);
    if redirects(pending) {
        // What is renamed may have been filled meanwhile; a new link is not disowned by itself.
        let renamed = pending.flags & flag::REDIRECTS == 0;
        actor.disown_before(if renamed { emit::now() } else { pending.at });
    }
    let room = reconcile(actor, pending);
    judged(actor, pending, room);
}

/// What follows for the account, and for this process.
#[inline(always)]
fn judged(actor: &Actor, pending: &mut Pending, room: Room) {
    let kinds = pending.kinds();
    let (burst, verdict) = verdict(actor, kinds, room, pending.at);
    pending.over = u32::from(matches!(room, Room::Over));
    if burst {
        emit::call(actor, what::BURST, pending);
    }
    if !kinds.is_empty() {
        emit::call(actor, what::OPERATION, pending);
    }
    enforce::carry_out(verdict, actor);
}

/// Paths that were not in memory when the call started are now: the kernel has read them.
#[inline(always)]
fn read_again(actor: &Actor, pending: &mut Pending) {
    for end in 0..2 {
        if pending.ends[end].found == found::UNREAD {
            pending.ends[end] = in_trees(actor, place::resolve(pending.paths[end]));
            keep_text(pending);
            if pending.ends[end].found == found::UNREAD {
                count(Counter::UnreadablePath);
                emit::blind(actor, Counter::UnreadablePath as u32);
            }
        }
    }
}

/// Whether an open made the file, as the kernel noted in the file itself.
#[inline(always)]
fn was_created(descriptor: i64) -> bool {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/fs.h#L144
    const FMODE_CREATED: u32 = 0x10_0000;
    let mode = read::open_file(descriptor as u32).and_then(|file| file.field::<u32>(OFFSETS.file_mode()));
    matches!(mode, Ok(mode) if mode & FMODE_CREATED != 0)
}

/// The verdict, and whether it began a burst. The account's standing moves by one compare-exchange, so that exactly one
/// of several CPUs begins it.
#[inline(always)]
fn verdict(actor: &Actor, kinds: Kinds, room: Room, now: u64) -> (bool, Verdict) {
    let mut verdict = Verdict::Allow;
    for _ in 0..4 {
        let word = actor.standing_word();
        let before = Standing::from_word(word);
        let (after, judged) =
            judge(before, actor.grant(), kinds, room, actor.response(), Tier::Tracepoint, now);
        verdict = judged;
        if after == before {
            return (false, verdict);
        }
        if ledger::exchange(actor.standing_ptr(), word, after.to_word()) {
            let began = before.at(now).phase == Phase::Armed && after.phase != Phase::Armed;
            return (began, verdict);
        }
    }
    count(Counter::StandingContended);
    (false, verdict)
}
