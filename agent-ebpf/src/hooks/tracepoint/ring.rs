//! What goes through an io_uring: operations that are no system calls. Each request is seen when it is handed over, in the thread
//! that does that (a ring may have one of its own for it, which is one of its process), and when it is done. Nothing is seen in
//! between, and no program can hinder it.
//!
//! Raw tracepoints, since the others would fill in their record for every request of the host before the program is asked.

use agent_common::wire::{Counter, record::verb};
use aya_ebpf::{EbpfContext, macros::raw_tracepoint, programs::RawTracePointContext};

use super::{
    create::{linking, making, opening, resolving, symlinking},
    rename::moving_by,
    truncate::shrinking,
    way,
};
use crate::{
    actor::Actor,
    call::{Asked, Call, flag},
    count::count,
    decide, lineage,
    maps::CALL,
    offsets::RING,
    path::PathArg,
    pending,
    read::{self, Kernel, Unread},
};

/// A request has been prepared, what it names is copied, and now it is carried out or queued (`io_submit_sqe`:
/// <https://github.com/torvalds/linux/blob/v6.12/io_uring/io_uring.c>). Older kernels, Linux 6.1 among them, call the event
/// `io_uring_submit_sqe`.
#[raw_tracepoint(tracepoint = "io_uring_submit_req")]
pub fn request(ctx: RawTracePointContext) -> i32 {
    if let Some(actor) = lineage::current() {
        let way = way(&actor, &ctx);
        if understood(&actor, &ctx, way)
            && let Some(asked) = CALL.get_ptr(0)
        {
            // SAFETY: this CPU's own entry, which `understood` has written; nothing else runs here before it is read.
            decide::begin(&actor, unsafe { &(*asked).call });
        }
    }
    0
}

/// Leaves what the request means where the judge finds it. Not inline, as [`way`]: what each works with would lie on the stack while
/// the next does, and there is room for 512 bytes of all of them (Linux 6.12 and older).
#[inline(never)]
fn understood(actor: &Actor, ctx: &RawTracePointContext, way: u32) -> bool {
    let Some(slot) = CALL.get_ptr_mut(0) else {
        count(Counter::ScratchMissing);
        return false;
    };
    let Ok(call) = meant(ctx, way) else {
        count(Counter::KernelRead);
        return false;
    };
    // SAFETY: this CPU's own entry.
    unsafe { *slot = Asked { account: actor.index, call } };
    true
}

/// The number of the way that the request asks others by; 0 for none. What the kernel could not read either fails.
#[inline(never)]
fn way(actor: &Actor, ctx: &RawTracePointContext) -> u32 {
    way_of(actor, ctx).unwrap_or(0)
}

#[inline(always)]
fn way_of(actor: &Actor, ctx: &impl EbpfContext) -> Result<u32, Unread> {
    let request = read::argument(ctx, RING.submitted())?;
    let command = request.within(RING.command());
    match request.field::<u8>(RING.opcode())? {
        opcode::CONNECT => {
            let length: u32 = command.field(RING.connect_length())?;
            way::to(command.field(RING.connect_address())?, u64::from(length))
        }
        opcode::SENDMSG if request.field::<u32>(RING.flags())? & given::FIXED_FILE == 0 => {
            let descriptor: u32 = request.field(RING.descriptor())?;
            way::by_message(actor, u64::from(descriptor), command.field(RING.message())?)
        }
        _ => Ok(0),
    }
}

/// A request is done, and its result is about to be told.
#[raw_tracepoint(tracepoint = "io_uring_complete")]
pub fn request_done(ctx: RawTracePointContext) -> i32 {
    let Ok(request) = read::argument(&ctx, RING.completed()) else {
        count(Counter::KernelRead);
        return 0;
    };
    let is_settled = pending::done(request.0, |actor, pending| match request.field::<i32>(RING.result()) {
        Ok(result) => decide::settle(actor, pending, i64::from(result)),
        Err(Unread) => count(Counter::KernelRead),
    });
    if is_settled == Some(false) {
        count(Counter::Unsettled);
    }
    0
}

/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/io_uring.h> (`enum io_uring_op`)
mod opcode {
    pub const SENDMSG: u8 = 9;
    pub const CONNECT: u8 = 16;
    pub const OPENAT: u8 = 18;
    pub const OPENAT2: u8 = 28;
    pub const RENAMEAT: u8 = 35;
    pub const UNLINKAT: u8 = 36;
    pub const MKDIRAT: u8 = 37;
    pub const SYMLINKAT: u8 = 38;
    pub const LINKAT: u8 = 39;
    pub const FTRUNCATE: u8 = 55;
}

/// The flags that the caller has given a request; the kernel has its own above them
/// (<https://github.com/torvalds/linux/blob/v6.12/include/linux/io_uring_types.h>).
mod given {
    /// Its descriptor is one of the ring's.
    pub const FIXED_FILE: u32 = 1;
    /// Its success is told to nobody.
    pub const CQE_SKIP_SUCCESS: u32 = 1 << 6;
}

#[inline(always)]
fn meant(ctx: &impl EbpfContext, way: u32) -> Result<Call, Unread> {
    let request = read::argument(ctx, RING.submitted())?;
    if pending::forget(request.0) {
        count(Counter::Unsettled);
    }
    let flags: u32 = request.field(RING.flags())?;
    let unseen = if flags & given::CQE_SKIP_SUCCESS == 0 { 0 } else { flag::UNSEEN_END };
    let call = match way {
        0 => call(request, flags)?,
        number => Call::one(verb::ASK, PathArg::way(number)),
    };
    Ok(call.with(unseen).handed_over(request.0))
}

#[inline(always)]
fn call(request: Kernel, given: u32) -> Result<Call, Unread> {
    let command = request.within(RING.command());
    Ok(match request.field::<u8>(RING.opcode())? {
        opcode::UNLINKAT => Call::one(verb::REMOVE, named(command, RING.unlink_dfd(), RING.unlink_name())?),
        opcode::RENAMEAT => {
            let from = named(command, RING.rename_old_dfd(), RING.rename_old())?;
            let to = named(command, RING.rename_new_dfd(), RING.rename_new())?;
            moving_by(u64::from(command.field::<u32>(RING.rename_flags())?), from, to)
        }
        opcode::OPENAT | opcode::OPENAT2 => open(command)?,
        opcode::MKDIRAT => making(named(command, RING.mkdir_dfd(), RING.mkdir_name())?),
        opcode::SYMLINKAT => symlinking(named(command, RING.link_new_dfd(), RING.link_new())?),
        opcode::LINKAT => {
            let from = named(command, RING.link_old_dfd(), RING.link_old())?;
            let to = named(command, RING.link_new_dfd(), RING.link_new())?;
            linking(u64::from(command.field::<u32>(RING.link_flags())?), from, to)
        }
        // What lies behind one of the ring's own descriptors was counted when that was opened for writing.
        opcode::FTRUNCATE if given & given::FIXED_FILE == 0 => {
            let descriptor: u32 = request.field(RING.descriptor())?;
            shrinking(u64::from(descriptor), command.field(RING.truncate_length())?)
        }
        _ => Call::HARMLESS,
    })
}

/// What is opened into one of the ring's own descriptors cannot be looked at when that is done.
#[inline(always)]
fn open(command: Kernel) -> Result<Call, Unread> {
    let flags = command.field(RING.open_flags())?;
    let path = resolving(dfd(command, RING.open_dfd())?, 0, command.field(RING.open_resolve())?);
    let call = opening(path.copied(text(command, RING.open_name())?), flags);
    let is_of_ring = command.field::<u32>(RING.open_slot())? != 0;
    Ok(if is_of_ring { call.with(flag::UNSEEN_END) } else { call })
}

/// The name at one offset of a command, relative to the descriptor at another.
#[inline(always)]
fn named(command: Kernel, descriptor: u32, name: u32) -> Result<PathArg, Unread> {
    Ok(PathArg::at(dfd(command, descriptor)?, 0).copied(text(command, name)?))
}

#[inline(always)]
fn dfd(command: Kernel, offset: u32) -> Result<u64, Unread> {
    command.field::<u32>(offset).map(u64::from)
}

/// The kernel's copy of a path.
#[inline(always)]
fn text(command: Kernel, name: u32) -> Result<Kernel, Unread> {
    command.follow(name)?.follow(RING.name_text())
}
