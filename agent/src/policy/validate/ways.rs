//! Ways to have others act: those that are known, and the policy's.

use std::{collections::BTreeMap, path::Path};

use agent_common::wire::identity::{MAX_PORTS, MAX_STARRED};

use super::{
    super::{Host, Pattern, Way, parse::WayDraft, problem::Located, ways},
    Validator,
};

impl<H: Host> Validator<'_, H> {
    /// A way of the policy takes the place of the known one of that name; without anything it is none.
    pub(super) fn ways(&mut self, draft: &BTreeMap<String, WayDraft>) -> Vec<Way> {
        let mut ways: BTreeMap<String, Way> = ways::known().map(|way| (way.name.clone(), way)).collect();
        for (name, way) in draft {
            ways.insert(name.clone(), self.way(name, way));
        }
        let starred = |way: &Way| {
            way.sockets.iter().chain(&way.buses).filter(|path: &&Pattern| path.exact().is_none()).count()
        };
        let said = draft.values().flat_map(|way| way.sockets.iter().chain(&way.buses)).last();
        let surplus = ways.values().map(starred).sum::<usize>() > MAX_STARRED as usize;
        if let Some(last) = said.filter(|_| surplus) {
            self.refuse(&last.at, &format!("more than {MAX_STARRED} sockets with a * in all ways"));
        }
        let said = draft.values().flat_map(|way| &way.ports).last();
        let surplus = ways.values().map(|way| way.ports.len()).sum::<usize>() > MAX_PORTS as usize;
        if let Some(last) = said.filter(|_| surplus) {
            self.refuse(&last.at, &format!("more than {MAX_PORTS} ports in all ways"));
        }
        let is_one = |way: &Way| {
            !(way.sockets.is_empty() && way.buses.is_empty() && way.jobs.is_empty() && way.ports.is_empty())
        };
        ways.into_values().filter(is_one).collect()
    }

    fn way(&mut self, name: &str, draft: &WayDraft) -> Way {
        let WayDraft { sockets, buses, jobs, ports } = draft;
        let patterns =
            |paths: &[Located<Pattern>]| paths.iter().map(|path| path.value.clone()).collect::<Vec<_>>();
        for Located { value, at } in jobs {
            let is_known = ways::known().any(|known| known.jobs.contains(value));
            if !is_known && !self.host.is_dir(value).unwrap_or(false) {
                let later = "no job there is seen before the policy is loaded once it is there";
                self.warn(at, &format!("{} is no directory now: {later}", shown(value)));
            }
        }
        Way {
            name: name.to_owned(),
            sockets: patterns(sockets),
            buses: patterns(buses),
            jobs: jobs.iter().map(|path| path.value.clone()).collect(),
            ports: ports.iter().map(|port| port.value).collect(),
        }
    }
}

fn shown(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}
