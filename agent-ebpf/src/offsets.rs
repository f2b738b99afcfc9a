//! What the agent puts into the programs before it loads them: constants to them, and different on every host.

use agent_common::wire::{Offsets, row::Settings};
use aya_ebpf::Global;

/// Where this kernel keeps its fields; the agent overrides it before loading.
#[unsafe(no_mangle)]
pub static OFFSETS: Global<Offsets> = Global::new(Offsets::UNSET);

/// What the agent tells once; it overrides this before loading.
#[unsafe(no_mangle)]
pub static SETTINGS: Global<Settings> = Global::new(Settings { seed: 0, agent: 0, accounts: 0 });
