//! Who must not run what lets go of accounts, or watches them in the place of another: a process that acts for one.

use anyhow::Result;
use thiserror::Error;

use crate::{
    processes::proc,
    sensor::{Directory, State},
};

/// A process of an account wanted to.
#[derive(Debug, Error)]
#[error(
    "this process acts for an account that is watched, and may neither let go nor watch in the daemon's place"
)]
pub(crate) struct ActsForAccount;

/// Before anything is locked or changed: what such a process unmounts may have to wait, with the lock in hand.
pub(super) fn refuse_accounts() -> Result<()> {
    let Some(own) = proc::process(std::process::id()) else { return Ok(()) };
    for directory in Directory::all()?.iter().filter(|directory| directory.is_complete()) {
        // One that cannot be read is of another layout: then nobody is told from it.
        let member = State::open(directory.path()).ok().and_then(|state| state.member(own.pid));
        if member.is_some_and(|member| member.start == own.start) {
            return Err(ActsForAccount.into());
        }
    }
    Ok(())
}
