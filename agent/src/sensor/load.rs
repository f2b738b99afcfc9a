//! Loads the kernel programs, with what this kernel and this policy make of them.

use std::io;

use agent_common::{
    rules::judge::Tier,
    wire::{
        HookOffsets, Offsets, RingOffsets,
        row::{DESKS, Settings},
    },
};
use aya::{Ebpf, EbpfError, EbpfLoader, programs::ProgramError};
use thiserror::Error;

use super::{
    btf::{Btf, BtfError},
    error::MapError,
    kernel::Kernel,
};
use crate::{commands, identity::rows::Rows, trees::except::Excepted};

/// Why the kernel programs could not be brought in.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    /// The kernel does not say where its fields are.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// A structure of this kernel is not built as the programs can read it.
    #[error(
        "this kernel keeps what the kernel programs read where they do not find it ({0:?}): they must be adapted"
    )]
    Layout(Box<Offsets>),
    /// The object as a whole was refused.
    #[error("cannot load the kernel programs' maps, which takes CAP_BPF and CAP_PERFMON")]
    Object(#[from] EbpfError),
    /// A program of the table is not in the object, or of another type.
    #[error(
        "the kernel object holds no program \"{name}\" of this type: agent and kernel programs are of two builds"
    )]
    NoProgram { name: &'static str },
    /// The kernel refused a program.
    #[error("the kernel refused program {program}")]
    Load { program: &'static str, source: ProgramError },
    /// An event is not there or refuses programs.
    #[error(
        "cannot attach program {program} to {event}, which takes tracefs and CONFIG_FTRACE_SYSCALLS, for hooks CONFIG_BPF_LSM"
    )]
    Attach { program: &'static str, event: String, source: ProgramError },
    /// The same, as it is needed to attach.
    #[error("cannot read the kernel's types")]
    Types(#[source] aya::BtfError),
    /// How many CPUs there are.
    #[error("cannot tell from {file} how many CPUs this host has")]
    Cpus { file: &'static str, source: io::Error },
    /// A map is not as expected.
    #[error(transparent)]
    Map(#[from] MapError),
}

#[cfg(not(kernel_object_missing))]
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/burstguard-ebpf"));
#[cfg(kernel_object_missing)]
static OBJECT: &[u8] = &[];

/// Loads the programs; none is attached yet. `slots` is how many slots all budgets have together; for what is excepted there
/// and told by there will be room.
pub(crate) fn load(
    settings: Settings,
    slots: u32,
    excepted: &Excepted,
    told: &Rows,
    commands: &commands::Rows,
) -> Result<Kernel, LoadError> {
    let tier = settings.tier();
    let btf = Btf::from_sys()?;
    let offsets = Offsets::resolve(
        |structure, member| btf.offset_by_either(structure, member),
        |tracepoint, argument| btf.argument(tracepoint, argument),
    )?;
    if !offsets.is_supported() {
        return Err(LoadError::Layout(Box::new(offsets)));
    }
    let hooks = match tier {
        Tier::Tracepoint => HookOffsets::UNSET,
        Tier::Lsm => HookOffsets::resolve(
            |structure, member| btf.offset_by_either(structure, member),
            |function, parameter| btf.parameter_of(function, parameter),
        )?,
    };
    let ring = match tier {
        Tier::Tracepoint => ring_offsets(&btf),
        Tier::Lsm => None,
    };
    let cpus = aya::util::nr_cpus().map_err(|(file, source)| LoadError::Cpus { file, source })?;
    let ebpf: Ebpf = EbpfLoader::new()
        // Nothing in the object is placed by the kernel's types, which it would take long to read in whole.
        .btf(None)
        .override_global("OFFSETS", &offsets, true)
        .override_global("HOOKS", &hooks, true)
        .override_global("RING", &ring.unwrap_or(RingOffsets::UNSET), true)
        .override_global("SETTINGS", &settings, true)
        .map_max_entries("SLOTS", slots.max(1))
        .map_max_entries("EXCEPTED", room(excepted.keys.len()))
        .map_max_entries("PATTERNS", room(excepted.patterns.len()))
        .map_max_entries("PROGRAMS", room(told.room()))
        .map_max_entries("NAMES", room(told.names.len()))
        .map_max_entries("STARRED", room(told.starred.len()))
        .map_max_entries("COMMANDS", room(commands.programs.len()))
        .map_max_entries("WORDS", room(commands.words.len()))
        .map_max_entries("STARRED_WORDS", room(commands.starred.len()))
        .map_max_entries("SCRATCH", DESKS * u32::try_from(cpus).unwrap_or(u32::MAX / DESKS))
        .load(OBJECT)?;
    Ok(Kernel::new(ebpf, tier, ring.is_some())?)
}

/// How requests to an io_uring are told; none if this kernel has no io_uring, or one that the programs do not know.
fn ring_offsets(btf: &Btf) -> Option<RingOffsets> {
    // Linux 6.8 and older empty no file through one.
    const LATER: &str = "io_ftrunc";
    let field = |structure: &str, member: &str| match btf.offset(structure, member) {
        Err(BtfError::NoStruct { .. }) if structure == LATER => Ok(0),
        found => found,
    };
    let offsets = RingOffsets::resolve(field, |event, argument| btf.argument_of_either(event, argument));
    offsets.inspect_err(|why| log::warn!("what goes through an io_uring cannot be told: {why}")).ok()
}

/// For so many rows; the kernel refuses a map that has none.
fn room(rows: usize) -> u32 {
    u32::try_from(rows.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_an_io_uring_it_is_known() {
        let Ok(btf) = Btf::from_sys() else { return }; // `btf::tests` says when that may be
        let found = ring_offsets(&btf);
        assert_eq!(found.is_some(), btf.argument("io_uring_complete", "req").is_ok(), "{found:?}");
        assert_eq!(found.unwrap_or(RingOffsets::UNSET).are_known(), found.is_some());
    }
}
