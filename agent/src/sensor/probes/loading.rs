//! Loads programs, several at once: most of a start is the verifier's work, which takes one CPU for each program
//! (`bpf_check` in <https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/verifier.c>: with our rights it holds no lock).

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread,
};

use aya::{
    Btf, BtfError, Ebpf,
    programs::{Program, ProgramError},
};

use super::Event;
use crate::sensor::load::LoadError;

/// A host of many CPUs has other work to do as well, and each of them takes memory.
const MOST_AT_ONCE: usize = 4;

/// What to load, each with the first event it is for.
pub(super) type Wanted = BTreeMap<&'static str, Option<Event>>;

/// A program with its name and event.
type Job<'a> = (&'static str, Option<Event>, &'a mut Program);

/// Loads them all that are not loaded yet; which of them are for an event that this kernel does not have, and need not.
pub(super) fn load_all(ebpf: &mut Ebpf, wanted: &Wanted) -> Result<BTreeSet<&'static str>, LoadError> {
    let needs_types =
        |event: &Event| matches!(event, Event::Hook(_) | Event::NewHook(_) | Event::Function(_));
    let types = wanted.values().flatten().any(needs_types).then(Btf::from_sys_fs);
    let types = types.transpose().map_err(LoadError::Types)?;
    let jobs = jobs(ebpf, wanted)?;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_ONCE).min(jobs.len());
    let queue = Mutex::new(jobs.into_iter());
    // A guard that lived through the loop's body would keep the others waiting.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut absent = BTreeSet::new();
        while let Some((name, event, program)) = next() {
            if !load_one(name, event, program, types.as_ref())? {
                absent.insert(name);
            }
        }
        Ok(absent)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        done.collect::<Result<Vec<_>, _>>().map(|absent| absent.into_iter().flatten().collect())
    })
}

fn jobs<'a>(ebpf: &'a mut Ebpf, wanted: &Wanted) -> Result<Vec<Job<'a>>, LoadError> {
    if let Some(&name) = wanted.keys().find(|name| ebpf.program(name).is_none()) {
        return Err(LoadError::NoProgram { name });
    }
    let jobs = ebpf.programs_mut().filter_map(|(name, program)| {
        let (name, event) = wanted.get_key_value(name)?;
        program.fd().is_err().then_some((*name, *event, program))
    });
    Ok(jobs.collect())
}

/// Loads a program; whether this kernel has its event. `types` are the kernel's, by which hooks and functions are found.
fn load_one(
    name: &'static str,
    event: Option<Event>,
    program: &mut Program,
    types: Option<&Btf>,
) -> Result<bool, LoadError> {
    let done = match (program, event, types) {
        (Program::TracePoint(program), ..) => program.load(),
        (Program::RawTracePoint(program), ..) => program.load(),
        (Program::Lsm(program), Some(Event::Hook(hook) | Event::NewHook(hook)), Some(types)) => {
            program.load(hook, types)
        }
        (Program::FExit(program), Some(Event::Function(function)), Some(types)) => {
            program.load(function, types)
        }
        _ => Err(ProgramError::UnexpectedProgramType),
    };
    match (done, event) {
        (Ok(()), _) => Ok(true),
        (Err(ProgramError::Btf(BtfError::UnknownBtfTypeName { .. })), Some(Event::NewHook(_))) => Ok(false),
        (Err(source), _) => Err(LoadError::Load { program: name, source }),
    }
}
