//! The attach points of the tracepoint tier: which program of the kernel object goes where.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
    thread,
};

use aya::{
    Ebpf,
    maps::ProgramArray,
    programs::{
        Program, RawTracePoint, TracePoint, raw_trace_point::RawTracePointLink, trace_point::TracePointLink,
    },
};

use super::{kernel::MapError, load::LoadError};

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
    /// The start of a system call, and with it, through the common program `settle`, its end.
    Call(&'static str),
    /// The start of a system call alone.
    Enter(&'static str),
    /// The end of a system call alone.
    Exit(&'static str),
}

use Event::{Call, Enter, Exit, Raw};

/// In the order of attaching: processes first, so that none is missed whose calls are seen.
pub(super) const PROBES: &[Probe] = &[
    Probe { program: "fork", at: &[Raw("sched_process_fork")] },
    Probe { program: "exec", at: &[Raw("sched_process_exec")] },
    Probe { program: "exit", at: &[Raw("sched_process_exit")] },
    Probe { program: "set_user", at: &[Exit("setuid"), Exit("setreuid"), Exit("setresuid")] },
    Probe {
        program: "steer",
        at: &[
            Enter("clone"),
            Enter("clone3"),
            Enter("fork"),
            Enter("vfork"),
            Enter("kill"),
            Enter("tkill"),
            Enter("tgkill"),
            Enter("rt_sigqueueinfo"),
            Enter("rt_tgsigqueueinfo"),
            Enter("pidfd_send_signal"),
            Enter("ptrace"),
        ],
    },
    Probe { program: "make_ring", at: &[Enter("io_uring_setup")] },
    Probe { program: "unlink", at: &[Call("unlink"), Call("rmdir")] },
    Probe { program: "unlinkat", at: &[Call("unlinkat")] },
    Probe { program: "rename", at: &[Call("rename")] },
    Probe { program: "renameat", at: &[Call("renameat")] },
    Probe { program: "renameat2", at: &[Call("renameat2")] },
    Probe { program: "truncate", at: &[Call("truncate")] },
    Probe { program: "ftruncate", at: &[Call("ftruncate")] },
    Probe { program: "open", at: &[Call("open")] },
    Probe { program: "openat", at: &[Call("openat")] },
    Probe { program: "openat2", at: &[Call("openat2")] },
    Probe { program: "creat", at: &[Call("creat")] },
    Probe { program: "mkdir", at: &[Call("mkdir"), Call("mknod")] },
    Probe { program: "mkdirat", at: &[Call("mkdirat"), Call("mknodat")] },
    Probe { program: "symlink", at: &[Call("symlink")] },
    Probe { program: "symlinkat", at: &[Call("symlinkat")] },
    Probe { program: "link", at: &[Call("link")] },
    Probe { program: "linkat", at: &[Call("linkat")] },
];

/// The program that the starts of calls are handed to, and the map that leads there.
const BEGIN: &str = "begin";
const JUDGE: &str = "JUDGE";
/// The program that settles every [`Event::Call`].
const SETTLE: &str = "settle";
/// The program that marks directories, attached only meanwhile.
const MARK: &str = "mark";

/// A program at an event; dropped, it is there no more.
#[expect(dead_code, reason = "they are kept and dropped, never looked into")]
pub(super) enum Link {
    Raw(RawTracePointLink),
    Call(TracePointLink),
}

/// Attaches every probe. The common end of calls comes first: a call that is judged is always settled.
pub(super) fn attach_all(ebpf: &mut Ebpf) -> Result<Vec<Link>, LoadError> {
    let calls = PROBES.iter().flat_map(|probe| probe.at).filter_map(|event| match event {
        Call(name) => Some(Exit(name)),
        Raw(_) | Enter(_) | Exit(_) => None,
    });
    let mut links = attach(ebpf, SETTLE, calls)?;
    lead_to_judge(ebpf)?;
    for probe in PROBES {
        links.extend(attach(ebpf, probe.program, probe.at.iter().copied())?);
    }
    Ok(links)
}

/// The map must stay with `ebpf`: the kernel empties it when its last descriptor is closed.
fn lead_to_judge(ebpf: &mut Ebpf) -> Result<(), LoadError> {
    attach(ebpf, BEGIN, std::iter::empty())?;
    let refused = |source| LoadError::Map(MapError::Refused { map: JUDGE, source });
    let loading = |source| LoadError::Load { program: BEGIN, source };
    let program = program(ebpf, BEGIN)?.fd().map_err(loading)?;
    let program = program.try_clone().map_err(|error| loading(error.into()))?;
    let map = ebpf.map_mut(JUDGE).ok_or(MapError::Missing(JUDGE))?;
    ProgramArray::try_from(map).and_then(|mut map| map.set(0, &program, 0)).map_err(refused)
}

/// Attaches the program that marks directories.
pub(super) fn attach_mark(ebpf: &mut Ebpf) -> Result<Vec<Link>, LoadError> {
    attach(ebpf, MARK, [Enter("mkdirat")].into_iter())
}

/// Detaches programs, all at once: for each the kernel waits until nobody runs it any more, some 30 ms, and those who
/// wait at the same time wait together (<https://github.com/torvalds/linux/blob/v6.18/kernel/trace/bpf_trace.c#L2283>).
pub(super) fn detach_all(links: Vec<Link>) {
    thread::scope(|scope| {
        for link in links {
            // A thread that cannot be had drops what it was to drop.
            let _ = thread::Builder::new().spawn_scoped(scope, move || drop(link));
        }
    });
}

/// How often the kernel has passed one of the programs over. It runs no tracepoint program on a CPU where another BPF
/// operation is under way, a map update of user space among them:
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/trace/bpf_trace.c#L111>.
pub(super) fn skipped(ebpf: &Ebpf) -> u64 {
    let descriptor = |program: &Program| Some(program.fd().ok()?.as_fd().as_raw_fd());
    ebpf.programs()
        .filter_map(|(_, program)| {
            fs::read_to_string(format!("/proc/self/fdinfo/{}", descriptor(program)?)).ok()
        })
        .filter_map(|text| recursion_misses(&text))
        .sum()
}

fn recursion_misses(fdinfo: &str) -> Option<u64> {
    fdinfo.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?.trim().parse().ok()
}

fn attach(
    ebpf: &mut Ebpf,
    name: &'static str,
    events: impl Iterator<Item = Event>,
) -> Result<Vec<Link>, LoadError> {
    let loading = |source| LoadError::Load { program: name, source };
    match program(ebpf, name)? {
        Program::RawTracePoint(program) => {
            program.load().map_err(loading)?;
            events.map(|event| attach_raw(program, name, event)).collect()
        }
        Program::TracePoint(program) => {
            program.load().map_err(loading)?;
            events.map(|event| attach_call(program, name, event)).collect()
        }
        _ => Err(LoadError::NoProgram { name }),
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Program, LoadError> {
    ebpf.program_mut(name).ok_or(LoadError::NoProgram { name })
}

fn attach_raw(program: &mut RawTracePoint, name: &'static str, event: Event) -> Result<Link, LoadError> {
    let event = event.name();
    let link = program.attach(&event).and_then(|id| program.take_link(id));
    link.map(Link::Raw).map_err(|source| LoadError::Attach { program: name, event, source })
}

fn attach_call(program: &mut TracePoint, name: &'static str, event: Event) -> Result<Link, LoadError> {
    let event = event.name();
    let link = program.attach("syscalls", &event).and_then(|id| program.take_link(id));
    link.map(Link::Call).map_err(|source| LoadError::Attach { program: name, event, source })
}

impl Event {
    /// The event's name in the kernel.
    fn name(self) -> String {
        match self {
            Raw(name) => name.to_owned(),
            Call(name) | Enter(name) => format!("sys_enter_{name}"),
            Exit(name) => format!("sys_exit_{name}"),
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
        assert_eq!(Raw("sched_process_fork").name(), "sched_process_fork");
        assert_eq!([Call("unlink"), Enter("unlink")].map(Event::name), ["sys_enter_unlink"; 2]);
        assert_eq!(Exit("unlink").name(), "sys_exit_unlink");
    }
}
