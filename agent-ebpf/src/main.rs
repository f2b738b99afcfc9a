//! The kernel programs: they see what the processes of an account do, judge it, and stop what goes over a budget.
//!
//! `hooks` are the entry points, one family a file. Each hands a call to `decide`, the only judge, which asks `lineage`
//! whose call it is, `place` which protected names it touches, and the rules of `agent_common` what follows; `enforce`
//! acts on the verdict and `emit` reports it. The verdict never waits for the report. A fault of our own lets the call
//! pass and is counted.
//!
//! An `extern "C"` function that is visible outside is *global*: it takes and answers numbers alone, so the verifier
//! follows it once, by itself, and not for every way that leads to it (https://github.com/torvalds/linux/commit/51c39bb1d5d1).
//! What it works on it looks up anew, which costs less than that saves.

#![no_std]
#![no_main]
#![expect(internal_features, reason = "compare-exchange on BPF exists only as a compiler intrinsic")]
#![feature(core_intrinsics)]

mod act;
mod actor;
mod alias;
mod ask;
mod call;
mod charge;
mod command;
mod count;
mod decide;
mod desk;
mod directory;
mod emit;
mod enforce;
mod grant;
mod held;
mod hooks;
mod identity;
mod ledger;
mod lineage;
mod maps;
mod members;
mod offsets;
mod path;
mod pending;
mod place;
mod read;
mod size;
mod tamper;
mod verdict;

/// Kernel programs cannot unwind; the verifier refuses a program in which this could be reached.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The helpers that read kernel memory and send signals are for programs under a GPL-compatible licence only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
