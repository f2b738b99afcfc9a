//! Who has said that what waits may go on, where it takes more than one person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Allowance, Bytes, Responder, Verb};

/// How many people it takes to let an incident go on, and who has said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Approvals {
    pub(crate) needed: u64,
    /// The first one first; nothing goes on yet.
    pub(crate) given: Vec<Approval>,
}

/// What one of them has said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Approval {
    pub(crate) at: Timestamp,
    pub(crate) by: Responder,
    /// By what a person counts once: the login user id, else the real user id.
    pub(crate) person: u32,
    /// `approve` or `thaw`; both together come to an approval of the calls that wait, once.
    pub(crate) verb: Verb,
    pub(crate) reason: String,
    pub(crate) once: bool,
    pub(crate) for_s: Option<u64>,
    #[schema(value_type = Vec<String>)]
    pub(crate) trees: Vec<Bytes>,
    pub(crate) budget: Option<Allowance>,
}

/// An incident that goes on only when more people have said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Pending {
    pub(crate) incident: u64,
    /// How many have.
    pub(crate) given: u64,
    pub(crate) needed: u64,
}
