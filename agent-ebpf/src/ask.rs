//! A call's way in the lsm tier: it names what it will touch, it asks before it does it, and it says how it ended.
//!
//! Asked is in the inode hooks, which come after the kernel's own permission check: what is forbidden anyway is neither
//! counted nor held. That hook is told no mount, though, and a file system that is made of others (overlayfs) goes through
//! it once more for each of its layers. So the path hook before it names the call, and the first inode hook that is about
//! the same directory entries asks.

mod steps;

use agent_common::{
    rules::judge::Verdict,
    wire::{
        Counter,
        record::{verb, what},
    },
};

pub use steps::done;

use crate::{
    actor::Actor,
    call::{Call, Held, Pending, stage},
    command,
    count::count,
    decide::{in_trees, job, keep_text, known},
    desk::Desk,
    directory, emit, grant, held, ledger, lineage,
    path::{PathArg, Target, form, found},
    pending, place, tamper,
};

/// What a hook answers.
pub const ALLOW: i32 = 0;
pub const EPERM: i32 = -1;
/// What an attempt answers besides [`held`]'s words: it may.
const MAY: i32 = 4;
/// A thread that somebody continues all the time is judged at most so often.
const ATTEMPTS: u32 = 3;
/// Calls that are refused are reported again after so long (ns).
const REPORT_AGAIN: u64 = 100_000_000;

/// The call of this thread will touch these entries.
#[inline(never)]
pub fn name(actor: &Actor, call: &Call) -> i32 {
    let waits = command::again_in_a_call(actor);
    if waits != ALLOW {
        return waits;
    }
    if let Some(pending) = pending::of_thread(actor.tid()) {
        begin(actor, pending, call);
        return ALLOW;
    }
    let Some(desk) = Desk::claim() else { return EPERM };
    let room = pending::room(actor.tid(), desk);
    let answer = if let Some((pending, true)) = room {
        begin(actor, pending, call);
        ALLOW
    } else {
        // Not one of our faults: an account has as many threads in the midst of a call as nobody needs.
        count(Counter::PendingFull);
        EPERM
    };
    desk.release();
    answer
}

#[inline(always)]
fn begin(actor: &Actor, pending: &mut Pending, call: &Call) {
    end_last(actor, pending);
    pending.thread_start = pending::thread_start();
    pending.account = actor.index;
    pending.paths = call.paths;
    pending.verb = call.verb;
    pending.flags = call.flags;
    pending.sizes = [call.before, call.after];
    pending.grant = 0;
    pending.stage = stage::NAMED;
}

/// The thread begins something else: its last call, if nobody has seen how it ended, counts as done.
#[inline(always)]
pub fn end_last(actor: &Actor, pending: &Pending) {
    if pending.account == actor.index && pending.stage == stage::ALLOWED && pending::is_own(pending) {
        // The end of the last one was seen by nobody: the kernel passes a program over that it is running already.
        count(Counter::Unsettled);
        done(actor, 0);
    }
}

/// Asks about the call that has just been named with this answer: where no hook comes after the permission check and before
/// it happens. Whoever has named it did so in a function of its own: what that needs of the stack is free again.
#[inline(always)]
pub fn at_once(actor: &Actor, answer: i32) -> i32 {
    match pending::at(stage::NAMED) {
        Some(pending) => ask(actor, pending),
        None => answer,
    }
}

/// The kernel is about to do it: whether it may. Not, if there is no desk: more threads of accounts are in the midst of this on one CPU
/// than ever come together unless somebody sees to it, and so they would be a way past.
#[inline(never)]
pub fn ask(actor: &Actor, pending: &mut Pending) -> i32 {
    let Some(desk) = Desk::claim() else {
        pending.verb = verb::NONE;
        return EPERM;
    };
    let answer = match look_at(desk.0) {
        NOTHING => nothing(actor, pending),
        OWN if tamper::by_call(actor) != ALLOW => EPERM,
        _ => judge(actor, pending, desk),
    };
    desk.release();
    if answer != ALLOW {
        pending.verb = verb::NONE;
    }
    answer
}

#[inline(always)]
fn nothing(actor: &Actor, pending: &mut Pending) -> i32 {
    held::forget(actor);
    pending.verb = verb::NONE;
    ALLOW
}

/// What a call's names lead to: nothing that matters, something, or something of burstguard's own.
const NOTHING: u32 = 0;
const SOMETHING: u32 = 1;
const OWN: u32 = 2;

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_at(desk: u32) -> u32 {
    let Some(actor) = lineage::current() else { return NOTHING };
    let Some(pending) = pending::of_thread(actor.tid()) else { return NOTHING };
    let matters = look(&actor, pending, Desk(desk));
    if tamper::is_by(pending) {
        return OWN; // also where it will fail anyway
    }
    if matters { SOMETHING } else { NOTHING }
}

/// Where the names of the call lead; whether that is anywhere that matters. The first name comes last, so that its text
/// stays, unless it is of no matter.
#[inline(always)]
fn look(actor: &Actor, pending: &mut Pending, desk: Desk) -> bool {
    pending.at = emit::now();
    pending.held = [Held::NONE; 2];
    pending.ends[1] = Target::NOTHING;
    if pending.paths[1].form != form::ABSENT {
        let second = place::of_found(desk, pending.paths[1], actor.holders());
        pending.ends[1] = known(actor, in_trees(actor, second));
        keep_text(pending, desk);
    }
    let first = place::of_found(desk, pending.paths[0], actor.holders());
    pending.ends[0] = known(actor, in_trees(actor, first));
    if pending.ends[0].found != found::NOTHING {
        keep_text(pending, desk);
    } else if pending.ends[1].found == found::NOTHING {
        return turn(pending, desk);
    }
    directory::look(actor)
}

/// A call that makes a job of a file asks whoever carries those out; whether it is one, or may become one: a file that is made there is
/// written to by what opens it.
#[inline(always)]
fn turn(pending: &mut Pending, desk: Desk) -> bool {
    let way = job(pending.verb, pending.flags, &pending.ends);
    if way == 0 {
        return pending.verb == verb::CREATE && pending.ends[0].job != 0;
    }
    pending.verb = verb::ASK;
    pending.flags = 0;
    pending.paths = [PathArg::way(way), PathArg::ABSENT];
    pending.ends = [place::way(desk, u64::from(way)), Target::NOTHING];
    pending.text_len = 0;
    true
}

/// What this thread has just made is opened for writing: that is asked about, if it may be a job.
#[inline(always)]
pub fn written(actor: &Actor) -> i32 {
    match pending::at(stage::ANNOUNCED) {
        Some(pending) if pending.verb == verb::CREATE && pending.ends[0].job != 0 => {
            pending.verb = verb::WRITE;
            ask(actor, pending)
        }
        _ => ALLOW,
    }
}

/// The call of this thread, whose names have been looked at.
#[inline(always)]
pub fn judge(actor: &Actor, pending: &mut Pending, desk: Desk) -> i32 {
    steps::weigh(actor);
    if pending.kinds().is_empty() {
        let _ = allow(actor, pending);
        return ALLOW;
    }
    steps::measure(actor);
    for _ in 0..ATTEMPTS {
        // Spelled out: of a global function the verifier knows no more than that it answers a number.
        match attempt(desk.0) {
            held::JUDGE_AGAIN => {}
            MAY => return ALLOW,
            held::WAITS => return held::ERESTARTNOINTR,
            _ => return EPERM,
        }
    }
    EPERM
}

/// Global: so that the verifier follows one attempt, and not each of them. Under which grant the process acts is looked at anew.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn attempt(desk: u32) -> i32 {
    let Some(actor) = lineage::current() else { return MAY };
    let Some(pending) = pending::of_thread(actor.tid()) else { return held::REFUSED };
    try_once(&actor, pending, Desk(desk))
}

#[inline(always)]
fn try_once(actor: &Actor, pending: &mut Pending, desk: Desk) -> i32 {
    let known = held::compare(actor, desk);
    let granted = known == held::SAME && held::may_once(actor) || grant::admit(actor, pending);
    pending.over = match known {
        _ if granted => 0,
        // Whatever the budgets say by now: nobody has seen what it would do, and whoever has decided meant something else.
        held::OTHER => 1,
        _ => steps::claim(actor),
    };
    let verdict = steps::verdict(actor, granted);
    if matches!(verdict, Verdict::Hold | Verdict::Deny) {
        grant::give_back(actor, pending);
    }
    match verdict {
        Verdict::Hold => {
            steps::give_back(actor);
            match held::wait(actor, desk) {
                held::REFUSED => refuse(actor, pending),
                answer => answer,
            }
        }
        Verdict::Deny => {
            steps::give_back(actor);
            refuse(actor, pending)
        }
        Verdict::Allow | Verdict::Report | Verdict::Stop => allow(actor, pending),
    }
}

#[inline(always)]
fn allow(actor: &Actor, pending: &mut Pending) -> i32 {
    held::forget(actor);
    pending.stage = stage::ALLOWED;
    steps::tell(actor);
    if matches!(pending.verb, verb::MOUNT | verb::OVERWRITE | verb::WRITE | verb::ASK | verb::COMMAND) {
        done(actor, 0); // nothing tells how it ends
    }
    MAY
}

#[inline(always)]
fn refuse(actor: &Actor, pending: &mut Pending) -> i32 {
    held::forget(actor);
    ledger::add_one(actor.refused_ptr());
    if pending.at.saturating_sub(pending.refused_at) > REPORT_AGAIN {
        pending.refused_at = pending.at;
        emit::call_of_thread(actor, what::DENIED);
    }
    held::REFUSED
}

/// A name that the call wants to make. Nobody is asked, since without it the host would be left with less; where it leads is
/// looked at now, since the entry may be gone when the call is done.
#[inline(never)]
pub fn announce(actor: &Actor, call: &Call) -> i32 {
    let answer = name(actor, call);
    let Some(pending) = pending::at(stage::NAMED) else { return answer };
    let Some(desk) = Desk::claim() else {
        pending.verb = verb::NONE;
        return ALLOW;
    };
    pending.stage = stage::ANNOUNCED;
    pending.grant = 0;
    let looked = look_at(desk.0);
    desk.release();
    let is_refused = looked == OWN && tamper::by_call(actor) != ALLOW;
    if looked == NOTHING || is_refused {
        pending.verb = verb::NONE;
    }
    if is_refused { EPERM } else { answer }
}

/// A name that a file gets besides: somebody is asked if it makes a job of the file.
#[inline(never)]
pub fn announce_link(actor: &Actor, call: &Call) -> i32 {
    let answer = announce(actor, call);
    match pending::at(stage::ANNOUNCED) {
        Some(pending) if answer == ALLOW && pending.verb == verb::ASK => ask(actor, pending),
        _ => answer,
    }
}
