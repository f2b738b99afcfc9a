//! Who may decide.

use agent_common::rules::BootNs;

use super::{
    Incidents,
    incident::{Cause, Decided, Incident},
    stage::Stage,
};
use crate::{
    api::{Code, Problem, Right, Verb},
    daemon::{Asked, Effect},
    report::Event,
};

/// Attempts of an account within so long are one incident.
const ATTEMPTS: BootNs = 600_000_000_000;

impl Incidents {
    /// Whether the asking process may: by its user's role, and only if it acts for no account.
    pub(super) fn may(&mut self, asked: &Asked, now: BootNs) -> Result<(), Box<(Problem, Vec<Effect>)>> {
        let right = asked.request.right(asked.pid);
        if let Some(account) = &asked.acts_for
            && let Some(verb) = Verb::of(&asked.request)
        {
            let (id, times) = self.attempt(account, verb, asked, now);
            let attempt = Event::Attempt { incident: id, account: account.clone(), pid: asked.pid, times };
            let problem = Problem::new(
                Code::NotAllowed,
                format!(
                    "pid {} acts for account {account} and may not decide; this attempt is recorded as incident {id}",
                    asked.pid
                ),
            );
            return Err(Box::new((problem, vec![Effect::Report(attempt)])));
        }
        if asked.rights.allow(right, false) {
            return Ok(());
        }
        let role = match right {
            Right::Own | Right::View => "view",
            Right::Respond => "respond",
            Right::Admin => "admin",
        };
        let problem = Problem::new(Code::NotAllowed, format!("{} has not the role \"{role}\"", asked.by))
            .help(format!(
                "the policy's [roles] {role} says who has it; by default root and group burstguard"
            ));
        Err(Box::new((problem, Vec::new())))
    }

    fn attempt(&mut self, account: &str, verb: Verb, asked: &Asked, now: BootNs) -> (u64, u64) {
        let recent = self.incidents.values_mut().rev().find(|incident| {
            matches!(&incident.cause, Cause::Attempt { account: of, .. } if of == account)
                && now.saturating_sub(incident.opened) < ATTEMPTS
        });
        if let Some(Incident { id, cause: Cause::Attempt { times, .. }, last, .. }) = recent {
            *times += 1;
            *last = now;
            return (*id, *times);
        }
        let cause = Cause::Attempt { account: account.to_owned(), times: 1 };
        let incident = self.open(cause, now, Stage::Observed);
        incident.decisions.push(Decided {
            at: now,
            verb,
            by: asked.by.clone(),
            reason: String::new(),
            outcome: "refused: it acts for the account".to_owned(),
        });
        (incident.id, 1)
    }
}
