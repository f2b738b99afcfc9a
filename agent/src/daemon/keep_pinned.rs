//! Sees to it that the generation in force stays pinned. Whoever unmounts the BPF file system or removes what is in it ends
//! nothing as long as the daemon holds the descriptors; but with the daemon enforcement would end, and what is stopped
//! could be let go by nobody.

use anyhow::Result;

use super::{
    Ending,
    agent::Agent,
    generation::{Generation, say, undo},
};
use crate::{
    report::Event,
    sensor::{Directory, hand_over, take_back},
    trees::hold::hold,
};

/// Whether a generation was still pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pins {
    There,
    /// They were lost, and were made again.
    Again,
}

impl Generation {
    /// Pins it again if a pin of it is missing. The new pins are whole before what is left of the old ones goes.
    fn keep_pinned(&mut self) -> Result<Pins> {
        if self.objects.are_in(&self.directory) {
            return Ok(Pins::There);
        }
        let again = Directory::next()?;
        let held = hold(&again.trees(), self.trees.innermost()).map_err(anyhow::Error::from);
        held.and_then(|()| Ok(self.objects.pin(&again)?)).inspect_err(|_| undo(&again))?;
        let lost = std::mem::replace(&mut self.directory, again);
        // Else both are one and the same to the service manager.
        if lost != self.directory {
            hand_over(&self.directory, &self.objects);
            take_back(&lost, self.objects.names());
            lost.remove().unwrap_or_else(|error| say("what is left of lost pins stays", error));
        }
        Ok(Pins::Again)
    }
}

impl Agent {
    /// Looks, pins again, and says so; what it cannot do each time that the reason changes. While another generation comes
    /// it is that one which is pinned.
    pub(super) fn keep_pinned(&mut self) {
        if self.reloading {
            return;
        }
        let before = self.unpinned.take();
        let event = match self.in_force.generation.keep_pinned() {
            Ok(Pins::There) if before.is_none() => return,
            Ok(Pins::Again) if before.is_none() => Event::PinsLost { error: None },
            Ok(_) => Event::PinnedAgain,
            Err(error) => {
                let why = format!("{error:#}");
                self.unpinned = Some(why.clone());
                if before.as_ref() == Some(&why) {
                    return;
                }
                Event::PinsLost { error: Some(why) }
            }
        };
        self.report(&event);
    }

    /// How to end, told to end like this: what is stopped must not stay so where no next daemon can let it go on.
    pub(super) fn ending(&mut self, told: Ending) -> Ending {
        if told == Ending::LetGo {
            return told;
        }
        self.keep_pinned();
        match &self.unpinned {
            None => told,
            Some(why) => {
                log::error!(
                    "everything is let go: no next daemon would find it, since it is not pinned: {why}"
                );
                Ending::LetGo
            }
        }
    }
}
