//! Records to the agent. Nothing depends on their arrival.

use agent_common::{
    rules::Kinds,
    wire::{
        Counter, Record,
        identity::UNIT_LEN,
        record::{Judged, LOOK, NO_ROOT, TEXT_LEN, UNKNOWN, thing, what},
    },
};
use aya_ebpf::{
    bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, BPF_RB_PROD_POS},
    helpers::generated::bpf_ktime_get_boot_ns,
};

use crate::{
    actor::Actor,
    call::Pending,
    count::count,
    maps::{RECORDS, RECORDS_SIZE, WOKEN},
    offsets::OFFSETS,
    path::{PATH_MAX, Target, found},
    pending, read,
};

/// Waking the agent costs an account's call more than judging it: an interrupt that the CPU sends to itself. Single operations wait
/// until the agent looks by itself, which it does for as long as there are some, or for something that must not wait, or until a quarter
/// of the ring was written anew. Not "is full": then, where the agent is slower than the accounts, each would wake an agent that is awake.
const WAKE_EACH: u64 = RECORDS_SIZE as u64 / 4;

/// How much of each such quarter wakes it: several records, since other CPUs may write between a record's place and the look at how
/// far the ring is written.
const WAKES: u64 = 16 * size_of::<Record>() as u64;

/// Whether a single operation has woken the agent so long ago that it may not look by itself any more. Of two at once both may wake it.
#[inline(always)]
fn agent_may_sleep(now: u64) -> bool {
    let Some(woken) = WOKEN.get_ptr_mut(0) else { return true };
    // SAFETY: a live entry of an array map; volatile because other CPUs write it.
    unsafe {
        let is_long_ago = now.saturating_sub(core::ptr::read_volatile(woken)) > LOOK;
        if is_long_ago {
            core::ptr::write_volatile(woken, now);
        }
        is_long_ago
    }
}

/// The time, on the clock of all records and stamps.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// Reports about the process alone.
#[inline(never)]
pub fn event(actor: &Actor, what: u32) {
    send(actor, what, no_call);
}

/// Reports that the process did what cannot be judged; `why` is a [`Counter`].
#[inline(never)]
pub fn blind(actor: &Actor, why: u32) {
    send(actor, what::BLIND, |record| {
        no_call(record);
        record.blind = why;
    });
}

/// Reports that a unit of this name, with a NUL behind, is started because the process has asked for it.
#[inline(never)]
pub fn launched(actor: &Actor, unit: &[u8; UNIT_LEN]) {
    send(actor, what::LAUNCHED, |record| {
        no_call(record);
        record.text_len = UNIT_LEN as u16;
        record.text[..UNIT_LEN].copy_from_slice(unit);
    });
}

/// Reports that the process has touched what is burstguard's own, but no name.
#[inline(never)]
pub fn tampering(actor: &Actor, thing: u32, refused: bool) {
    send(actor, what::TAMPERING, |record| {
        no_call(record);
        of_tampering(record, thing, refused);
    });
}

/// The same of a call that touches a name, the first or the second one of it.
#[inline(never)]
pub fn tampering_by(actor: &Actor, thing: u32, refused: bool, call: &Pending, end: usize) {
    send(actor, what::TAMPERING, |record| {
        no_call(record);
        of_tampering(record, thing, refused);
        record.verb = call.verb;
        record.root = call.ends[end & 1].root;
        record.key = call.ends[end & 1].key;
        record.text_len = call.text_len.min(TEXT_LEN as u32) as u16;
        record.text = call.text;
    });
}

/// The same of what is done to a directory entry alone.
#[inline(always)]
pub fn tampering_at(
    actor: &Actor,
    verb: u32,
    refused: bool,
    end: &Target,
    text: &[u8; PATH_MAX],
    text_len: u32,
) {
    send(actor, what::TAMPERING, |record| {
        no_call(record);
        of_tampering(record, thing::FILE, refused);
        record.verb = verb;
        (record.root, record.key) = (end.root, end.key);
        record.text_len = text_len.saturating_sub(1).min(TEXT_LEN as u32) as u16;
        record.text.copy_from_slice(&text[..TEXT_LEN]);
    });
}

#[inline(always)]
fn of_tampering(record: &mut Record, thing: u32, refused: bool) {
    record.root = u32::MAX;
    record.blind = thing;
    record.over = u8::from(refused);
    record.kinds = Kinds::TAMPERING.bits();
}

/// Reports about the process and the call.
#[inline(never)]
pub fn call(actor: &Actor, what: u32, call: &Pending) {
    send(actor, what, |record| {
        record.blind = 0;
        record.grant = call.grant;
        record.key = call.ends[0].key;
        record.root = call.ends[0].root;
        let other = &call.ends[1];
        if other.found == found::PLACE {
            (record.other_key, record.other_root) = (other.key, other.root);
        }
        record.judged = call.judged;
        [record.before, record.after] = call.sizes;
        record.verb = call.verb;
        record.kinds = call.kinds().bits();
        record.over = call.over as u8;
        record.text_len = call.text_len.min(TEXT_LEN as u32) as u16;
        record.text = call.text;
    });
}

/// The same of the call that the thread has under way.
#[inline(always)]
pub fn call_of_thread(actor: &Actor, what: u32) {
    let _ = report(actor.index, what);
}

/// Global.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn report(account: u32, what: u32) -> u32 {
    pending::of_current(account, |actor, pending| call(actor, what, pending));
    0
}

#[inline(always)]
fn no_call(record: &mut Record) {
    (record.key, record.root, record.verb, record.blind) = (0, 0, 0, 0);
    (record.before, record.after) = (UNKNOWN, UNKNOWN);
    record.judged = Judged::default();
    (record.kinds, record.over, record.text_len) = (0, 0, 0);
    record.text = [0; TEXT_LEN];
}

/// `fill` sets what `send` does not: the room in the ring holds whatever was there before, and to clear all of it first
/// costs as much as judging the call.
#[inline(always)]
fn send(actor: &Actor, what: u32, fill: impl FnOnce(&mut Record)) {
    let Some(mut entry) = RECORDS.reserve::<Record>(0) else {
        count(Counter::RecordLost);
        return;
    };
    // SAFETY: whatever lies there is a valid Record, which is of integers alone; every field is set before it is sent.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.at = now();
    record.what = what;
    record.account = actor.index;
    record.tgid = actor.tgid();
    record.tid = actor.thread as u32;
    record.uid = read::current().follow(OFFSETS.task_real_cred()).field(OFFSETS.cred_uid());
    let comm: [u64; 2] = read::current().field(OFFSETS.task_comm()); // in words: as bytes it takes eight times as long
    record.comm[..8].copy_from_slice(&comm[0].to_ne_bytes());
    record.comm[8..].copy_from_slice(&comm[1].to_ne_bytes());
    record.grant = 0;
    (record.other_key, record.other_root, record.reserved) = (0, NO_ROOT, 0);
    fill(record);
    let at = record.at;
    let urgent = what != what::OPERATION
        || RECORDS.query(u64::from(BPF_RB_PROD_POS)) % WAKE_EACH < WAKES
        || agent_may_sleep(at);
    entry.submit(u64::from(if urgent { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP }));
}
