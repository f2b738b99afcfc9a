//! The one judge of what an account does, in two steps.
//!
//! `begin`, when a call starts: which protected names it touches, what it would destroy, and a slot of the budget for
//! each such operation. `settle`, when it is done: what it really destroyed (a call that failed, nothing), with slots
//! given back or claimed so that the budget holds exactly that, the ledger brought up to date, and the verdict.

use agent_common::{
    rules::{
        Kinds,
        budget::Room,
        judge::{Phase, Verdict},
    },
    wire::{
        Counter,
        record::{verb, what},
        row::is_own,
    },
};

use crate::{
    act::{Ledger, outcome, redirects},
    actor::Actor,
    call::{Call, Held, Pending, flag, stage},
    charge,
    count::count,
    desk::Desk,
    emit, enforce, grant,
    maps::JOBS,
    offsets::OFFSETS,
    path::{PathArg, Scratch, Target, form, found},
    pending, place, read, size, tamper, verdict,
};

/// A process of a lineage does something that destroys nothing: it goes on only if its account may.
#[inline(always)]
pub fn pass(actor: &Actor) {
    if matches!(actor.standing().phase, Phase::Armed) {
        return; // as the judge would say, without a clock
    }
    let now = emit::now();
    let judged = verdict::of(actor, false, Kinds::NONE, Room::Within, now);
    enforce::carry_out(judged.verdict, actor);
}

/// A call starts.
#[inline(never)]
pub fn begin(actor: &Actor, call: &Call) {
    pass(actor);
    if call.verb == verb::NONE {
        return;
    }
    let Some(desk) = Desk::claim() else { return };
    resolve(actor, desk, call.paths[0], 0);
    if call.paths[1].form != form::ABSENT {
        resolve(actor, desk, call.paths[1], 1);
    } else if let Some(scratch) = desk.scratch() {
        scratch.ends[1] = Target::NOTHING;
    }
    park(actor, call, desk);
    desk.release();
}

/// Where a name of the call leads, which stays on the desk: two of them would fill the stack.
#[inline(always)]
fn resolve(actor: &Actor, desk: Desk, path: PathArg, end: usize) {
    let target = known(actor, in_trees(actor, place::of_argument(desk, path, actor.holders())));
    if let Some(scratch) = desk.scratch() {
        scratch.ends[end] = target;
    }
}

/// What an open may be that changes something.
const CHANGES: u32 = flag::WRITES | flag::CREATED | flag::EMPTIES;

/// What of it is the account's concern: a place in one of its trees, or where files are jobs.
#[inline(always)]
pub fn in_trees(actor: &Actor, target: Target) -> Target {
    if is_own(target.root) {
        return target;
    }
    // SAFETY: a live entry of an array map.
    let roots = unsafe { (*actor.account).roots };
    if target.found == found::PLACE && target.whole == 0 && roots >> (target.root & 63) & 1 == 0 {
        return Target { job: JOBS.get(target.root).copied().unwrap_or(0), ..Target::NOTHING };
    }
    target
}

/// The number of the way, if the call makes a job of a file; 0 if not. Whatever it does to a protected name comes first.
#[inline(always)]
pub fn job(verb: u32, flags: u32, ends: &[Target; 2]) -> u32 {
    let [first, second] = ends;
    if first.found == found::PLACE || second.found == found::PLACE {
        return 0;
    }
    match verb {
        verb::RENAME | verb::LINK => second.job,
        verb::EXCHANGE => first.job | second.job,
        verb::OVERWRITE | verb::WRITE => first.job,
        verb::OPEN if flags & (flag::CREATES | flag::WRITES) != 0 => first.job,
        _ => 0,
    }
}

#[inline(always)]
fn park(actor: &Actor, call: &Call, desk: Desk) {
    let Some(&mut Scratch { ends: [ref first, ref second], .. }) = desk.scratch() else { return };
    let found = [first.found, second.found];
    let way = job(call.verb, call.flags, &[*first, *second]);
    if found == [found::NOTHING; 2] && way == 0 {
        return;
    }
    if found.contains(&found::UNREAD) {
        count(Counter::UnreadPath);
    }
    let Some((pending, lasts)) = pending::room(actor.tid(), desk) else { return };
    pending.at = emit::now();
    pending.thread_start = pending::thread_start();
    pending.thread = actor.thread;
    pending.account = actor.index;
    pending.paths = call.paths;
    if let Some(scratch) = desk.scratch() {
        pending.keep_ends(scratch);
    }
    if way != 0 {
        pending.ends = [place::way(desk, u64::from(way)), Target::NOTHING];
    }
    pending.held = [Held::NONE; 2];
    pending.verb = if way == 0 { call.verb } else { verb::ASK };
    pending.flags = call.flags;
    pending.sizes = [call.before, call.after];
    pending.stage = stage::ANNOUNCED;
    pending.grant = 0;
    pending.over = 0;
    keep_text(pending, desk);
    outcome(actor, pending, Ledger::Ask);
    let room = charge(actor, pending); // whether there is room matters only when the call has succeeded
    if pending.verb == verb::ASK {
        judged(actor, pending, room); // how it ends is of no matter
        pending.verb = verb::NONE;
    } else if call.request != 0 {
        hand_over(actor, call, pending, room);
        pending.verb = verb::NONE; // the thread goes on
    } else if !lasts {
        // It cannot be settled later, so what it may destroy counts as destroyed. The ledger is not told: a name that the
        // call only wanted to make would be the account's own.
        count(Counter::PendingFull);
        judged(actor, pending, room);
    }
}

/// What an io_uring does waits until that is done, as a call of its own. But a thread hands over as many as it likes meanwhile, and
/// may never ask what became of them: whoever has no room for one is stopped now, and that one counts as done.
#[inline(always)]
fn hand_over(actor: &Actor, call: &Call, pending: &mut Pending, room: Room) {
    let is_seen = call.flags & flag::UNSEEN_END == 0;
    if is_seen && matches!(room, Room::Within) {
        if pending::keep(call.request, pending) {
            return;
        }
        count(Counter::PendingFull);
    }
    judged(actor, pending, room);
}

/// A name that cannot be told is reported and left out; the call's other name is judged all the same.
#[inline(always)]
pub fn known(actor: &Actor, end: Target) -> Target {
    if end.found != found::UNRESOLVED {
        return end;
    }
    emit::blind(actor, end.key as u32);
    Target::NOTHING
}

/// Keeps the beginning of the path that was resolved last, for the record.
#[inline(always)]
pub fn keep_text(pending: &mut Pending, desk: Desk) {
    if let Some(scratch) = desk.scratch() {
        pending.keep_text(scratch);
    }
}

/// A call of this thread is done.
#[inline(never)]
pub fn settle(actor: &Actor, pending: &mut Pending, result: i64) {
    if pending.stage != stage::ANNOUNCED {
        return;
    }
    if result < 0 {
        pending.kinds = [0; 2];
        let _ = charge(actor, pending); // gives everything back
        return;
    }
    read_again(actor, pending);
    if pending.flags & flag::CREATES != 0 {
        if was_created(result) {
            pending.flags |= flag::CREATED;
        } else if pending.verb == verb::CREATE && result > 0 {
            return; // an open, and of a file that was there; what makes a name otherwise answers 0
        }
    }
    if pending.verb == verb::OPEN {
        look_at(pending, result);
    }
    if tamper::is_by(pending) && (pending.verb != verb::OPEN || pending.flags & CHANGES != 0) {
        let _ = tamper::by_call(actor); // it has happened
    }
    conclude(actor, pending);
}

/// The call did what it was to do: the budgets, the ledger and the account's standing follow.
#[inline(always)]
fn conclude(actor: &Actor, pending: &mut Pending) {
    outcome(actor, pending, Ledger::Tell);
    if redirects(pending) {
        // What is renamed may have been filled meanwhile; a new link is not disowned by itself.
        let is_new = pending.verb == verb::CREATE;
        actor.disown_before(if is_new { pending.at } else { emit::now() });
    }
    let room = charge(actor, pending);
    judged(actor, pending, room);
}

/// What is judged before it happens, where nothing can wait: what becomes of it, which is left to the caller. [`Verdict::Deny`], if it
/// `may_be_refused`; then it has not happened.
#[inline(always)]
pub fn at_once(actor: &Actor, pending: &mut Pending, may_be_refused: bool) -> Verdict {
    outcome(actor, pending, Ledger::Ask);
    let room = charge(actor, pending);
    let judged = verdict::of_call(actor, pending, pending.grant != 0, room);
    if may_be_refused && matches!(judged.verdict, Verdict::Stop) {
        charge::give_back(actor, pending);
        emit::call(actor, what::DENIED, pending);
        return Verdict::Deny;
    }
    outcome(actor, pending, Ledger::Tell);
    told(actor, pending);
    judged.verdict
}

/// What it comes to is the grant's that covers it, or the budgets'. Called again when that has changed.
#[inline(always)]
fn charge(actor: &Actor, pending: &mut Pending) -> Room {
    grant::give_back(actor, pending);
    if !pending.kinds().is_empty() && grant::admit(actor, pending) {
        charge::give_back(actor, pending);
        return Room::Within;
    }
    charge::reconcile(actor, pending)
}

/// What follows for the account, and for this process.
#[inline(always)]
fn judged(actor: &Actor, pending: &mut Pending, room: Room) {
    let judged = verdict::of_call(actor, pending, pending.grant != 0, room);
    told(actor, pending);
    enforce::carry_out(judged.verdict, actor);
}

/// It has happened: reported, if it destroyed anything.
#[inline(always)]
fn told(actor: &Actor, pending: &Pending) {
    if !pending.kinds().is_empty() {
        emit::call(actor, what::OPERATION, pending);
    }
}

/// Paths that were not in memory when the call started are now: the kernel has read them.
#[inline(always)]
fn read_again(actor: &Actor, pending: &mut Pending) {
    for end in 0..2 {
        if pending.ends[end].found == found::UNREAD {
            let Some(desk) = Desk::claim() else { return };
            pending.ends[end] =
                in_trees(actor, place::of_argument(desk, pending.paths[end], actor.holders()));
            keep_text(pending, desk);
            desk.release();
            if pending.ends[end].found == found::UNREAD {
                count(Counter::UnreadablePath);
                emit::blind(actor, Counter::UnreadablePath as u32);
            }
        }
    }
}

/// What an open has come to, now that the file is at hand.
#[inline(always)]
fn look_at(pending: &mut Pending, descriptor: i64) {
    if pending.flags & flag::EMPTIES != 0 {
        pending.sizes[1] = 0;
    } else if pending.flags & flag::OVERWRITES != 0 {
        match read::open_file(descriptor as u32).ok().and_then(size::to_overwrite) {
            Some(size) => pending.sizes[0] = size,
            None => pending.flags &= !flag::OVERWRITES,
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
