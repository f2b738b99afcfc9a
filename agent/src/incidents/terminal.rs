//! What a process says on its terminal when its call begins to wait, or is refused.

use std::fmt::Write as _;

use agent_common::rules::{Kind, Kinds};

use super::{
    Incidents,
    incident::{Cause, Incident},
};
use crate::{
    daemon::{AccountFacts, Effect},
    sensor::{Record, What},
};

/// How many processes of an incident are told; the edge tells each terminal once.
const TOLD: usize = 64;
/// How long a line is at most.
const LONGEST: usize = 400;

impl Incidents {
    /// What the terminal of a process is to be told, if anything: that its call waits, or that calls are refused.
    pub(super) fn tell(&mut self, account: &str, record: &Record) -> Option<Effect> {
        let facts = self.facts.account(account).filter(|facts| facts.hold.terminal)?;
        let incident = self.incidents.get_mut(self.current.get(account)?).filter(|one| one.goes_on())?;
        let (fate, kinds) = match &record.what {
            What::Held(act) => ("waits", Some(act.kinds)),
            What::Stopped => ("was stopped", None),
            What::Denied(act) => ("was refused", Some(act.kinds)),
            _ => return None,
        };
        let is_refusal = matches!(record.what, What::Denied(_));
        let is_new = if is_refusal { !incident.told_refused } else { incident.told.len() < TOLD };
        if !is_new || !is_refusal && !incident.told.insert(record.pid) {
            return None;
        }
        incident.told_refused |= is_refusal;
        let mut line = format!(
            "burstguard: {} (pid {}) {fate}: {}, incident {}",
            plain(&String::from_utf8_lossy(&record.comm)),
            record.pid,
            why(incident, facts, kinds),
            incident.id
        );
        if let Some(contact) = &facts.contact {
            let _ = write!(line, "; ask {}", plain(contact)); // a String takes everything
        }
        line += "; burstguard why";
        line.truncate(LONGEST); // it is ASCII
        Some(Effect::Tell { incident: incident.id, account: account.to_owned(), pid: record.pid, line })
    }
}

/// What was too much.
fn why(incident: &Incident, facts: &AccountFacts, kinds: Option<Kinds>) -> String {
    let account = plain(&facts.name);
    let tree = incident.acts.iter().find_map(|act| act.tree.as_ref());
    let place = tree.map(|tree| format!(" in {}", plain(&tree.to_string()))).unwrap_or_default();
    match &incident.cause {
        Cause::Escape { way, .. } => return format!("{account} had others act, by {}", plain(way)),
        Cause::Burst { whole: true, .. } => {
            return format!("{account} would take a whole tree at once{place}");
        }
        _ => {}
    }
    let over = || incident.acts.iter().rev().find(|act| act.over).map(|act| act.kinds);
    let spent = kinds.or_else(over).and_then(|kinds| {
        let kind = Kind::ALL.into_iter().find(|kind| kinds.has(*kind))?;
        facts.budgets.iter().find(|budget| budget.kind == kind)
    });
    match spent {
        Some(budget) => {
            let plural = if budget.limit == 1 { "" } else { "s" };
            format!("{} {}{plural} of {account}{place} used up", budget.limit, budget.kind.word())
        }
        None => format!("what {account} does{place} is looked at first"),
    }
}

/// Plain ASCII: a terminal may take any other byte for the beginning of an order, in an encoding that is not ours.
fn plain(text: &str) -> String {
    let one = |char: char| match char {
        ' '..='~' => char.to_string(),
        _ => char.escape_default().to_string(),
    };
    text.chars().map(one).collect()
}
