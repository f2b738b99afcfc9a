//! Records to the agent. Nothing depends on their arrival.

use agent_common::wire::{
    Counter, Record,
    record::{TEXT_LEN, what},
};
use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{bpf_get_current_comm, bpf_get_current_uid_gid, generated::bpf_ktime_get_boot_ns},
};

use crate::{
    actor::Actor,
    call::Pending,
    count::count,
    maps::{RECORDS, RECORDS_SIZE},
};

/// Waking the agent costs an account's call as much as judging it. Single operations wait until the agent looks by itself,
/// or for something that must not wait, or until a quarter of the ring is full.
const WAKE_AT: u64 = RECORDS_SIZE as u64 / 4;

/// The time, on the clock of all records and stamps.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// Reports about the process alone.
#[inline(never)]
pub fn event(actor: &Actor, what: u32) {
    send(actor, what, |_| {});
}

/// Reports that the process did what cannot be judged; `why` is a [`Counter`].
#[inline(never)]
pub fn blind(actor: &Actor, why: u32) {
    send(actor, what::BLIND, |record| record.blind = why);
}

/// Reports about the process and the call.
#[inline(never)]
pub fn call(actor: &Actor, what: u32, call: &Pending) {
    send(actor, what, |record| {
        record.key = call.ends[0].key;
        record.root = call.ends[0].root;
        record.verb = call.verb;
        record.kinds = call.kinds().bits();
        record.over = call.over as u8;
        record.text_len = call.text_len.min(TEXT_LEN as u32) as u16;
        record.text = call.text;
    });
}

#[inline(always)]
fn send(actor: &Actor, what: u32, fill: impl FnOnce(&mut Record)) {
    let Some(mut entry) = RECORDS.reserve::<Record>(0) else {
        count(Counter::RecordLost);
        return;
    };
    // SAFETY: all zeroes is a valid Record, and every field is set or zero before it is sent.
    let record = unsafe {
        entry.as_mut_ptr().write_bytes(0, 1);
        &mut *entry.as_mut_ptr()
    };
    record.at = now();
    record.what = what;
    record.account = actor.index;
    record.tgid = actor.tgid();
    record.tid = actor.thread as u32;
    record.uid = bpf_get_current_uid_gid() as u32;
    record.comm = bpf_get_current_comm().unwrap_or_default();
    fill(record);
    let waiting = RECORDS.query(u64::from(BPF_RB_AVAIL_DATA));
    let urgent = what != what::OPERATION || waiting > WAKE_AT;
    entry.submit(u64::from(if urgent { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP }));
}
