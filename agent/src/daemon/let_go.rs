//! How generations end that nothing carries on from: whatever they stopped or hold goes on, and they are detached.

use std::time::Duration;

use anyhow::Result;

use super::generation::Generation;
use crate::{
    enforcer::release::{Release, Woken},
    sensor::{Directory, Objects, Predecessor, State, clean_up, take_back, until_programs_have_ended},
};

/// How long what is held is given to go on, before the programs are detached that would say so.
const LONGEST: Duration = Duration::from_secs(5);

impl Generation {
    /// Lets go of everything: stopped processes go on at once and are not stopped again, and the programs are detached,
    /// which the kernel does in the background. The pids that go on.
    pub(crate) fn let_go(&mut self) -> Result<Vec<u32>> {
        let released = all_go_on(&[&self.kernel]);
        // First our descriptors, which end nothing as long as the pins are there; then the pins. The other way round we
        // would wait for the kernel to detach each of them.
        self.kernel.detach();
        take_back(&self.directory, self.objects.names());
        self.objects = Objects::default();
        let removed = self.directory.remove();
        clean_up();
        removed?;
        Ok(released)
    }
}

/// Lets go without an agent: whatever generation there is, its stopped processes go on and it ends. The pids that go on.
/// The caller must be the only agent.
pub(crate) fn release_all() -> Result<Vec<u32>> {
    let all = Directory::all()?;
    let mut states = Vec::new();
    for directory in &all {
        match Predecessor::open(directory) {
            Ok(old) => states.push(old.state),
            Err(error) => log::error!(
                "cannot tell what {} had stopped ({error}); it is detached, and what stays stopped needs kill -CONT",
                directory.path().display()
            ),
        }
    }
    let released = all_go_on(&states.iter().collect::<Vec<_>>());
    all.iter().try_for_each(Directory::remove)?;
    clean_up();
    Ok(released)
}

/// From now on the programs only observe, and whatever they have stopped or hold goes on.
fn all_go_on(states: &[&State]) -> Vec<u32> {
    states.iter().for_each(|state| state.observe());
    let mut released: Vec<u32> = states.iter().flat_map(|state| go_on(state)).collect();
    // A program that was just running may have stopped one more.
    until_programs_have_ended();
    released.extend(states.iter().flat_map(|state| go_on(state)));
    released.sort_unstable();
    released.dedup();
    released
}

/// Those that it has stopped, and those that it holds: these until it has judged their calls again, which is why the programs
/// must be attached still.
fn go_on(state: &State) -> Vec<u32> {
    let calls = state.held.all();
    let waiting = state.waiting(&calls);
    let all = [state.members(), waiting.clone()].concat();
    let Woken { going, left, .. } = Release::plan(&all).wake(&calls, &waiting, &state.held, LONGEST);
    for call in left {
        log::error!(
            "thread {} of process {} has not heard that it may go on; if it stays stopped: kill -CONT {1}",
            call.tid,
            call.process.pid
        );
    }
    let pids = going.pids().collect();
    going.settle(|| true);
    pids
}
