//! What follows from what the kernel programs report.

use agent_common::rules::{BootNs, Kinds, NEVER};

use super::{
    Incidents,
    incident::{Act, Cause, Decided, Incident},
    kinds,
    stage::Stage,
};
use crate::{
    api::{Bytes, GrantedBy, Responder, Target, Verb},
    daemon::Effect,
    report::{Actor, Destruction, Event},
    sensor::{self, Record, What},
};

/// How far a burst looks back if the account's budgets are not known yet.
const LOOK_BACK: BootNs = 60_000_000_000;

impl Incidents {
    /// Nothing for the self-test's own account.
    pub(super) fn on_record(&mut self, record: &Record) -> Vec<Effect> {
        let Some(account) = self.names.account(record.account).map(str::to_owned) else { return Vec::new() };
        let actor = actor(record, &account);
        let event = match &record.what {
            What::Joined => Event::Joined { actor },
            What::Launched(unit) => {
                Event::Launched { actor, unit: String::from_utf8_lossy(unit).into_owned() }
            }
            What::Blind(reason) => Event::Blind { actor, reason: reason.label(), help: reason.help() },
            What::Tampering { thing, refused, act } => {
                return vec![self.on_tampering(&account, actor, record, *thing, *refused, act)];
            }
            What::Operation(act) => {
                let approved = self.on_operation(&account, record, act);
                if act.way.is_some() {
                    return Vec::new(); // it has been told as an escape, and destroys nothing by itself
                }
                Event::Operation { actor, act: self.destruction(act), over: act.over, approved }
            }
            What::Burst(act) => {
                return match self.is_over(&account, record.at, act) {
                    Some(stage) => vec![self.on_escape(account, actor, record, act, stage)],
                    None => self.on_burst(account, actor, record.at, act),
                };
            }
            What::Held(act) => {
                let incident = self.current(&account).map(|incident| {
                    incident.held_at = incident.held_at.max(record.at);
                    incident.id
                });
                Event::Held { incident, actor, act: self.destruction(act) }
            }
            What::Denied(act) => {
                let incident = self.current(&account).map(|incident| {
                    incident.last = incident.last.max(record.at);
                    incident.id
                });
                Event::Denied { incident, actor, act: self.destruction(act) }
            }
            What::Stopped => {
                let incident = self.current.get(&account).copied();
                if let Some(incident) = incident.and_then(|id| self.incidents.get_mut(&id)) {
                    incident.stopped.insert(record.pid, Bytes::from(&record.comm[..]));
                }
                Event::Stopped { incident, actor }
            }
        };
        std::iter::once(Effect::Report(event)).chain(self.tell(&account, record)).collect()
    }

    /// The incident that an account's acts belong to, if it is not over.
    fn current(&mut self, account: &str) -> Option<&mut Incident> {
        let incident = self.incidents.get_mut(self.current.get(account)?)?;
        incident.goes_on().then_some(incident)
    }

    /// What is granted costs no budget, and no burst looks back on it. The incident whose grant it was.
    fn on_operation(&mut self, account: &str, record: &Record, act: &sensor::Act) -> Option<u64> {
        if act.grant != 0 {
            let id = self.facts.grants.iter().find(|facts| facts.index == act.grant)?.grant.incident;
            let act = self.act(record, act);
            if let Some(incident) = self.incidents.get_mut(&id) {
                incident.approved += 1;
                incident.approved_last = incident.approved_last.max(Some(record.at));
                incident.judged = Some(incident.judged.unwrap_or(NEVER).min(act.judged));
                if matches!(incident.cause, Cause::Lease(_)) {
                    incident.add(act);
                }
            }
            return Some(id);
        }
        if act.way.is_some() {
            return None; // its burst has told of it
        }
        if act.over
            && let Some(pass) = self.passed(account, record.at).filter(|pass| pass.by == GrantedBy::Governor)
        {
            self.count_over(account, record.at, None, Some(pass));
        }
        let act = self.act(record, act);
        let current = self.current.get(account).and_then(|id| self.incidents.get_mut(id));
        match current.filter(|incident| incident.takes_acts(record.at)) {
            Some(incident) => incident.add(act),
            None => self.recent.entry(account.to_owned()).or_default().push(act),
        }
        None
    }

    pub(super) fn act(&self, record: &Record, act: &sensor::Act) -> Act {
        Act {
            at: record.at,
            judged: if act.judged.at == 0 { record.at } else { act.judged.at },
            kinds: act.kinds,
            path: self.way(act).map_or_else(|| Bytes::from(&act.path[..]), |way| Bytes::Text(way.to_owned())),
            tree: self.tree(act).map(|tree| Bytes::Text(tree.to_owned())),
            pid: record.pid,
            comm: Bytes::from(&record.comm[..]),
            over: act.over,
            sizes: act.sizes,
            whole: self.names.whole(self.facts.about.tier.tier, act).map(|path| path.as_path().into()),
        }
    }

    /// An observed account is armed again by itself, so a later burst is another incident.
    fn on_burst(&mut self, account: String, actor: Actor, at: BootNs, act: &sensor::Act) -> Vec<Effect> {
        let way = self.way(act).map(str::to_owned);
        if way.is_none() {
            self.was_armed_until(at, &account);
        }
        let response = self.response(&account, act);
        let facts = self.facts.account(&account);
        let (hold, refused_before) = facts.map_or((None, 0), |facts| (Some(facts.hold), facts.refused));
        let pass = self.passed(&account, at);
        let observed = response == "observe" || pass.is_some();
        let can_hold = self.facts.can_hold();
        let stage = match response {
            _ if observed => Stage::Observed,
            "deny" if can_hold => Stage::Denied,
            _ if can_hold => Stage::Held,
            _ => Stage::Stopped,
        };
        let since = at.saturating_sub(self.look_back(&account, act.kinds));
        let mut recent = self.recent.remove(&account).unwrap_or_default();
        let (whole, is_escape) = (act.kinds.is_whole(), way.is_some());
        let cause = match way {
            Some(way) => Cause::Escape { account: account.clone(), way, times: 1 },
            None => Cause::Burst { account: account.clone(), whole },
        };
        let incident = match self.found(&account) {
            // The account was found tripped before the records of why were read.
            Some(found) => {
                found.cause = cause;
                found.opened = found.opened.min(at);
                found
            }
            None => {
                let incident = self.open(cause, at, stage);
                incident.refused_before = refused_before;
                if let (Stage::Held, Some(hold)) = (stage, hold) {
                    incident.hold(at, hold);
                }
                if stage == Stage::Denied {
                    incident.decisions.push(refused(at, Responder::Policy, "the policy's response"));
                }
                incident
            }
        };
        incident.burst = at;
        incident.passed = pass.filter(|_| response != "observe");
        recent.move_into(incident, since);
        let id = incident.id;
        self.current.insert(account.clone(), id);
        if response != "observe" {
            self.count_over(&account, at, Some(id), pass);
        }
        let act = self.destruction(act);
        let event = if is_escape {
            Event::Escape { incident: id, actor, act }
        } else {
            Event::Burst { incident: id, actor, act, whole }
        };
        let mut effects = vec![Effect::Report(event)];
        if response == "freeze" && !observed {
            effects.extend(self.freeze(
                id,
                Target::Account(account),
                Responder::Policy,
                "the policy's response",
                at,
            ));
        }
        effects
    }

    /// The incident of an account that was found tripped, if it still waits.
    fn found(&mut self, account: &str) -> Option<&mut Incident> {
        let id = self.current.get(account)?;
        let incident = self.incidents.get_mut(id)?;
        (matches!(incident.cause, Cause::Found { .. })
            && matches!(incident.stage, Stage::Stopped | Stage::Held | Stage::Denied))
        .then_some(incident)
    }

    /// As far as the windows of the budgets that pay for these kinds.
    fn look_back(&self, account: &str, kinds: Kinds) -> BootNs {
        let budgets =
            self.facts.account(account).map(|account| account.budgets.as_slice()).unwrap_or_default();
        let windows = budgets.iter().filter(|budget| kinds.has(budget.kind)).map(|budget| budget.window);
        windows.max().unwrap_or(LOOK_BACK)
    }

    fn tree(&self, act: &sensor::Act) -> Option<String> {
        Some(self.names.tree(act.root?)?.display().to_string())
    }

    pub(super) fn destruction(&self, act: &sensor::Act) -> Destruction {
        let kinds = kinds(act.kinds);
        let path = self.way(act).map_or_else(|| text(&act.path), str::to_owned);
        Destruction { kinds, tree: self.tree(act), path, sizes: act.sizes }
    }
}

/// That an account's calls fail without a decision on this incident.
pub(super) fn refused(at: BootNs, by: Responder, reason: &str) -> Decided {
    Decided {
        at,
        verb: Verb::Deny,
        by,
        reason: reason.to_owned(),
        outcome: "what the account destroys is refused".to_owned(),
    }
}

fn actor(record: &Record, account: &str) -> Actor {
    Actor {
        at_ns: record.at,
        account: account.to_owned(),
        pid: record.pid,
        tid: record.tid,
        uid: record.uid,
        comm: text(&record.comm),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
