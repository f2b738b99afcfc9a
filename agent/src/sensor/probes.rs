//! Attaches the programs of a tier.

mod loading;
mod table;

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
};

use agent_common::rules::judge::Tier;
use aya::{
    Ebpf,
    maps::{Map, ProgramArray},
    programs::{
        Program, ProgramError,
        links::{FdLink, LinkError},
    },
};

use super::{error::MapError, load::LoadError};
use crate::processes::proc::read;

/// A program and the events it is attached to.
pub(super) struct Probe {
    pub(super) program: &'static str,
    pub(super) at: &'static [Event],
}

/// An event of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A raw tracepoint.
    Raw(&'static str),
    /// One that older kernels know by the second name.
    Renamed(&'static str, &'static str),
    /// The start of a system call, and with it, through the common program `settle`, its end.
    Call(&'static str),
    /// The start of a system call alone.
    Enter(&'static str),
    /// The end of a system call alone.
    Exit(&'static str),
    /// A hook of the security modules.
    Hook(&'static str),
    /// One that not every kernel has; without it another does its work.
    NewHook(&'static str),
    /// The end of a kernel function.
    Function(&'static str),
}

/// The program that the starts of calls are handed to, and the map that leads there.
const BEGIN: &str = "begin";
pub(super) const JUDGE: &str = "JUDGE";
/// The program that settles every [`Event::Call`].
const SETTLE: &str = "settle";
/// The program that marks directories, attached only meanwhile.
const MARK: &str = "mark";

/// An attachment, by a name that says where it comes in the order.
pub(super) type Attached = Vec<(String, FdLink)>;

/// Attaches every probe; what goes through an io_uring is left out unless it is known how it is told. The common end of calls comes
/// first: a call that is judged is always settled.
pub(super) fn attach_all(
    ebpf: &mut Ebpf,
    tier: Tier,
    knows_rings: bool,
    judge: &mut Map,
) -> Result<Attached, LoadError> {
    let mut attached = Vec::new();
    // First all are loaded: a kernel that refuses one has nothing to detach, which would take it seconds.
    let table = || table::of(tier, knows_rings);
    let probes = table().map(|probe| (probe.program, probe.at.first().copied()));
    let common: &[_] = match tier {
        Tier::Tracepoint => &[(SETTLE, None), (BEGIN, None)],
        Tier::Lsm => &[],
    };
    let absent = loading::load_all(ebpf, &probes.chain(common.iter().copied()).collect())?;
    let calls = table().flat_map(|probe| probe.at).filter_map(|event| match event {
        Event::Call(name) => Some(Event::Exit(name)),
        _ => None,
    });
    attach(ebpf, SETTLE, calls, &mut attached)?;
    if tier == Tier::Tracepoint {
        lead_to_judge(ebpf, judge)?;
    }
    for probe in table().filter(|probe| !absent.contains(probe.program)) {
        attach(ebpf, probe.program, probe.at.iter().copied(), &mut attached)?;
    }
    Ok(attached)
}

/// The kernel empties the map when its last descriptor is closed and its last pin removed.
fn lead_to_judge(ebpf: &mut Ebpf, judge: &mut Map) -> Result<(), LoadError> {
    let refused = |source| LoadError::Map(MapError::Refused { map: JUDGE, source });
    let loading = |source| LoadError::Load { program: BEGIN, source };
    let program = program(ebpf, BEGIN)?.fd().map_err(loading)?;
    let program = program.try_clone().map_err(|error| loading(error.into()))?;
    ProgramArray::try_from(judge).and_then(|mut map| map.set(0, &program, 0)).map_err(refused)
}

/// Attaches the program that marks directories, until what is returned is dropped.
pub(super) fn attach_mark(ebpf: &mut Ebpf) -> Result<Attached, LoadError> {
    let mut attached = Vec::new();
    let event = Event::Enter("mkdirat");
    loading::load_all(ebpf, &[(MARK, Some(event))].into())?;
    attach(ebpf, MARK, [event].into_iter(), &mut attached)?;
    Ok(attached)
}

/// How often the kernel has passed one of the programs over. It runs no tracepoint program on a CPU where another BPF
/// operation is under way, a map update of user space among them:
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/trace/bpf_trace.c#L111>.
pub(super) fn skipped(ebpf: &Ebpf) -> u64 {
    let descriptor = |program: &Program| Some(program.fd().ok()?.as_fd().as_raw_fd());
    ebpf.programs()
        .filter_map(|(_, program)| read(format!("/proc/self/fdinfo/{}", descriptor(program)?)).ok())
        .filter_map(|text| recursion_misses(&text))
        .sum()
}

fn recursion_misses(fdinfo: &str) -> Option<u64> {
    fdinfo.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?.trim().parse().ok()
}

/// Attaches a program, which has been loaded.
fn attach(
    ebpf: &mut Ebpf,
    name: &'static str,
    events: impl Iterator<Item = Event>,
    attached: &mut Attached,
) -> Result<(), LoadError> {
    let program = program(ebpf, name)?;
    for event in events {
        let (event, other) = (event.name(), event.older_name());
        let link = match (link(program, &event), other) {
            (Err(_), Some(older)) => link(program, older),
            (link, _) => link,
        };
        match link {
            Ok(link) => attached.push((format!("{:03}-{name}-{event}", attached.len()), link)),
            Err(source) => return Err(LoadError::Attach { program: name, event, source }),
        }
    }
    Ok(())
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Program, LoadError> {
    ebpf.program_mut(name).ok_or(LoadError::NoProgram { name })
}

/// The attachment as a descriptor of its own, which outlives the program's and can be pinned. (For the `syscalls` events
/// since Linux 5.15.)
fn link(program: &mut Program, event: &str) -> Result<FdLink, ProgramError> {
    match program {
        Program::TracePoint(program) => {
            let id = program.attach("syscalls", event)?;
            program.take_link(id)?.try_into().map_err(|error: LinkError| io::Error::other(error).into())
        }
        Program::RawTracePoint(program) => {
            let id = program.attach(event)?;
            program.take_link(id).map(Into::into)
        }
        Program::Lsm(program) => {
            let id = program.attach()?;
            program.take_link(id).map(Into::into)
        }
        Program::FExit(program) => {
            let id = program.attach()?;
            program.take_link(id).map(Into::into)
        }
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

impl Event {
    /// The event's name in the kernel.
    fn name(self) -> String {
        match self {
            Self::Raw(name)
            | Self::Renamed(name, _)
            | Self::Hook(name)
            | Self::NewHook(name)
            | Self::Function(name) => name.to_owned(),
            Self::Call(name) | Self::Enter(name) => format!("sys_enter_{name}"),
            Self::Exit(name) => format!("sys_exit_{name}"),
        }
    }

    /// The name that it had in older kernels, if another.
    const fn older_name(self) -> Option<&'static str> {
        match self {
            Self::Renamed(_, older) => Some(older),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_it_skipped() {
        let fdinfo = "pos:\t0\nprog_type:\t5\nrun_cnt:\t0\nrecursion_misses:\t7\nverified_insns:\t93\n";
        assert_eq!(recursion_misses(fdinfo), Some(7));
        assert_eq!(recursion_misses("pos:\t0\n"), None);
    }

    #[test]
    fn every_event_is_named_as_the_kernel_names_it() {
        use Event::{Call, Enter, Exit, Raw};
        assert_eq!(Raw("sched_process_fork").name(), "sched_process_fork");
        assert_eq!([Call("unlink"), Enter("unlink")].map(Event::name), ["sys_enter_unlink"; 2]);
        assert_eq!(Exit("unlink").name(), "sys_exit_unlink");
        let renamed = Event::Renamed("io_uring_submit_req", "io_uring_submit_sqe");
        assert_eq!(
            (&*renamed.name(), renamed.older_name()),
            ("io_uring_submit_req", Some("io_uring_submit_sqe"))
        );
        assert_eq!(Raw("sched_process_fork").older_name(), None);
    }
}
