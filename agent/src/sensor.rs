//! What the kernel sees. The layout of the kernel programs' maps and records ends here: beyond this module there are
//! only owned values in the words of the policy.

mod abi;
mod accounts;
mod addresses;
pub(crate) mod btf;
mod decode;
mod error;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod grants;
mod held;
mod kernel;
mod launches;
mod ledger;
mod load;
mod manifest;
mod members;
mod moved;
mod objects;
mod own;
mod pins;
mod predecessor;
mod probes;
mod quiet;
mod shared;
mod state;
mod store;
mod take_over;

pub(crate) use accounts::BudgetUse;
pub(crate) use decode::{Act, Judgement, LONGEST_PATH, Record, Thing, What, whole_path};
#[cfg(test)]
pub(crate) use error::MapError;
pub(crate) use grants::{Directory as GrantedDirectory, Grant, Holder};
#[cfg(test)]
pub(crate) use held::HeldName;
pub(crate) use held::{HeldCall, HeldNow, Judged, Waiting};
pub(crate) use kernel::Kernel;
pub(crate) use launches::Made;
pub(crate) use load::load;
pub(crate) use manifest::Manifest;
pub(crate) use members::{Member, Membership};
pub(crate) use objects::Objects;
pub(crate) use pins::{Directory, HOME as PINS, clean_up};
pub(crate) use predecessor::Predecessor;
pub(crate) use quiet::until_programs_have_ended;
pub(crate) use state::State;
pub(crate) use store::{hand_over, restore, take_back};
pub(crate) use take_over::{Heirs, TakenOver};
