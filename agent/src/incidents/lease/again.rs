//! Leases that go on though the kernel has lost them: after a reboot, or after everything was let go. What was granted until some
//! time of day is granted until then, with what was left of it.

use agent_common::rules::BootNs;

use super::{
    super::{
        Incidents,
        incident::{Cause, Decided, Incident},
        record::Mark,
        stage::{Closed, Stage},
    },
    Lease,
};
use crate::{
    api::{Allowance, Responder, Verb},
    daemon::{Effect, Facts, Leave},
    store::Carried,
};

/// Whether it is a lease that somebody was told of.
pub(in super::super) fn was_in_force(incident: &Incident) -> bool {
    let told = incident.decisions.first().is_some_and(|granted| !granted.outcome.is_empty());
    incident.stage == Stage::Leased && told
}

impl Incidents {
    /// Puts a lease of the boot before into force. How long the host was down counts, by the time of day; that this may have been set
    /// back leaves no more than was left when it was written down last.
    pub(in super::super) fn lease_after_reboot(
        &mut self,
        mut incident: Incident,
        carried: &Carried,
        left: Option<Allowance>,
        facts: &Facts,
        now: BootNs,
    ) -> Vec<Effect> {
        let then = Facts { now: carried.at, wall: carried.wall, ..Facts::default() };
        let granted = then.wall(incident.opened);
        let left_then = incident.until.unwrap_or(0).saturating_sub(carried.at);
        let end = then.wall(incident.until.unwrap_or(0));
        let remains =
            u64::try_from(end.duration_since(facts.wall(now)).as_nanos()).unwrap_or(0).min(left_then);
        incident.mark = Some(Mark::of(&incident, now));
        incident.until = Some(now.saturating_add(remains));
        // Times of the kernel's clock of a boot that is over mean nothing now; the entries of then have them.
        (incident.opened, incident.last, incident.held_at) = (0, 0, 0);
        incident.acts.clear();
        incident.decisions.iter_mut().for_each(|decided| decided.at = 0);
        let why = format!("granted at {}, before this boot", granted.strftime("%FT%TZ"));
        self.lease_again(incident, left, &why, now)
    }

    /// Puts it into force until its end.
    pub(in super::super) fn lease_again(
        &mut self,
        mut incident: Incident,
        left: Option<Allowance>,
        why: &str,
        now: BootNs,
    ) -> Vec<Effect> {
        let id = incident.id;
        let until = incident.until.unwrap_or(now);
        let Cause::Lease(lease) = incident.cause.clone() else { return Vec::new() };
        let account = lease.account.clone();
        let within = self.check_account(&account).and_then(|()| self.within(&lease.trees));
        let decided = |outcome: String| Decided {
            at: now,
            verb: Verb::Lease,
            by: Responder::Before,
            reason: why.to_owned(),
            outcome,
        };
        let effects = match within {
            _ if until <= now => {
                incident.stage = Stage::Closed { at: now, how: Closed::Expired };
                Vec::new()
            }
            Ok(within) => {
                incident.decisions.push(decided(String::new()));
                let leave = Leave { once: false, until, seen: None, allowance: left, within: within.clone() };
                incident.cause = Cause::Lease(Lease { within, ..lease });
                vec![Effect::Lease { call: None, incident: id, account, leave }]
            }
            Err(problem) => {
                incident.stage = Stage::Closed { at: now, how: Closed::Gone };
                incident.decisions.push(decided(format!("not in force: {}", problem.message)));
                Vec::new()
            }
        };
        self.insert(incident);
        effects
    }
}
