//! The one judge of what an account does, in two steps.
//!
//! `begin`, when a call starts: which protected names it touches, what it would destroy, and a slot of the budget for
//! each such operation. `settle`, when it is done: what it really destroyed (a call that failed, nothing), with slots
//! given back or claimed so that the budget holds exactly that, the ledger brought up to date, and the verdict.

use agent_common::{
    rules::{
        Kind, Kinds,
        budget::{self, Claim, Room, Window},
        judge::{Phase, Standing, Tier, Verdict, judge},
        name::{self, Change, Name, State},
    },
    wire::{
        Counter,
        record::{TEXT_LEN, verb, what},
        row::{Budget, NameKey},
    },
};
use aya_ebpf::bindings::BPF_ANY;

use crate::{
    count::count,
    emit, enforce,
    ledger::{self, MapSlots},
    lineage::Actor,
    maps::{DRAFT, OFFSETS, PENDING},
    place::{self, PathArg, Target, found},
    read::{self, Kernel},
};

/// A system call as its hook understands it: a verb and one or two names.
#[derive(Clone, Copy)]
pub struct Call {
    pub verb: u32,
    /// Any of [`flag`].
    pub flags: u32,
    pub paths: [PathArg; 2],
}

/// What else is known of a call.
pub mod flag {
    /// It fails if the (second) name exists.
    pub const NEW_ONLY: u32 = 1;
    /// It may make the name.
    pub const CREATES: u32 = 2;
    /// It empties the file.
    pub const EMPTIES: u32 = 4;
    /// It has made the name.
    pub const CREATED: u32 = 8;
}

impl Call {
    #[inline(always)]
    pub const fn one(verb: u32, path: PathArg) -> Self {
        Self { verb, flags: 0, paths: [path, PathArg::NONE] }
    }

    #[inline(always)]
    pub const fn two(verb: u32, first: PathArg, second: PathArg) -> Self {
        Self { verb, flags: 0, paths: [first, second] }
    }

    #[inline(always)]
    pub const fn with(self, flags: u32) -> Self {
        Self { flags: self.flags | flags, ..self }
    }
}

/// A slot that a call holds, or none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Held {
    pub stamp: u64,
    pub before: u64,
    pub slot: u32,
    /// Whether it holds one: 0 or 1.
    pub is: u32,
}

impl Held {
    const NONE: Self = Self { stamp: 0, before: 0, slot: 0, is: 0 };

    #[inline(always)]
    const fn claim(&self) -> Claim {
        Claim { slot: self.slot, stamp: self.stamp, before: self.before }
    }
}

/// A call under way.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pending {
    pub at: u64,
    pub paths: [PathArg; 2],
    pub ends: [Target; 2],
    pub held: [Held; Kind::COUNT],
    pub verb: u32,
    pub flags: u32,
    pub kinds: u8,
    pub over: u8,
    pub reserved: u16,
    pub text_len: u32,
    pub text: [u8; TEXT_LEN],
}

/// A process of a lineage does something that destroys nothing: it goes on only if its account may.
#[inline(always)]
pub fn pass(actor: &Actor) {
    let (_, verdict) = verdict(actor, Kinds::NONE, Room::Within, emit::now());
    enforce::carry_out(verdict, actor);
}

/// A call starts.
#[inline(never)]
pub fn begin(actor: &Actor, call: &Call) {
    pass(actor);
    let first = place::resolve(actor.task, &call.paths[0]);
    let second =
        if call.paths[1].dirfd == -1 { Target::NOTHING } else { place::resolve(actor.task, &call.paths[1]) };
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
    if ends[0].found == found::NOTHING && ends[1].found == found::NOTHING {
        return;
    }
    if ends[0].found == found::UNRESOLVED || ends[1].found == found::UNRESOLVED {
        emit::blind(actor, Counter::UnresolvedPath);
        return;
    }
    let Some(draft) = draft() else {
        count(Counter::ScratchMissing);
        return;
    };
    draft.at = emit::now();
    draft.paths = call.paths;
    draft.ends = ends;
    draft.held = [Held::NONE; Kind::COUNT];
    draft.verb = call.verb;
    draft.flags = call.flags;
    draft.kinds = 0;
    draft.over = 0;
    keep_text(draft);
    let foreseen = outcome(actor, draft, Write::No);
    let _ = reconcile(actor, draft, foreseen);
    if PENDING.insert(actor.thread, &*draft, u64::from(BPF_ANY)).is_err() {
        // It cannot be settled later, so it counts as done now.
        count(Counter::PendingFull);
        conclude(actor, draft);
    }
}

/// Room for a call under way, too large for the stack.
#[inline(always)]
fn draft() -> Option<&'static mut Pending> {
    // SAFETY: this CPU's own entry, used by one program at a time: tracepoint programs run with preemption off.
    DRAFT.get_ptr_mut(0).map(|draft| unsafe { &mut *draft })
}

/// Keeps the beginning of the path that was resolved last, for the record.
#[inline(always)]
fn keep_text(draft: &mut Pending) {
    if let Some(scratch) = place::scratch() {
        draft.text_len = scratch.text_len.saturating_sub(1);
        draft.text.copy_from_slice(&scratch.text[..TEXT_LEN]);
    }
}

/// A call of this thread is done.
#[inline(never)]
pub fn settle(actor: &Actor, pending: &mut Pending, result: i64) {
    if result < 0 {
        let _ = reconcile(actor, pending, Kinds::NONE);
        return;
    }
    read_again(actor, pending);
    if pending.flags & flag::CREATES != 0 && was_created(actor.task, result) {
        pending.flags |= flag::CREATED;
    }
    conclude(actor, pending);
}

/// The call did what it was to do: the budgets, the ledger and the account's standing follow.
#[inline(always)]
fn conclude(actor: &Actor, pending: &mut Pending) {
    let kinds = outcome(actor, pending, Write::Yes);
    let room = reconcile(actor, pending, kinds);
    let (burst, verdict) = verdict(actor, kinds, room, pending.at);
    enforce::carry_out(verdict, actor);
    pending.kinds = kinds.bits();
    pending.over = u8::from(matches!(room, Room::Over));
    if burst {
        emit::call(actor, what::BURST, pending);
    }
    if !kinds.is_empty() {
        emit::call(actor, what::OPERATION, pending);
    }
}

/// Paths that were not in memory when the call started are now: the kernel has read them.
#[inline(always)]
fn read_again(actor: &Actor, pending: &mut Pending) {
    for end in 0..2 {
        if pending.ends[end].found == found::UNREAD {
            pending.ends[end] = in_trees(actor, place::resolve(actor.task, &pending.paths[end]));
            keep_text(pending);
            if pending.ends[end].found == found::UNREAD {
                emit::blind(actor, Counter::UnreadablePath);
            }
        }
    }
}

/// Whether an open made the file, as the kernel noted in the file itself.
#[inline(always)]
fn was_created(task: Kernel, descriptor: i64) -> bool {
    // https://github.com/torvalds/linux/blob/v6.12/include/linux/fs.h#L144
    const FMODE_CREATED: u32 = 0x10_0000;
    let mode =
        read::open_file(task, descriptor as u32).and_then(|file| file.field::<u32>(OFFSETS.load().file_mode));
    matches!(mode, Ok(mode) if mode & FMODE_CREATED != 0)
}

#[derive(Clone, Copy, PartialEq)]
enum Write {
    Yes,
    No,
}

/// What the call destroys, by what the ledger knows of its names.
#[inline(never)]
fn outcome(actor: &Actor, pending: &Pending, write: Write) -> Kinds {
    let [first, second] = &pending.ends;
    let touch = |end: &Target, change| touch(actor.index, actor.horizon(), end, change, pending.at, write);
    match pending.verb {
        verb::CREATE => touch(first, Change::Appears { over: false, fresh: true }),
        verb::LINK => {
            touch(first, Change::Linked).and(touch(second, Change::Appears { over: false, fresh: false }))
        }
        verb::REMOVE => touch(first, Change::Vanishes),
        verb::RENAME if first.root == second.root && first.key == second.key => Kinds::NONE,
        verb::RENAME => {
            let fresh = is_scratch(actor, first, pending.at);
            let over = pending.flags & flag::NEW_ONLY == 0;
            touch(first, Change::Vanishes).and(touch(second, Change::Appears { over, fresh }))
        }
        verb::EXCHANGE => {
            let swapped = Change::Appears { over: true, fresh: false };
            touch(first, swapped).and(touch(second, swapped))
        }
        verb::TRUNCATE => touch(first, Change::Shrinks),
        verb::OPEN if pending.flags & flag::CREATED != 0 => {
            touch(first, Change::Appears { over: false, fresh: true })
        }
        verb::OPEN if pending.flags & (flag::EMPTIES | flag::NEW_ONLY) == flag::EMPTIES => {
            touch(first, Change::Shrinks)
        }
        _ => Kinds::NONE,
    }
}

#[inline(always)]
fn is_scratch(actor: &Actor, end: &Target, at: u64) -> bool {
    end.found == found::PLACE
        && matches!(ledger::recall(name_key(actor.index, end)), Some(Name { state: State::Scratch, at: since })
            if at.saturating_sub(since) <= actor.horizon())
}

#[inline(always)]
fn name_key(account: u32, end: &Target) -> NameKey {
    NameKey { key: end.key, root: end.root, account }
}

/// One name's part of an act.
#[inline(always)]
fn touch(account: u32, horizon: u64, end: &Target, change: Change, at: u64, write: Write) -> Kinds {
    if end.found != found::PLACE {
        return Kinds::NONE;
    }
    let key = name_key(account, end);
    let (after, kinds) = name::step(ledger::recall(key), change, at, horizon);
    if write == Write::Yes {
        ledger::remember(key, after);
    }
    if end.whole != 0 && (kinds.has(Kind::Delete) || kinds.has(Kind::Replace)) {
        kinds.and(Kinds::WHOLE)
    } else {
        kinds
    }
}

/// Makes the call hold a slot for each of these kinds and none for any other. Within: it holds them all.
#[inline(never)]
fn reconcile(actor: &Actor, pending: &mut Pending, kinds: Kinds) -> Room {
    let counted = counts(actor, pending.at);
    let mut room = if kinds.is_whole() { Room::Over } else { Room::Within };
    for kind in Kind::ALL {
        let held = &mut pending.held[kind as usize];
        // SAFETY: a live entry of an array map.
        let budget = unsafe { &raw mut (*actor.account).budgets[kind as usize] };
        if kinds.has(kind) && counted {
            if held.is == 0 && !claim(budget, held, pending.at) {
                room = Room::Over;
            }
        } else if held.is != 0 {
            budget::give_back(&MapSlots::new(budget), held.claim());
            held.is = 0;
        }
    }
    room
}

#[inline(never)]
fn claim(budget: *mut Budget, held: &mut Held, at: u64) -> bool {
    // SAFETY: part of a live entry of an array map.
    let window = unsafe { Window { length: (*budget).window, not_before: (*budget).not_before } };
    match budget::charge(&MapSlots::new(budget), window, at) {
        Some(claim) => {
            *held = Held { stamp: claim.stamp, before: claim.before, slot: claim.slot, is: 1 };
            true
        }
        None => false,
    }
}

/// Whether operations are charged: not while the account is tripped, and not against its budgets under a grant.
#[inline(always)]
fn counts(actor: &Actor, now: u64) -> bool {
    matches!(actor.standing().at(now).phase, Phase::Armed)
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
