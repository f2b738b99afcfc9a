//! What lets a call pass whatever the budgets say: the grant under which its process acts, or a lease of its account. Each holds
//! in the directories that it names, and below.

use agent_common::{
    rules::{
        Kinds,
        grant::{self, Allowance, NUMBERS, Number},
        judge::Phase,
        place::RootId,
    },
    wire::{
        Counter,
        row::{DirectoryKey, Grant, is_own},
    },
};

use crate::{
    actor::Actor,
    call::Pending,
    count::count,
    desk::Desk,
    emit, ledger,
    maps::{DIRECTORIES, GRANTS},
    path::{OUTSIDE, Scratch, Target, found},
    pending,
};

/// No grants are looked for.
pub const NOBODY: [u32; 2] = [0; 2];

/// The grants that a holder has in this very directory; 0 for none.
#[inline(always)]
pub fn at(key: u64, root: RootId, holder: u32) -> u32 {
    if holder == 0 {
        return 0;
    }
    // SAFETY: the value is copied at once, while the entry is alive.
    unsafe { DIRECTORIES.get(DirectoryKey { key, root, holder }) }.copied().unwrap_or(0)
}

/// Looks for grants where the desk stands; those of directories further up hold as well, unless one here has the same holder.
#[inline(always)]
pub fn look(desk: Desk) {
    let Some(scratch) = desk.scratch() else { return };
    let Scratch { holders, root, fold, .. } = *scratch;
    if root == OUTSIDE {
        return;
    }
    for (holder, found) in holders.into_iter().zip(&mut scratch.grants) {
        match at(fold.key(), root, holder) {
            0 => {}
            grant => *found = grant,
        }
    }
}

/// Whether a grant lets the current thread's call pass: it admits one operation less from now on.
#[inline(always)]
pub fn admit(actor: &Actor, pending: &Pending) -> bool {
    let [first, second] = &pending.ends;
    let found = first.grants[0] | first.grants[1] | second.grants[0] | second.grants[1];
    found != 0 && (admit_by(actor.index, 0) != 0 || admit_by(actor.index, 1) != 0)
}

/// Whether a lease covers all that the current thread's call touches of burstguard's own. Nothing is taken of it: what is done there is no
/// operation that it could have a number for.
#[inline(always)]
pub fn covers(actor: &Actor, pending: &Pending) -> bool {
    let [first, second] = &pending.ends;
    let is_free = |end: &Target| !is_own(end.root) || holds_at(actor, end);
    is_free(first) && is_free(second)
}

/// Whether a lease of the account holds at this place.
#[inline(always)]
pub fn holds_at(actor: &Actor, end: &Target) -> bool {
    let Some(grant) = grant_at(end.grants[1]) else { return false };
    let now = emit::now();
    grant.account == actor.index && now < grant.until && may_use(actor, grant, now)
}

/// Gives back what was taken for the call: it has failed, or may not happen.
#[inline(always)]
pub fn give_back(actor: &Actor, pending: &Pending) {
    if pending.grant != 0 {
        let _ = give_back_of(actor.index);
    }
}

/// Global: whether what this holder has admits it.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn admit_by(account: u32, holder: u32) -> u32 {
    let admitted =
        pending::of_current(account, |actor, pending| try_admit(actor, pending, holder as usize & 1));
    u32::from(admitted.unwrap_or(false))
}

/// Each of its names is an operation, as it is for the budgets.
#[inline(always)]
fn try_admit(actor: &Actor, pending: &mut Pending, holder: usize) -> bool {
    let index = covering(&pending.ends, holder);
    let Some(grant) = grant_at(index) else { return false };
    let holds = grant.account == actor.index && pending.at < grant.until && may_use(actor, grant, pending.at);
    let [first, second] = pending.kinds;
    if !holds || take_all(index, u32::from(first)) == 0 {
        return false;
    }
    if take_all(index, u32::from(second)) == 0 {
        let _ = give_all(index, u32::from(first));
        return false;
    }
    pending.grant = index;
    pending.admitted = pending.kinds;
    true
}

/// A lease is for who is armed: whoever waits for a decision, or is refused, has been looked at since it was given. An approval is
/// such a decision.
#[inline(always)]
fn may_use(actor: &Actor, grant: &Grant, at: u64) -> bool {
    grant.leased == 0 || matches!(actor.standing().at(at).phase, Phase::Armed)
}

/// Global: one operation of these kinds; nothing to take if it is none.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn take_all(index: u32, kinds: u32) -> u32 {
    u32::from(kinds == 0 || grant::take(&MapAllowance(index), Kinds::from_bits(kinds as u8)))
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn give_all(index: u32, kinds: u32) -> u32 {
    if kinds != 0 {
        grant::give_back(&MapAllowance(index), Kinds::from_bits(kinds as u8));
    }
    0
}

/// The grant that holds for all that the call touches; 0 for none.
#[inline(always)]
fn covering([first, second]: &[Target; 2], holder: usize) -> u32 {
    let (one, other) = (first.grants[holder], second.grants[holder]);
    match (first.found == found::PLACE, second.found == found::PLACE) {
        (true, true) if one == other => one,
        (true, false) => one,
        (false, true) => other,
        _ => 0,
    }
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn give_back_of(account: u32) -> u32 {
    let give = |_: &Actor, pending: &mut Pending| {
        let [first, second] = pending.admitted;
        let _ = (give_all(pending.grant, u32::from(first)), give_all(pending.grant, u32::from(second)));
        pending.grant = 0;
    };
    let _ = pending::of_current(account, give);
    0
}

#[inline(always)]
fn grant_at(index: u32) -> Option<&'static mut Grant> {
    if index == 0 {
        return None;
    }
    // SAFETY: a live entry of an array map; the agent writes its words one by one.
    GRANTS.get_ptr_mut(index).map(|grant| unsafe { &mut *grant })
}

/// The numbers of the grant with this index.
struct MapAllowance(u32);

impl Allowance for MapAllowance {
    #[inline(always)]
    fn take_one(&self, number: usize, all: bool) -> bool {
        take_number(self.0, number as u32, u32::from(all)) != 0
    }

    #[inline(always)]
    fn give_one(&self, number: usize) {
        let _ = give_number(self.0, number as u32);
    }
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn take_number(index: u32, number: u32, all: u32) -> u32 {
    let Some(number) = number_of(index, number) else { return 0 };
    let is_taken = grant::take_one(&number, all != 0);
    if !is_taken && all == 0 && number.left() != 0 {
        count(Counter::StandingContended);
    }
    u32::from(is_taken)
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn give_number(index: u32, number: u32) -> u32 {
    if let Some(number) = number_of(index, number) {
        grant::give_one(&number);
    }
    0
}

#[inline(always)]
fn number_of(index: u32, number: u32) -> Option<MapNumber> {
    let grant: *mut Grant = grant_at(index)?;
    // SAFETY: a live entry of an array map, here and below.
    Some(MapNumber(unsafe { &raw mut (*grant).allowance[number as usize & (NUMBERS - 1)] }))
}

struct MapNumber(*mut u64);

impl Number for MapNumber {
    #[inline(always)]
    fn left(&self) -> u64 {
        // SAFETY: as above; volatile because other CPUs write it.
        unsafe { core::ptr::read_volatile(self.0) }
    }

    #[inline(always)]
    fn replace(&self, from: u64, to: u64) -> bool {
        ledger::exchange(self.0, from, to)
    }

    #[inline(always)]
    fn add_one(&self) {
        ledger::add(self.0, 1);
    }
}
