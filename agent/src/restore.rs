//! What got through comes back: from what the recording says that an account did, and what the keeper kept of it, to what is on the
//! disk again.
//!
//! ```text
//!   recording ──► Destroyed (which names, when) ──┐
//!   shelf, disk ──► Facts of each ────────────────┴──► Plan, pure ──► shown ──► put back, a path at a time
//! ```
//!
//! A command does all of this, which root runs: the daemon has no right to write the host's files, and gets none.

mod attributes;
mod compare;
mod destroyed;
mod now;
mod plan;
mod put;
mod way;

pub(crate) use compare::{about, difference};
pub(crate) use destroyed::{Act, Destroyed, Hit, Unknown, acts_on};
pub(crate) use now::Now;
pub(crate) use plan::{Facts, NotKept, Plan, Planned, Step};
pub(crate) use put::{Done, Restorer, Where};
pub(crate) use way::absolute;
