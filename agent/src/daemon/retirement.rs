//! How generations end that another has carried on from.

use super::generation::{Generation, say};
use crate::{
    enforcer::release::release,
    heap,
    sensor::{Directory, Member, Predecessor, Record, State, TakenOver},
};

/// What was carried over from the generation before.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// Its accounts that nobody is held to any more.
    pub(crate) freed: Vec<String>,
    /// The processes that were stopped for one of these and go on.
    pub(crate) released: Vec<u32>,
}

/// What is to be done about the generations before: see [`Retirement::carry_out`].
pub(crate) struct Retirement {
    pub(super) old: Option<(Predecessor, TakenOver)>,
    /// Those that cannot be carried on from.
    pub(super) others: Vec<Directory>,
    /// What the new one knows, by handles of its own.
    pub(super) new: State,
    /// What the new one reported while it was being proven.
    pub(super) first: Vec<Record>,
}

impl Retirement {
    /// Accounts of the old generation that nobody is held to in the new one: their stopped processes go on.
    pub(super) fn let_go_of_freed(&mut self) -> Carried {
        let Some((old, taken)) = &mut self.old else { return Carried::default() };
        let freed = taken.freed(&old.state, &self.new).unwrap_or_else(|error| {
            say("cannot tell which accounts nobody is held to any more", error);
            Vec::new()
        });
        freed.iter().for_each(|index| old.state.observe_one(*index));
        let stopped = |member: &Member| freed.contains(&member.account);
        let released = release(&old.state.members().into_iter().filter(stopped).collect::<Vec<_>>());
        let name = |index: &u32| old.manifest.accounts.get(*index as usize)?.clone();
        Carried { freed: freed.iter().filter_map(name).collect(), released }
    }

    /// What was reported and nobody has read: by the generation before up to the take-over, by the new one since; in between
    /// both report the same. `predecessor` is as in [`Self::carry_out`]: its reader reads it, since each reader of a ring has a
    /// place of its own in it.
    pub(crate) fn records(
        &mut self,
        predecessor: Option<&mut Generation>,
        new: &mut Generation,
    ) -> Vec<Record> {
        let mut reported = std::mem::take(&mut self.first);
        reported.extend(new.unread());
        let Some((old, taken)) = &mut self.old else { return reported };
        let unread = predecessor.map_or_else(|| old.unread(), Generation::unread);
        taken.records(unread, reported)
    }

    /// Ends the generations before. It takes the kernel some seconds to detach one, for which there is a thread; until then
    /// both judge, and this one acts. `predecessor` is the one in force until now, if it was this agent's: its descriptors would keep it.
    pub(crate) fn carry_out(self, predecessor: Option<Generation>) {
        let Self { mut old, others, mut new, first: _ } = self;
        let failed = |error| say("a generation before cannot be ended", error);
        others.iter().for_each(|other| other.remove().unwrap_or_else(failed));
        if let Some((old, taken)) = &mut old {
            // From here on the new one alone acts: what is decided while the old one is being detached, which does not hear of
            // it, must not be undone by it.
            let caught_up = taken.catch_up(&old.state, &mut new);
            caught_up.unwrap_or_else(|error| {
                say("what the generation before has stopped is not known to this one", error);
            });
            old.state.observe();
        }
        let ends = old.iter().map(|(old, _)| old.retire());
        let ends = ends.map(|ends| ends.map_err(failed).unwrap_or_default()).next();
        let retire = move || {
            drop((predecessor, ends));
            if let Some((old, mut taken)) = old
                && let Err(error) = taken.catch_up(&old.state, &mut new)
            {
                say("what the generation before has stopped in the end is not known to this one", error);
            }
            // What this generation was loaded with is not needed any more either.
            heap::give_back();
        };
        if let Err(error) = std::thread::Builder::new().name("retire".to_owned()).spawn(retire) {
            say("cannot start a thread", error);
        }
    }
}
