//! What goes over the control socket, version 1: requests of responders and answers, as JSON. The control server, the
//! client and the incidents share these types and nothing else.

mod account;
mod allowance;
mod answer;
mod approval;
mod bytes;
mod decision;
mod impact;
mod incident;
mod problem;
mod request;
mod sizes;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use account::{AccountView, BudgetView, GrantedBy, GrantedView, LeaseView, Standing};
pub(crate) use allowance::Allowance;
pub(crate) use answer::{
    Answer, By, Evidence, GovernorView, Joined, KeeperView, LeftAlone, Mode, Moved, PolicyView, ProcessView,
    Reloaded, Status, StoreView, Tested, Told, WebhookView, Whois, Why,
};
pub(crate) use approval::{Approval, Approvals, Pending};
pub(crate) use bytes::Bytes;
pub(crate) use decision::{Decision, Responder, Verb};
pub(crate) use impact::{Impact, OpenIn};
pub(crate) use incident::{
    Above, Act, HeldView, IncidentDetail, IncidentSummary, Named, Span, State, Whereabouts,
};
pub(crate) use problem::{Code, Problem};
pub(crate) use request::{
    ApproveBody, DrillBody, Filter, FreezeBody, LeaseBody, OffBody, Reason, ReasonBody, ReloadBody, Request,
    Restore, RestoreBody, Restored, Right, Scope, Target, span,
};
pub(crate) use sizes::{Sizes, text as bytes};

/// The version of every path (`/v1/…`) and of every `--json` output.
pub(crate) const VERSION: u32 = 1;
/// The header by which whoever asks says for how many seconds it waits for the kernel's confirmation (RFC 7240): `prefer: wait=600`.
pub(crate) const PREFER: &str = "prefer";
/// The longest that it may wait.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// Where the daemon listens.
pub(crate) const SOCKET: &str = "/run/burstguard/control.sock";
