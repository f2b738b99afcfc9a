//! What depends on what was destroyed in an incident: when it is asked for, and what is said of it. Nothing is decided by it.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::PathBuf};

use agent_common::rules::{BootNs, judge::Tier};
use serde::{Deserialize, Serialize};

use super::{Incidents, incident::Incident, stage::Stage};
use crate::{
    api::{Bytes, Impact},
    daemon::{Effect, Facts, HeldFacts},
    impact::Asked,
    sensor::whole_path,
};

/// How soon more is asked of an incident of which something was.
pub(super) const AGAIN: BootNs = 2_000_000_000;
/// A survey of which nothing has come for so long is lost.
pub(super) const LOST: BootNs = 30_000_000_000;
/// How many paths of an incident are asked for.
pub(super) const PATHS: usize = 64;
/// How many packages, units and processes are named in the summary.
const NAMED: usize = 3;

/// What was asked of an incident, and is known.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Surveyed {
    asked: Vec<Bytes>,
    /// Of the paths that something depends on.
    found: Vec<Impact>,
    /// When more may be asked.
    #[serde(skip)]
    next: BootNs,
}

impl Surveyed {
    /// What depends on a path.
    pub(super) fn of(&self, path: Option<&Bytes>) -> Option<Impact> {
        self.found.iter().find(|impact| Some(&impact.path) == path).cloned()
    }

    /// How much is known.
    pub(super) fn len(&self) -> u64 {
        self.found.len() as u64
    }
}

/// The whole path of a call that waits.
pub(super) fn path_of(held: &HeldFacts) -> Option<Bytes> {
    let is_name = !held.call.command && !held.call.kinds.is_escape();
    let tree = held.tree.as_deref().filter(|_| is_name)?;
    Some(whole_path(Tier::Lsm, tree, &held.call.path)?.as_path().into())
}

impl Incident {
    /// The paths of which nothing was asked yet: those that were destroyed, and those that would be by what waits.
    fn to_ask(&self, facts: &Facts) -> Vec<Asked> {
        let account = self.account().and_then(|account| facts.account(account));
        let held = account.filter(|_| self.stage == Stage::Held).map(|account| &account.held[..]);
        let acts = self.acts.iter().filter_map(|act| Some((act.whole.clone()?, act.tree.clone()?)));
        let held = held.unwrap_or_default().iter().filter_map(|held| {
            let path = path_of(held)?;
            Some((path, held.tree.as_deref()?.into()))
        });
        let mut asked: Vec<(Bytes, Bytes)> = Vec::new();
        for (path, tree) in acts.chain(held) {
            let is_known =
                self.surveyed.asked.contains(&path) || asked.iter().any(|(known, _)| *known == path);
            if !is_known && self.surveyed.asked.len() + asked.len() < PATHS {
                asked.push((path, tree));
            }
        }
        let path = |name: &Bytes| PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        asked.iter().map(|(name, tree)| Asked { path: path(name), tree: path(tree) }).collect()
    }
}

impl Incidents {
    /// At most one survey is under way, of the incident that has waited longest for one.
    pub(super) fn survey(&mut self, facts: &Facts, now: BootNs) -> Option<Effect> {
        if self.surveying_until > now {
            return None;
        }
        let mut due: Vec<_> =
            self.incidents.values_mut().filter(|incident| incident.surveyed.next <= now).collect();
        due.sort_by_key(|incident| incident.surveyed.next);
        let (incident, paths) = due.into_iter().find_map(|incident| {
            let paths = incident.to_ask(facts);
            (!paths.is_empty()).then_some((incident, paths))
        })?;
        incident.surveyed.next = now.saturating_add(AGAIN);
        incident.surveyed.asked.extend(paths.iter().map(|asked| Bytes::from(asked.path.as_path())));
        self.surveying_until = now.saturating_add(LOST);
        Some(Effect::Survey { incident: incident.id, paths })
    }

    pub(super) fn on_surveyed(&mut self, id: u64, found: Vec<Impact>) {
        self.surveying_until = 0;
        if let Some(incident) = self.incidents.get_mut(&id) {
            incident.surveyed.found.extend(found);
        }
    }
}

/// What depends on all of it, in a few words; none if nothing is known to.
pub(super) fn impact(incident: &Incident) -> Option<String> {
    let Surveyed { asked, found, .. } = &incident.surveyed;
    let owned = owned(found);
    let of_what = if owned.is_empty() { "of the paths" } else { "of them" };
    let used = used(found, of_what);
    if owned.is_empty() && used.is_empty() {
        return None;
    }
    // Of a call that waits the path is not one of an act.
    let acts = incident.acts.iter().filter(|act| act.whole.as_ref().is_some_and(|path| asked.contains(path)));
    let others = incident.done.saturating_sub(acts.count() as u64);
    let others = (others > 0).then(|| format!("not looked at: {others} of {} operations", incident.done));
    let owned = (!owned.is_empty()).then(|| owned.join(", "));
    Some(owned.into_iter().chain(used).chain(others).collect::<Vec<_>>().join("; "))
}

/// `4 conffiles of nginx-common`, the most first.
fn owned(found: &[Impact]) -> Vec<String> {
    let mut owned = Counted::default();
    for impact in found {
        for package in &impact.packages {
            owned.add((package.clone(), impact.conffile));
        }
    }
    owned.said(["package", "packages"], |(package, conffile), count| {
        let what = if *conffile { "conffile" } else { "file" };
        format!("{count} {what}{} of {package}", if count == 1 { "" } else { "s" })
    })
}

/// `nginx.service names 2 of them and has 1 open`.
fn used(found: &[Impact], of_what: &str) -> Vec<String> {
    let mut units = Counted::default();
    let mut opened: Vec<(String, u64)> = Vec::new();
    for impact in found {
        impact.units.iter().for_each(|unit| units.add(unit.clone()));
        let mut by: Vec<String> = impact.open.iter().map(opener).collect();
        by.sort_unstable();
        by.dedup();
        for who in by {
            match opened.iter_mut().find(|(known, _)| *known == who) {
                Some((_, count)) => *count += 1,
                None => opened.push((who, 1)),
            }
        }
    }
    let opens = |who: &str| opened.iter().find(|(known, _)| known == who).map(|(_, count)| *count);
    let mut said = units.said(["unit", "units"], |unit, count| {
        let open = opens(unit).map(|count| format!(" and has {count} open")).unwrap_or_default();
        format!("{unit} names {count} {of_what}{open}")
    });
    let mut others = Counted(opened.iter().filter(|(who, _)| !units.has(who)).cloned().collect());
    others.0.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    said.extend(
        others.said(["process", "processes"], |who, count| format!("{who} has {count} {of_what} open")),
    );
    said
}

/// A unit as a whole, and a process that is in none.
fn opener(open: &crate::api::OpenIn) -> String {
    let process = &open.process;
    open.unit
        .clone()
        .unwrap_or_else(|| format!("{} {}", String::from_utf8_lossy(process.comm.as_bytes()), process.pid))
}

/// How often each was met.
struct Counted<T>(Vec<(T, u64)>);

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Counted<T> {
    fn add(&mut self, one: T) {
        match self.0.iter_mut().find(|(known, _)| *known == one) {
            Some((_, count)) => *count += 1,
            None => self.0.push((one, 1)),
        }
    }

    fn has(&self, one: &T) -> bool {
        self.0.iter().any(|(known, _)| known == one)
    }

    /// Those that were met most, and how many others there are.
    fn said(&self, [one, more]: [&str; 2], words: impl Fn(&T, u64) -> String) -> Vec<String> {
        let mut most: Vec<_> = self.0.iter().collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let left = most.len().saturating_sub(NAMED);
        let said = most.into_iter().take(NAMED).map(|(one, count)| words(one, *count));
        said.chain((left > 0).then(|| format!("{left} more {}", if left == 1 { one } else { more })))
            .collect()
    }
}
