//! What the agent puts into the programs before it loads them: constants to them, and different on every host.
//!
//! Read field by field: a copy of the whole costs more than what it is used for.

use agent_common::wire::{HookOffsets, Offsets, RingOffsets, row::Settings};

/// Where this kernel keeps its fields; the agent overrides it before loading.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = Offsets::UNSET;

/// The same for the programs of the lsm tier.
#[unsafe(no_mangle)]
pub static HOOKS: HookOffsets = HookOffsets::UNSET;

/// The same of requests to an io_uring, for the tier tracepoint.
#[unsafe(no_mangle)]
pub static RING: RingOffsets = RingOffsets::UNSET;

/// What the agent tells once; it overrides this before loading.
#[unsafe(no_mangle)]
pub static SETTINGS: Settings =
    Settings { seed: 0, agent: 0, accounts: 0, tier: 0, told_by: 0, starred: 0, reserved: 0 };
