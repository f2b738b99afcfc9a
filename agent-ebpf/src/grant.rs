//! What lets a call pass whatever the budgets say: the grant under which its process acts, or a lease of its account. Each holds
//! in the directories that it names, and below.

use agent_common::{
    rules::{
        Kinds,
        grant::{self, Allowance, NUMBERS},
        place::RootId,
    },
    wire::row::{DirectoryKey, Grant},
};

use crate::{
    actor::Actor,
    call::Pending,
    desk::Desk,
    ledger,
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
    found != 0 && admit_of(actor.index) != 0
}

/// Gives back what was taken for the call: it has failed, or may not happen.
#[inline(always)]
pub fn give_back(actor: &Actor, pending: &Pending) {
    if pending.grant != 0 {
        let _ = give_back_of(actor.index);
    }
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn admit_of(account: u32) -> u32 {
    pending::of_current(account, try_admit).unwrap_or(0)
}

#[inline(always)]
fn try_admit(actor: &Actor, pending: &mut Pending) -> u32 {
    let kinds = pending.kinds();
    pending.grant = 0;
    for holder in 0..2 {
        let index = covering(&pending.ends, holder);
        if let Some(grant) = grant_at(index)
            && grant.account == actor.index
            && pending.at < grant.until
            && grant::take(&MapAllowance(grant), kinds)
        {
            pending.grant = index;
            pending.admitted = u32::from(kinds.bits());
            return 1;
        }
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
        if let Some(grant) = grant_at(pending.grant) {
            grant::give_back(&MapAllowance(grant), Kinds::from_bits(pending.admitted as u8));
        }
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

struct MapAllowance(*mut Grant);

impl MapAllowance {
    #[inline(always)]
    fn word(&self, number: usize) -> *mut u64 {
        // SAFETY: a live entry of an array map, here and below.
        unsafe { &raw mut (*self.0).allowance[number % NUMBERS] }
    }
}

impl Allowance for MapAllowance {
    #[inline(always)]
    fn left(&self, number: usize) -> u64 {
        // SAFETY: as above; volatile because other CPUs write it.
        unsafe { core::ptr::read_volatile(self.word(number)) }
    }

    #[inline(always)]
    fn replace(&self, number: usize, from: u64, to: u64) -> bool {
        ledger::exchange(self.word(number), from, to)
    }

    #[inline(always)]
    fn add_one(&self, number: usize) {
        ledger::add(self.word(number), 1);
    }
}
