//! Who acted in an incident, for the record: looked at while they are there, and kept for what is written later.

use jiff::Timestamp;

use super::{agent::Agent, facts::Facts};
use crate::{
    api::{Bytes, IncidentDetail, Named, ProcessView, Told},
    clock::boot_now,
    incidents::told_by,
    processes::{
        proc::{self, Process, ProcessId},
        view::{comm, view},
    },
    store::{Entry, Left, Says, Step},
};

/// How many processes of an incident are written down, and how many ancestors of the first of them.
const PROCESSES: usize = 16;
const ANCESTORS: usize = 8;
/// Of how many incidents that is remembered, the newest.
const INCIDENTS: usize = 256;

/// What was seen of them.
#[derive(Default)]
pub(super) struct Seen {
    processes: Vec<ProcessView>,
    told: Vec<Told>,
}

impl Agent {
    /// Adds the processes that acted, and by what they were told, to what is written of an incident.
    pub(super) fn add_who_acted(&mut self, entry: &mut Entry) {
        let Says::Incident(step, detail) = &mut entry.says else { return };
        let id = detail.summary.id;
        let mut seen = self.record.seen.remove(&id).unwrap_or_default();
        let account = detail.summary.account.as_deref();
        // Whoever has acted long ago may have ended since, and another have the number: so at once, or when it is known who has.
        let is_new = *step == Step::Opened || seen.processes.is_empty();
        let acted = detail.acts.iter().filter(|_| is_new).map(|act| act.pid);
        let mut pids: Vec<u32> = acted.chain(detail.held.iter().map(|held| held.pid)).collect();
        pids.dedup();
        let ids = pids.into_iter().filter_map(|pid| {
            let (whose, start) = self.in_force.generation.whose(pid)?;
            (Some(whose) == account).then_some(ProcessId { pid, start })
        });
        let frozen = self.freezer.processes(id).into_iter().take(PROCESSES);
        let ids: Vec<ProcessId> =
            if *step == Step::Counted { Vec::new() } else { ids.chain(frozen).collect() };
        self.see(ids, &mut seen);
        detail.processes.clone_from(&seen.processes);
        detail.told.clone_from(&seen.told);
        self.record.seen.insert(id, seen);
        // More may come of one that is over, and an observed one never is.
        if self.record.seen.len() > INCIDENTS {
            self.record.seen.pop_first();
        }
    }

    /// What the daemon before has seen of what goes on: it is written down with what comes of that.
    pub(super) fn remember_who_acted(&mut self, left: &[Left]) {
        for Left { detail, .. } in left {
            let seen = Seen { processes: detail.processes.clone(), told: detail.told.clone() };
            self.record.seen.insert(detail.summary.id, seen);
        }
        while self.record.seen.len() > INCIDENTS {
            self.record.seen.pop_first();
        }
    }

    /// Who has acted in an incident of which nobody is there any more.
    pub(super) fn recall_who_acted(&self, detail: &mut IncidentDetail) {
        let Some(seen) = self.record.seen.get(&detail.summary.id) else { return };
        if detail.processes.is_empty() {
            detail.processes.clone_from(&seen.processes);
            detail.told.clone_from(&seen.told);
        }
    }

    fn see(&self, ids: Vec<ProcessId>, seen: &mut Seen) {
        let facts = Facts { now: boot_now(), wall: Timestamp::now(), ..Facts::default() };
        for id in ids {
            let known = seen.processes.iter().any(|known| known.pid == id.pid);
            if known || seen.processes.len() >= PROCESSES + ANCESTORS {
                continue;
            }
            let Some(process) = proc::process(id.pid).filter(|now| now.start == id.start) else { continue };
            let is_first = seen.processes.is_empty();
            seen.processes.push(self.redacted(&process));
            let by = told_by(&self.in_force.generation.identity(&process), &facts);
            let comm = comm(process.pid);
            seen.told.extend(by.map(|by| Told { process: Named { pid: process.pid, comm }, by }));
            if is_first {
                let above = proc::ancestors(process.pid).take(ANCESTORS);
                seen.processes.extend(above.map(|process| self.redacted(&process)));
            }
        }
    }

    /// A process without the secrets of its command line.
    pub(super) fn redacted(&self, process: &Process) -> ProcessView {
        let line = proc::bytes(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        let command = Bytes::from(&self.in_force.redact.line(&line)[..]);
        ProcessView { command, ..view(process, false) }
    }
}
