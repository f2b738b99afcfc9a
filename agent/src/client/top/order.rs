//! What a responder can order here: what will happen, in words, and what is sent for it.

use serde_json::{Value, json};

use super::facts::{Facts, is_open};
use crate::{
    api::{AccountView, ApproveBody, FreezeBody, IncidentSummary, Reason, ReasonBody, State, Target, Verb},
    client::term::{clean, count},
};

/// Something to be done, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Approve(u64),
    Deny(u64),
    Thaw(u64),
    Freeze(String),
}

impl Order {
    /// About this incident, if it is one of those that are decided so; else why not.
    pub(super) fn about(verb: Verb, incident: &IncidentSummary) -> Result<Self, String> {
        let id = incident.id;
        match (verb, incident.state) {
            _ if !is_open(incident) => Err(format!("incident {id} is over: there is nothing to decide")),
            (Verb::Approve, State::Held | State::Proposed) => Ok(Self::Approve(id)),
            (Verb::Deny, State::Held) => Ok(Self::Deny(id)),
            (Verb::Thaw, State::Stopped | State::Freezing | State::Frozen | State::Denied) => {
                Ok(Self::Thaw(id))
            }
            (Verb::Thaw, State::Held) => {
                Err(format!("the calls of incident {id} wait: a approves, d denies"))
            }
            (Verb::Approve | Verb::Deny, State::Stopped | State::Freezing | State::Frozen) => {
                Err(format!("no call of incident {id} waits, its processes were stopped: t lets them go on"))
            }
            (_, State::Denied) => Err(format!("incident {id} is denied: t lets the account begin anew")),
            (_, State::Leased) => {
                Err(format!("incident {id} is a lease: burstguard lease revoke {id} ends it"))
            }
            _ => Err(format!(
                "incident {id} waits for another person: a approves it, burstguard lease revoke {id} ends it"
            )),
        }
    }

    /// What it is called.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Approve(id) => format!("Approve incident {id}"),
            Self::Deny(id) => format!("Deny incident {id}"),
            Self::Thaw(id) => format!("Thaw incident {id}"),
            Self::Freeze(name) => format!("Freeze {}", clean(name)),
        }
    }

    /// What will happen, by what is known now; nothing if it is not known any more.
    pub(super) fn what(&self, facts: &Facts) -> Option<String> {
        let incident = |id: &u64| facts.incident(*id);
        Some(match self {
            Self::Approve(id) => approved(incident(id)?),
            Self::Deny(id) => denied(incident(id)?),
            Self::Thaw(id) => thawed(incident(id)?),
            Self::Freeze(name) => frozen(facts.account(name)?),
        })
    }

    /// Where it is sent to.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Approve(id) => format!("/v1/incidents/{id}/approve"),
            Self::Deny(id) => format!("/v1/incidents/{id}/deny"),
            Self::Thaw(id) => format!("/v1/incidents/{id}/thaw"),
            Self::Freeze(_) => "/v1/freezes".to_owned(),
        }
    }

    /// What is sent: the same as by the command of that name without options.
    pub(super) fn body(&self, reason: Reason) -> Value {
        match self {
            Self::Approve(_) => {
                json!(ApproveBody { once: false, for_s: None, trees: Vec::new(), budget: None, reason })
            }
            Self::Deny(_) | Self::Thaw(_) => json!(ReasonBody { reason }),
            Self::Freeze(name) => {
                json!(FreezeBody { target: Target::Account(name.clone()), for_s: None, reason })
            }
        }
    }
}

fn whose(incident: &IncidentSummary) -> String {
    incident.account.as_deref().map_or_else(|| "nobody's account".to_owned(), clean)
}

/// How many have to say so, and have.
fn people(incident: &IncidentSummary) -> String {
    let Some(approvals) = &incident.approvals else { return String::new() };
    format!(
        " That takes {} people, of whom {} said so: until then nothing goes on.",
        approvals.needed,
        count(approvals.given.len() as u64, "has", "have")
    )
}

fn approved(incident: &IncidentSummary) -> String {
    let whose = whose(incident);
    if incident.state == State::Proposed {
        return format!("The lease that was asked for {whose} comes into force.{}", people(incident));
    }
    format!(
        "{} of {whose} that {} will happen. The processes that wait, and whatever they start, may finish what they were about, inside \
         the directories that the incident shows, until they end or an hour has passed.{}",
        count(incident.waiting, "call", "calls"),
        if incident.waiting == 1 { "waits" } else { "wait" },
        people(incident),
    )
}

fn denied(incident: &IncidentSummary) -> String {
    let calls = count(incident.waiting, "call", "calls");
    format!(
        "{calls} of {whose} will fail with EPERM, and so does whatever {whose} destroys next, until it has been quiet for 10 minutes.",
        whose = whose(incident)
    )
}

fn thawed(incident: &IncidentSummary) -> String {
    let whose = whose(incident);
    if incident.state == State::Denied {
        return format!("{whose} is not denied any more: it begins anew, with its budgets empty.");
    }
    let begins = incident.account.as_ref().map(|_| format!(", and {whose} has its whole budget once more"));
    let what = match incident.state {
        State::Freezing => "What is being frozen".to_owned(),
        _ => count(incident.waiting, "process", "processes"),
    };
    format!("{what} of {whose} will go on{}.{}", begins.unwrap_or_default(), people(incident))
}

fn frozen(account: &AccountView) -> String {
    let whose = clean(&account.name);
    format!(
        "Everything that acts for {whose}, {} now, will stand still until somebody thaws it; what joins it later is stopped at its first \
         act. The ssh listener and what else keeps the host going is left alone, and named.",
        count(account.processes, "process", "processes")
    )
}
